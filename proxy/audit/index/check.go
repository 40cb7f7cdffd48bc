package index

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"

	"github.com/ostiary/ostiary/proxy/audit"
)

// Check says which files of a log's index are not what the records give, by the
// numbers of their segments: those that are missing too. It reads the whole log
// and changes nothing; [Index.Reindex] mends. A nil source is the log in the
// directory.
func Check(ctx context.Context, dir string, source Source) (wrong []int64, err error) {
	x, err := Open(dir, Options{Source: source, ReadOnly: true, afresh: true})
	if err != nil {
		return nil, err
	}
	if err := x.Refresh(ctx); err != nil {
		return nil, err
	}
	for _, made := range x.runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ok := false
		if r, err := openFile(filepath.Join(x.dir, fileName(made.number)), newCache(DefaultMemory)); err == nil {
			if r, err = r.load(); err == nil {
				r.forgetBefore(x.runs[0].first)
				ok = bytes.Equal(encode(r), encode(made))
			}
		}
		if !ok {
			wrong = append(wrong, made.number)
		}
	}
	return wrong, nil
}

// load gives a run whose columns are in memory. It fails where the file cannot be
// read.
func (r *run) load() (*run, error) {
	out := *r
	out.pages = nil
	var err error
	if out.bloom, err = r.filter(); err != nil {
		return nil, err
	}
	for i := range out.tables {
		t := &out.tables[i]
		t.pages = nil
		for j := range t.vectors {
			v, err := r.tables[i].vector(j)
			if err != nil {
				return nil, err
			}
			t.vectors[j] = *v
		}
		for j := range t.ids {
			c, err := r.tables[i].keys(j)
			if err != nil {
				return nil, err
			}
			t.ids[j] = *c
		}
	}
	return &out, nil
}

// forgetBefore makes references to records that were removed such as they are
// where those were never there.
func (r *run) forgetBefore(first int64) {
	for i := range r.tables {
		t := &r.tables[i]
		t.far = slices.Clone(t.far)
		for j := range t.far {
			if t.far[j].index < first {
				t.far[j].index = -1
			}
		}
	}
}

var _ Source = (*audit.Reader)(nil)
