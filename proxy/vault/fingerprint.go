package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of fingerprints.
const (
	fingerprintLimit = 64       // in one event
	distinctLimit    = 4096     // different values of one event that are told apart
	fingerprintBytes = 16       // of the HMAC
	conversationPart = 1 << 10  // bytes at either end that tell a long message from others
	lowEntropy       = 10       // characters below which a number or a secret can be guessed
	phoneMin         = 7        // digits
	phoneMax         = 15       // digits (E.164)
	cardMin, cardMax = 12, 19   // digits (ISO/IEC 7812-1)
	ibanMin, ibanMax = 15, 34   // characters (ISO 13616)
	valueLimit       = 64 << 10 // bytes of a value; longer ones are none of these
	emailLimit       = 1 << 10  // bytes of an e-mail address, however it is spelled
)

// Types of fingerprints that no detector finds.
const (
	// TypeSubject is the type of a fingerprint of who asks.
	TypeSubject = "SUBJECT"
	// TypeConversation is that of a conversation's beginning.
	TypeConversation = "CONVERSATION"
)

// moreMark begins the entry that says how many are missing in a list.
const moreMark = "more:"

// More reads an entry of a list of fingerprints, or the type of a record of
// evidence, that says that others are missing: they were over the bound of an
// event, or could not be read or sealed. It gives their number, which means so
// many or more.
func More(entry string) (int, bool) {
	s, ok := strings.CutPrefix(entry, moreMark)
	n, err := strconv.Atoi(s)
	return n, ok && err == nil && n > 0
}

func more(n int) string { return moreMark + strconv.Itoa(n) }

// Errors of [Keyring.Hash].
var (
	// ErrNoFingerprint says that values of a type are not fingerprinted.
	ErrNoFingerprint = errors.New("values of this type have no fingerprint, because whoever has the keys could try them all: e-mail addresses, telephone numbers, payment cards, IBANs, national numbers and secrets have one")
	// ErrGuessable says that a value of the type is too short.
	ErrGuessable = errors.New("the value is shorter than ten characters and has no fingerprint, because whoever has the keys could try them all")
	// ErrNotAValue says that a value has not the form of its type.
	ErrNotAValue = errors.New("the value has not the form of its type")
)

// form is how the values of a type are written in one way.
type form int

const (
	formNone form = iota
	formEmail
	formPhone
	formCard
	formIBAN
	formNumber
	formSecret
)

// formOf gives the form of a type's values, formNone where they can be guessed.
func formOf(typ string) form {
	switch typ {
	case typeEmail:
		return formEmail
	case "PHONE_NUMBER":
		return formPhone
	case "CREDIT_CARD":
		return formCard
	case "IBAN_CODE":
		return formIBAN
	case "PASSPORT", "DRIVER_LICENSE", "NATIONAL_ID":
		return formNumber
	case "IP_ADDRESS": // looks like a country's
		return formNone
	}
	switch {
	case strings.HasPrefix(typ, "SECRET_"):
		return formSecret
	case len(typ) > 3 && typ[2] == '_' && 'A' <= typ[0] && typ[0] <= 'Z' && 'A' <= typ[1] && typ[1] <= 'Z':
		return formNumber // CC_NAME
	}
	return formNone
}

// known reports whether a finding has a fingerprint as far as its type goes: of
// the countries' numbers, those that are of a person.
func known(f *proxy.Finding) (form, bool) {
	if f.Likelihood < proxy.Likely || f.Synthetic {
		return formNone, false
	}
	k := formOf(f.Type)
	if k == formNumber && !(slices.Contains(f.Groups, "personal") && slices.Contains(f.Groups, "identifier")) {
		return formNone, false
	}
	return k, k != formNone
}

// normal gives the one way in which a value is written for its fingerprint; the
// package's documentation lists what is done. It fails with [ErrGuessable] or
// [ErrNotAValue].
func normal(k form, value string) (string, error) {
	if len(value) > valueLimit {
		return "", ErrNotAValue
	}
	value = plain(value)
	switch k {
	case formEmail:
		return email(value)
	case formPhone:
		return phone(value)
	case formCard:
		if value = keep(value, isDigit); len(value) < cardMin || len(value) > cardMax {
			return "", ErrNotAValue
		}
	case formIBAN:
		value = keep(strings.ToUpper(value), isWord)
		if len(value) < ibanMin || len(value) > ibanMax || isDigit(rune(value[0])) || isDigit(rune(value[1])) {
			return "", ErrNotAValue
		}
	case formNumber:
		if value = keep(strings.ToUpper(value), isWord); utf8.RuneCountInString(value) < lowEntropy {
			return "", ErrGuessable
		}
	case formSecret:
		value = keep(value, func(r rune) bool { return !unicode.IsSpace(r) })
		if utf8.RuneCountInString(value) < lowEntropy {
			return "", ErrGuessable
		}
	default:
		return "", ErrNoFingerprint
	}
	return value, nil
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
func isWord(r rune) bool  { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// keep gives the characters that are wanted.
func keep(s string, want func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if want(r) {
			return r
		}
		return -1
	}, s)
}

// plain reads full-width forms and digits of any script as ASCII, and leaves out
// characters that cannot be seen.
func plain(s string) string {
	ascii := true
	for i := 0; i < len(s) && ascii; i++ {
		ascii = s[i] < utf8.RuneSelf
	}
	if ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case 0xff01 <= r && r <= 0xff5e: // full-width ! to ~
			return r - 0xff01 + '!'
		case unicode.Is(unicode.Nd, r):
			return digitOf(r)
		case unicode.Is(unicode.Cf, r), r == 0xfe0f:
			return -1
		}
		return r
	}, s)
}

// digitOf gives the ASCII digit of a decimal digit of Unicode: they stand in runs
// of ten, each of which begins with its zero (Unicode Standard, 4.6).
func digitOf(r rune) rune {
	for _, x := range unicode.Nd.R16 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return '0' + (r-rune(x.Lo))%10
		}
	}
	for _, x := range unicode.Nd.R32 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return '0' + (r-rune(x.Lo))%10
		}
	}
	return r
}

// signWords are the words that stand for the signs of an e-mail address.
var signWords = map[string]string{
	"at": "@", "ät": "@", "arroba": "@", "arobase": "@", "chiocciola": "@", "apenstaartje": "@", "małpa": "@",
	"dot": ".", "punkt": ".", "punto": ".", "point": ".", "ponto": ".", "punt": ".", "kropka": ".",
}

// email writes an e-mail address in one way.
func email(s string) (string, error) {
	if len(s) > emailLimit {
		return "", ErrNotAValue
	}
	s = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "mailto:")
	if !strings.Contains(s, "@") {
		for _, sign := range []string{"=40", "%40", "&#64;", "&#x40;", "&commat;"} {
			s = strings.Replace(s, sign, "@", 1)
		}
	}
	if strings.ContainsAny(s, " \t\r\n()[]{}<>") {
		parts := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("()[]{}<>", r) })
		for i, p := range parts {
			if sign, ok := signWords[p]; ok {
				parts[i] = sign
			}
		}
		s = strings.Join(parts, "")
	}
	local, host, ok := strings.Cut(s, "@")
	if !ok || local == "" || host == "" || strings.Contains(host, "@") {
		return "", ErrNotAValue
	}
	return s, nil
}

// phone writes a telephone number in one way.
func phone(s string) (string, error) {
	var b strings.Builder
	n, international := 0, false
	for i, r := range s {
		switch {
		case isDigit(r):
			if international && n > 0 && r == '0' && strings.HasSuffix(s[:i], "(") && strings.HasPrefix(s[i+1:], ")") {
				continue // +44 (0)20
			}
			b.WriteRune(r)
			n++
		case r == '+' && n == 0:
			international = true
		case n >= phoneMin && (unicode.IsLetter(r) || r == '#' || r == ';' || r == ','):
			// An extension follows.
			return international164(b.String(), international)
		}
	}
	return international164(b.String(), international)
}

// international164 puts the + before a number that is international.
func international164(digits string, international bool) (string, error) {
	if rest, ok := strings.CutPrefix(digits, "00"); ok && !international {
		digits, international = rest, true
	}
	if len(digits) < phoneMin || len(digits) > phoneMax {
		return "", ErrNotAValue
	}
	if international {
		return "+" + digits, nil
	}
	return digits, nil
}

// sponge is an HMAC under one key that is used again: it keeps what the key makes
// of it.
type sponge struct {
	mac hash.Hash
	buf [512]byte
	n   int // bytes in buf
}

func (h *sponge) write(s string) {
	for len(s) > 0 { // a []byte of the whole would be a copy
		if h.n == len(h.buf) {
			h.flush()
		}
		n := copy(h.buf[h.n:], s)
		h.n += n
		s = s[n:]
	}
}

func (h *sponge) flush() {
	h.mac.Write(h.buf[:h.n])
	h.n = 0
}

// field writes a string with its length before it.
func (h *sponge) field(s string) {
	if len(h.buf)-h.n < 8 {
		h.flush()
	}
	binary.BigEndian.PutUint64(h.buf[h.n:], uint64(len(s)))
	h.n += 8
	h.write(s)
}

// fingerprint gives fp:TYPE:EPOCH:HASH, the hash being base32 of the first 16
// bytes of HMAC-SHA-256 over type and values, each with its length before it.
func (e *epochKeys) fingerprint(p purpose, typ string, values ...string) string {
	h, ok := e.spare[p].Get().(*sponge)
	if !ok {
		h = &sponge{mac: hmac.New(sha256.New, e.purpose[p][:])}
	}
	h.field(typ)
	for _, v := range values {
		h.field(v)
	}
	h.flush()
	sum := h.mac.Sum(h.buf[:0])[:fingerprintBytes]
	out := append(sum[len(sum):], "fp:"...)
	out = append(out, typ...)
	out = append(out, ':')
	out = strconv.AppendInt(out, int64(e.epoch), 10)
	out = append(out, ':')
	fp := string(base32hash.AppendEncode(out, sum))
	clear(h.buf[:]) // it held content
	h.mac.Reset()
	e.spare[p].Put(h)
	return fp
}

// base32hash is the alphabet of RFC 4648 in small letters, without padding.
var base32hash = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Hash gives the fingerprints of a value, one for each epoch that has a key,
// sorted: what the events that mention the value hold one of. [TypeSubject] is a
// type here too. Numbers that are no person's have fingerprints here that no event
// holds. It fails with [ErrNoFingerprint], [ErrGuessable] or [ErrNotAValue], and
// where a key cannot be read: an answer without one of the epochs would be wrong.
func (k *Keyring) Hash(typ, value string) ([]string, error) {
	p := toFind
	if typ == TypeSubject {
		p = ofSubject
		if value == "" {
			return nil, ErrNotAValue
		}
	} else {
		var err error
		if value, err = normal(formOf(typ), value); err != nil {
			return nil, err
		}
	}
	list, err := k.Epochs()
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(list))
	for _, epoch := range list {
		key, err := readEpoch(k.file(epoch))
		if err != nil {
			return nil, fmt.Errorf("the fingerprint key of epoch %d: %w", epoch, err)
		}
		e := epochKeys{epoch: epoch, spare: new([purposes]sync.Pool)}
		e.purpose[p] = derive(key, p)
		out = append(out, e.fingerprint(p, typ, value))
	}
	slices.Sort(out)
	return out, nil
}

// Sealer makes what an event's personal part holds of content: keyed fingerprints
// and sealed excerpts. The zero Sealer makes none. It is safe for concurrent use.
type Sealer struct {
	Keys      *Keyring   // of fingerprints; nil for none
	Recipient *Recipient // to whom evidence is sealed; nil for none
}

// value is a value found, as it is written for its fingerprint.
type value struct{ typ, text string }

// Fingerprints gives the fingerprints of the values found at likely and above that
// are no published test values, sorted and each once, at most 64. Where there are
// more values, or some that could not be read as their type's, a last entry says
// how many (see [More]). Values that could be guessed have none and are not
// counted.
func (s *Sealer) Fingerprints(segments []proxy.Segment, findings []proxy.Finding) []string {
	if s.Keys == nil {
		return nil
	}
	var out []string
	var seen map[value]bool
	var e *epochKeys
	missing := 0
	for i := range findings {
		f := &findings[i]
		k, ok := known(f)
		if !ok {
			continue
		}
		text, ok := textOf(segments, &proxy.Edit{Segment: f.Segment, Start: f.Start, End: f.End})
		if !ok {
			continue // no text: the body is refused, see Placeholders.Mask
		}
		if seen == nil {
			seen, e = map[value]bool{}, s.Keys.current()
		}
		if len(seen) == distinctLimit {
			break
		}
		v := value{typ: f.Type}
		var err error
		if v.text, err = normal(k, text); errors.Is(err, ErrGuessable) {
			continue
		}
		if err != nil {
			v.text = "\x00" + text // no value has a zero byte: told apart, but not fingerprinted
		}
		if seen[v] {
			continue
		}
		seen[v] = true
		if err != nil || e == nil || len(out) == fingerprintLimit {
			missing++
			continue
		}
		out = append(out, e.fingerprint(toFind, v.typ, v.text))
	}
	slices.Sort(out)
	if missing > 0 {
		out = append(out, more(missing)) // sorts after fp:
	}
	return out
}

// Conversation gives the fingerprint of the first text that a user says. The turns
// of a conversation begin with the same one and so have the same fingerprint,
// within an epoch. It is empty where there is no such text, or no key. Of a message
// longer than 2 KiB both ends and the length count.
func (s *Sealer) Conversation(segments []proxy.Segment) string {
	if s.Keys == nil {
		return ""
	}
	for i := range segments {
		seg := &segments[i]
		if seg.Role != proxy.RoleUser || seg.Kind != proxy.KindString || seg.Text.Len() == 0 {
			continue
		}
		e := s.Keys.current()
		if e == nil {
			return ""
		}
		text := seg.Text.Reveal()
		if len(text) <= 2*conversationPart {
			return e.fingerprint(ofConversation, TypeConversation, text)
		}
		return e.fingerprint(ofConversation, TypeConversation, text[:conversationPart], text[len(text)-conversationPart:], strconv.Itoa(len(text)))
	}
	return ""
}

// Subject gives the fingerprint of who asks, by the name at the identity provider;
// empty where there is no name, or no key.
func (s *Sealer) Subject(name string) string {
	if s.Keys == nil || name == "" {
		return ""
	}
	if e := s.Keys.current(); e != nil {
		return e.fingerprint(ofSubject, TypeSubject, name)
	}
	return ""
}
