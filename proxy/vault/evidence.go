package vault

import (
	"bytes"
	"cmp"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of evidence.
const (
	excerptLimit  = 16       // excerpts of one event
	evidenceLimit = 32 << 10 // bytes of an event's evidence as JSON
	aroundBytes   = 75       // of text on either side of a match
	matchLimit    = 4 << 10  // bytes of a match; the rest is counted
	padBytes      = 256      // excerpts are padded to a multiple, so that their length tells little
	recordBound   = 40       // bytes of an evidence record's JSON beside its values
	sealedLimit   = 64 << 10 // bytes of a sealed excerpt that is to be opened
	nameLimit     = 64       // bytes of a key's name
)

// Beginnings of keys as text: WHAT:NAME:CHECKSUM:KEY, the key in base64url, the
// checksum in hex (see checksum).
const (
	publicMark  = "ostiary-evidence-public-v1"
	privateMark = "ostiary-evidence-private-v1"
)

// Errors of evidence. None holds anything of a key or of what is sealed.
var (
	// ErrEvidenceKey says that a text is no key for evidence, or that a character
	// of it was altered.
	ErrEvidenceKey = errors.New("not a key for evidence, or one that was altered: copy its whole line")
	// ErrPrivateKey says that the private key was given where the public one
	// belongs.
	ErrPrivateKey = errors.New("this is the private key for evidence, which may not be here: give the public one, and think about who may have read this one")
	// ErrPublicKey says that the public key was given where the private one
	// belongs.
	ErrPublicKey = errors.New("this is the public key for evidence, which opens nothing: give the private one")
	// ErrKeyName says that a key's name cannot be used.
	ErrKeyName = errors.New("a key's name is made of at most 64 letters, digits, dots, dashes and underscores")
	// ErrSealed says that evidence does not open: it was sealed to another key, or
	// for another decision or type, or it was altered.
	ErrSealed = errors.New("the evidence does not open: it was sealed to another key or for another decision, or it was altered")
)

// The suite of evidence (RFC 9180; the KEM is that of draft-ietf-hpke-pq, X-Wing:
// who records what is sealed today cannot open it with a quantum computer either).
func evidenceKEM() hpke.KEM   { return hpke.MLKEM768X25519() }
func evidenceKDF() hpke.KDF   { return hpke.HKDFSHA256() }
func evidenceAEAD() hpke.AEAD { return hpke.AES256GCM() }

// evidenceInfo binds what is sealed to its place.
func evidenceInfo(decisionID, typ string) []byte {
	return []byte("ostiary evidence v1\n" + decisionID + "\n" + typ)
}

// Recipient is the public key of whoever may open evidence, as a rule the
// data-protection officer. Nothing can be opened with it. It is immutable.
type Recipient struct {
	name string
	key  hpke.PublicKey
}

// EvidenceKey is the private key of a [Recipient]. It is no part of a proxy's
// configuration. It cannot be printed. It is immutable.
type EvidenceKey struct {
	name string
	key  hpke.PrivateKey
}

// GenerateEvidenceKey makes a key pair, each half as one line of text. The public
// one goes into the configuration, the private one stays with the person who may
// open evidence and is lost with them: nobody can make it again. It fails with
// [ErrKeyName].
func GenerateEvidenceKey(name string) (private, public string, err error) {
	if !validName(name) {
		return "", "", ErrKeyName
	}
	key, err := evidenceKEM().GenerateKey()
	if err != nil {
		return "", "", errors.New("generate a key for evidence: the system gave none")
	}
	b, err := key.Bytes()
	if err != nil {
		return "", "", errors.New("generate a key for evidence: it has no text")
	}
	return keyText(privateMark, name, b), keyText(publicMark, name, key.PublicKey().Bytes()), nil
}

func validName(s string) bool {
	return s != "" && len(s) <= nameLimit && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

func keyText(mark, name string, key []byte) string {
	return strings.Join([]string{mark, name, checksum(mark, name, key), base64.RawURLEncoding.EncodeToString(key)}, ":")
}

// checksum tells a line that was copied badly: the first eight bytes of a SHA-256
// over all of it.
func checksum(mark, name string, key []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", mark, name)
	h.Write(key)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// readKey takes a key's line apart. White space in it is passed over: mail
// programs break long lines.
func readKey(mark, text string) (string, []byte, error) {
	const longest = 4 << 10
	if len(text) > longest {
		return "", nil, ErrEvidenceKey
	}
	parts := strings.Split(strings.Join(strings.Fields(text), ""), ":")
	switch {
	case parts[0] == privateMark && mark == publicMark:
		return "", nil, ErrPrivateKey
	case parts[0] == publicMark && mark == privateMark:
		return "", nil, ErrPublicKey
	case len(parts) != 4 || parts[0] != mark || !validName(parts[1]):
		return "", nil, ErrEvidenceKey
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err != nil || checksum(mark, parts[1], key) != parts[2] {
		return "", nil, ErrEvidenceKey
	}
	return parts[1], key, nil
}

// ParseRecipient reads a public key. It fails with [ErrEvidenceKey] or
// [ErrPrivateKey].
func ParseRecipient(text string) (*Recipient, error) {
	name, b, err := readKey(publicMark, text)
	if err != nil {
		return nil, err
	}
	key, err := evidenceKEM().NewPublicKey(b)
	if err != nil {
		return nil, ErrEvidenceKey // the library's may quote the key
	}
	return &Recipient{name, key}, nil
}

// Name gives the key's name, which stands in the records that are sealed to it.
func (r *Recipient) Name() string { return r.name }

// ParseEvidenceKey reads a private key. It fails with [ErrEvidenceKey] or
// [ErrPublicKey].
func ParseEvidenceKey(text string) (*EvidenceKey, error) {
	name, b, err := readKey(privateMark, text)
	if err != nil {
		return nil, err
	}
	key, err := evidenceKEM().NewPrivateKey(b)
	if err != nil {
		return nil, ErrEvidenceKey
	}
	return &EvidenceKey{name, key}, nil
}

// Name gives the key's name.
func (k *EvidenceKey) Name() string { return k.name }

// Recipient gives the public half.
func (k *EvidenceKey) Recipient() *Recipient { return &Recipient{k.name, k.key.PublicKey()} }

// Format implements [fmt.Formatter] for every verb: it prints the name alone.
func (k *EvidenceKey) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "[private key "+k.name+"]")
}

// LogValue implements [slog.LogValuer]: the name alone.
func (k *EvidenceKey) LogValue() slog.Value { return slog.StringValue("[private key " + k.name + "]") }

// Excerpt is what was found and the text around it: content. It is made where it
// is sealed, and where whoever has the private key opens it, and nowhere else. It
// is not printed by fmt or slog; whoever shows it to a reviewer takes its fields.
type Excerpt struct {
	Type   string `json:"type"`
	Before string `json:"before"` // at most 75 bytes
	Match  string `json:"match"`
	After  string `json:"after"`         // at most 75 bytes
	Role   string `json:"role"`          // who said it
	Cut    int    `json:"cut,omitempty"` // bytes of the match that are left out at its end
}

// Format implements [fmt.Formatter] for every verb: it prints a placeholder.
func (e Excerpt) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[content]") }

// LogValue implements [slog.LogValuer]: a placeholder.
func (e Excerpt) LogValue() slog.Value { return slog.StringValue("[content]") }

// SealEvidence seals an excerpt for a decision. Whoever seals cannot open.
func SealEvidence(r *Recipient, decisionID string, e *Excerpt) (proxy.EvidenceRecord, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return proxy.EvidenceRecord{}, errors.New("seal evidence: the excerpt has no JSON")
	}
	if rest := b.Len() % padBytes; rest != 0 {
		b.WriteString(strings.Repeat(" ", padBytes-rest))
	}
	sealed, err := hpke.Seal(r.key, evidenceKDF(), evidenceAEAD(), evidenceInfo(decisionID, e.Type), b.Bytes())
	if err != nil {
		return proxy.EvidenceRecord{}, errors.New("seal evidence: the key does not seal")
	}
	return proxy.EvidenceRecord{Sealed: base64.StdEncoding.EncodeToString(sealed), To: r.name, Type: e.Type}, nil
}

// OpenEvidence opens a record of a decision: the reviewer's side. It fails with
// [ErrSealed]; a record that says that others are missing ([More]) holds nothing
// to open and fails too.
func OpenEvidence(k *EvidenceKey, r proxy.EvidenceRecord, decisionID string) (Excerpt, error) {
	if len(r.Sealed) > sealedLimit || strings.ContainsAny(r.Sealed, "\r\n") { // which base64 would pass over
		return Excerpt{}, ErrSealed
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(r.Sealed)
	if err != nil {
		return Excerpt{}, ErrSealed
	}
	b, err := hpke.Open(k.key, evidenceKDF(), evidenceAEAD(), evidenceInfo(decisionID, r.Type), sealed)
	if err != nil {
		return Excerpt{}, ErrSealed
	}
	var e Excerpt
	if json.Unmarshal(b, &e) != nil || e.Type != r.Type {
		return Excerpt{}, ErrSealed
	}
	return e, nil
}

// Evidence seals excerpts of what was found at possible and above and is no
// published test value: the likeliest first, then by place, the same value of a
// type once; at most 16, and 32 KiB as JSON. Where there are more, a last record
// of another type says how many (see [More]). Without a recipient there is none.
func (s *Sealer) Evidence(id string, segments []proxy.Segment, findings []proxy.Finding) []proxy.EvidenceRecord {
	if s.Recipient == nil {
		return nil
	}
	list := make([]*proxy.Finding, 0, len(findings))
	for i := range findings {
		if f := &findings[i]; f.Likelihood >= proxy.Possible && !f.Synthetic {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b *proxy.Finding) int {
		return cmp.Or(cmp.Compare(b.Likelihood, a.Likelihood), cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(a.Type, b.Type))
	})
	var out []proxy.EvidenceRecord
	seen := map[value]bool{}
	size, missing := recordBound+nameLimit, 0 // of the record that says how many are missing
	for _, f := range list {
		text, ok := textOf(segments, &proxy.Edit{Segment: f.Segment, Start: f.Start, End: f.End})
		if !ok {
			continue // no text: the body is refused, see Placeholders.Mask
		}
		if len(seen) == distinctLimit {
			break
		}
		v := value{f.Type, text}
		if seen[v] {
			continue
		}
		seen[v] = true
		if len(out) == excerptLimit {
			missing++
			continue
		}
		r, err := SealEvidence(s.Recipient, id, excerpt(&segments[f.Segment], f))
		n := recordBound + len(r.Sealed) + len(r.To) + len(r.Type)
		if err != nil || size+n > evidenceLimit {
			missing++
			continue
		}
		size += n
		out = append(out, r)
	}
	if missing > 0 {
		out = append(out, proxy.EvidenceRecord{To: s.Recipient.name, Type: more(missing)})
	}
	return out
}

// excerpt takes a match and what is around it out of its segment, on the
// boundaries of characters.
func excerpt(seg *proxy.Segment, f *proxy.Finding) *Excerpt {
	s := seg.Text.Reveal()
	before, after := max(f.Start-aroundBytes, 0), min(f.End+aroundBytes, len(s))
	for before < f.Start && !utf8.RuneStart(s[before]) {
		before++
	}
	for after > f.End && after < len(s) && !utf8.RuneStart(s[after]) {
		after--
	}
	match := s[f.Start:f.End]
	if len(match) > matchLimit {
		n := matchLimit
		for n > 0 && !utf8.RuneStart(match[n]) {
			n--
		}
		match = match[:n]
	}
	return &Excerpt{
		Type: f.Type, Before: s[before:f.Start], Match: match, After: s[f.End:after], Role: string(seg.Role), Cut: f.End - f.Start - len(match),
	}
}
