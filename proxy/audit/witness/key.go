package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit/durable"
)

// Bytes that begin the material of a key and say what it signs (C2SP
// signed-note, section "Signature types").
const (
	typeEd25519     = 0x01
	typeCosignature = 0x04
)

// A cosignature is eight bytes of time and an Ed25519 signature.
const (
	timeBytes        = 8
	cosignatureBytes = timeBytes + ed25519.SignatureSize
	hashBytes        = 4 // of the hash of a key, before a signature in a note
)

var errSigner = errors.New("not a cosigner key (PRIVATE+KEY+NAME+HASH+KEY of type 0x04)")

// Key is the public half of a cosigner, as clients are given it: a name and an
// Ed25519 key. It is a [note.Verifier] of cosignature/v1 signatures. The message
// that is signed does not name the cosigner, so that one key under two names is
// one witness; see [Policy].
type Key struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

var _ note.Verifier = (*Key)(nil)

// NewKey reads a cosigner's verifier key, NAME+HASH+KEY of C2SP signed-note, of
// type 0x04. Some witnesses publish their key as one of type 0x01; it is taken as
// if it were of type 0x04. White space around it is ignored.
func NewKey(vkey string) (*Key, error) {
	bad := errors.New("not a witness key; expected one line NAME+HASH+KEY")
	name, rest, _ := strings.Cut(strings.TrimSpace(vkey), "+")
	hash16, key64, ok := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.DecodeString(key64)
	if !ok || err != nil || len(hash16) != 2*hashBytes || !validName(name) || len(b) != 1+ed25519.PublicKeySize {
		return nil, bad
	}
	hash, err := strconv.ParseUint(hash16, 16, 32)
	if err != nil || uint32(hash) != keyHash(name, b) || b[0] != typeEd25519 && b[0] != typeCosignature {
		return nil, bad
	}
	return newKey(name, b[1:]), nil
}

func newKey(name string, public ed25519.PublicKey) *Key {
	return &Key{name, keyHash(name, material(public)), public}
}

// Name gives the cosigner's name.
func (k *Key) Name() string { return k.name }

// KeyHash gives the hash that stands before its signatures in a note.
func (k *Key) KeyHash() uint32 { return k.hash }

// String gives the verifier key as [NewKey] reads it.
func (k *Key) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(material(k.public)))
}

// Verify says whether sig is a cosignature of the checkpoint's text, at whatever
// time.
func (k *Key) Verify(text, sig []byte) bool {
	at, ok := cosignedAt(sig)
	return ok && ed25519.Verify(k.public, message(at, text), sig[timeBytes:])
}

// Cosigner signs checkpoints as a witness does, with the time at which it signs.
// It is a [note.Signer] and safe for concurrent use. It signs whatever it is
// given; what may be signed is for a [Witness] to say.
type Cosigner struct {
	key     *Key
	private ed25519.PrivateKey
	now     func() time.Time
}

var _ note.Signer = (*Cosigner)(nil)

// GenerateKey makes the key of a cosigner: the signer key, which is secret, and
// the verifier key. The name is a URL without its scheme by convention, at most
// 255 bytes without white space and plus signs.
func GenerateKey(random io.Reader, name string) (skey string, key *Key, err error) {
	if !validName(name) {
		return "", nil, errors.New("the name of a witness is 1 to 255 bytes without white space and +")
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", nil, errors.New("generate the witness's key")
	}
	key = newKey(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	b := append([]byte{typeCosignature}, seed...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, key.hash, base64.StdEncoding.EncodeToString(b)), key, nil
}

// NewCosigner reads a signer key of type 0x04. Its errors do not quote it.
func NewCosigner(skey string) (*Cosigner, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(skey), "PRIVATE+KEY+")
	parts := strings.Split(rest, "+")
	if !ok || len(parts) < 3 {
		return nil, errSigner
	}
	name, hash16 := parts[0], parts[1]
	b, err := base64.StdEncoding.DecodeString(strings.Join(parts[2:], "+")) // base64 has plus signs of its own
	if err != nil || len(b) != 1+ed25519.SeedSize || b[0] != typeCosignature || !validName(name) {
		return nil, errSigner
	}
	private := ed25519.NewKeyFromSeed(b[1:])
	key := newKey(name, private.Public().(ed25519.PublicKey))
	if hash16 != fmt.Sprintf("%08x", key.hash) {
		return nil, errSigner
	}
	return &Cosigner{key, private, time.Now}, nil
}

// LoadCosigner reads the signer key of a file of mode 0600, and makes one under
// that name where there is no file; its verifier key is put beside it, with the
// ending .pub, for people. A file that is there keeps its name.
func LoadCosigner(file, name string) (*Cosigner, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(file, name); err != nil {
			return nil, fmt.Errorf("make the witness's key: %w", err)
		}
		info, err = os.Stat(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the witness's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the witness's key %s can be read by others (mode %04o): chmod 600 %s, and think about who may have copied it", file, info.Mode().Perm(), file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the witness's key: %w", err)
	}
	c, err := NewCosigner(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func makeKey(file, name string) error {
	skey, key, err := GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), dirMode); err != nil {
		return err
	}
	if err := durable.Replace(file+".pub", []byte(key.String()+"\n")); err != nil {
		return err
	}
	return durable.Replace(file, []byte(skey+"\n"))
}

// Name gives the cosigner's name.
func (c *Cosigner) Name() string { return c.key.name }

// KeyHash gives the hash that stands before its signatures in a note.
func (c *Cosigner) KeyHash() uint32 { return c.key.hash }

// Key gives the public half.
func (c *Cosigner) Key() *Key { return c.key }

// Sign signs the text of a checkpoint with the present time.
func (c *Cosigner) Sign(text []byte) ([]byte, error) {
	at := c.now().Unix()
	if at < 0 {
		return nil, errors.New("the clock is before 1970")
	}
	sig := binary.BigEndian.AppendUint64(make([]byte, 0, cosignatureBytes), uint64(at))
	return append(sig, ed25519.Sign(c.private, message(uint64(at), text))...), nil
}

// line gives a signature as a note has it: one line.
func (c *Cosigner) line(text string) ([]byte, error) {
	sig, err := c.Sign([]byte(text))
	if err != nil {
		return nil, err
	}
	b := append(binary.BigEndian.AppendUint32(nil, c.key.hash), sig...)
	return fmt.Appendf(nil, "— %s %s\n", c.key.name, base64.StdEncoding.EncodeToString(b)), nil
}

// message is what a cosigner signs (C2SP tlog-cosignature, "Ed25519 signed
// message").
func message(at uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

// cosignedAt gives the time of a cosignature, in seconds since 1970.
func cosignedAt(sig []byte) (uint64, bool) {
	if len(sig) != cosignatureBytes {
		return 0, false
	}
	at := binary.BigEndian.Uint64(sig)
	return at, at <= math.MaxInt64
}

// material gives what a verifier key holds.
func material(public ed25519.PublicKey) []byte {
	return append([]byte{typeCosignature}, public...)
}

// keyHash is the key ID of C2SP signed-note: material begins with the type.
func keyHash(name string, material []byte) uint32 {
	h := sha256.Sum256(append([]byte(name+"\n"), material...))
	return binary.BigEndian.Uint32(h[:])
}

const nameLimit = 255

func validName(name string) bool {
	return name != "" && len(name) <= nameLimit && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsSpace) < 0 && !strings.Contains(name, "+")
}

// dirMode is the mode of directories made here.
const dirMode = 0o700

// stateName is the file of a log's last checkpoint, by the hash of its origin.
func stateName(origin string) string {
	h := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(h[:16]) + ".checkpoint"
}
