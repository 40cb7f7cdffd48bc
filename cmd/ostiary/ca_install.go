package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/intercept"
)

// store is a place in which clients look for the authorities that they trust.
type store struct {
	name, what string
	write      func(w io.Writer, trust []*x509.Certificate)
}

// trustStores are all of them. What they print is copied to other machines, so
// certificates stand in the text and are not read from files of this one.
func trustStores() []store {
	return []store{
		{"debian", "the system's store on Debian and Ubuntu: curl, Go, Ruby, PHP, most programs", installDebian},
		{"rhel", "the system's store on RHEL, Fedora, SUSE", installRHEL},
		{"alpine", "the system's store on Alpine", installDebian},
		{"macos", "the system's keychain on macOS: Safari, Chrome, Go, curl", installMacOS},
		{"windows", "the machine's store on Windows, in PowerShell as administrator: Edge, Chrome, Go, .NET", installWindows},
		{"java", "a trust store for Java, with the public roots", installJava},
		{"node", "Node.js, which adds it to its own roots", installNode},
		{"python", "Python: ssl, requests, httpx, certifi", installPython},
		{"go", "Go on Linux and BSD; elsewhere Go asks the system's store", installGo},
		{"curl", "curl alone", installCurl},
		{"firefox", "Firefox, by policy", installFirefox},
		{"chrome", "Chrome and Chromium on Linux, for one user (needs certutil of libnss3-tools)", installChrome},
	}
}

func caInstallCommand(f *caFlags) *cobra.Command {
	var name string
	var stores strings.Builder
	for _, s := range trustStores() {
		fmt.Fprintf(&stores, "  %-9s %s\n", s.name, s.what)
	}
	c := &cobra.Command{
		Use:   "install --print STORE",
		Short: "Print what to run so that clients trust the authority",
		Long: `Install prints the commands that put the authority into a trust store. It runs
nothing and changes nothing: read them, and run them where the applications run.
They hold the certificates, which are public, and no key.

Stores, or system for that of this operating system:

` + stores.String() + `
'ostiary ca check' says afterwards which clients trust it.`,
		Example: `  ostiary ca install --print debian | ssh host sh
  ostiary ca install --print node`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if name == "" {
				return errors.New("--print STORE is needed: Ostiary changes no trust store itself; see 'ostiary ca install --help'")
			}
			if name == "system" {
				name = systemStore()
			}
			for _, s := range trustStores() {
				if s.name != name {
					continue
				}
				d, err := f.open()
				if err != nil {
					return err
				}
				trust, err := d.Trust()
				if err != nil {
					return err
				}
				if len(trust) == 0 {
					return intercept.ErrUnsigned
				}
				var out bytes.Buffer
				fmt.Fprintf(&out, "# Trust in Ostiary's certificate authority for %s.\n", s.what)
				for _, cert := range trust {
					fmt.Fprintf(&out, "# %s, until %s, SHA-256 %s\n", cert.Subject, cert.NotAfter.Format("2006-01-02"), intercept.Fingerprint(cert))
				}
				s.write(&out, trust)
				_, err = c.OutOrStdout().Write(out.Bytes())
				return err
			}
			return fmt.Errorf("no trust store %q; see 'ostiary ca install --help'", name)
		},
	}
	c.Flags().StringVar(&name, "print", "", "`STORE` to print the commands for")
	return c
}

// systemStore is the store of this operating system.
func systemStore() string {
	switch runtime.GOOS {
	case "darwin":
		return "macos"
	case "windows":
		return "windows"
	}
	if strings.HasPrefix(intercept.SystemRoots(), "/etc/pki/") || strings.HasPrefix(intercept.SystemRoots(), "/etc/ssl/ca-bundle") {
		return "rhel"
	}
	return "debian"
}

// ours is the file in which the printed commands put the certificates, for the
// user who runs them; withRoots is one with the public roots too.
const (
	ours      = `"$HOME/.config/ostiary/ca.pem"`
	withRoots = `"$HOME/.config/ostiary/bundle.pem"`
)

// here writes certificates into a file, as a here-document.
func here(w io.Writer, command string, certs ...*x509.Certificate) {
	fmt.Fprintf(w, "%s <<'END'\n%sEND\n", command, intercept.EncodeCertificates(certs))
}

// mark is a name for one certificate, by its fingerprint.
func mark(c *x509.Certificate) string { return "ostiary-" + intercept.Fingerprint(c)[:12] }

func installDebian(w io.Writer, trust []*x509.Certificate) {
	fmt.Fprintln(w, "set -e\nsudo mkdir -p /usr/local/share/ca-certificates\nsudo rm -f /usr/local/share/ca-certificates/ostiary-*.crt")
	for _, c := range trust { // one file each: the program's hash links know no more
		here(w, "sudo tee /usr/local/share/ca-certificates/"+mark(c)+".crt >/dev/null", c)
	}
	fmt.Fprintln(w, "sudo update-ca-certificates --fresh")
}

func installRHEL(w io.Writer, trust []*x509.Certificate) {
	fmt.Fprintln(w, "set -e")
	here(w, "sudo tee /etc/pki/ca-trust/source/anchors/ostiary.pem >/dev/null", trust...)
	fmt.Fprintln(w, "sudo update-ca-trust extract")
}

func installMacOS(w io.Writer, trust []*x509.Certificate) {
	fmt.Fprintln(w, "set -e")
	for _, c := range trust {
		file := "/tmp/" + mark(c) + ".pem"
		here(w, "cat >"+file, c)
		fmt.Fprintf(w, "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain %s\nrm %[1]s\n", file)
	}
}

func installWindows(w io.Writer, trust []*x509.Certificate) {
	for _, c := range trust {
		fmt.Fprintf(w, "$file = Join-Path $env:TEMP '%s.cer'\nSet-Content -Path $file -Value @'\n%s'@\ncertutil -addstore -f Root $file\nRemove-Item $file\n", mark(c), intercept.EncodeCertificates([]*x509.Certificate{c}))
	}
	fmt.Fprint(w, "# The certificates live a day and have no revocation list. curl of Windows asks for\n# one all the same: run it with --ssl-revoke-best-effort.\n")
}

func installJava(w io.Writer, trust []*x509.Certificate) {
	const file = `"$HOME/.config/ostiary/truststore"`
	fmt.Fprintf(w, "mkdir -p \"$HOME/.config/ostiary\"\nhome=${JAVA_HOME:-$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')}\ncp -f \"$home/lib/security/cacerts\" %s && chmod u+w %[1]s\n", file)
	for _, c := range trust {
		here(w, fmt.Sprintf("keytool -importcert -noprompt -alias %s -keystore %s -storepass changeit 2>/dev/null", mark(c), file), c)
	}
	fmt.Fprint(w, "# Programs that are started from here, or put it into their start scripts:\nexport JAVA_TOOL_OPTIONS=\"-Djavax.net.ssl.trustStore=$HOME/.config/ostiary/truststore -Djavax.net.ssl.trustStorePassword=changeit\"\n")
}

// writeOurs writes the certificates into the user's file.
func writeOurs(w io.Writer, trust []*x509.Certificate) {
	fmt.Fprintln(w, `mkdir -p "$HOME/.config/ostiary"`)
	here(w, "cat >"+ours, trust...)
}

// writeWithPublic does so and makes the bundle from the system's roots.
func writeWithPublic(w io.Writer, trust []*x509.Certificate) {
	writeOurs(w, trust)
	fmt.Fprintf(w, `# The variables below replace the public roots, so they belong into the file too.
for roots in /etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem "$(python3 -m certifi 2>/dev/null)"; do
  if [ -s "$roots" ]; then cat "$roots" %s >%s; break; fi
done
`, ours, withRoots)
}

func installNode(w io.Writer, trust []*x509.Certificate) {
	writeOurs(w, trust)
	fmt.Fprint(w, "# Read when a process starts. It adds to the roots that Node has built in.\nexport NODE_EXTRA_CA_CERTS="+ours+"\n")
}

func installPython(w io.Writer, trust []*x509.Certificate) {
	writeWithPublic(w, trust)
	fmt.Fprint(w, "export SSL_CERT_FILE="+withRoots+"        # ssl, urllib, httpx, aiohttp\nexport REQUESTS_CA_BUNDLE="+withRoots+"   # requests\n# What reads certifi's file directly needs the certificates there, after each update of certifi:\n#   cat "+ours+" >>\"$(python3 -m certifi)\"\n")
}

func installGo(w io.Writer, trust []*x509.Certificate) {
	writeWithPublic(w, trust)
	fmt.Fprint(w, "export SSL_CERT_FILE="+withRoots+"\n")
}

func installCurl(w io.Writer, trust []*x509.Certificate) {
	writeWithPublic(w, trust)
	fmt.Fprint(w, "export CURL_CA_BUNDLE="+withRoots+"\n")
}

func installFirefox(w io.Writer, trust []*x509.Certificate) {
	fmt.Fprintln(w, "set -e\nsudo mkdir -p /usr/local/share/ostiary /etc/firefox/policies")
	var files []string
	for _, c := range trust {
		file := "/usr/local/share/ostiary/" + mark(c) + ".pem"
		here(w, "sudo tee "+file+" >/dev/null", c)
		files = append(files, fmt.Sprintf("%q", file))
	}
	fmt.Fprintf(w, "# Merge it by hand where there is a policies.json already; this does not overwrite one.\nif [ ! -e /etc/firefox/policies/policies.json ]; then\nsudo tee /etc/firefox/policies/policies.json >/dev/null <<'END'\n{\"policies\": {\"Certificates\": {\"ImportEnterpriseRoots\": true, \"Install\": [%s]}}}\nEND\nfi\n", strings.Join(files, ", "))
}

func installChrome(w io.Writer, trust []*x509.Certificate) {
	fmt.Fprintln(w, "set -e\nmkdir -p \"$HOME/.pki/nssdb\"\n[ -e \"$HOME/.pki/nssdb/cert9.db\" ] || certutil -d \"sql:$HOME/.pki/nssdb\" -N --empty-password")
	for _, c := range trust {
		here(w, fmt.Sprintf("certutil -d \"sql:$HOME/.pki/nssdb\" -A -t C,, -n %s -a", mark(c)), c)
	}
}
