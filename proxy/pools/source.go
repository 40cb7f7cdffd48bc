package pools

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of reading a key.
const (
	maxKey         = 16 << 10         // bytes; servers take headers of 8 to 60 KiB in all
	commandTimeout = 10 * time.Second // a password manager that waits for somebody must not hold a start up for ever
	commandGrace   = time.Second      // for what a killed command left behind to let go of its output
)

// Source says where a key is to be had: exactly one of its fields is set. It is
// a value and holds no key. The zero Source is none.
type Source struct {
	Env     string   // environment variable
	File    string   // path; a newline at its end is taken off
	Command []string // program and arguments, without a shell; its standard output is the key
}

// IsZero reports whether the Source names nothing.
func (s Source) IsZero() bool { return s.Env == "" && s.File == "" && len(s.Command) == 0 }

// SourceError says why a key could not be had and what to do. It holds nothing
// of the key, nor of what a command printed.
type SourceError struct {
	Reason string // what is wrong
	Remedy string // what to do
	gone   bool   // the place is there, or was looked at, and holds no key: an old one is withdrawn
}

// Error implements error.
func (e *SourceError) Error() string { return e.Reason }

// Read gets the key. The error is a [*SourceError]. It ends with the context,
// and a command after ten seconds whatever the context says.
func (s Source) Read(ctx context.Context) (proxy.Text, error) {
	switch {
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok || strings.TrimRight(v, "\r\n") == "" {
			return proxy.Text{}, &SourceError{"the environment variable " + s.Env + " is not set", "export " + s.Env + " and start Ostiary again", true}
		}
		return key(v, "the environment variable "+s.Env)
	case s.File != "":
		return s.readFile()
	case len(s.Command) > 0:
		return s.run(ctx)
	}
	return proxy.Text{}, &SourceError{"no place of a key is named", "name an environment variable, a file or a command", true}
}

func (s Source) readFile() (proxy.Text, error) {
	what := "the file " + s.File
	f, err := os.Open(s.File)
	if err != nil {
		why := "cannot be read"
		if errors.Is(err, fs.ErrNotExist) {
			why = "does not exist"
		}
		if errors.Is(err, fs.ErrPermission) {
			why = "may not be read by this user"
		}
		return proxy.Text{}, &SourceError{what + " " + why, "write the key into " + s.File + ", readable for the user that runs Ostiary", errors.Is(err, fs.ErrNotExist)}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return proxy.Text{}, &SourceError{what + " is a directory or cannot be read", "name the file that holds the key", true}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKey+3)) // a newline beside
	if err != nil {
		return proxy.Text{}, &SourceError{what + " cannot be read", "look at its permissions and its file system", false}
	}
	return key(string(b), what)
}

// run keeps what the command prints on standard error from everybody: it may
// quote the key.
func (s Source) run(ctx context.Context) (proxy.Text, error) {
	what := "the command " + s.Command[0]
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Command[0], s.Command[1:]...)
	out := &capped{most: maxKey + 3}
	cmd.Stdout, cmd.WaitDelay = out, commandGrace
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return proxy.Text{}, &SourceError{what + " did not end in time", "it must end within 10s and ask nobody anything", false}
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return proxy.Text{}, &SourceError{what + " was not found", "name its full path", false}
	case out.over:
		return proxy.Text{}, &SourceError{what + " printed more than a key", "it must print the key and nothing else", false}
	case err != nil:
		return proxy.Text{}, &SourceError{what + " failed", "run it by hand as the user that runs Ostiary", false}
	}
	return key(out.buf.String(), what)
}

// capped keeps the first bytes written to it and swallows the rest, so that the
// command does not fail for a full pipe.
type capped struct {
	buf  bytes.Buffer
	most int
	over bool
}

// Write implements io.Writer; it never fails.
func (c *capped) Write(p []byte) (int, error) {
	room := c.most - c.buf.Len()
	c.over = c.over || len(p) > room
	c.buf.Write(p[:min(len(p), room)])
	return len(p), nil
}

// key checks that a key can stand in a header's value (RFC 9110, 5.5, without
// the bytes that are obsolete there).
func key(v, what string) (proxy.Text, error) {
	v = strings.TrimRight(v, "\r\n")
	bad := ""
	switch {
	case v == "":
		return proxy.Text{}, &SourceError{what + " holds no key", "put the key there", true}
	case len(v) > maxKey:
		bad = "holds more than a key"
	case strings.TrimSpace(v) != v:
		bad = "holds a key with blanks around it"
	case strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }):
		bad = "holds a key with control characters or line breaks"
	case strings.ContainsFunc(v, func(r rune) bool { return r > '~' }):
		bad = "holds a key with characters that a header cannot carry"
	}
	if bad != "" {
		return proxy.Text{}, &SourceError{what + " " + bad, "put the key there alone, on one line", true}
	}
	return proxy.NewText(v), nil
}

// Plain gets the key as [Source.Read] does, for a library that sends it. What it gives
// may not be formatted, logged or kept.
func (s Source) Plain(ctx context.Context) (string, error) {
	t, err := s.Read(ctx)
	return t.Reveal(), err
}
