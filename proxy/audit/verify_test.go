package audit

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// specimen is a log of several segments with checkpoints every 40 records, closed.
// It is made once for each test and then altered.
const specimenSize = 420

func specimen(t *testing.T, dir string) {
	t.Helper()
	l := open(t, dir, quiet())
	for i := range specimenSize / 2 {
		record(t, l, decision(i), outcomeOf(i))
		if i%20 == 19 {
			must(t, l.notary.run())
		}
	}
	shut(t, l)
}

// locate finds the frame of a record: file, offset and size on disk.
func locate(t *testing.T, dir string, index int64) (name string, offset int64, size int) {
	t.Helper()
	list, err := listSegments(dir)
	must(t, err)
	for _, s := range list {
		if s.header == nil {
			continue
		}
		sc, err := openScan(dir, s, segmentHeader, false)
		must(t, err)
		defer sc.close()
		for {
			at := sc.offset
			fr, err := sc.next()
			if err != nil {
				break
			}
			if fr.index == index {
				return s.name, at, int(sc.offset - at)
			}
		}
	}
	t.Fatalf("record %d is not there", index)
	return "", 0, 0
}

// forge changes a record and makes its frame good again.
func forge(t *testing.T, dir string, index int64) {
	t.Helper()
	name, at, size := locate(t, dir, index)
	patch(t, filepath.Join(dir, name), func(b []byte) {
		f, _, err := readFrame(b[at : at+int64(size)])
		must(t, err)
		json := bytes.Replace(f.json, []byte(`"kind":"`), []byte(`"kine":"`), 1)
		copy(b[at:], appendFrame(nil, frame{index, f.durable, json, f.personal}))
	})
}

func patch(t *testing.T, name string, change func([]byte)) {
	t.Helper()
	b := read(t, name)
	change(b)
	must(t, os.WriteFile(name, b, 0o600))
}

// unsealed takes the tiles away, which whoever forges may do too.
func unsealed(t *testing.T, dir string) {
	t.Helper()
	must(t, os.RemoveAll(filepath.Join(dir, "tile")))
}

// otherKey signs with a key that nobody trusts.
func otherKey(t *testing.T) (note.Signer, note.Verifier) {
	t.Helper()
	signer, public, err := loadKey(filepath.Join(t.TempDir(), "keys"), "mallory", defaultRandom())
	must(t, err)
	v, err := NewVerifier([]byte(public))
	must(t, err)
	return signer, v
}

// Whatever is done to a log, verify says so and names the first bad record.
func TestAlterations(t *testing.T) {
	for _, c := range []struct {
		name   string
		alter  func(t *testing.T, dir string, o *VerifyOptions)
		answer Answer
		bad    int64 // first bad record; -1 for none
		until  int64 // 0 for bad+1
		says   string
		// opens: recovery does not look at what is before the last segments, so the
		// log can be opened all the same. verify is there for that.
		opens bool
	}{
		{name: "nothing", answer: Good, bad: -1, opens: true,
			alter: func(*testing.T, string, *VerifyOptions) {}},
		{name: "a bit flipped", answer: Altered, bad: 97, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, size := locate(t, dir, 97)
				patch(t, filepath.Join(dir, name), func(b []byte) { b[at+int64(size)/2] ^= 4 })
			}},
		{name: "a bit flipped in the last segment", answer: Altered, bad: specimenSize - 3,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, _ := locate(t, dir, specimenSize-3)
				patch(t, filepath.Join(dir, name), func(b []byte) { b[at+frameHeader+7] ^= 1 })
			}},
		{name: "a record forged", answer: Altered, bad: 133, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) { forge(t, dir, 133) }},
		{name: "a record forged in the last segment", answer: Altered, bad: specimenSize - 5,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) { forge(t, dir, specimenSize-5) }},
		{name: "a record forged and the tiles gone", answer: Altered, bad: 120, until: 160,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) { forge(t, dir, 133); unsealed(t, dir) }},
		{name: "two records exchanged", answer: Altered, bad: 50, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, a, n := locate(t, dir, 50)
				_, b, m := locate(t, dir, 52)
				patch(t, filepath.Join(dir, name), func(file []byte) {
					x, _, err := readFrame(bytes.Clone(file[a : a+int64(n)]))
					must(t, err)
					y, _, err := readFrame(bytes.Clone(file[b : b+int64(m)]))
					must(t, err)
					x.index, y.index = y.index, x.index
					if n != m {
						t.Fatal("the records are not of one size")
					}
					copy(file[a:], appendFrame(nil, y))
					copy(file[b:], appendFrame(nil, x))
				})
			}},
		{name: "a record deleted", answer: Altered, bad: 60, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, size := locate(t, dir, 60)
				patch(t, filepath.Join(dir, name), func(b []byte) {
					copy(b[at:], b[at+int64(size):])
					clear(b[len(b)-size:])
				})
			}},
		{name: "a record deleted and the others numbered anew", answer: Altered, bad: 60, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, size := locate(t, dir, 60)
				patch(t, filepath.Join(dir, name), func(b []byte) {
					rest := bytes.Clone(b[at+int64(size):])
					clear(b[at:])
					out := b[at:at]
					for {
						f, n, err := readFrame(rest)
						if err != nil {
							return
						}
						f.index--
						out = appendFrame(out, f)
						rest = rest[n:]
					}
				})
			}},
		{name: "a record zeroed", answer: Altered, bad: 61, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, size := locate(t, dir, 61)
				patch(t, filepath.Join(dir, name), func(b []byte) { clear(b[at : at+int64(size)]) })
			}},
		{name: "the tail cut off", answer: Altered, bad: specimenSize - 2,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, _ := locate(t, dir, specimenSize-2)
				patch(t, filepath.Join(dir, name), func(b []byte) { clear(b[at:]) })
			}},
		{name: "a segment gone", answer: Altered, bad: -2,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				must(t, os.Remove(filepath.Join(dir, segmentName(2))))
			}},
		{name: "the first segment gone", answer: Altered, bad: 0,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				must(t, os.Remove(filepath.Join(dir, segmentName(0))))
			}},
		{name: "the last segment gone", answer: Altered, bad: -2,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				list, err := listSegments(dir)
				must(t, err)
				used, _, err := begun(dir, list)
				must(t, err)
				must(t, os.Remove(filepath.Join(dir, used[len(used)-1].name)))
			}},
		{name: "a segment's header altered", answer: Altered, bad: -2,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				patch(t, filepath.Join(dir, segmentName(3)), func(b []byte) { b[headerFixed+2] ^= 1 })
			}},
		{name: "all segments gone", answer: Altered, bad: 0,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				must(t, os.RemoveAll(filepath.Join(dir, "segments")))
			}},
		{name: "put back to an older state", answer: Altered, bad: specimenSize, says: "outside",
			alter: func(t *testing.T, dir string, o *VerifyOptions) {
				old := filepath.Join(t.TempDir(), "old")
				copyTree(t, dir, old)
				l := open(t, dir, quiet())
				record(t, l, small(7), small(8))
				shut(t, l)
				o.Checkpoint = read(t, dir, checkpointFile)
				must(t, os.RemoveAll(dir))
				copyTree(t, old, dir)
			}},
		{name: "forked", answer: Altered, bad: specimenSize, says: "outside", opens: true, // nothing beside the log says otherwise
			alter: func(t *testing.T, dir string, o *VerifyOptions) {
				old := filepath.Join(t.TempDir(), "old")
				copyTree(t, dir, old)
				l := open(t, dir, quiet())
				record(t, l, small(7))
				shut(t, l)
				o.Checkpoint = read(t, dir, checkpointFile)
				must(t, os.RemoveAll(dir))
				copyTree(t, old, dir)
				must(t, os.Remove(seenName(DefaultKeyDir(dir), "test.example/log")))
				l = open(t, dir, quiet())
				record(t, l, small(9))
				shut(t, l)
			}},
		{name: "signed anew with another key", answer: Altered, bad: -1, says: "has not signed",
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				signer, _ := otherKey(t)
				var f frontier
				for _, r := range records(t, dir) {
					f.add(tlog.RecordHash(r.JSON))
				}
				signed, err := Checkpoint{"test.example/log", f.size, f.root()}.sign(signer)
				must(t, err)
				must(t, os.RemoveAll(filepath.Join(dir, "checkpoints")))
				must(t, os.WriteFile(filepath.Join(dir, checkpointFile), signed, 0o600))
			}},
		{name: "another log in its place", answer: Altered, bad: -1, says: "of another log",
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				o := quiet()
				o.Origin, o.KeyDir = "other.example/log", DefaultKeyDir(dir)
				other := filepath.Join(t.TempDir(), "other")
				l := open(t, other, o)
				record(t, l, small(1))
				shut(t, l)
				must(t, os.RemoveAll(dir))
				copyTree(t, other, dir)
			}, opens: true}, // under its own name it is a good log
		{name: "the checkpoints gone", answer: Good, bad: -1,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) { // the one from outside is enough
				must(t, os.RemoveAll(filepath.Join(dir, "checkpoints")))
				must(t, os.Remove(filepath.Join(dir, checkpointFile)))
				must(t, os.Remove(seenName(DefaultKeyDir(dir), "test.example/log")))
			}},
		{name: "no key from outside", answer: Unclear, bad: -1, says: "no key", opens: true,
			alter: func(_ *testing.T, _ string, o *VerifyOptions) { o.Key = nil }},
		{name: "no checkpoint from outside", answer: Unclear, bad: -1, says: "older state", opens: true,
			alter: func(_ *testing.T, _ string, o *VerifyOptions) { o.Checkpoint = nil }},
		{name: "neither, and a record forged", answer: Altered, bad: 133, opens: true,
			alter: func(t *testing.T, dir string, o *VerifyOptions) { *o = VerifyOptions{}; forge(t, dir, 133) }},
		{name: "the copy of the checkpoint torn", answer: Good, bad: -1, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				must(t, os.WriteFile(filepath.Join(dir, checkpointFile), nil, 0o600))
			}},
		{name: "a write cut off", answer: Good, bad: -1, opens: true,
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, size := locate(t, dir, specimenSize-1)
				end := at + int64(size)
				patch(t, filepath.Join(dir, name), func(b []byte) {
					f := appendFrame(nil, frame{specimenSize, end, []byte(`{"torn":"write"}`), nil})
					copy(b[end:], f[:len(f)-9])
				})
			}},
		{name: "a durable record lost before a later one", answer: Altered, bad: specimenSize, says: "cannot be read",
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				name, at, size := locate(t, dir, specimenSize-1)
				end := at + int64(size)
				patch(t, filepath.Join(dir, name), func(b []byte) {
					lost := len(appendFrame(nil, frame{specimenSize, end, []byte(`{"lost":1}`), nil}))
					later := end + int64(lost)
					copy(b[later:], appendFrame(nil, frame{specimenSize + 1, later, []byte(`{"later":1}`), nil}))
				})
			}},
		{name: "the marker ahead of the records", answer: Altered, bad: specimenSize, says: "acknowledged",
			alter: func(t *testing.T, dir string, _ *VerifyOptions) {
				m, ok := readMarker(dir, committedFile)
				if !ok {
					t.Fatal("no marker")
				}
				m.size++
				must(t, os.WriteFile(filepath.Join(dir, committedFile), m.encode(), 0o600))
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			specimen(t, dir)
			o := trusted(t, dir)
			c.alter(t, dir, &o)
			r, err := Verify(dir, o)
			must(t, err)
			said := strings.Join(append(r.Altered, r.Unclear...), "\n")
			if r.Answer != c.answer {
				t.Fatalf("%s, want %s: %s", r.Answer, c.answer, said)
			}
			until := c.until
			if until == 0 {
				until = c.bad + 1
			}
			switch {
			case c.bad == -2: // where a segment began: anything but none
				if r.FirstBad < 1 || r.Until != r.FirstBad+1 {
					t.Errorf("first bad record %d, before %d", r.FirstBad, r.Until)
				}
			case c.until > 0: // between two checkpoints; some are signed when segments begin
				if r.FirstBad < c.bad || r.FirstBad > 133 || r.Until <= 133 || r.Until > until {
					t.Errorf("first bad record %d, before %d; want from %d to before %d", r.FirstBad, r.Until, c.bad, until)
				}
			case r.FirstBad != c.bad || c.bad >= 0 && r.Until != until:
				t.Errorf("first bad record %d, before %d; want %d, before %d: %s", r.FirstBad, r.Until, c.bad, until, said)
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("does not say %q: %s", c.says, said)
			}
			l, err := Open(dir, quiet())
			if err == nil {
				must(t, l.Close())
			}
			if (err == nil) != c.opens {
				t.Errorf("opens: %v (%v)", err == nil, err)
			}
			if err != nil && !strings.Contains(err.Error(), "new log") {
				t.Errorf("names no remedy: %v", err)
			}
		})
	}
}

func TestVerifyWithoutLog(t *testing.T) {
	if _, err := Verify(filepath.Join(t.TempDir(), "nothing"), VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "no audit log") {
		t.Fatal(err)
	}
}

// FuzzFrame: a frame that is read has a good checksum, which means that it is what
// appendFrame writes; nothing else is read.
func FuzzFrame(f *testing.F) {
	good := appendFrame(nil, frame{3, 4096, []byte(`{"a":1}`), nil})
	f.Add(good)
	f.Add(append(bytes.Clone(good), good...))
	f.Add(make([]byte, 64))
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &scanner{r: bytes.NewReader(b), limit: int64(len(b))}
		for {
			at := s.offset
			fr, err := s.next()
			if err != nil {
				if s.offset != at {
					t.Fatal("moved on behind what could not be read")
				}
				break
			}
			if !bytes.Equal(appendFrame(nil, fr), b[at:s.offset]) {
				t.Fatal("a frame was read that was not written")
			}
			if binary.LittleEndian.Uint32(b[at+4:]) != frameSum(b[at:at+frameHeader+int64(len(fr.json)+len(fr.personal))]) {
				t.Fatal("a frame with a bad checksum was read")
			}
		}
		if used, durable, err := s.rest(0); err != nil || used < 0 || used > int64(len(b)) || durable < 0 {
			t.Fatal("the rest is nowhere")
		}
		if h, err := decodeHeader(b); err == nil && !bytes.Equal(h.encode()[:len(b[:segmentHeader])], b[:segmentHeader]) {
			t.Log("a header with bytes that mean nothing") // covered by its checksum
		}
		if m, ok := decodeMarker(b); ok && m.size < 0 {
			t.Fatal("a marker before the beginning")
		}
		if c, err := peekCheckpoint(b); err == nil && c.Size < 0 {
			t.Fatal("a checkpoint of less than nothing")
		}
	})
}
