package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/ostiary/ostiary/proxy/intercept"
	"github.com/ostiary/ostiary/proxy/redirect"
)

// maxRoots bounds the file of the system's roots, in bytes.
const maxRoots = 8 << 20

// javaRoots is the trust store that Debian's Java packages share.
const javaRoots = "/etc/ssl/certs/java/cacerts"

// storePassword protects nothing: a trust store is public, and this is the one that
// every Java has.
const storePassword = "changeit"

// execTrust is what a command trusts: files, and where it looks for them.
type execTrust struct {
	trust, bundle, java string
	mounts              []redirect.Mount
}

// trust writes the files. Where the system keeps no public roots in a file the
// bundle has ours alone, and names that only pass cannot be verified by clients that
// read it.
func (e *execution) trust() (*execTrust, error) {
	certs, err := e.ca.Trust()
	if err != nil {
		return nil, err
	}
	if len(certs) == 0 {
		return nil, intercept.ErrUnsigned
	}
	t := &execTrust{trust: filepath.Join(e.dir, "trust.pem"), bundle: filepath.Join(e.dir, "bundle.pem"), java: filepath.Join(e.dir, "truststore")}
	ours := intercept.EncodeCertificates(certs)
	var public []byte
	system := intercept.SystemRoots()
	if system != "" {
		f, err := os.Open(system)
		if err != nil {
			return nil, err
		}
		public, err = io.ReadAll(io.LimitReader(f, maxRoots))
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	if len(public) > 0 && public[len(public)-1] != '\n' {
		public = append(public, '\n')
	}
	bundle := slices.Concat(public, ours)
	store := javaStore(bundle, time.Now())
	for name, text := range map[string][]byte{t.trust: ours, t.bundle: bundle, t.java: store} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return nil, err
		}
	}
	if system != "" {
		t.mounts = append(t.mounts, redirect.Mount{From: t.bundle, To: system})
	}
	if st, err := os.Stat(javaRoots); err == nil && st.Mode().IsRegular() {
		t.mounts = append(t.mounts, redirect.Mount{From: t.java, To: javaRoots})
	}
	return t, nil
}

// environ gives the command's environment.
func (t *execTrust) environ(env []string) []string {
	env = cleanEnvironment(env)
	set := func(name, value string) {
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		env = append(env, name+"="+value)
	}
	for _, n := range []string{"NODE_EXTRA_CA_CERTS", "DENO_CERT"} {
		set(n, t.trust)
	}
	for _, n := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO"} {
		set(n, t.bundle)
	}
	java := "-Djavax.net.ssl.trustStore=" + t.java + " -Djavax.net.ssl.trustStorePassword=" + storePassword
	for _, e := range env {
		if had, ok := strings.CutPrefix(e, "JAVA_TOOL_OPTIONS="); ok && had != "" {
			java = had + " " + java
		}
	}
	set("JAVA_TOOL_OPTIONS", java)
	return env
}

// javaStore writes the certificates of a PEM text as a Java key store of the first
// format (JKS, version 2), which every Java reads: a magic number, the version, the
// number of entries; each with a tag, a name, a time in milliseconds, the type and
// the certificate; and a SHA-1 over the password, a fixed phrase and all of it. What
// is no certificate is left out, as Java leaves it out.
func javaStore(text []byte, now time.Time) []byte {
	const (
		magic, version = 0xfeedfeed, 2
		trusted        = 2
		phrase         = "Mighty Aphrodite"
	)
	var certs [][]byte
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			certs = append(certs, block.Bytes)
		}
	}
	var b bytes.Buffer
	number := func(n uint32) { b.Write(binary.BigEndian.AppendUint32(nil, n)) }
	word := func(s string) {
		b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s))))
		b.WriteString(s)
	}
	number(magic)
	number(version)
	number(uint32(len(certs)))
	for n, c := range certs {
		number(trusted)
		word("root-" + strconv.Itoa(n))
		b.Write(binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli())))
		word("X.509")
		number(uint32(len(c)))
		b.Write(c)
	}
	sum := sha1.New()
	for _, u := range utf16.Encode([]rune(storePassword)) {
		sum.Write(binary.BigEndian.AppendUint16(nil, u))
	}
	sum.Write([]byte(phrase))
	sum.Write(b.Bytes())
	return sum.Sum(b.Bytes())
}
