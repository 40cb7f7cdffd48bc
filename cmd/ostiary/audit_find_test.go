package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

// TestAuditScripts runs the commands of the audit log as a person would, on logs that
// the scripts write and alter:
//
//	seed DIR FILE          records the events of a file (see [seeded]) in a new log, or
//	                       in one that is there
//	tamper KIND FILE [N]   alters a segment behind the log's back (see [tampered])
//	witness DIR            has a witness, at $WITNESS, sign the log's checkpoint; its key
//	                       is put into witness.pub, what it signed last into cosigned
func TestAuditScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/audit",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("XDG_RUNTIME_DIR", "")
			e.Setenv("TMPDIR", os.TempDir())
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"seed": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 2 {
					ts.Fatalf("usage: seed DIR FILE")
				}
				ts.Check(seeded(ts.MkAbs(args[0]), ts.ReadFile(args[1])))
			},
			"tamper": func(ts *testscript.TestScript, _ bool, args []string) {
				n := 0
				if len(args) == 3 {
					var err error
					n, err = strconv.Atoi(args[2])
					ts.Check(err)
				} else if len(args) != 2 {
					ts.Fatalf("usage: tamper KIND FILE [RECORD]")
				}
				ts.Check(tampered(args[0], ts.MkAbs(args[1]), n))
			},
			"witness": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 1 {
					ts.Fatalf("usage: witness DIR")
				}
				ts.Check(witnessed(ts, ts.MkAbs(args[0])))
			},
		},
	})
}

// seeded records events that are written one a line:
//
//	decision ID TIME APP POOL ACTION [TYPE/GROUP...]     POOL - for none; * for masked
//	outcome OF TIME SENT [REASON]
//	KIND ID TIME ACTION [DETAIL]
//	seal                                                 begins a new segment
//
// TIME is in UTC without its Z and its seconds.
func seeded(dir, text string) error {
	l, err := audit.Open(dir, audit.Options{Origin: "test.example/" + filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir), Segment: 1 << 18, Ahead: 1})
	if err != nil {
		return err
	}
	var events []*proxy.Event
	flush := func() error {
		err := l.Record(context.Background(), events...)
		events = nil
		return err
	}
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if w[0] == "seal" {
			err = errors.Join(err, flush(), l.Seal(context.Background()))
			continue
		}
		if len(w) < 4 || w[0] == "decision" && len(w) < 6 {
			return errors.Join(fmt.Errorf("not an event: %s", line), l.Close())
		}
		events = append(events, seedEvent(w))
	}
	return errors.Join(err, flush(), l.Close())
}

// seedPools are the pools of seeded events. Nobody states anything of "nowhere".
var seedPools = []proxy.PoolFacts{
	{Boundary: "internal", Jurisdiction: "DE", Name: "house", Retention: "none", Training: "no"},
	{Boundary: "external", Jurisdiction: "US", Name: "openai", Retention: "30d", Training: "no"},
	{Boundary: "external", Jurisdiction: "FR", Name: "paris", Retention: "none", Training: "no"},
}

func seedEvent(w []string) *proxy.Event {
	ev := &proxy.Event{ID: w[1], Kind: w[0], Time: w[2] + ":00.000Z", V: proxy.EventVersion}
	switch w[0] {
	case proxy.EventDecision:
		ev.Policy = &proxy.PolicyRecord{Config: "c-1", Policies: "p-1", Suite: "s-1"}
		ev.Request = &proxy.RequestRecord{Application: w[3], Bytes: 512, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/2"}
		ev.Decision = &proxy.DecisionRecord{
			Action: proxy.Action(w[5]), Mode: proxy.Enforce, Pool: strings.Trim(w[4], "-"), Reasons: []proxy.Reason{},
			Facts: &proxy.Facts{Mode: proxy.Enforce, Pools: seedPools, Principal: proxy.PrincipalFacts{Application: w[3], Team: "team-" + w[3]}, Version: 1},
		}
		for _, f := range w[6:] {
			typ, group, _ := strings.Cut(f, "/")
			ev.Findings = append(ev.Findings, proxy.FindingRecord{Count: 1, Groups: []string{group}, Likelihood: "likely", Roles: []string{"user"}, Type: typ})
		}
	case proxy.EventOutcome:
		ev.ID, ev.DecisionID = "OF-"+w[1], w[1]
		ev.Outcome = &proxy.OutcomeRecord{Inspected: true, Sent: w[3]}
		if len(w) > 4 {
			ev.Outcome.Reason = w[4]
		}
	default:
		ev.Admin = &proxy.AdminRecord{Action: w[3], Detail: strings.Join(w[4:], " ")}
	}
	return ev
}

// frames gives where the frames of a segment file begin, and where the last one ends:
// 24 bytes of header, of which the first four are the length of the event and bytes 20
// to 23 that of the personal part, then both, up to a multiple of eight.
func frames(b []byte) ([]int, error) {
	const page = 4096 // the segment's header
	var out []int
	for at := page; at+24 <= len(b); {
		out = append(out, at)
		n := int(binary.LittleEndian.Uint32(b[at:]))
		if n == 0 {
			return out, nil
		}
		at += (24 + n + int(binary.LittleEndian.Uint32(b[at+20:])) + 7) / 8 * 8
	}
	return nil, errors.New("the segment's frames have another form than this test knows")
}

// tampered alters the record of a segment file that is the n-th of the file.
func tampered(kind, name string, n int) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if kind == "byte" { // of a file that is no segment in use: its middle
		b[len(b)/2] ^= 1
		return os.WriteFile(name, b, 0o600)
	}
	at, err := frames(b)
	if err != nil {
		return err
	}
	if n+2 >= len(at) {
		return fmt.Errorf("%s has %d records", name, len(at)-1)
	}
	this, next, last := bytes.Clone(b[at[n]:at[n+1]]), bytes.Clone(b[at[n+1]:at[n+2]]), at[len(at)-1]
	rest := bytes.Clone(b[at[n+1]:last])
	put := func(from int, parts ...[]byte) {
		for _, p := range parts {
			from += copy(b[from:], p)
		}
		clear(b[from:max(from, last)])
	}
	sum := func(f []byte) {
		end := 24 + int(binary.LittleEndian.Uint32(f)) + int(binary.LittleEndian.Uint32(f[20:]))
		table := crc32.MakeTable(crc32.Castagnoli)
		binary.LittleEndian.PutUint32(f[4:], crc32.Update(crc32.Update(0, table, f[:4]), table, f[8:end]))
	}
	switch kind {
	case "flip": // one bit
		b[at[n]+24+10] ^= 1
	case "forge": // the event, and its checksum
		i := bytes.Index(this, []byte(`"time":"20`))
		this[i+len(`"time":"20`)] ^= 1
		sum(this)
		put(at[n], this, rest)
	case "delete": // the record, the others moved up
		put(at[n], rest)
	case "delete-renumbered": // and given its number
		for i := n + 1; i < len(at)-1; i++ {
			f := b[at[i]:at[i+1]]
			binary.LittleEndian.PutUint64(f[8:], binary.LittleEndian.Uint64(f[8:])-1)
			sum(f)
		}
		put(at[n], bytes.Clone(b[at[n+1]:last]))
	case "insert": // the record once more behind itself
		put(at[n], this, this, rest)
	case "reorder": // with the one behind it
		put(at[n], next, this, rest[len(next):])
	case "truncate": // it and all behind it
		return os.Truncate(name, int64(at[n]))
	case "erase": // the same with zeros in their place
		clear(b[at[n]:last])
	default:
		return fmt.Errorf("tamper knows no %s", kind)
	}
	return os.WriteFile(name, b, 0o600)
}

// witnessed has the script's witness sign the checkpoint of a log.
func witnessed(ts *testscript.TestScript, dir string) error {
	work := ts.Getenv("WORK")
	keys, err := audit.Trusted(audit.DefaultKeyDir(dir), dir)
	if err != nil {
		return err
	}
	r, err := audit.OpenReader(dir)
	if err != nil {
		return err
	}
	origin, err := r.Origin()
	if err != nil {
		return err
	}
	cosigner, err := witness.LoadCosigner(filepath.Join(work, "witness.key"), "witness.example/w1")
	if err != nil {
		return err
	}
	if ts.Getenv("WITNESS") == "" {
		w, err := witness.New(witness.Options{Dir: filepath.Join(work, "witness"), Cosigner: cosigner, Logs: []witness.Log{{Origin: origin, Keys: []note.Verifier{keys.Key}}}})
		if err != nil {
			return err
		}
		s := httptest.NewServer(w)
		ts.Defer(func() { s.Close(); _ = w.Close() })
		ts.Setenv("WITNESS", s.URL)
	}
	client, err := witness.NewClient(witness.ClientOptions{URL: ts.Getenv("WITNESS"), Key: cosigner.Key()})
	if err != nil {
		return err
	}
	signed, err := r.Checkpoint()
	if err != nil {
		return err
	}
	c, err := audit.PeekCheckpoint(signed)
	if err != nil {
		return err
	}
	source, err := tiles.Open(dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := client.Submit(ctx, signed, func(old int64) ([]tlog.Hash, error) { return tiles.Prove(source, tiles.Tree(c), old) }); err != nil {
		return err
	}
	last, err := client.Last(ctx, origin)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(work, "cosigned"), last, 0o600),
		os.WriteFile(filepath.Join(work, "witness.pub"), []byte(cosigner.Key().String()+"\n"), 0o600),
	)
}
