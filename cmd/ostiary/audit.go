package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/config"
)

// auditFlags are what all audit commands take.
type auditFlags struct {
	config string
	log    string
	json   bool
}

func (f *auditFlags) add(c *cobra.Command) {
	f.addPlace(c)
	c.Flags().BoolVar(&f.json, "json", false, "print JSON, one object a line")
}

func (f *auditFlags) addPlace(c *cobra.Command) {
	c.Flags().StringVar(&f.log, "log", "", "`DIRECTORY` of the audit log; without it, the configuration's or the one in your state directory")
	c.Flags().StringVar(&f.config, "config", "", "configuration `FILE` that names the audit log")
}

// settings finds the log and its keys as the running Ostiary does, with its
// configuration: an empty one where none is named.
func (f *auditFlags) settings() (*config.Config, places, error) {
	cfg := &config.Config{}
	if f.config != "" {
		var err error
		if cfg, err = config.Load(f.config); err != nil {
			return nil, places{}, err
		}
	}
	p, err := findPlaces(cfg, f.log)
	return cfg, p, err
}

func (f *auditFlags) places() (places, error) {
	_, p, err := f.settings()
	return p, err
}

func (f *auditFlags) reader() (*audit.Reader, error) {
	p, err := f.places()
	if err != nil {
		return nil, err
	}
	return openLog(p.log)
}

// openLog opens a log for reading.
func openLog(dir string) (*audit.Reader, error) {
	r, err := audit.OpenReader(dir)
	if errors.Is(err, audit.ErrNoLog) {
		return nil, elsewhere(err)
	}
	return r, err
}

// isThere fails where there is no directory of a log, damaged or not.
func isThere(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return elsewhere(err)
	}
	return nil
}

// elsewhere says how another log is named than the one that is not there.
func elsewhere(err error) error {
	return fmt.Errorf("%w; name another by --log DIRECTORY or --config FILE", err)
}

// required marks flags as required.
func required(c *cobra.Command, names ...string) {
	for _, name := range names {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // it was defined before
		}
	}
}

// shelfFlags are what commands take that read one log or several.
type shelfFlags struct {
	auditFlags
	logs []string
	all  string
}

func (f *shelfFlags) add(c *cobra.Command) {
	p := c.Flags()
	p.StringArrayVar(&f.logs, "log", nil, "`DIRECTORY` of an audit log, again for each of several; without it, the configuration's or the one in your state directory")
	p.StringVar(&f.all, "all", "", "every log below a `DIRECTORY`, such as a collector's")
	p.StringVar(&f.config, "config", "", "configuration `FILE` that names the audit log")
	p.BoolVar(&f.json, "json", false, "print JSON, one object a line")
}

// Bounds of --all.
const (
	shelfDepth = 8      // directories below the one that is named
	shelfLimit = 10_000 // logs
)

// where gives the places of the logs that the flags name.
func (f *shelfFlags) where() ([]places, error) {
	if f.all == "" && len(f.logs) == 0 {
		p, err := f.places()
		return []places{p}, err
	}
	var out []places
	for _, dir := range f.logs {
		one := auditFlags{config: f.config, log: dir}
		p, err := one.places()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if f.all == "" {
		return out, nil
	}
	found, err := logsBelow(f.all)
	if err != nil {
		return nil, fmt.Errorf("--all: %w", err)
	}
	for _, dir := range found {
		out = append(out, places{log: dir, keys: audit.DefaultKeyDir(dir)})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--all: there is %w below %s", audit.ErrNoLog, f.all)
	}
	return out, nil
}

// logsBelow lists the directories that hold a log.
func logsBelow(root string) ([]string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	var out []string
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if st, err := os.Stat(filepath.Join(name, "segments")); err == nil && st.IsDir() {
			if out = append(out, name); len(out) > shelfLimit {
				return fmt.Errorf("there are more than %d logs", shelfLimit)
			}
			return fs.SkipDir
		}
		if rel, err := filepath.Rel(root, name); err == nil && strings.Count(rel, string(filepath.Separator)) >= shelfDepth {
			return fs.SkipDir
		}
		return nil
	})
	return out, err
}

// shelf is the logs that a command reads.
type shelf struct {
	books []*book
	union *index.Union // once asked for
	sizes map[string]int64
}

// book is one log.
type book struct {
	places
	origin string
	reader *audit.Reader
	index  *index.Index // once asked for
}

// open opens the logs.
func (f *shelfFlags) open() (*shelf, error) {
	list, err := f.where()
	if err != nil {
		return nil, err
	}
	s := &shelf{}
	for _, p := range list {
		b := &book{places: p}
		if b.reader, err = openLog(p.log); err != nil {
			return nil, err
		}
		if b.origin, err = b.reader.Origin(); err != nil {
			return nil, err
		}
		for _, other := range s.books {
			if other.origin == b.origin {
				return nil, fmt.Errorf("%s and %s are both the log %s: name one of them", other.log, b.log, b.origin)
			}
		}
		s.books = append(s.books, b)
	}
	return s, nil
}

// find gives the index of all logs. It reads the files that are there and writes
// none: a copy that is evidence stays as it is.
func (s *shelf) find(ctx context.Context) (*index.Union, error) {
	if s.union != nil {
		return s.union, nil
	}
	var list []*index.Index
	s.sizes = map[string]int64{}
	for _, b := range s.books {
		var err error
		if b.index, err = index.Open(b.log, index.Options{ReadOnly: true}); err != nil {
			return nil, err
		}
		if err := b.index.Refresh(ctx); err != nil {
			return nil, err
		}
		s.sizes[b.origin] = b.index.Size()
		list = append(list, b.index)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.union = index.Join(list...)
	return s.union, nil
}

// Bounds of reading what the index has found.
const (
	fetchLimit = index.MaxPage // records in memory at once
	fetchNear  = 64            // records that are read over rather than looked up anew
)

// fetch reads what the index has found, in the same order. What retention has removed
// meanwhile is left out. It takes at most fetchLimit.
func (s *shelf) fetch(refs []index.Ref) ([]audit.Record, error) {
	type place struct {
		origin string
		index  int64
	}
	got := make(map[place]audit.Record, len(refs))
	for _, b := range s.books {
		var list []int64
		for _, r := range refs {
			if r.Origin == b.origin {
				list = append(list, r.Index)
			}
		}
		slices.Sort(list)
		for len(list) > 0 {
			n := 1
			for n < len(list) && list[n]-list[n-1] <= fetchNear {
				n++
			}
			run := list[:n]
			for rec, err := range b.reader.Records(run[0]) {
				if err != nil {
					return nil, err
				}
				for len(run) > 0 && run[0] < rec.Index {
					run = run[1:]
				}
				if len(run) == 0 {
					break
				}
				if run[0] == rec.Index {
					rec.JSON = slices.Clone(rec.JSON)
					got[place{b.origin, rec.Index}] = rec
					if run = run[1:]; len(run) == 0 {
						break
					}
				}
			}
			list = list[n:]
		}
	}
	var out []audit.Record
	for _, r := range refs {
		if rec, ok := got[place{r.Origin, r.Index}]; ok {
			out = append(out, rec)
		}
	}
	return out, nil
}

// size gives the number of records of all logs.
func (s *shelf) size() (n int64, err error) {
	for _, b := range s.books {
		size, err := b.reader.Size()
		if err != nil {
			return 0, err
		}
		n += size
	}
	return n, nil
}

// queryFlags bound what is looked for in time.
type queryFlags struct{ since, until string }

func (q *queryFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&q.since, "since", "", "from this `TIME` on: 2h, 7d, 2026-11-23, 2026-11-23T14:00:00Z")
	c.Flags().StringVar(&q.until, "until", "", "before this `TIME`")
}

// parse makes a query of terms, within the bounds. They become terms of the query,
// so that a cursor belongs to them as well.
func (q *queryFlags) parse(terms []string) (*index.Query, error) {
	now := time.Now()
	terms = quoteTerms(terms)
	for _, b := range []struct{ flag, value string }{{"since", q.since}, {"until", q.until}} {
		if b.value == "" {
			continue
		}
		if _, err := index.ParseTime(b.value, now); err != nil {
			return nil, fmt.Errorf("--%s: %w", b.flag, err)
		}
		terms = append(terms, b.flag+":"+b.value)
	}
	return index.Parse(strings.Join(terms, " "), now)
}

// times gives the bounds as times; the zero time is none.
func (q *queryFlags) times() (since, until time.Time, err error) {
	now := time.Now()
	if q.since != "" {
		if since, err = index.ParseTime(q.since, now); err != nil {
			return since, until, fmt.Errorf("--since: %w", err)
		}
	}
	if q.until != "" {
		if until, err = index.ParseTime(q.until, now); err != nil {
			return since, until, fmt.Errorf("--until: %w", err)
		}
	}
	return since, until, nil
}

// quoteTerms puts quotation marks around the values of arguments that hold
// spaces: the shell has taken the user's.
func quoteTerms(args []string) []string {
	out := make([]string, 0, len(args))
	for _, a := range args {
		name, value, ok := strings.Cut(a, ":")
		if ok && strings.Contains(value, " ") && !strings.ContainsAny(name, " ") && !strings.ContainsAny(value, ":(") && !strings.HasPrefix(value, `"`) {
			text, star := strings.CutSuffix(value, "*")
			a = name + `:"` + text + `"`
			if star {
				a += "*"
			}
		}
		out = append(out, a)
	}
	return out
}

// writeJSON prints an object on a line of its own.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// isTerminal says whether a person types or reads there.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

// output gives where a command writes to: a file that appears only once it is whole,
// or else standard output. done ends it; keep says that it is good.
func output(name string, stdout io.Writer, mode os.FileMode) (w io.Writer, done func(keep bool) error, err error) {
	if name == "" || name == "-" {
		return stdout, func(bool) error { return nil }, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-*")
	if err != nil {
		return nil, nil, err
	}
	return f, func(keep bool) error {
		var err error
		if keep {
			err = errors.Join(f.Chmod(mode), f.Sync())
		}
		err = errors.Join(err, f.Close())
		if keep && err == nil {
			return os.Rename(f.Name(), name)
		}
		return errors.Join(err, os.Remove(f.Name()))
	}, nil
}

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Read the audit log, prove that it was not altered, keep it as the law asks",
		Long: `Every decision is in the audit log before the first byte of a request leaves,
and so is what became of it. The log holds no prompts and no values: it says
what was found, which rule decided, and where the request went.

  ostiary audit tail -f                       # what is being decided now
  ostiary audit search action:deny --since 2h # what was refused
  ostiary audit show 01JDQ7ZK3M9V0000000000000
  ostiary audit verify                        # was anything altered?

Commands that only read need the files alone, whether Ostiary runs or not, and
change nothing: also on a copy, and on several logs at once (--log, --all).
Commands that record something (hash, reveal, erase, hold, retain, rotate, show
and export with --personal) ask the Ostiary that runs, through its control
socket beside the keys; where none runs they open the log themselves.

Exit status: 0 yes, 1 the answer is no, 2 could not tell.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddGroup(
		&cobra.Group{ID: "find", Title: "Find out what happened:"},
		&cobra.Group{ID: "prove", Title: "Prove it:"},
		&cobra.Group{ID: "keep", Title: "Keep it as the law asks:"},
	)
	add := func(group string, list ...*cobra.Command) {
		for _, sub := range list {
			sub.GroupID = group
			c.AddCommand(sub)
		}
	}
	add("find", auditTailCommand(), auditSearchCommand(), auditShowCommand())
	add("find", auditFindCommands()...)
	add("prove", auditVerifyCommand())
	add("prove", auditProveCommands()...)
	add("keep", auditKeepCommands()...)
	return c
}
