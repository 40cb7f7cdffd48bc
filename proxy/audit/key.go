package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Names of files in a key directory.
const (
	keyFile    = "log.key"
	publicFile = "log.pub" // also, as a hint for people, in the log's directory
)

// DefaultDir gives the directory of the audit log where no configuration names
// one: $XDG_STATE_HOME/ostiary/log, else ~/.local/state/ostiary/log. It fails
// where the user has no home.
func DefaultDir() (string, error) {
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "ostiary", "log"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("no directory for the audit log: neither XDG_STATE_HOME nor HOME is set; name one")
	}
	return filepath.Join(home, ".local", "state", "ostiary", "log"), nil
}

// DefaultKeyDir gives the directory of the key of the log in dir where nobody
// names another: beside it, never inside, so that a copy of the log holds no key.
func DefaultKeyDir(dir string) string { return filepath.Clean(dir) + ".keys" }

// loadKey reads the signing key of a key directory, and makes one where there is
// none. host names the key; it is only for people.
func loadKey(dir, host string, random io.Reader) (note.Signer, string, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, "", fmt.Errorf("make the key directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, keyFile)); errors.Is(err, fs.ErrNotExist) {
		if err := makeKeyAs(dir, keyFile, publicFile, host, random); err != nil {
			return nil, "", fmt.Errorf("make the log's key: %w", err)
		}
	}
	return readKey(dir, keyFile, publicFile)
}

// readKey reads a pair of files of a key directory.
func readKey(dir, private, public string) (note.Signer, string, error) {
	name := filepath.Join(dir, private)
	info, err := os.Stat(name)
	if err != nil {
		return nil, "", fmt.Errorf("read the log's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, "", fmt.Errorf("the log's key %s can be read by others (mode %04o): chmod 600 %s, and think about who may have copied it", name, info.Mode().Perm(), name)
	}
	secret, err := os.ReadFile(name)
	if err != nil {
		return nil, "", fmt.Errorf("read the log's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	if err != nil {
		// The library's error may quote the key.
		return nil, "", fmt.Errorf("the log's key %s is not a note signer key (PRIVATE+KEY+…)", name)
	}
	text, err := os.ReadFile(filepath.Join(dir, public))
	if err != nil {
		return nil, "", fmt.Errorf("read the log's verifier key: %w", err)
	}
	return signer, strings.TrimSpace(string(text)), nil
}

// makeKeyAs makes an Ed25519 key. The public half is written first: a private half
// without one would be useless, and the other way round is made good by the next
// start.
func makeKeyAs(dir, private, public, host string, random io.Reader) error {
	id := make([]byte, 4)
	if _, err := io.ReadFull(random, id); err != nil {
		return err
	}
	secret, text, err := note.GenerateKey(random, "ostiary/"+host+"/key-"+hex.EncodeToString(id))
	if err != nil {
		return errors.New("generate the log's key")
	}
	for _, f := range []struct{ name, text string }{{public, text}, {private, secret}} {
		if err := writeWhole(filepath.Join(dir, f.name), []byte(f.text+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// writeWhole writes a file of the key directory so that after a crash it is there
// whole or not at all.
func writeWhole(name string, b []byte) error {
	if err := replaceFile(disk{}, name, b, true); err != nil {
		return err
	}
	return disk{}.SyncDir(filepath.Dir(name))
}

// replaceFile puts b in the place of a file by renaming. Where sync is false,
// only a crash of the machine can lose the new content.
func replaceFile(fsys fileSystem, name string, b []byte, sync bool) error {
	temp := name + ".new"
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil && sync {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return fsys.Rename(temp, name)
}

// seenName is the file beside the key that keeps the last checkpoint of a log:
// with it, a log that was put back to an older state is recognised.
func seenName(keyDir, origin string) string {
	h := sha256.Sum256([]byte(origin))
	return filepath.Join(keyDir, "seen-"+hex.EncodeToString(h[:8])+".checkpoint")
}

// newOrigin names a new log. The random part tells the logs of one host apart.
func newOrigin(host string, random io.Reader) (string, error) {
	id := make([]byte, 8)
	if _, err := io.ReadFull(random, id); err != nil {
		return "", err
	}
	return "ostiary/" + host + "/" + hex.EncodeToString(id), nil
}

// hostLabel gives the host's name as far as it may stand in a key's name.
func hostLabel() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "host"
	}
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
	const labelLimit = 64
	return label[:min(len(label), labelLimit)]
}

// defaultRandom is the source of keys and names.
func defaultRandom() io.Reader { return rand.Reader }

// Trusted reads what a verification of the log in dir may trust from a key
// directory: the verifier key and the last checkpoint that was signed there. What
// is not there is left out. It fails where something is there and cannot be read.
func Trusted(keyDir, dir string) (VerifyOptions, error) {
	var o VerifyOptions
	b, err := os.ReadFile(filepath.Join(keyDir, publicFile))
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("read the verifier key: %w", err)
	}
	if o.Key, err = NewVerifier(b); err != nil {
		return o, fmt.Errorf("%s: %w", filepath.Join(keyDir, publicFile), err)
	}
	list, err := listSegments(dir)
	if err != nil || len(list) == 0 || list[0].header == nil {
		return o, nil // Verify says so
	}
	b, err = os.ReadFile(seenName(keyDir, list[0].header.origin))
	if err != nil {
		return o, nil
	}
	// It is not synchronised: a power failure may have left a part of it.
	if _, err := peekCheckpoint(b); err == nil {
		o.Checkpoint = b
	}
	return o, nil
}
