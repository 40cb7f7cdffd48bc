package pools

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of a list of providers.
const (
	maxList      = 1 << 20 // bytes of the file
	maxSignature = 1 << 10 // bytes of the signature's file
	maxProviders = 1000
	maxPatterns  = 64  // of hosts, of applications and of paths, each, of one provider
	maxText      = 300 // bytes of one text
	maxHost      = 253 // bytes (RFC 1035, 2.3.4, without the last dot)
	maxLabel     = 63
)

// listFormat is the form of the file that is read.
const listFormat = 1

// listDomain keeps the signature of a list from being one of anything else.
const listDomain = "ostiary providers v1\n"

//go:embed providers.json
var shippedList []byte

// Errors of lists of providers. They quote nothing of a file but names of
// providers and patterns of a list whose signature is good.
var (
	// ErrListSignature says that no signature of the given key is on the list.
	ErrListSignature = errors.New("the list of providers is not signed with this key: take the list and its .sig from one source, or name the right key")
	// ErrListOld says that a list is not newer than the one it would replace.
	ErrListOld = errors.New("the list of providers is older than the one of this program: fetch a newer one, or leave providers out")
	// ErrListForm says that a file is no list of providers.
	ErrListForm = errors.New("not a list of providers")
)

// Providers is a list of model APIs. It does not change and is safe for concurrent
// use.
type Providers struct {
	version int64
	digest  string
	list    []Provider
	hosts   map[string][]pattern // by the last two labels
	apps    map[string][]pattern
	words   []string // names by which look-alikes are known
}

// Provider is one seller of model APIs, or one of its services.
type Provider struct {
	Name         string   `json:"name"`         // a-z, 0-9 and -
	Title        string   `json:"title"`        // for persons
	Owner        string   `json:"owner"`        // who is bound by the terms
	Jurisdiction string   `json:"jurisdiction"` // of the owner: ISO 3166-1 alpha-2, EU, or unknown; not where its machines are
	Dialects     []string `json:"dialects"`     // that it speaks: openai, anthropic, gemini, bedrock, cohere, huggingface, ollama, other
	// Hosts are the names of its API, one label for each label of a name: a word, *
	// for any one label, {region} for a region of a cloud, also within a label.
	Hosts []string `json:"hosts"`
	// Apps are hosts of its applications for persons, which are no APIs.
	Apps []string `json:"apps,omitempty"`
	// Paths are those of its API; * stands for anything without a slash, and at the
	// end for anything.
	Paths []string      `json:"paths"`
	Terms ProviderTerms `json:"terms"`
}

// ProviderTerms is what a provider's public terms say of requests when nothing
// else was agreed. What is not known for sure is "unknown"; a contract may say
// otherwise, and the configuration of a pool is what policies see.
type ProviderTerms struct {
	Retention string `json:"retention"`        // none, 30d …, or unknown
	Training  string `json:"training"`         // whether requests are trained on: yes, no or unknown
	Source    string `json:"source,omitempty"` // where it says so
	Seen      string `json:"seen,omitempty"`   // year and month of what is stated
	Note      string `json:"note,omitempty"`
}

// listFile is the file.
type listFile struct {
	Format    int        `json:"format"`
	Version   int64      `json:"version"` // grows with each: YYYYMMDDNN
	Providers []Provider `json:"providers"`
}

// ShippedProviders gives the list of this program.
func ShippedProviders() (*Providers, error) { return readProviders(shippedList) }

// LoadProviders reads a list with its signature, which lies beside it in a file of
// the same name and .sig. It fails with [ErrListSignature], [ErrListForm], and
// with [ErrListOld] where the version is below least, or is least and the list is
// another than the shipped one.
func LoadProviders(file string, key ed25519.PublicKey, least int64) (*Providers, error) {
	data, err := readBounded(file, maxList)
	if err != nil {
		return nil, err
	}
	signature, err := readBounded(file+".sig", maxSignature)
	if err != nil {
		return nil, err
	}
	return ParseProviders(data, signature, key, least)
}

// ParseProviders is [LoadProviders] from memory.
func ParseProviders(data, signature []byte, key ed25519.PublicKey, least int64) (*Providers, error) {
	sig, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(signature)))
	if err != nil || len(key) != ed25519.PublicKeySize || len(sig) != ed25519.SignatureSize || !ed25519.Verify(key, signedList(data), sig) {
		return nil, ErrListSignature
	}
	l, err := readProviders(data)
	if err != nil {
		return nil, err
	}
	if l.version < least || l.version == least && !bytes.Equal(data, shippedList) {
		return nil, ErrListOld
	}
	return l, nil
}

// SignProviders gives the contents of the .sig file of a list. It fails with
// [ErrListForm] where the list could not be read again.
func SignProviders(data []byte, key ed25519.PrivateKey) ([]byte, error) {
	if _, err := readProviders(data); err != nil {
		return nil, err
	}
	sig := ed25519.Sign(key, signedList(data))
	return append([]byte(base64.StdEncoding.EncodeToString(sig)), '\n'), nil
}

func signedList(data []byte) []byte { return append([]byte(listDomain), data...) }

func readBounded(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the list of providers: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the list of providers: %w", err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrListForm, file, most)
	}
	return b, nil
}

func readProviders(data []byte) (*Providers, error) {
	if len(data) > maxList {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrListForm, maxList)
	}
	var f listFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: it is no JSON of its form", ErrListForm)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows it", ErrListForm)
	}
	switch {
	case f.Format != listFormat:
		return nil, fmt.Errorf("%w: format %d, this program reads %d", ErrListForm, f.Format, listFormat)
	case f.Version <= 0:
		return nil, fmt.Errorf("%w: it has no version", ErrListForm)
	case len(f.Providers) == 0 || len(f.Providers) > maxProviders:
		return nil, fmt.Errorf("%w: it has %d providers; 1 to %d are read", ErrListForm, len(f.Providers), maxProviders)
	}
	sum := sha256.Sum256(data)
	l := &Providers{version: f.Version, digest: hex.EncodeToString(sum[:]), list: f.Providers, hosts: map[string][]pattern{}, apps: map[string][]pattern{}}
	names, patterns := map[string]bool{}, map[string]bool{}
	for i := range l.list {
		p := &l.list[i]
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("%w: provider %d (%.64q): %w", ErrListForm, i+1, p.Name, err)
		}
		if names[p.Name] {
			return nil, fmt.Errorf("%w: provider %s stands twice", ErrListForm, p.Name)
		}
		names[p.Name] = true
		for _, of := range []struct {
			texts []string
			into  map[string][]pattern
		}{{p.Hosts, l.hosts}, {p.Apps, l.apps}} {
			for _, text := range of.texts {
				h, err := parsePattern(text)
				if err != nil {
					return nil, fmt.Errorf("%w: provider %s: %w", ErrListForm, p.Name, err)
				}
				if patterns[text] {
					return nil, fmt.Errorf("%w: host %s stands twice", ErrListForm, text)
				}
				patterns[text] = true
				h.provider = i
				of.into[h.end()] = append(of.into[h.end()], h)
				l.words = append(l.words, h.word())
			}
		}
	}
	for _, m := range []map[string][]pattern{l.hosts, l.apps} {
		for _, list := range m {
			// What says more is asked first.
			slices.SortStableFunc(list, func(a, b pattern) int { return a.loose - b.loose })
		}
	}
	slices.Sort(l.words)
	l.words = slices.DeleteFunc(slices.Compact(l.words), func(w string) bool { return w == "" })
	return l, nil
}

var (
	providerName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	providerLaw   = regexp.MustCompile(`^([A-Z]{2}|EEA|unknown)$`)
	providerKept  = regexp.MustCompile(`^(none|unknown|[1-9][0-9]{0,4}d)$`)
	providerMonth = regexp.MustCompile(`^20[0-9]{2}-(0[1-9]|1[0-2])$`)
)

// providerDialects are the words for what providers speak. Ostiary itself reads the
// first two.
var providerDialects = []string{proxy.DialectOpenAI, proxy.DialectAnthropic, "gemini", "bedrock", "cohere", "huggingface", "ollama", proxy.Other}

func (p *Provider) check() error {
	t := &p.Terms
	switch {
	case !providerName.MatchString(p.Name):
		return errors.New("its name is not made of a-z, 0-9 and -")
	case p.Title == "" || p.Owner == "":
		return errors.New("it has no title or no owner")
	case !providerLaw.MatchString(p.Jurisdiction):
		return errors.New("its jurisdiction is neither a country, EU, EEA nor unknown")
	case len(p.Dialects) == 0 || slices.ContainsFunc(p.Dialects, func(d string) bool { return !slices.Contains(providerDialects, d) }):
		return errors.New("its dialects are not known")
	case len(p.Hosts)+len(p.Apps) == 0 || len(p.Hosts) > maxPatterns || len(p.Apps) > maxPatterns || len(p.Paths) > maxPatterns:
		return errors.New("it has no hosts, or more than are read")
	case slices.ContainsFunc(p.Paths, func(s string) bool { return !strings.HasPrefix(s, "/") || len(s) > maxText }):
		return errors.New("a path does not begin with /")
	case !providerKept.MatchString(t.Retention):
		return errors.New("its retention is neither none, a number of days such as 30d, nor unknown")
	case t.Training != "yes" && t.Training != "no" && t.Training != proxy.Unknown:
		return errors.New("its training is neither yes, no nor unknown")
	case (t.Retention != proxy.Unknown || t.Training != proxy.Unknown) && (!strings.HasPrefix(t.Source, "https://") || !providerMonth.MatchString(t.Seen)):
		return errors.New("its terms have no source, or no year and month")
	}
	for _, s := range []string{p.Title, p.Owner, t.Source, t.Note} {
		if len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("a text is too long or holds a control character")
		}
	}
	return nil
}

// Version gives the list's version, which grows with each.
func (l *Providers) Version() int64 { return l.version }

// Digest gives the SHA-256 of the list's file in hex.
func (l *Providers) Digest() string { return l.digest }

// List gives the providers in the order of the file. The slice may not be written.
func (l *Providers) List() []Provider { return l.list }

// Provider gives one by its name.
func (l *Providers) Provider(name string) (Provider, bool) {
	for i := range l.list {
		if l.list[i].Name == name {
			return l.list[i], true
		}
	}
	return Provider{}, false
}

// Match gives the provider whose API has a host of that name. The name has no
// port; its case and one dot at its end do not matter. Only names that are written
// in letters, digits and hyphens of ASCII match: never an address, never an
// internationalised label, never one label more or less than the pattern has.
func (l *Providers) Match(host string) (Provider, bool) { return l.match(l.hosts, host) }

// MatchApp gives the provider that has an application for persons at that name.
func (l *Providers) MatchApp(host string) (Provider, bool) { return l.match(l.apps, host) }

func (l *Providers) match(in map[string][]pattern, host string) (Provider, bool) {
	labels, ok := hostLabels(host)
	if !ok || len(labels) < 2 {
		return Provider{}, false
	}
	for _, p := range in[lastTwo(labels)] {
		if p.matches(labels) {
			return l.list[p.provider], true
		}
	}
	return Provider{}, false
}

// hostLabels splits a host's name. It reports false where it is none that a
// pattern could mean.
func hostLabels(host string) ([]string, bool) {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > maxHost {
		return nil, false
	}
	labels := strings.Split(strings.ToLower(asciiOnly(host)), ".")
	for _, label := range labels {
		if !goodLabel(label) || strings.HasPrefix(label, "xn--") {
			return nil, false
		}
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil, false
	}
	return labels, true
}

// asciiOnly gives s, or, where a letter is not ASCII, what no label is:
// strings.ToLower makes an ASCII k of the Kelvin sign.
func asciiOnly(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return "!"
		}
	}
	return s
}

func goodLabel(s string) bool {
	return s != "" && len(s) <= maxLabel && s[0] != '-' && s[len(s)-1] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func lastTwo(labels []string) string { return strings.Join(labels[len(labels)-2:], ".") }

// pattern is a pattern of hosts, label for label.
type pattern struct {
	labels   []string
	loose    int // how many labels are not words
	provider int // index in the list
}

const (
	anyLabel  = "*"
	anyRegion = "{region}"
)

// parsePattern reads a pattern. Its last two labels are words, so that nobody else
// can register what it means.
func parsePattern(text string) (pattern, error) {
	p := pattern{labels: strings.Split(text, ".")}
	if len(text) > maxHost || len(p.labels) < 2 {
		return pattern{}, fmt.Errorf("host %.64q is not a name of two labels at least", text)
	}
	for i, label := range p.labels {
		word := label
		if label == anyLabel {
			word = "x"
			p.loose++
		} else if before, after, ok := strings.Cut(label, anyRegion); ok {
			word = before + "x" + after
			p.loose++
		}
		if !goodLabel(word) || strings.HasPrefix(word, "xn--") || word != label && i >= len(p.labels)-2 {
			return pattern{}, fmt.Errorf("host %.64q: label %d is neither a word in small letters, * nor one with {region}, or is one of the last two and no word", text, i+1)
		}
	}
	return p, nil
}

func (p *pattern) end() string { return lastTwo(p.labels) }

// word gives the label by which look-alikes of the owner are known: that before
// the last. Short ones are part of too many names.
func (p *pattern) word() string {
	w := p.labels[len(p.labels)-2]
	if len(w) < leastWord || slices.Contains(commonWords, w) {
		return ""
	}
	return w
}

func (p *pattern) matches(labels []string) bool {
	if len(labels) != len(p.labels) {
		return false
	}
	for i, want := range p.labels {
		got := labels[i]
		if before, after, ok := strings.Cut(want, anyRegion); ok {
			rest, ok1 := strings.CutPrefix(got, before)
			rest, ok2 := strings.CutSuffix(rest, after)
			if !ok1 || !ok2 || !region(rest) {
				return false
			}
			continue
		}
		if want != anyLabel && got != want {
			return false
		}
	}
	return true
}

// region says whether s has the form of a region of a cloud: us-east-1,
// europe-west4, eu-de, fr-par.
func region(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 2 || len(parts) > 4 || len(s) > 32 {
		return false
	}
	for i, part := range parts {
		if part == "" || i == 0 && strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	return goodLabel(s)
}
