package stdnum

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestShared counts, over the numbers of stdnum.jsonl, the valid ones that are
// taken and the invalid ones that are refused.
func TestShared(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the data sets are not here")
	}
	file, err := os.Open(filepath.Join(dir, "ids", "stdnum.jsonl"))
	if err != nil {
		t.Fatal("stdnum.jsonl cannot be read")
	}
	defer file.Close()
	type count struct{ n, right int }
	var valid, invalid count
	lines := bufio.NewScanner(file)
	for line := 1; lines.Scan(); line++ {
		var c struct {
			Module, Number string
			Valid          bool
		}
		if json.Unmarshal(lines.Bytes(), &c) != nil {
			t.Fatalf("line %d is not what it should be", line)
		}
		f, ok := Lookup(c.Module)
		if !ok {
			t.Errorf("line %d: there is no format %s", line, c.Module)
			continue
		}
		at := &invalid
		if c.Valid {
			at = &valid
		}
		at.n++
		if f.Valid(c.Number) == c.Valid {
			at.right++
		} else {
			t.Logf("line %d: %s is %v, not %v", line, c.Module, !c.Valid, c.Valid)
		}
	}
	if lines.Err() != nil {
		t.Fatal("stdnum.jsonl cannot be read to its end")
	}
	t.Logf("%d of %d valid taken, %d of %d invalid refused", valid.right, valid.n, invalid.right, invalid.n)
	if valid.right*1000 < valid.n*995 {
		t.Errorf("%d of %d valid numbers are taken, fewer than 99.5 %%", valid.right, valid.n)
	}
	if invalid.right < invalid.n {
		t.Errorf("%d of %d invalid numbers are refused", invalid.right, invalid.n)
	}
}
