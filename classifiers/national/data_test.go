package national

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/stdnum"
	"github.com/ostiary/ostiary/proxy"
)

// The development data lies beside the repository and is no part of it. Where
// it is not there these tests are skipped; where a file of it is missing they
// fail. Messages name a file and a line, never a value.

const maxLine = 16 << 20

func dataDir(t testing.TB) string {
	t.Helper()
	data := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no ../shared/data: development cases not run")
	}
	return data
}

// lines reads JSON lines, unpacked where the name ends in .gz.
func lines[T any](t testing.TB, name string, each func(line int, v T)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal("a file of the development data is missing: " + filepath.Base(name))
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), maxLine)
	n := 0
	for sc.Scan() {
		n++
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatalf("%s:%d: not a line of the form expected", filepath.Base(name), n)
		}
		each(n, v)
	}
	if sc.Err() != nil || n == 0 {
		t.Fatalf("%s: unreadable or empty", filepath.Base(name))
	}
}

func suite(t testing.TB, o classifiers.Options) *classifiers.Suite {
	t.Helper()
	if o.Detectors == nil {
		o.Detectors = Detectors()
	}
	o.Cache = -1
	s, err := classifiers.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func classify(t testing.TB, s *classifiers.Suite, text string) []proxy.Finding {
	t.Helper()
	r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}})
	if err != nil || len(r.Gaps) > 0 {
		t.Fatalf("classify: %v, gaps %v", err, r.Gaps)
	}
	return r.Findings
}

func sortedKeys[V any](m map[string]V) []string {
	var k []string
	for n := range m {
		k = append(k, n)
	}
	sort.Strings(k)
	return k
}

// name gives the type that a name or alias of the data stands for.
func name(s *classifiers.Suite, n string) string {
	if t, ok := s.Lookup(n); ok {
		return t.Name
	}
	return ""
}

// cases are the files of recogniser cases that this room answers for, and the
// type that each is about.
var cases = map[string]string{
	"test_au_acn_recognizer.py": "AU_ACN", "test_au_medicare_recognizer.py": "AU_MEDICARE", "test_au_tfn_recognizer.py": "AU_TFN",
	"test_de_bsnr_recognizer.py": "DE_BSNR", "test_de_kfz_recognizer.py": "DE_KFZ", "test_de_passport_recognizer.py": "DE_PASSPORT", "test_de_social_security_recognizer.py": "DE_SOCIAL_SECURITY",
	"test_es_nie_recognizer.py": "ES_NIE", "test_in_aadhaar_recognizer.py": "IN_AADHAAR", "test_in_pan_recognizer.py": "IN_PAN", "test_in_passport_recognizer.py": "IN_PASSPORT",
	"test_in_voter_recognizer.py": "IN_VOTER", "test_it_driver_license_recognizer.py": "IT_DRIVER_LICENSE", "test_it_passport_recognizer.py": "IT_PASSPORT", "test_it_vat_code_recognizer.py": "IT_VAT_CODE",
	"test_kr_driver_license_recognizer.py": "KR_DRIVER_LICENSE", "test_kr_passport_recognizer.py": "KR_PASSPORT", "test_ng_nin_recognizer.py": "NG_NIN", "test_ph_tin_recognizer.py": "PH_TIN",
	"test_pl_pesel_recognizer.py": "PL_PESEL", "test_se_organisationsnummer_recognizer.py": "SE_ORGANISATIONSNUMMER", "test_se_personnummer_recognizer.py": "SE_PERSONNUMMER", "test_sg_fin_recognizer.py": "SG_NRIC_FIN",
	"test_th_tnin_recognizer.py": "TH_TNIN", "test_tr_license_plate_recognizer.py": "TR_LICENSE_PLATE", "test_uk_driving_licence_recognizer.py": "UK_DRIVING_LICENCE", "test_uk_nhs_recognizer.py": "UK_NHS",
	"test_uk_passport_recognizer.py": "UK_PASSPORT", "test_us_driver_license_recognizer.py": "US_DRIVER_LICENSE", "test_us_itin_recognizer.py": "US_ITIN", "test_us_ssn_recognizer.py": "US_SSN",
}

// Recogniser cases, bare tokens without context, at very_unlikely: the number of
// findings and their spans. Each type is looked for alone, as its recogniser is,
// and among all others, where one number has one winner.
func TestRecogniserCases(t *testing.T) {
	type testCase struct {
		File string `json:"file"`
		Case struct {
			Text      json.RawMessage `json:"text"`
			Len       *int            `json:"expected_len"`
			Positions [][2]int        `json:"expected_positions"`
			Position  *[2]int         `json:"expected_position"`
			Res       [][2]int        `json:"expected_res"`
		} `json:"case"`
	}
	all := suite(t, classifiers.Options{})
	alone := map[string]*classifiers.Suite{}
	for _, typ := range cases {
		var off []string
		for _, ty := range all.Types() {
			if ty.Name != name(all, typ) {
				off = append(off, ty.Name)
			}
		}
		if name(all, typ) != "" {
			alone[typ] = suite(t, classifiers.Options{Off: off})
		}
	}
	total, right, among := map[string]int{}, map[string]int{}, map[string]int{}
	lines(t, filepath.Join(dataDir(t), "presidio", "recognizer-cases.jsonl"), func(line int, c testCase) {
		typ := cases[c.File]
		var text string
		if typ == "" || json.Unmarshal(c.Case.Text, &text) != nil {
			return
		}
		want := slices.Concat(c.Case.Positions, c.Case.Res)
		n := 0
		if c.Case.Len != nil {
			n = *c.Case.Len
		}
		if c.Case.Position != nil && n == 1 && want == nil {
			want = [][2]int{*c.Case.Position}
		}
		total[typ]++
		if alone[typ] == nil {
			return
		}
		check := func(s *classifiers.Suite) bool {
			var spans [][2]int
			for _, f := range classify(t, s, text) {
				if f.Type == name(s, typ) {
					spans = append(spans, [2]int{len([]rune(text[:f.Start])), len([]rune(text[:f.End]))})
				}
			}
			return len(spans) == n && (want == nil || slices.Equal(spans, want[:min(n, len(want))]))
		}
		if check(alone[typ]) {
			right[typ]++
		} else {
			t.Logf("recognizer-cases.jsonl:%d: %s: not %d findings, or other spans", line, typ, n)
		}
		if check(all) {
			among[typ]++
		}
	})
	sum, good, both := 0, 0, 0
	for _, typ := range sortedKeys(total) {
		t.Logf("%-24s %3d of %3d, among all others %3d", typ, right[typ], total[typ], among[typ])
		sum, good, both = sum+total[typ], good+right[typ], both+among[typ]
	}
	t.Logf("recogniser cases: %d of %d (%.3f), among all others %d (%.3f)", good, sum, float64(good)/float64(sum), both, float64(both)/float64(sum))
	if sum == 0 || good*1000 < sum*caseFloor {
		t.Errorf("%d of %d recogniser cases right", good, sum)
	}
}

// caseFloor is the share of recogniser cases, in thousandths, below which the test
// fails.
const caseFloor = 980

// grave are the groups that a harmless text must not have.
var grave = []string{classifiers.Identifier, classifiers.Financial, classifiers.Credential, classifiers.Contact, classifiers.Personal}

func isGrave(f proxy.Finding) bool {
	return f.Likelihood >= proxy.Likely && !f.Synthetic && slices.ContainsFunc(f.Groups, func(g string) bool { return slices.Contains(grave, g) })
}

// Whole prompts in 13 languages. Recall counts a mark as found where a finding of
// its type, or of another type of the same kind, at likely and above overlaps it.
func TestPrompts(t *testing.T) {
	type prompt struct {
		Lang   string `json:"lang"`
		Kind   string `json:"kind"`
		Text   string `json:"text"`
		Expect string `json:"expect"`
		Spans  []struct {
			Start int    `json:"start"`
			End   int    `json:"end"`
			Type  string `json:"type"`
		} `json:"spans"`
	}
	s := suite(t, classifiers.Options{})
	total, found, other := map[string]int{}, map[string]int{}, map[string]int{}
	negatives, hit := 0, 0
	extra := map[string]int{}
	lines(t, filepath.Join(dataDir(t), "prompts", "prompts.jsonl.gz"), func(line int, p prompt) {
		at := make([]int, 0, len(p.Text)+1) // code point to byte
		for i := range p.Text {
			at = append(at, i)
		}
		at = append(at, len(p.Text))
		list := classify(t, s, p.Text)
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			own, any := false, ""
			for i, f := range list {
				if f.Start < at[sp.End] && at[sp.Start] < f.End {
					used[i] = true
					if f.Likelihood >= proxy.Likely && f.Type == name(s, sp.Type) {
						own = true
					} else if f.Likelihood >= proxy.Likely {
						any = f.Type
					}
				}
			}
			if name(s, sp.Type) == "" || p.Expect == "synthetic" {
				continue
			}
			total[sp.Type]++
			switch {
			case own:
				found[sp.Type]++
			case any != "":
				other[sp.Type]++
				t.Logf("prompts:%d (%s, %s): %s found as %s", line, p.Lang, p.Kind, sp.Type, any)
			default:
				t.Logf("prompts:%d (%s, %s): %s missed", line, p.Lang, p.Kind, sp.Type)
			}
		}
		bad := false
		for i, f := range list {
			if !used[i] && f.Likelihood >= proxy.Likely && !f.Synthetic {
				extra[p.Expect+" "+f.Type]++
				if isGrave(f) {
					bad = true
					t.Logf("prompts:%d (%s, %s): %s %s not marked", line, p.Lang, p.Kind, f.Type, f.Likelihood)
				}
			}
		}
		if p.Expect == "negative" {
			negatives++
			if bad {
				hit++
			}
		}
	})
	sum, good := 0, 0
	for _, typ := range sortedKeys(total) {
		t.Logf("%-28s %3d of %3d, %d as another type", typ, found[typ], total[typ], other[typ])
		sum, good = sum+total[typ], good+found[typ]
	}
	t.Logf("%d of %d marks found (%.3f); look-alikes: %d of %d prompts hit; not marked: %v", good, sum, float64(good)/float64(sum), hit, negatives, extra)
	if sum == 0 || negatives == 0 {
		t.Fatal("a kind of prompt is missing from the data")
	}
	if good*1000 < sum*promptFloor || hit*50 > negatives {
		t.Errorf("%d of %d marks found, %d of %d look-alikes hit; 97 %% and at most 2 %% wanted", good, sum, hit, negatives)
	}
}

const promptFloor = 970

// Harmless prompts: findings at likely and above of the groups that matter.
func TestHarmlessPrompts(t *testing.T) {
	dir := filepath.Join(dataDir(t), "negatives")
	s := suite(t, classifiers.Options{})
	bytes, n := 0, 0
	for _, file := range []string{"gsm8k_train.jsonl", "mt_bench_question.jsonl", "user_oriented_instructions.jsonl"} {
		lines(t, filepath.Join(dir, file), func(line int, v json.RawMessage) {
			var any any
			if json.Unmarshal(v, &any) != nil {
				t.Fatal("unreadable")
			}
			leaves(any, func(text string) {
				bytes += len(text)
				for _, f := range classify(t, s, text) {
					if f.Likelihood >= proxy.Likely && !f.Synthetic {
						t.Logf("%s:%d: %s (%s)", file, line, f.Type, f.Likelihood)
						if isGrave(f) {
							n++
						}
					}
				}
			})
		})
	}
	t.Logf("%d findings in %d bytes, %.3f per 10,000 tokens", n, bytes, float64(n)/(float64(bytes)/4)*10000)
	if n > 0 {
		t.Errorf("%d findings in harmless prompts", n)
	}
}

// leaves calls each string of a JSON value.
func leaves(v any, each func(string)) {
	switch v := v.(type) {
	case string:
		each(v)
	case []any:
		for _, x := range v {
			leaves(x, each)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			leaves(v[k], each)
		}
	}
}

// Numbers as they are written: behind the first word of its format every valid one
// is found, as its type or as another that shares the number.
func TestWrittenNumbers(t *testing.T) {
	type number struct {
		Module string `json:"module"`
		Number string `json:"number"`
		Valid  bool   `json:"valid"`
	}
	byName := map[string]*stdnum.Format{}
	for _, f := range formats() {
		byName[f.Name] = f
	}
	s := suite(t, classifiers.Options{})
	total, found, own := 0, 0, 0
	misses := map[string][]int{}
	lines(t, filepath.Join(dataDir(t), "ids", "stdnum.jsonl"), func(line int, n number) {
		f := byName[n.Module]
		if f == nil || !n.Valid || short(n.Number) || !f.Valid(n.Number) {
			return
		}
		clear, terse, _ := wordsOf(f)
		all := append(clear, terse...)
		if len(all) == 0 {
			return
		}
		text := all[0] + ": " + n.Number
		total++
		ok := false
		for _, x := range classify(t, s, text) {
			if x.Likelihood >= proxy.Likely && x.End > len(text)-4 && x.Start <= len(all[0])+5 {
				ok = true
				if x.Type == f.Type {
					own++
					break
				}
			}
		}
		if ok {
			found++
		} else {
			misses[n.Module] = append(misses[n.Module], line)
		}
	})
	for _, m := range sortedKeys(misses) {
		t.Logf("stdnum.jsonl: %s: %d missed, line %d first", m, len(misses[m]), misses[m][0])
	}
	t.Logf("%d of %d numbers found behind their word (%.3f), %d as their own type", found, total, float64(found)/float64(total), own)
	if total == 0 || found*1000 < total*writtenFloor {
		t.Errorf("%d of %d numbers found behind their word", found, total)
	}
}

// writtenFloor is the share in thousandths that TestWrittenNumbers asks for.
const writtenFloor = 900
