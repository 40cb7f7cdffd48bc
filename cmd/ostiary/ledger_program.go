package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Bounds of the look at the program that runs.
const (
	programTime  = 10 * time.Second // that a start waits for the digest
	programBytes = 1 << 30          // of an executable file
)

// program is the digest of an executable file, which is read behind everything else.
type program struct {
	known  chan struct{} // closed when it is
	digest string        // hex; of known
	err    error         // of known; holds no content
}

// thisProgram gives the program that runs. Its file is read once in a process.
var thisProgram = sync.OnceValue(func() *program {
	p := &program{known: make(chan struct{})}
	go func() {
		defer close(p.known)
		p.digest, p.err = executableDigest()
	}()
	return p
})

// revision says which program it is, for those who ask later which one made a
// decision: its version, and SHA-256 over its file. A version alone can be that of
// many builds. What it cannot be told within a time is "unknown", with the reason.
func (p *program) revision(wait time.Duration) (string, error) {
	t := time.NewTimer(wait)
	defer t.Stop()
	err := fmt.Errorf("its file was not read within %v", wait)
	select {
	case <-p.known:
		if err = p.err; err == nil {
			return version + " sha256:" + p.digest, nil
		}
	case <-t.C:
	}
	return version + " sha256:unknown", fmt.Errorf("events do not say by its digest which program decided: %w", err)
}

// executableDigest reads the file of the program that runs. Linux knows it also where
// another file stands under its name by now, as after an update.
func executableDigest() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		name, err := os.Executable()
		if err != nil {
			return "", err
		}
		if f, err = os.Open(name); err != nil {
			return "", err
		}
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, programBytes+1))
	switch {
	case err != nil:
		return "", err
	case n > programBytes:
		return "", fmt.Errorf("%s is larger than %d bytes", f.Name(), programBytes)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
