package redirect

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestTexts compares what init containers load with what was reviewed.
func TestTexts(t *testing.T) {
	for name, r := range map[string]Rules{
		"pod": {To: 15001, Ports: []uint16{443}, UIDs: []uint32{1337}},
		"strict": {
			To: 15001, Ports: []uint16{80, 443}, UIDs: []uint32{1337}, GIDs: []uint32{1337}, Only: true,
			Except:  []netip.Prefix{netip.MustParsePrefix("10.3.0.0/15"), netip.MustParsePrefix("fd00:1::/64")},
			Protect: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.5:8000"), netip.MustParseAddrPort("[fd00::5]:8000")},
		},
	} {
		for ext, write := range map[string]func(*bytes.Buffer) error{"nft": func(b *bytes.Buffer) error { return r.Script(b) }, "sh": func(b *bytes.Buffer) error { return r.IPTables(b) }} {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+"."+ext)
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("%s differs; after a review, go test -update:\n%s", file, got.String())
			}
		}
	}
}

func TestCanonical(t *testing.T) {
	good := Rules{To: 1, Ports: []uint16{443}}
	for want, r := range map[string]Rules{
		"no port to redirect to":      {Ports: []uint16{443}},
		"no ports to redirect":        {To: 1},
		"17 ports":                    {To: 1, Ports: make17()},
		"port 0":                      {To: 1, Ports: []uint16{0}},
		"DNS":                         {To: 1, Ports: []uint16{53}},
		"9 exempt owners":             {To: 1, Ports: good.Ports, UIDs: []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"no prefix":                   {To: 1, Ports: good.Ports, Except: []netip.Prefix{{}}},
		"excepts everything":          {To: 1, Ports: good.Ports, Except: []netip.Prefix{netip.MustParsePrefix("::/0")}},
		"write IPv4 networks as IPv4": {To: 1, Ports: good.Ports, Except: []netip.Prefix{netip.MustParsePrefix("::ffff:0:0/90")}},
		"no ADDRESS:PORT":             {To: 1, Ports: good.Ports, Protect: []netip.AddrPort{{}}},
		"cannot be protected":         {To: 7, Ports: good.Ports, Protect: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:7")}},
	} {
		if _, err := r.Canonical(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
		var b bytes.Buffer
		if r.Script(&b) == nil || r.IPTables(&b) == nil || b.Len() > 0 {
			t.Errorf("%s: a script was written", want)
		}
	}
	r, err := Rules{To: 1, Ports: []uint16{443, 80, 443}, Except: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8"), netip.MustParsePrefix("::ffff:10.0.0.0/104")}, Protect: []netip.AddrPort{netip.MustParseAddrPort("[::ffff:10.0.0.1]:80")}}.Canonical()
	if err != nil || len(r.Ports) != 2 || len(r.Except) != 1 || r.Except[0].String() != "10.0.0.0/8" || r.Protect[0].String() != "10.0.0.1:80" {
		t.Errorf("%+v, %v", r, err)
	}
}

func make17() []uint16 {
	var out []uint16
	for n := range uint16(MaxPorts + 1) {
		out = append(out, 1000+n)
	}
	return out
}
