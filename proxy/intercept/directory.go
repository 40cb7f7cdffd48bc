package intercept

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Files of a [Directory]. One authority lies in a directory of its own, named by
// its number; the state says which signs, and what stands beside it is made from
// the state.
const (
	stateFile   = "state.json"  // which authority signs, which is coming, which is going
	lockFile    = "lock"        // held by the command that changes something
	trustFile   = "trust.pem"   // what clients must trust
	bundleFile  = "bundle.pem"  // the same and the public roots
	certFile    = "ca.pem"      // chain of one authority, its own certificate first
	keyFile     = "ca.key"      // PKCS #8, mode 0600; or
	signFile    = "sign.json"   // the command that signs, with
	publicFile  = "public.pem"  // the key that verifies it
	parentFile  = "parent.pem"  // the organisation's certificates above it
	requestFile = "request.csr" // what the organisation is to sign
	staleMark   = ".new"        // suffix of a file that is being written
	dirMode     = 0o700
	keyMode     = 0o600
	openMode    = 0o644
	maxFileSize = 1 << 20 // bytes of any file here but the bundle
	stateFormat = 1
)

// Errors that callers tell apart.
var (
	// ErrAbsent means that the directory holds no authority: run 'ostiary ca init'.
	ErrAbsent = errors.New("there is no certificate authority; make one with 'ostiary ca init'")
	// ErrUnsigned means that the organisation has not signed the authority yet.
	ErrUnsigned = errors.New("the authority's certificate has not been signed yet; have its request signed and run 'ostiary ca accept'")
	// ErrBusy means that another command changes the directory, or that too many
	// leaves are being made.
	ErrBusy = errors.New("busy; try again")
)

// Directory keeps an authority on disk, mode 0700, its key 0600. The zero
// Directory is unusable; [Open] makes one. Its methods may be called by several
// processes at once: what changes something takes a lock, and readers see the
// state before or after.
type Directory struct{ path string }

// Open names a directory. It need not be there.
func Open(path string) Directory { return Directory{path} }

// Path gives the directory's path.
func (d Directory) Path() string { return d.path }

// TrustPath is the file of certificates (PEM) that clients must trust.
func (d Directory) TrustPath() string { return filepath.Join(d.path, trustFile) }

// BundlePath is the file of those and the public roots, for clients that take one
// file in place of the system's. It is there if a command wrote it.
func (d Directory) BundlePath() string { return filepath.Join(d.path, bundleFile) }

// Key says where an authority's key is: with the zero Key it is generated and kept
// in a file.
type Key struct {
	Command []string         // program and arguments that sign, see [CommandSigner]
	Public  *ecdsa.PublicKey // verifies what the command prints; required with Command
}

// State says how authorities stand. Numbers are "" where there is none.
type State struct {
	Format    int       `json:"format"`
	Active    string    `json:"active,omitempty"`    // signs
	Next      string    `json:"next,omitempty"`      // is being trusted, and does not sign yet
	Former    string    `json:"former,omitempty"`    // is still trusted, and does not sign any more
	Activated time.Time `json:"activated,omitempty"` // when Active began to sign in place of Former
	Last      int       `json:"last"`                // number of the newest authority, used or not
}

// Member is one authority of a directory.
type Member struct {
	Number    string
	Authority *Authority // nil while it is unsigned
	Command   []string   // that signs; nil for a key in a file
	Request   string     // path of a request that waits for being signed; "" for none
}

// signCommand is what signFile holds.
type signCommand struct {
	Command []string `json:"command"`
}

// State reads which authorities there are. The error is [ErrAbsent] where there is
// none.
func (d Directory) State() (State, error) {
	b, err := readSmall(filepath.Join(d.path, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("%s: %w", d.path, ErrAbsent)
	}
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil || s.Format != stateFormat {
		return State{}, fmt.Errorf("%s is damaged, or of a newer Ostiary", filepath.Join(d.path, stateFile))
	}
	for _, n := range []string{s.Active, s.Next, s.Former} {
		if i, err := strconv.Atoi(n); n != "" && (err != nil || i < 1 || strconv.Itoa(i) != n) {
			return State{}, fmt.Errorf("%s is damaged", filepath.Join(d.path, stateFile))
		}
	}
	return s, nil
}

// Authority gives the one that signs. The error is [ErrAbsent], [ErrUnsigned], or
// says what is wrong with its files; one whose time is over is an error too.
func (d Directory) Authority() (*Authority, error) {
	s, err := d.State()
	if err != nil {
		return nil, err
	}
	if s.Active == "" {
		return nil, ErrUnsigned
	}
	m, err := d.Member(s.Active)
	if err != nil {
		return nil, err
	}
	if m.Authority == nil {
		return nil, ErrUnsigned
	}
	if now := time.Now(); now.After(m.Authority.cert.NotAfter) {
		return nil, fmt.Errorf("the certificate authority in %s ended on %s: run 'ostiary ca renew'", d.path, m.Authority.cert.NotAfter.Format(time.DateOnly))
	}
	return m.Authority, nil
}

// Member reads one authority by its number.
func (d Directory) Member(number string) (Member, error) {
	dir := filepath.Join(d.path, number)
	m := Member{Number: number}
	if err := private(d.path); err != nil {
		return m, err
	}
	key, command, err := readKey(dir)
	if err != nil {
		return m, err
	}
	m.Command = command
	if name := filepath.Join(dir, requestFile); exists(name) {
		m.Request = name
	}
	text, err := readSmall(filepath.Join(dir, certFile))
	if errors.Is(err, fs.ErrNotExist) && m.Request != "" {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	certs, err := ParseCertificates(text)
	if err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(dir, certFile), err)
	}
	parents, err := readParents(dir)
	if err != nil {
		return m, err
	}
	// Its own time is for callers: one that is over can still be shown and renewed.
	at := time.Now()
	if at.After(certs[0].NotAfter) {
		at = certs[0].NotAfter
	}
	if m.Authority, err = newAuthority(certs, parents, key, at); err != nil {
		return m, fmt.Errorf("%s: %w", dir, err)
	}
	return m, nil
}

// Trust gives the certificates of all authorities that clients must trust now.
func (d Directory) Trust() ([]*x509.Certificate, error) {
	s, err := d.State()
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, n := range []string{s.Active, s.Next, s.Former} {
		if n == "" {
			continue
		}
		m, err := d.Member(n)
		if err != nil {
			return nil, err
		}
		if m.Authority == nil {
			continue
		}
		for _, c := range m.Authority.trust {
			if !slices.ContainsFunc(out, c.Equal) {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// Create makes the first authority. With parents, the organisation's certificates
// from the issuing one up, it is below them: a request is written, and the
// authority signs nothing before [Directory.Accept]. It overwrites nothing.
func (d Directory) Create(t Terms, k Key, parents []*x509.Certificate) (Member, error) {
	t, err := t.check()
	if err != nil {
		return Member{}, err
	}
	if err := os.MkdirAll(d.path, dirMode); err != nil {
		return Member{}, err
	}
	return d.change(func(s State) (State, string, error) {
		if s.Last > 0 {
			return s, "", fmt.Errorf("%s holds a certificate authority already; 'ostiary ca renew' and 'ostiary ca rotate' change it", d.path)
		}
		n, err := d.add(&s, t, k, parents)
		s.Active = n
		return s, n, err
	})
}

// Rotate makes the authority that is to follow: its certificate belongs to what
// clients must trust from now on, and the present one signs until
// [Directory.Activate]. Parents are those of the present one if none are given.
func (d Directory) Rotate(t Terms, k Key, parents []*x509.Certificate) (Member, error) {
	t, err := t.check()
	if err != nil {
		return Member{}, err
	}
	return d.change(func(s State) (State, string, error) {
		switch {
		case s.Last == 0:
			return s, "", ErrAbsent
		case s.Next != "":
			return s, "", errors.New("an authority is being introduced already; run 'ostiary ca rotate --activate' once all clients trust it")
		case s.Former != "":
			return s, "", errors.New("a former authority is still trusted; run 'ostiary ca rotate --finish' first")
		}
		if len(parents) == 0 && s.Active != "" {
			var err error
			if parents, err = readParents(filepath.Join(d.path, s.Active)); err != nil {
				return s, "", err
			}
		}
		n, err := d.add(&s, t, k, parents)
		s.Next = n
		return s, n, err
	})
}

// Activate lets the authority that was introduced sign. The former one stays
// trusted until [Directory.Finish].
func (d Directory) Activate() (Member, error) {
	return d.change(func(s State) (State, string, error) {
		if s.Next == "" {
			return s, "", errors.New("no authority is being introduced; run 'ostiary ca rotate' first")
		}
		m, err := d.Member(s.Next)
		if err != nil {
			return s, "", err
		}
		if m.Authority == nil {
			return s, "", ErrUnsigned
		}
		if err := probe(m.Authority.key); err != nil {
			return s, "", err
		}
		s.Former, s.Active, s.Next, s.Activated = s.Active, s.Next, "", time.Now().UTC().Truncate(time.Second)
		return s, s.Active, nil
	})
}

// Finish ends the trust in the former authority and removes its key. It refuses
// while leaves of it may be in use, unless now is set.
func (d Directory) Finish(now bool) (Member, error) {
	var gone string
	m, err := d.change(func(s State) (State, string, error) {
		if s.Former == "" {
			return s, "", errors.New("there is no former authority")
		}
		if until := s.Activated.Add(LeafLife); !now && time.Now().Before(until) {
			return s, "", fmt.Errorf("leaves of the former authority hold until %s; wait, or run 'ostiary ca rotate --finish --now' if every Ostiary has loaded the new one", until.Format(time.RFC3339))
		}
		gone, s.Former = s.Former, ""
		return s, s.Active, nil
	})
	if err != nil {
		return m, err
	}
	return m, os.RemoveAll(filepath.Join(d.path, gone))
}

// Renew gives the authority that signs a new certificate for the same key: a
// longer life, other domains. A root is renewed at once; below an organisation's a
// request is written for [Directory.Accept]. Empty terms are those of the present
// certificate.
func (d Directory) Renew(t Terms) (Member, error) {
	return d.change(func(s State) (State, string, error) {
		if s.Active == "" {
			return s, "", ErrAbsent
		}
		m, err := d.Member(s.Active)
		if err != nil {
			return s, "", err
		}
		if m.Authority == nil {
			return s, "", ErrUnsigned
		}
		dir := filepath.Join(d.path, s.Active)
		if t.Subject == "" {
			t.Subject = m.Authority.cert.Subject.CommonName
		}
		if len(t.Domains) == 0 {
			t.Domains = m.Authority.cert.PermittedDNSDomains
		}
		if t, err = t.check(); err != nil {
			return s, "", err
		}
		return s, s.Active, issue(dir, t, m.Authority.key, m.Authority.Subordinate())
	})
}

// Accept takes the certificate that the organisation signed for the request that
// waits, and any between it and the parents behind it. Where the certificate does
// not constrain the names it is refused unless unconstrained is set.
func (d Directory) Accept(certs []*x509.Certificate, unconstrained bool) (Member, error) {
	return d.change(func(s State) (State, string, error) {
		for _, n := range []string{s.Next, s.Active} {
			if n == "" {
				continue
			}
			m, err := d.Member(n)
			if err != nil {
				return s, "", err
			}
			if m.Request == "" {
				continue
			}
			dir := filepath.Join(d.path, n)
			key, _, err := readKey(dir)
			if err != nil {
				return s, "", err
			}
			parents, err := readParents(dir)
			if err != nil {
				return s, "", err
			}
			own := slices.IndexFunc(certs, func(c *x509.Certificate) bool {
				pub, ok := c.PublicKey.(*ecdsa.PublicKey)
				return ok && pub.Equal(key.Public())
			})
			if own < 0 {
				return s, "", fmt.Errorf("none of the certificates belongs to the key of %s", m.Request)
			}
			certs[0], certs[own] = certs[own], certs[0]
			a, err := newAuthority(certs, parents, key, time.Now())
			if err != nil {
				return s, "", err
			}
			if !a.Constrained() && !unconstrained {
				return s, "", errors.New("the certificate constrains no names: who has the key could impersonate every server; have it signed with the name constraints of the request, or take it with --unconstrained")
			}
			if err := replace(filepath.Join(dir, certFile), EncodeCertificates(certs), openMode); err != nil {
				return s, "", err
			}
			return s, n, os.Remove(m.Request)
		}
		return s, "", errors.New("no request waits for a certificate")
	})
}

// add makes the directory of one more authority. Until the state names it, it is
// not there for anybody.
func (d Directory) add(s *State, t Terms, k Key, parents []*x509.Certificate) (string, error) {
	number := strconv.Itoa(s.Last + 1)
	dir := filepath.Join(d.path, number)
	if err := os.RemoveAll(dir); err != nil { // what a command left that was killed
		return "", err
	}
	if err := os.Mkdir(dir, dirMode); err != nil {
		return "", err
	}
	key, err := makeKey(dir, k)
	if err != nil {
		return "", err
	}
	if len(parents) > 0 {
		if err := replace(filepath.Join(dir, parentFile), EncodeCertificates(parents), openMode); err != nil {
			return "", err
		}
	}
	if err := issue(dir, t, key, len(parents) > 0); err != nil {
		return "", err
	}
	s.Last++
	return number, nil
}

// issue writes the certificate of a root, or a request.
func issue(dir string, t Terms, key crypto.Signer, below bool) error {
	if below {
		der, err := t.request(key, time.Now())
		if err != nil {
			return err
		}
		return replace(filepath.Join(dir, requestFile), pem.EncodeToMemory(&pem.Block{Type: pemRequest, Bytes: der}), openMode)
	}
	cert, err := t.selfSigned(key, time.Now())
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, certFile), EncodeCertificates([]*x509.Certificate{cert}), openMode)
}

// makeKey writes a new key, or the command that has one.
func makeKey(dir string, k Key) (crypto.Signer, error) {
	if len(k.Command) == 0 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return key, replace(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), keyMode)
	}
	if k.Public == nil {
		return nil, errors.New("a command that signs needs its public key, to check what it prints")
	}
	signer := CommandSigner{k.Command, k.Public}
	if err := probe(signer); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(k.Public)
	if err != nil {
		return nil, err
	}
	if err := replace(filepath.Join(dir, publicFile), pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: der}), openMode); err != nil {
		return nil, err
	}
	text, err := json.Marshal(signCommand{k.Command})
	if err != nil {
		return nil, err
	}
	return signer, replace(filepath.Join(dir, signFile), text, keyMode)
}

// readKey gives the key of an authority, and the command where it is one.
func readKey(dir string) (crypto.Signer, []string, error) {
	name := filepath.Join(dir, signFile)
	if exists(name) {
		// Whoever can write it has a command of his run as this user.
		if err := private(name); err != nil {
			return nil, nil, err
		}
		text, err := readSmall(name)
		if err != nil {
			return nil, nil, err
		}
		var c signCommand
		if err := json.Unmarshal(text, &c); err != nil || len(c.Command) == 0 {
			return nil, nil, fmt.Errorf("%s is damaged", name)
		}
		public, err := readSmall(filepath.Join(dir, publicFile))
		if err != nil {
			return nil, nil, err
		}
		key, err := ParsePublicKey(public)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, publicFile), err)
		}
		return CommandSigner{c.Command, key}, c.Command, nil
	}
	name = filepath.Join(dir, keyFile)
	if err := private(name); err != nil {
		return nil, nil, err
	}
	text, err := readSmall(name)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemKey {
		return nil, nil, fmt.Errorf("%s holds no PEM block of type %s", name, pemKey)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := k.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() { // the cause could quote the key
		return nil, nil, fmt.Errorf("%s holds no key of P-256", name)
	}
	return key, nil, nil
}

func readParents(dir string) ([]*x509.Certificate, error) {
	name := filepath.Join(dir, parentFile)
	text, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certs, err := ParseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return certs, nil
}

// change runs f under the lock and writes the state that it gives, then the files
// that are made from it. Killed in between, the next change makes them anew.
func (d Directory) change(f func(State) (State, string, error)) (Member, error) {
	if err := private(d.path); err != nil {
		return Member{}, err
	}
	l, err := os.OpenFile(filepath.Join(d.path, lockFile), os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return Member{}, err
	}
	defer l.Close() // lets the lock go
	if err := lock(l); err != nil {
		return Member{}, fmt.Errorf("%s: %w", d.path, err)
	}
	s, err := d.State()
	if err != nil && !errors.Is(err, ErrAbsent) {
		return Member{}, err
	}
	s.Format = stateFormat
	next, number, err := f(s)
	if err != nil {
		return Member{}, err
	}
	text, err := json.Marshal(next)
	if err != nil {
		return Member{}, err
	}
	if err := replace(filepath.Join(d.path, stateFile), append(text, '\n'), openMode); err != nil {
		return Member{}, err
	}
	trust, err := d.Trust()
	if err != nil {
		return Member{}, err
	}
	if err := replace(d.TrustPath(), EncodeCertificates(trust), openMode); err != nil {
		return Member{}, err
	}
	if _, err := d.writeBundle(trust, SystemRoots()); err != nil {
		return Member{}, err
	}
	return d.Member(number)
}

// WriteBundle writes [Directory.BundlePath] anew, for when the system's roots have
// changed. Without a file of theirs in roots it removes the bundle and gives "":
// one with our certificates alone would end the trust in everybody else.
func (d Directory) WriteBundle(roots string) (string, error) {
	trust, err := d.Trust()
	if err != nil {
		return "", err
	}
	return d.writeBundle(trust, roots)
}

func (d Directory) writeBundle(trust []*x509.Certificate, roots string) (string, error) {
	if roots == "" {
		if err := os.Remove(d.BundlePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return "", nil
	}
	text, err := os.ReadFile(roots)
	if err != nil {
		return "", err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return d.BundlePath(), replace(d.BundlePath(), append(text, EncodeCertificates(trust)...), openMode)
}

// SystemRoots gives the file in which this system keeps the public roots, or ""
// where there is none (macOS, Windows).
func SystemRoots() string {
	for _, f := range []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Arch, Alpine
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL, Fedora
		"/etc/pki/tls/certs/ca-bundle.crt",                  // older RHEL
		"/etc/ssl/ca-bundle.pem",                            // SUSE
		"/etc/ssl/cert.pem",                                 // BSD, macOS
	} {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() && st.Size() > 0 {
			return f
		}
	}
	return ""
}

// private refuses what others than this user could read or write.
func private(name string) error {
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(name) != keyFile {
		return fmt.Errorf("%s: %w", name, ErrAbsent)
	}
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o077 != 0 {
		mode := "0600"
		if st.IsDir() {
			mode = "0700"
		}
		return fmt.Errorf("%s has mode %04o: others could use the authority's key; run 'chmod %s %s'", name, st.Mode().Perm(), mode, name)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to uid %d, not to ours", name, sys.Uid)
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(b) > maxFileSize {
		err = fmt.Errorf("%s has more than %d bytes", name, maxFileSize)
	}
	return b, err
}

// replace writes a file so that a reader sees the old or the new one, also after
// the power failed: content, rename, directory.
func replace(name string, data []byte, mode fs.FileMode) error {
	part := name + staleMark
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// pollEvery is how often a directory is looked at for another authority.
const pollEvery = 2 * time.Second

// Follow calls use with the authority that signs whenever it is another one than
// before, first with since (nil for none), until the context ends. What cannot be
// used is logged once, and the authority before stays.
func (d Directory) Follow(ctx context.Context, since *Authority, use func(*Authority), log *slog.Logger) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	said := ""
	for {
		a, err := d.Authority()
		switch {
		case err != nil && err.Error() != said:
			said = err.Error()
			log.Error("the certificate authority cannot be read; the one before stays in use", "error", err)
		case err == nil && (since == nil || !a.same(since)):
			said, since = "", a
			use(a)
			log.Info("certificate authority in use", "fingerprint", Fingerprint(a.cert), "until", a.cert.NotAfter)
		case err == nil:
			said = ""
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// same reports whether leaves of both are the same to clients.
func (a *Authority) same(b *Authority) bool {
	return a.cert.Equal(b.cert) && slices.EqualFunc(a.chain, b.chain, func(x, y *x509.Certificate) bool { return x.Equal(y) })
}

// String names the directory, never what is in it.
func (d Directory) String() string { return strings.TrimSuffix(d.path, "/") }
