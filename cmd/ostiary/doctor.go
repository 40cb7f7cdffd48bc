package main

import (
	"errors"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/bypass"
)

// doctorFlags are the flags of doctor. The same configuration and log serve both
// of its questions.
type doctorFlags struct {
	bypass    bool
	reconcile string // file of an access log
	log       string
	config    string
	json      bool
	list      bool
	try       tryFlags
}

// tryFlags say what is tried.
type tryFlags struct {
	provider, target string
	addresses        []string
	ports            []uint
	path             string
	passed           string
	ca, proxy        string
	pools            []string
	sockets, admins  []string
	resolver, doh    string
	ech, reference   string
	timeout          time.Duration
}

// Resolvers that are tried where no other is named, and the host that passes: of
// an organisation for public benefit, and nobody's (RFC 2606).
const (
	defaultResolver = "9.9.9.9"
	defaultDoH      = "dns.quad9.net"
	defaultPassed   = "example.com"
)

// usualAdmins are where administrations of Envoy listen mostly.
var usualAdmins = []string{"127.0.0.1:9901", "127.0.0.1:15000", "127.0.0.1:19000"}

var defaultDoHAddress = netip.MustParseAddr("9.9.9.9")

func doctorCommand() *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor (--bypass | --reconcile FILE)",
		Short: "Find out whether anything goes round Ostiary",
		Long: `Doctor asks one of two questions.

--bypass tries, from where it runs, to reach a provider round Ostiary: run it as the
application's user, in its pod, network namespace or machine. It prints one row for
each attempt: what was tried, what came of it, and whether that is as it must be.
Connections count as Ostiary's only where its authority (--ca, or the
configuration's) signed the certificate, answers only where they carry the id of a
decision; with --log each id is looked up. It sends a constant sentence with a random
word, in a request that Ostiary refuses in every mode; no key and no content.

A refusal alone does not prove that a rule did it: an attempt may come through
nowhere. So run it once where nothing stands in between, with --json, and name what
it wrote as --reference: each row then says whether the attempt comes through there.

  ostiary doctor --bypass --json >outside.json         # as a user that is left alone
  sudo -u app ostiary doctor --bypass --ca /etc/ostiary/trust.pem --reference outside.json

With --list it only says what would be tried, and why each could lead round.

--reconcile joins Envoy's access log with the audit log: what was sent and decided,
what was decided and not sent, and what left without a decision or against one.

  ostiary doctor --reconcile /var/log/envoy/access.jsonl --log /var/lib/ostiary/log

Exit status: 0 nothing goes round, 1 something does (it is named first), 2 could not
tell: there is no network, an attempt came to nothing that can be judged, or a log
cannot be read.`,
		Example: `  ostiary doctor --bypass --config ostiary.yaml
  ostiary doctor --bypass --target api.openai.com --ca trust.pem --proxy 127.0.0.1:3128 --pool 10.0.0.7:8000
  ostiary doctor --reconcile access.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case f.list && f.reconcile == "":
				return f.listed(c.Context(), c.OutOrStdout())
			case f.bypass == (f.reconcile != ""):
				return errors.New("ask one question: --bypass, or --reconcile FILE")
			case f.bypass:
				return f.tryRound(c.Context(), c.OutOrStdout())
			}
			return f.reconciled(c.Context(), c.OutOrStdout())
		},
	}
	fl := c.Flags()
	fl.BoolVar(&f.bypass, "bypass", false, "try to reach a provider round Ostiary")
	fl.StringVar(&f.reconcile, "reconcile", "", "`FILE` of Envoy's access log to join with the audit log, or - for standard input")
	fl.StringVar(&f.log, "log", "", "`DIRECTORY` of the audit log; --bypass looks decisions up in it")
	fl.StringVar(&f.config, "config", "", "configuration `FILE`: governed names, authority, proxy, pools, log")
	fl.BoolVar(&f.json, "json", false, "write JSON")
	fl.BoolVar(&f.list, "list", false, "say what --bypass would try, and why, and try nothing")
	f.try.bind(c)
	return c
}

func (f *tryFlags) bind(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.provider, "provider", "", "`NAME` of a provider, as 'ostiary providers' lists them")
	fl.StringVar(&f.target, "target", "", "`HOST` of the provider (default: the first governed name of the configuration)")
	fl.StringSliceVar(&f.addresses, "address", nil, "`IP` of the provider; may be repeated (default: as the name resolves here)")
	fl.UintSliceVar(&f.ports, "port", []uint{8443, 80}, "`PORT` of the provider to try TLS at, beside 443; may be repeated")
	fl.StringVar(&f.path, "path", "", "`PATH` of the provider's API")
	fl.StringVar(&f.passed, "passed", defaultPassed, "`HOST` that is not governed and passes by https")
	fl.StringVar(&f.ca, "ca", "", "`FILE` of certificates, or directory of 'ostiary ca init', that applications trust for Ostiary's sake (default: the configuration's)")
	fl.StringVar(&f.proxy, "proxy", "", "`[NAME:KEY@]HOST:PORT` of the explicit proxy (default: the configuration's)")
	fl.StringSliceVar(&f.pools, "pool", nil, "`HOST:PORT` of a pool in-house; may be repeated (default: the configuration's)")
	fl.StringSliceVar(&f.sockets, "socket", nil, "`PATH` of a socket of Ostiary's; may be repeated (default: those that can be found)")
	fl.StringSliceVar(&f.admins, "admin", usualAdmins, "`HOST:PORT` of Envoy's administration; may be repeated")
	fl.StringVar(&f.resolver, "resolver", defaultResolver, "`IP` of a resolver outside, or none")
	fl.StringVar(&f.doh, "doh", defaultDoH, "`HOST[@IP]` of a resolver by HTTPS, or none")
	fl.StringVar(&f.ech, "ech", "", "`BASE64` of the ECHConfigList that the provider publishes")
	fl.StringVar(&f.reference, "reference", "", "`FILE` that --bypass --json wrote where nothing stands in between")
	fl.DurationVar(&f.timeout, "timeout", bypass.DefaultTimeout, "time for one attempt")
}
