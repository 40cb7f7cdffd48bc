package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/intercept"
)

// Bounds of a check.
const (
	clientTimeout = 2 * time.Minute // Java compiles first
	answerTimeout = 30 * time.Second
	maxOutcome    = 16 << 10 // bytes that a client's script prints
)

// Programs that connect and print one line for each library: its name, a blank and
// ok, untrusted or failed. They resolve the name to this machine themselves.
var (
	//go:embed ca_check.py
	checkPython string
	//go:embed ca_check.mjs
	checkNode string
	//go:embed CaCheck.java.txt
	checkJava string
)

// trustOutcome is what one connection of a client came to.
type trustOutcome string

const (
	outcomeOK        trustOutcome = "ok"
	outcomeUntrusted trustOutcome = "untrusted"
	outcomeFailed    trustOutcome = "failed"
)

// errNoClient means that a client is not on this machine.
var errNoClient = errors.New("not on this machine")

// tlsClient is a program that can be asked whether it trusts a server.
type tlsClient struct {
	name string
	// connect asks it about a server of a name at a port of this machine. It gives
	// one outcome for each of its libraries.
	connect func(ctx context.Context, name, port string) (map[string]trustOutcome, error)
}

func tlsClients() []tlsClient {
	return []tlsClient{{"curl", askCurl}, {"python", askPython}, {"node", askNode}, {"java", askJava}, {"go", askGo}}
}

func caCheckCommand(f *caFlags) *cobra.Command {
	var asked []string
	c := &cobra.Command{
		Use:   "check",
		Short: "Ask the clients of this machine whether they trust the authority",
		Long: `Check starts a TLS server on this machine with a certificate of the authority and
lets real clients connect to it, in this environment: curl, Python (ssl,
requests, httpx), Node (https, fetch), Java and Go. Each also meets a
server whose certificate nobody signed: one that connects there verifies nothing,
and its trust proves nothing. No name is looked up and nothing leaves the machine.

Exit status: 0 all that were asked trust it, 1 one does not or verifies nothing,
2 one that was named is not here or could not tell, or there is none at all.`,
		Example: `  ostiary ca check
  ostiary ca check --client node`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			a, err := d.Authority()
			if err != nil {
				return err
			}
			return checkTrust(c.Context(), c.OutOrStdout(), a, asked)
		},
	}
	c.Flags().StringSliceVar(&asked, "client", nil, "`CLIENT` to ask: curl, python, node, java, go; may be repeated (default: all that are here)")
	return c
}

// checkTrust asks clients and prints what they say.
func checkTrust(ctx context.Context, w io.Writer, a *intercept.Authority, asked []string) error {
	for _, n := range asked {
		if !slices.ContainsFunc(tlsClients(), func(c tlsClient) bool { return c.name == n }) {
			return fmt.Errorf("no client %q: curl, python, node, java, go", n)
		}
	}
	name, err := checkName(a)
	if err != nil {
		return err
	}
	good, err := startTLSServer(a, name)
	if err != nil {
		return err
	}
	defer good.close()
	stranger, err := strangeAuthority(name)
	if err != nil {
		return err
	}
	bad, err := startTLSServer(stranger, name)
	if err != nil {
		return err
	}
	defer bad.close()
	asks, no, unknown := false, false, false
	for _, c := range tlsClients() {
		if len(asked) > 0 && !slices.Contains(asked, c.name) {
			continue
		}
		ours, err := c.connect(ctx, name, good.port)
		if errors.Is(err, errNoClient) {
			fmt.Fprintf(w, "%-18s %v\n", c.name, err)
			unknown = unknown || len(asked) > 0
			continue
		}
		if err != nil {
			fmt.Fprintf(w, "%-18s could not tell: %v\n", c.name, err)
			unknown = true
			continue
		}
		theirs, err := c.connect(ctx, name, bad.port)
		if err != nil {
			theirs = nil
		}
		for _, library := range slices.Sorted(maps.Keys(ours)) {
			asks = true
			say := ""
			switch {
			case theirs[library] == outcomeOK:
				say, no = "VERIFIES NOTHING: it takes the certificate of anybody", true
			case ours[library] == outcomeOK && theirs[library] == outcomeUntrusted:
				say = "trusts the authority"
			case ours[library] == outcomeUntrusted:
				say, no = "does not trust the authority", true
				if store := storeOf(library); store != "" {
					say += " (ostiary ca install --print " + store + ")"
				}
			default:
				say, unknown = "could not tell: it did not connect", true
			}
			fmt.Fprintf(w, "%-18s %s\n", library, say)
		}
	}
	switch {
	case no:
		return answer{exitNo}
	case unknown || !asks:
		return answer{exitUnknown}
	}
	return nil
}

// storeOf is the trust store of a library's language.
func storeOf(library string) string {
	first, _, _ := strings.Cut(library, " ")
	return first
}

// checkName is a name that the authority may sign for.
func checkName(a *intercept.Authority) (string, error) {
	domains := a.Certificate().PermittedDNSDomains
	if len(domains) == 0 {
		return "ostiary-check.example.com", nil
	}
	return intercept.Canonical("ostiary-check." + strings.TrimPrefix(domains[0], "."))
}

// strangeAuthority is one that nobody trusts; its key is forgotten.
func strangeAuthority(name string) (*intercept.Authority, error) {
	dir, err := os.MkdirTemp("", "ostiary-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	m, err := intercept.Open(filepath.Join(dir, "ca")).Create(intercept.Terms{Subject: "Nobody", Domains: []string{name}, Days: 1}, intercept.Key{}, nil)
	return m.Authority, err
}

// tlsServer answers any request of HTTP/1.1 with 204.
type tlsServer struct {
	listener net.Listener
	port     string
	done     chan struct{}
}

func startTLSServer(a *intercept.Authority, name string) (*tlsServer, error) {
	names, err := intercept.ParseNames([]string{name})
	if err != nil {
		return nil, err
	}
	m := intercept.NewMinter(a, names, intercept.MinterOptions{})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: m.GetCertificate, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	s := &tlsServer{listener: l, done: make(chan struct{})}
	_, s.port, err = net.SplitHostPort(l.Addr().String())
	go func() {
		defer close(s.done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerEmpty(conn)
		}
	}()
	return s, err
}

// answerEmpty reads the head of one request and answers it.
func answerEmpty(conn net.Conn) {
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(answerTimeout)) != nil {
		return
	}
	r := bufio.NewReader(io.LimitReader(conn, maxOutcome))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return // the client did not take the certificate
		}
		if strings.TrimSpace(line) == "" {
			break
		}
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
}

func (s *tlsServer) close() {
	_ = s.listener.Close()
	<-s.done
}

// runClient runs a client's program. Its environment is ours, without proxies.
func runClient(ctx context.Context, program string, args ...string) ([]byte, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, errNoClient
	}
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	var out bytes.Buffer
	cmd.Stdout, cmd.WaitDelay = &out, time.Second
	if err = cmd.Run(); ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within %s", program, clientTimeout)
	}
	return out.Bytes(), err
}

// readOutcomes reads what a script printed.
func readOutcomes(client string, out []byte, err error) (map[string]trustOutcome, error) {
	if errors.Is(err, errNoClient) {
		return nil, err
	}
	outcomes := map[string]trustOutcome{}
	for line := range strings.Lines(string(out)) {
		library, outcome, ok := strings.Cut(strings.TrimSpace(line), " ")
		switch o := trustOutcome(outcome); o {
		case outcomeOK, outcomeUntrusted, outcomeFailed:
			if ok {
				outcomes[client+" "+library] = o
			}
		}
	}
	if len(outcomes) == 0 {
		if err == nil {
			err = errors.New("it printed nothing")
		}
		return nil, err
	}
	return outcomes, nil
}

// askCurl goes by curl's exit status: 60, the peer's certificate cannot be
// authenticated with known certificates.
func askCurl(ctx context.Context, name, port string) (map[string]trustOutcome, error) {
	null := os.DevNull
	_, err := runClient(ctx, "curl", "--silent", "--output", null, "--noproxy", "*", "--connect-to", name+":443:127.0.0.1:"+port, "https://"+name+"/")
	var exit *exec.ExitError
	switch {
	case err == nil:
		return map[string]trustOutcome{"curl": outcomeOK}, nil
	case errors.As(err, &exit) && exit.ExitCode() == 60:
		return map[string]trustOutcome{"curl": outcomeUntrusted}, nil
	case errors.As(err, &exit):
		return nil, fmt.Errorf("curl ended with status %d", exit.ExitCode())
	}
	return nil, err
}

func askPython(ctx context.Context, name, port string) (map[string]trustOutcome, error) {
	out, err := runClient(ctx, "python3", "-c", checkPython, name, port)
	if errors.Is(err, errNoClient) {
		out, err = runClient(ctx, "python", "-c", checkPython, name, port)
	}
	return readOutcomes("python", out, err)
}

func askNode(ctx context.Context, name, port string) (map[string]trustOutcome, error) {
	out, err := runClient(ctx, "node", "--input-type=module", "--eval", checkNode, "--", name, port)
	return readOutcomes("node", out, err)
}

// askJava runs a source file, which needs the compiler of a JDK.
func askJava(ctx context.Context, name, port string) (map[string]trustOutcome, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return nil, errNoClient
	}
	dir, err := os.MkdirTemp("", "ostiary-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	source, hosts := filepath.Join(dir, "CaCheck.java"), filepath.Join(dir, "hosts")
	if err := errors.Join(os.WriteFile(source, []byte(checkJava), 0o600), os.WriteFile(hosts, []byte("127.0.0.1 "+name+"\n"), 0o600)); err != nil {
		return nil, err
	}
	out, err := runClient(ctx, "java", "-Djdk.net.hosts.file="+hosts, source, name, port)
	got, err := readOutcomes("java", out, err)
	if err != nil && !errors.Is(err, errNoClient) {
		err = fmt.Errorf("%w; a JDK of version 11 or later is needed", err)
	}
	return got, err
}

// askGo is this program itself, which trusts what any Go program here trusts.
func askGo(ctx context.Context, name, port string) (map[string]trustOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: &tls.Config{ServerName: name}}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		_ = conn.Close() // the handshake was the question
		return map[string]trustOutcome{"go": outcomeOK}, nil
	}
	var untrusted *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	if errors.As(err, &untrusted) || errors.As(err, &authority) {
		return map[string]trustOutcome{"go": outcomeUntrusted}, nil
	}
	return nil, err
}
