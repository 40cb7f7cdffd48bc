// Package identity says who asks: an application by its key, or else whoever
// sits at the other end of the connection. In front of that, [Door] refuses what
// a web page could have sent.
//
// Keys are kept and compared as SHA-256 only. What a client merely says about
// itself is recorded as asserted and decides nothing here.
package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of keys and of what is compared.
const (
	minKey        = 4  // bytes of an application key; see ShortKey
	maxCandidates = 16 // values in the key headers of one request; a client sends one or two
	maxCandidate  = 4096
)

// headerAsserted is where a client may say which application it is.
const headerAsserted = "ostiary-application"

// keyHeaders are where an application key may stand, in the order in which they
// are looked at. Authorization takes it after the word Bearer (RFC 6750, 2.1).
var keyHeaders = []string{proxy.HeaderKey, "authorization", "x-api-key", "api-key"}

// ErrDuplicateKey says that two applications have the same key; give one of them
// another.
var ErrDuplicateKey = errors.New("two applications have the same key")

// Application is somebody who may ask. It holds no key, only its digest.
type Application struct {
	Name   string
	Team   string
	Groups []string // shared with every principal, not to be written
	Keys   []Key
	// Keyed says that the configuration names keys for it, though they may be
	// missing now. Without it, an application whose only key could not be read
	// would open the door to everybody.
	Keyed bool
}

// Key is the digest of an application key.
type Key struct{ sum [sha256.Size]byte }

// ShortKey is the length in bytes below which a key can be guessed over a
// network. Shorter ones are taken, and the caller should warn.
const ShortKey = 16

// NewKey makes the digest. The error, which holds nothing of the key, says that
// it is too short or holds what a header cannot carry.
func NewKey(key proxy.Text) (Key, error) {
	k := key.Reveal()
	if len(k) < minKey {
		return Key{}, fmt.Errorf("an application key has at least %d characters", minKey)
	}
	if len(k) > maxCandidate {
		return Key{}, fmt.Errorf("an application key has at most %d characters", maxCandidate)
	}
	if strings.ContainsFunc(k, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Key{}, errors.New("an application key is made of visible ASCII characters without blanks")
	}
	return Key{sha256.Sum256([]byte(k))}, nil
}

// Identifier implements [proxy.Identifier] for configured applications. It is
// not written after New and safe for concurrent use.
type Identifier struct {
	apps     []Application
	keys     []owned // of all applications
	required bool
}

type owned struct {
	key Key
	app int
}

var _ proxy.Identifier = (*Identifier)(nil)

// New makes an Identifier. Once any application is keyed, every request needs a
// known key. It fails where a name is empty or stands twice, and with
// [ErrDuplicateKey]; the same key twice within one application is the same key.
func New(apps []Application) (*Identifier, error) {
	id := &Identifier{apps: apps}
	names := map[string]bool{}
	owners := map[Key]int{}
	for i, a := range apps {
		if a.Name == "" || a.Name == proxy.Other || a.Name == proxy.Unknown || names[a.Name] {
			return nil, fmt.Errorf("application %d: its name %q is empty, taken or reserved", i+1, a.Name)
		}
		names[a.Name] = true
		id.required = id.required || a.Keyed || len(a.Keys) > 0
		for _, k := range a.Keys {
			if k == (Key{}) {
				return nil, fmt.Errorf("application %s: an empty key", a.Name)
			}
			owner, taken := owners[k]
			switch {
			case !taken:
				owners[k] = i
				id.keys = append(id.keys, owned{k, i})
			case owner != i:
				return nil, fmt.Errorf("applications %s and %s: %w", apps[owner].Name, a.Name, ErrDuplicateKey)
			}
		}
	}
	return id, nil
}

// Identify implements [proxy.Identifier]. The first header with a known key, in
// the order ostiary-key, authorization, x-api-key, api-key, says who asks. Every
// header that carries a known key is to be stripped, whosever it is, and
// ostiary-key always.
func (id *Identifier) Identify(h *proxy.Head) (proxy.Principal, error) {
	p := proxy.Principal{Method: "peer", Strip: []string{proxy.HeaderKey}, Asserted: id.asserted(h)}
	app, strip, err := id.find(h, keyHeaders)
	if err != nil {
		return proxy.Principal{}, err
	}
	for _, name := range strip {
		if name != proxy.HeaderKey {
			p.Strip = append(p.Strip, name)
		}
	}
	if app == nil {
		if id.required {
			return proxy.Principal{}, unknownKey()
		}
		return p, nil
	}
	p.Method, p.Application, p.Team, p.Groups = "key", app.Name, app.Team, app.Groups
	return p, nil
}

// find gives the application whose key stands first in the headers of those
// names, nil where no known key does, and the names of the headers that carry
// one. It fails where there are more candidates than are looked at.
func (id *Identifier) find(h *proxy.Head, names []string) (found *Application, strip []string, err error) {
	if len(id.keys) == 0 {
		return nil, nil, nil
	}
	app, tried := -1, 0
	for _, name := range names {
		carries := false
		for i := range h.Header {
			if h.Header[i].Name != name {
				continue
			}
			// More candidates than any client sends are a search for keys; and
			// a header that was not looked at could not be stripped.
			if tried++; tried > maxCandidates {
				return nil, nil, unknownKey()
			}
			if owner := id.owner(name, h.Header[i].Value.Reveal()); owner >= 0 {
				carries = true
				if app < 0 {
					app = owner
				}
			}
		}
		if carries {
			strip = append(strip, name)
		}
	}
	if app < 0 {
		return nil, strip, nil
	}
	return &id.apps[app], strip, nil
}

// owner gives the application whose key stands in a header's value, or -1. It
// compares digests with all keys there are, whatever it finds: how long it takes
// tells neither how much of a key was right nor whose it is.
func (id *Identifier) owner(header, value string) int {
	value = strings.Trim(value, " \t")
	name := ""
	switch header {
	case "authorization":
		scheme, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "bearer") {
			return -1
		}
		value = strings.Trim(token, " \t")
	case headerProxy:
		name, value = proxyCredential(value)
	}
	if value == "" || len(value) > maxCandidate {
		return -1
	}
	sum := sha256.Sum256([]byte(value))
	found := 0 // the application's number, counted from 1
	for i := range id.keys {
		same := subtle.ConstantTimeCompare(sum[:], id.keys[i].key.sum[:])
		found |= subtle.ConstantTimeSelect(same, id.keys[i].app+1, 0)
	}
	if found > 0 && name != "" && id.apps[found-1].Name != name {
		return -1 // the key of one application beside the name of another
	}
	return found - 1
}

// asserted gives what the client says it is: a configured name, "other" for
// anything else, or nothing.
func (id *Identifier) asserted(h *proxy.Head) string {
	name, n := "", 0
	for i := range h.Header {
		if h.Header[i].Name == headerAsserted {
			name = h.Header[i].Value.Reveal()
			n++
		}
	}
	if n == 0 {
		return ""
	}
	for i := range id.apps {
		if n == 1 && id.apps[i].Name == name {
			return id.apps[i].Name
		}
	}
	return proxy.Other
}

func unknownKey() error {
	return &proxy.Error{
		Op: "identify", Kind: proxy.Refused, Code: proxy.CodeUnknownKey,
		Hint: "This gateway needs an application key that it knows. Send the one that its operator gave you as ostiary-key, authorization: Bearer, x-api-key or api-key.",
	}
}
