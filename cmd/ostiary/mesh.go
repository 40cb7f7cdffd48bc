package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/mesh"
)

func meshCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "mesh",
		Short: "Attach Ostiary to the proxies of Istio or Envoy Gateway, and prove that it is attached",
		Long: `Where a mesh makes the proxies' configuration, Ostiary is patched into it: its
filters, locks, routes, clusters and limits, on a port of its own, made from the
same parts as Ostiary's own Envoy. A mesh takes objects that it then never applies,
and says nothing; so probe what you attached, and go on probing it.

No mesh was run by those who wrote this. The objects are checked against the
schemas of ` + mesh.IstioAPI + ` and ` + mesh.GatewayVersion + `, and their effect
against Envoy ` + envoy.MinVersion + `.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(meshIstioCommand(), meshGatewayCommand(), meshProbeCommand())
	return c
}

// meshFlags are common to the commands that print objects.
type meshFlags struct {
	options
	mesh.Options
	out   string
	roots string
	place string
}

func (f *meshFlags) add(c *cobra.Command) {
	p := c.Flags()
	p.StringVar(&f.config, "config", "", "configuration `FILE`; without it, the defaults of ostiary run")
	p.StringVar(&f.out, "out", "", "write the objects into this `DIR` and not to standard output")
	p.StringVar(&f.Namespace, "namespace", "default", "`NAME` of the objects' namespace")
	p.StringVar(&f.Name, "name", mesh.DefaultName, "`NAME` of the objects")
	p.IntVar(&f.Port, "port", mesh.DefaultPort, "`PORT` on which applications reach Ostiary and nothing else is")
	f.paths(c)
}

// paths are flags that say where things are in the proxy's container.
func (f *meshFlags) paths(c *cobra.Command) {
	p := c.Flags()
	p.StringVar(&f.socket, "policy-socket", mesh.DefaultSocket, "`PATH` of the policy server's socket in the proxy's container")
	p.StringVar(&f.accessLog, "access-log", mesh.DefaultLog, "`PATH` of the access log in the proxy's container")
	p.StringVar(&f.roots, "roots", mesh.DefaultRoots, "`PATH` of the public roots in the proxy's container")
}

// spec makes what the objects are made from, as the proxy sees it.
func (f *meshFlags) spec(ctx context.Context) (envoy.Spec, error) {
	cfg, _, err := loadConfig(ctx, f.options)
	if err != nil {
		return envoy.Spec{}, err
	}
	b, err := build(ctx, cfg, nil)
	if err != nil {
		return envoy.Spec{}, err
	}
	s := spec(b, f.socket, "", f.accessLog)
	s.CABundle = first(s.CABundle, f.roots)
	return s, nil
}

// write gives the objects out, and warns of what cannot be meant in a pod.
func (f *meshFlags) write(c *cobra.Command, file string, s envoy.Spec, text []byte) error {
	for _, u := range s.Upstreams {
		l, err := url.Parse(u.URL)
		if err != nil {
			continue
		}
		a, err := netip.ParseAddr(l.Hostname())
		if l.Hostname() == "localhost" || err == nil && a.IsLoopback() {
			fmt.Fprintf(c.ErrOrStderr(), "pool %s is on this machine's loopback (%s): in a pod that is the pod itself; name a Service\n", u.Name, l.Host)
		}
	}
	if f.out == "" {
		_, err := c.OutOrStdout().Write(text)
		return err
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return err
	}
	path := filepath.Join(f.out, file)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), path)
	return err
}

// commandLine gives the command as it was called, for the objects' header.
func commandLine(c *cobra.Command, names ...string) string {
	out := c.CommandPath()
	for _, n := range names {
		if p := c.Flags().Lookup(n); p != nil && p.Changed {
			out += " --" + n + " " + p.Value.String()
		}
	}
	return out
}

func meshIstioCommand() *cobra.Command {
	var f meshFlags
	c := &cobra.Command{
		Use:   "istio",
		Short: "Print the objects that attach Ostiary to sidecars or to a gateway of Istio",
		Long: `Istio prints a ServiceEntry (for sidecars) or a Gateway and a DestinationRule (for a
gateway), and an EnvoyFilter. The same configuration gives the same bytes, so they
can be kept in version control and compared.

Applications then speak plain HTTP to the name and port; TLS to the providers is
originated by the proxy. The keys of providers are in none of the objects.`,
		Example: `  ostiary mesh istio --config ostiary.yaml --namespace shop --selector app=assistant | kubectl apply -f -
  ostiary mesh istio --config ostiary.yaml --attach gateway --namespace istio-egress --out deploy/`,
		Args: cobra.NoArgs,
	}
	var selector []string
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		if f.Selector, err = labels(selector); err != nil {
			return err
		}
		f.Place = mesh.Place(f.place)
		f.Command = commandLine(c, "config", "attach", "namespace", "name", "port", "host")
		s, err := f.spec(c.Context())
		if err != nil {
			return err
		}
		text, err := mesh.Istio(s, f.Options)
		if err != nil {
			return err
		}
		return f.write(c, "ostiary-istio.yaml", s, text)
	}
	f.add(c)
	p := c.Flags()
	p.StringVar(&f.place, "attach", string(mesh.Sidecar), "attach to a `PLACE`: sidecar or gateway")
	p.StringVar(&f.Host, "host", "", "`NAME` by which applications reach it (default: "+mesh.DefaultHost+", or the gateway's Service NAME-gateway.NAMESPACE.svc.cluster.local)")
	p.StringArrayVar(&selector, "selector", nil, "`LABEL=VALUE` of the pods, repeatable (default: all of the namespace; of a gateway, istio=egressgateway)")
	return c
}

func meshGatewayCommand() *cobra.Command {
	var f meshFlags
	c := &cobra.Command{
		Use:   "gateway",
		Short: "Print the objects that attach Ostiary to a Gateway of Envoy Gateway",
		Long: `Gateway prints an EnvoyProxy, a Gateway and an EnvoyPatchPolicy. The Gateway is
Ostiary's alone: whatever routes are attached to it are taken out.`,
		Example: `  ostiary mesh gateway --config ostiary.yaml --namespace models | kubectl apply -f -`,
		Args:    cobra.NoArgs,
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		f.Command = commandLine(c, "config", "namespace", "name", "port", "class", "image")
		s, err := f.spec(c.Context())
		if err != nil {
			return err
		}
		text, err := mesh.EnvoyGateway(s, f.Options)
		if err != nil {
			return err
		}
		return f.write(c, "ostiary-gateway.yaml", s, text)
	}
	f.add(c)
	p := c.Flags()
	p.StringVar(&f.Class, "class", "eg", "`NAME` of Envoy Gateway's GatewayClass")
	p.StringVar(&f.Image, "image", mesh.DefaultImage, "`IMAGE` of the policy server")
	return c
}

// labels reads LABEL=VALUE pairs.
func labels(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, errors.New("--selector takes LABEL=VALUE")
		}
		out[k] = v
	}
	return out, nil
}
