package all

import (
	"context"
	"encoding/json"
	"fmt"
	"go/build"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/quality"
	"github.com/ostiary/ostiary/classifiers/stdnum"
	"github.com/ostiary/ostiary/proxy"
)

// serious are the groups of which clean text may hold next to nothing.
var serious = []string{classifiers.Contact, classifiers.Identifier, classifiers.Financial, classifiers.Credential}

func isSerious(f proxy.Finding) bool {
	return f.Likelihood >= proxy.Likely && !f.Synthetic && slices.ContainsFunc(f.Groups, func(g string) bool { return slices.Contains(serious, g) })
}

// validators: numbers of the python-stdnum family, and the same with one digit
// changed.
func validators(t *testing.T, dir string, m *measured) {
	type number struct {
		Module, Number string
		Valid          bool
	}
	const section = "Validators (numbers as in python-stdnum's tests)"
	valid, taken, invalid, refused, missing := 0, 0, 0, 0, map[string]bool{}
	changed, caught, expected := 0, 0, 0.0
	rnd := rand.New(rand.NewPCG(1, 2))
	lines(t, filepath.Join(dir, "ids", "stdnum.jsonl"), func(line int, n number) {
		f, ok := stdnum.Lookup(n.Module)
		if !ok {
			missing[n.Module] = true
			if n.Valid {
				valid++
			} else {
				invalid++
			}
			return
		}
		got := f.Valid(n.Number)
		switch {
		case n.Valid:
			valid++
			if got {
				taken++
			}
		default:
			invalid++
			if !got {
				refused++
			}
		}
		if got != n.Valid {
			t.Logf("stdnum.jsonl:%d: %s: valid is %v", line, n.Module, got)
		}
		if n.Valid && got && f.Strong >= 10 {
			for range 20 {
				b := []byte(n.Number)
				at := rnd.IntN(len(b))
				if b[at] < '0' || b[at] > '9' {
					continue
				}
				b[at] = '0' + (b[at]-'0'+1+byte(rnd.IntN(9)))%10
				changed++
				expected += 1 - 1/float64(f.Strong)
				if !f.Valid(string(b)) {
					caught++
				}
			}
		}
	})
	for _, k := range byName(missing) {
		t.Logf("no format %s", k)
	}
	m.share(section, "valid numbers accepted", taken, valid, ">= 99.5 %")
	m.share(section, "invalid numbers refused", refused, invalid, "100 %")
	m.share(section, "one digit changed: refused", caught, changed, fmt.Sprintf("%.1f %% by the strength of the checksums", 100*expected/float64(changed)))
}

// entities maps the files of recogniser cases to types.
var entities = map[string]string{
	"aba_routing": "ABA_ROUTING_NUMBER", "au_acn": "AU_ACN", "au_medicare": "AU_MEDICARE", "au_tfn": "AU_TFN", "credit_card": "CREDIT_CARD", "crypto": "CRYPTO",
	"de_bsnr": "DE_BSNR", "de_kfz": "DE_KFZ", "de_passport": "DE_PASSPORT", "de_social_security": "DE_SOCIAL_SECURITY", "es_nie": "ES_NIE", "in_aadhaar": "IN_AADHAAR",
	"in_pan": "IN_PAN", "in_passport": "IN_PASSPORT", "in_voter": "IN_VOTER", "ip": "IP_ADDRESS", "it_driver_license": "IT_DRIVER_LICENSE", "it_passport": "IT_PASSPORT",
	"it_vat_code": "IT_VAT_CODE", "kr_driver_license": "KR_DRIVER_LICENSE", "kr_passport": "KR_PASSPORT", "mac": "MAC_ADDRESS", "ng_nin": "NG_NIN", "ph_tin": "PH_TIN",
	"pl_pesel": "PL_PESEL", "se_organisationsnummer": "SE_ORGANISATIONSNUMMER", "se_personnummer": "SE_PERSONNUMMER", "sg_fin": "SG_NRIC_FIN", "th_tnin": "TH_TNIN",
	"tr_license_plate": "TR_LICENSE_PLATE", "tr_phone_number": "PHONE_NUMBER", "uk_driving_licence": "UK_DRIVING_LICENCE", "uk_nhs": "UK_NHS", "uk_passport": "UK_PASSPORT",
	"us_bank": "US_BANK_NUMBER", "us_driver_license": "US_DRIVER_LICENSE", "us_itin": "US_ITIN", "us_npi": "US_NPI",
}

// recognisers: bare tokens at very_unlikely, the number of findings and their
// spans.
func recognisers(t *testing.T, dir string, m *measured) {
	type testCase struct {
		File string `json:"file"`
		Test string `json:"test"`
		Case struct {
			Text      json.RawMessage `json:"text"`
			Number    string          `json:"number"`
			Pesel     string          `json:"pesel"`
			Expected  json.RawMessage `json:"expected"`
			Len       *int            `json:"expected_len"`
			Positions [][2]int        `json:"expected_positions"`
			Position  *[2]int         `json:"expected_position"`
			Res       [][2]int        `json:"expected_res"`
		} `json:"case"`
	}
	const section = "Recogniser cases as in Presidio's tests (bare tokens, read at very_unlikely)"
	s := suite(t, classifiers.Options{})
	all, right := map[string]int{}, map[string]int{}
	lines(t, filepath.Join(dir, "presidio", "recognizer-cases.jsonl"), func(line int, c testCase) {
		name := strings.TrimSuffix(strings.TrimPrefix(c.File, "test_"), "_recognizer.py")
		typ := entities[name]
		var text string
		if typ == "" {
			return
		}
		if ty, ok := s.Lookup(typ); ok {
			typ = ty.Name
		}
		if v := c.Case.Number + c.Case.Pesel; v != "" {
			want := string(c.Case.Expected)
			if want == "null" || want == "" {
				return
			}
			all[name]++
			if got := validates(t, s, typ, v); got == (want == "true") {
				right[name]++
			} else {
				t.Logf("recognizer-cases.jsonl:%d: %s: valid is %v", line, typ, got)
			}
			return
		}
		if json.Unmarshal(c.Case.Text, &text) != nil {
			return
		}
		want := c.Case.Positions
		if want == nil {
			want = c.Case.Res
		}
		n := 0
		switch {
		case c.Case.Len != nil:
			n = *c.Case.Len
		case c.Test == "test_invalid_uk_driving_licences":
		default:
			return
		}
		if want == nil && n == 1 && c.Case.Position != nil {
			want = [][2]int{*c.Case.Position}
		}
		all[name]++
		// What a place was also taken for counts, as 'classify --min very_unlikely'
		// shows it: bare tokens of several formats have no winner that means much.
		var found []proxy.Finding
		for _, f := range classify(t, s, text) {
			if f.Type == typ || slices.Contains(strings.Split(f.Evidence.Also, ","), typ) {
				found = append(found, f)
			}
		}
		ok := len(found) == n
		for i := 0; ok && i < len(want) && i < len(found); i++ {
			ok = runeSpan(text, found[i]) == want[i]
		}
		if ok {
			right[name]++
			return
		}
		t.Logf("recognizer-cases.jsonl:%d: %s: %d findings, %d expected, or other spans", line, typ, len(found), n)
	})
	sum, of := 0, 0
	for _, n := range byName(all) {
		sum, of = sum+right[n], of+all[n]
	}
	m.share(section, "all", sum, of, ">= 98 %")
	for _, n := range byName(all) {
		if right[n] < all[n] {
			m.share(section, n, right[n], all[n], "")
		}
	}
}

// validates asks for a value as 'ostiary validate' does.
func validates(t *testing.T, s *classifiers.Suite, typ, v string) bool {
	if f, ok := stdnum.Lookup(typ); ok {
		return f.Valid(v)
	}
	for _, f := range only(classify(t, s, v), typ) {
		if f.Start == 0 && f.End == len(v) {
			return true
		}
	}
	return false
}

type prompt struct {
	ID     string         `json:"id"`
	Lang   string         `json:"lang"`
	Kind   string         `json:"kind"`
	Text   string         `json:"text"`
	Expect string         `json:"expect"`
	Spans  []quality.Span `json:"spans"`
}

// readPrompts gives the prompts with spans in bytes.
func readPrompts(t *testing.T, dir string, each func(line int, p prompt)) {
	lines(t, filepath.Join(dir, "prompts", "prompts.jsonl.gz"), func(line int, p prompt) {
		at := make([]int, 0, len(p.Text)+1)
		for i := range p.Text {
			at = append(at, i)
		}
		at = append(at, len(p.Text))
		for i := range p.Spans {
			p.Spans[i].Start, p.Spans[i].End = at[p.Spans[i].Start], at[p.Spans[i].End]
		}
		each(line, p)
	})
}

// kindOf sorts the types of marks: low ones are marked where filled in only.
func kindOf(typ string) string {
	switch typ {
	case "PERSON", "LOCATION", "ORGANIZATION", "AGE", "HEALTH_CONDITION", "DATE_OF_BIRTH", "STREET_ADDRESS":
		return typ
	case "EMAIL_ADDRESS", "PHONE_NUMBER":
		return "contact"
	}
	if strings.HasPrefix(typ, "SECRET_") {
		return "secret"
	}
	return "identifier"
}

// prompts: whole prompts of enterprises in 13 languages.
func prompts(t *testing.T, dir string, m *measured) {
	const section = "Whole prompts in 13 languages"
	s := suite(t, classifiers.Options{})
	total, found := map[string]int{}, map[string]int{}
	var identDocs, identHit, nameDocs, nameHit, allHit int
	langDocs, langHit := map[string]int{}, map[string]int{}
	negatives, hit, synthetic, tagged := 0, 0, 0, 0
	persons, rightPersons := 0, 0
	readPrompts(t, dir, func(line int, p prompt) {
		list := classify(t, s, p.Text)
		severe, severeFound, names, namesFound := 0, 0, 0, 0
		for _, sp := range p.Spans {
			ok, syn := false, false
			for _, f := range list {
				if f.Start < sp.End && sp.Start < f.End && f.Likelihood >= proxy.Likely {
					// What is found there as another identifier is protected too.
					same := kindOf(f.Type) == kindOf(sp.Type)
					ok = ok || same
					syn = syn || same && f.Synthetic
				}
			}
			if p.Expect == "synthetic" {
				synthetic++
				if syn {
					tagged++
				} else {
					t.Logf("prompts:%d (%s, %s): %s not tagged synthetic", line, p.Lang, p.Kind, sp.Type)
				}
				continue
			}
			total[sp.Type]++
			if ok {
				found[sp.Type]++
			} else {
				t.Logf("prompts:%d (%s, %s): %s missed", line, p.Lang, p.Kind, sp.Type)
			}
			switch kindOf(sp.Type) {
			case "PERSON":
				names++
				if ok {
					namesFound++
				}
			case "identifier", "contact", "secret":
				severe++
				if ok {
					severeFound++
				}
			}
		}
		if severe > 0 {
			identDocs++
			if severeFound > 0 {
				identHit++
			}
			if severeFound == severe {
				allHit++
			}
		}
		if names > 0 {
			nameDocs++
			langDocs[p.Lang]++
			if namesFound > 0 {
				nameHit++
				langHit[p.Lang]++
			}
		}
		if p.Expect == "positive" {
			for _, f := range list {
				if f.Type != "PERSON" || f.Likelihood < proxy.Likely {
					continue
				}
				persons++
				if slices.ContainsFunc(p.Spans, func(sp quality.Span) bool { return sp.Start < f.End && f.Start < sp.End }) {
					rightPersons++
				} else {
					t.Logf("prompts:%d (%s, %s): PERSON %d-%d not marked", line, p.Lang, p.Kind, f.Start, f.End)
				}
			}
		}
		if p.Expect == "negative" {
			negatives++
			bad := false
			for _, f := range list {
				if isSerious(f) {
					bad = true
					t.Logf("prompts:%d (%s, %s): %s %s %d-%d in a look-alike", line, p.Lang, p.Kind, f.Type, f.Likelihood, f.Start, f.End)
				}
			}
			if bad {
				hit++
			}
		}
	})
	m.share(section, "document recall, identifiers, cards, contact data, secrets", identHit, identDocs, ">= 97 %")
	m.share(section, "... documents in which every one of them was found", allHit, identDocs, "")
	m.share(section, "document recall, names", nameHit, nameDocs, ">= 90 %")
	for _, l := range byName(langDocs) {
		m.share(section, "... names, "+l, langHit[l], langDocs[l], "")
	}
	m.share(section, "look-alike prompts without identifier, card, secret or contact finding", negatives-hit, negatives, ">= 98 %")
	m.share(section, "published test values tagged synthetic", tagged, synthetic, "100 %")
	m.share(section, "PERSON findings that are marked (in prompts where every name is)", rightPersons, persons, "")
	if negatives == 0 || synthetic == 0 || len(total) == 0 {
		t.Fatal("a kind of prompt is missing from the data")
	}
	const recall = "Whole prompts: recall by type"
	few, fewFound := 0, 0
	for _, typ := range byName(total) {
		if total[typ] >= 20 || found[typ] < total[typ] {
			m.share(recall, typ, found[typ], total[typ], "")
			continue
		}
		few, fewFound = few+total[typ], fewFound+found[typ]
	}
	m.share(recall, "all other types together", fewFound, few, "")
}

// secretFixtures: positive and negative examples of the secret scanners, scored
// per rule.
func secretFixtures(t *testing.T, dir string, m *measured) {
	type fixture struct {
		Positive bool   `json:"positive"`
		Rule     string `json:"rule"`
		Text     string `json:"text"`
	}
	type score struct{ positives, found, negatives, silent int }
	s := suite(t, classifiers.Options{})
	for _, name := range []string{"gitleaks", "betterleaks"} {
		rules := map[string]*score{}
		file := filepath.Join(dir, "secrets", name+"-fixtures.jsonl.gz")
		positive := map[string]bool{}
		lines(t, file, func(_ int, f fixture) {
			if f.Positive {
				positive[f.Text] = true
			}
		})
		lines(t, file, func(line int, f fixture) {
			sc := rules[f.Rule]
			if sc == nil {
				sc = &score{}
				rules[f.Rule] = sc
			}
			hit := false
			for _, x := range classify(t, s, f.Text) {
				if slices.Contains(x.Groups, classifiers.Credential) && x.Likelihood >= proxy.Likely && !(x.Synthetic && !f.Positive) {
					hit = true
				}
			}
			switch {
			case f.Positive:
				sc.positives++
				if hit {
					sc.found++
				}
			case positive[f.Text]: // another rule's positive
			default:
				sc.negatives++
				if !hit {
					sc.silent++
				}
			}
			if hit != f.Positive && !positive[f.Text] || f.Positive && !hit {
				t.Logf("%s:%d: %s: positive is %v, found is %v", name, line, f.Rule, f.Positive, hit)
			}
		})
		section := "Secrets: examples as in the tests of gitleaks and betterleaks, mean over rules"
		var recall, silence float64
		with, without := 0, 0
		for _, rule := range byName(rules) {
			sc := rules[rule]
			if sc.positives > 0 {
				recall += float64(sc.found) / float64(sc.positives)
				with++
			}
			if sc.negatives > 0 {
				silence += float64(sc.silent) / float64(sc.negatives)
				without++
			}
		}
		m.value(section, name+": positive examples found", recall/float64(with), with, ">= 90 %")
		// Most of what is left are keys of no vendor, api_key=…, which are keys all
		// the same; what the rule's own type finds is held to 95 % in secrets.
		m.value(section, name+": negative examples in which nothing at all is found", silence/float64(without), without, "")
	}
}

// clean: harmless prompts, source code and logs.
func clean(t *testing.T, dir string, m *measured) {
	const section = "Clean text: contact, identifier, financial and credential findings per 10,000 tokens"
	s := suite(t, classifiers.Options{})
	for _, file := range []string{"gsm8k_train.jsonl", "mt_bench_question.jsonl", "user_oriented_instructions.jsonl"} {
		bytes, n := 0, 0
		lines(t, filepath.Join(dir, "negatives", file), func(line int, v json.RawMessage) {
			var segs []proxy.Segment
			var any any
			if json.Unmarshal(v, &any) != nil {
				t.Fatal("unreadable")
			}
			leaves(any, &segs)
			for _, x := range segs {
				bytes += x.Text.Len()
			}
			r, err := s.Classify(context.Background(), segs)
			if err != nil || len(r.Gaps) > 0 {
				t.Fatal(err, r.Gaps)
			}
			for _, f := range r.Findings {
				if isSerious(f) {
					n++
					t.Logf("%s:%d: %s (%s)", file, line, f.Type, f.Likelihood)
				}
			}
		})
		m.perTokens(section, strings.TrimSuffix(file, ".jsonl"), n, bytes, "<= 1")
	}
	seriousCount, persons, size := sourceCode(t, s)
	m.perTokens(section, "source code (a part of Go's standard library)", seriousCount, size, "<= 1")
	m.perTokens(section, "PERSON in source code", persons, size, "")
	seriousCount, persons, size = ownLogs(t, s)
	m.perTokens(section, "logs", seriousCount, size, "<= 1")
	m.perTokens(section, "PERSON in logs", persons, size, "")
}

// sourceCode looks at the Go files of the toolchain that runs the test. What is
// in tests of cryptography are real keys, so tests are left out.
func sourceCode(t *testing.T, s *classifiers.Suite) (n, persons, size int) {
	root := filepath.Join(build.Default.GOROOT, "src")
	for _, part := range []string{"net/http", "encoding", "go", "os", "runtime", "strconv", "time", "text", "database", "html", "image", "sort", "sync", "compress", "archive", "cmd/go/internal/modload"} {
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(part)), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			size += len(b)
			for _, f := range classify(t, s, string(b)) {
				if isSerious(f) {
					n++
					t.Logf("%s: %s %s %d-%d", strings.TrimPrefix(p, root), f.Type, f.Likelihood, f.Start, f.End)
				}
				if f.Type == "PERSON" && f.Likelihood >= proxy.Likely {
					persons++
					t.Logf("%s: PERSON %d-%d", strings.TrimPrefix(p, root), f.Start, f.End)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return n, persons, size
}

// ownLogs looks at lines as servers write them, with identifiers of machines in
// every field.
func ownLogs(t *testing.T, s *classifiers.Suite) (n, persons, size int) {
	rnd := rand.New(rand.NewPCG(3, 4))
	hex := func(k int) string {
		b := make([]byte, k)
		for i := range b {
			b[i] = "0123456789abcdef"[rnd.IntN(16)]
		}
		return string(b)
	}
	num := func(k int) string {
		b := make([]byte, k)
		for i := range b {
			b[i] = byte('0' + rnd.IntN(10))
		}
		return string(b)
	}
	pick := func(l ...string) string { return l[rnd.IntN(len(l))] }
	var b strings.Builder
	for i := range 4000 {
		ts := fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02d.%sZ", 1+rnd.IntN(12), 1+rnd.IntN(28), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), num(6))
		switch i % 8 {
		case 0:
			fmt.Fprintf(&b, "%s INFO  [%s] request_id=%s-%s-4%s-a%s-%s status=200 bytes=%s dur=%sms\n", ts, pick("worker-3", "main", "http-nio-8080-exec-1"), hex(8), hex(4), hex(3), hex(3), hex(12), num(7), num(3))
		case 1:
			fmt.Fprintf(&b, "10.%d.%d.%d - - [%02d/Nov/2026:10:11:%02d +0000] \"GET /api/v1/orders/%s?page=%s HTTP/1.1\" 200 %s \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n", rnd.IntN(256), rnd.IntN(256), rnd.IntN(256), 1+rnd.IntN(28), rnd.IntN(60), num(9), num(1), num(5))
		case 2:
			fmt.Fprintf(&b, "level=debug ts=%s.%s caller=store.go:%s msg=\"compacted block\" ulid=01%s mint=%s maxt=%s\n", num(10), num(3), num(3), strings.ToUpper(hex(24)), num(13), num(13))
		case 3:
			fmt.Fprintf(&b, "kernel: [%s.%s] eth0: tx timeout, queue %s, pid %s comm %s\n", num(6), num(6), num(1), num(5), pick("kworker", "postgres", "java"))
		case 4:
			fmt.Fprintf(&b, "{\"time\":\"%s\",\"severity\":\"WARN\",\"order\":%s,\"sku\":\"%s-%s\",\"trace\":\"%s\",\"span\":\"%s\",\"amount\":%s.%s}\n", ts, num(10), strings.ToUpper(hex(3)), num(5), hex(32), hex(16), num(4), num(2))
		case 5:
			fmt.Fprintf(&b, "commit %s\nbuild %s artifact sha256:%s size %s\n", hex(40), num(9), hex(64), num(8))
		case 6:
			fmt.Fprintf(&b, "\tat com.acme.%s.Service.handle(Service.java:%s)\n\tat java.base/java.lang.Thread.run(Thread.java:%s)\n", pick("billing", "orders", "auth"), num(3), num(3))
		case 7:
			fmt.Fprintf(&b, "GC(%s) Pause Young 1024M->%sM(%sM) %s.%sms, heap 0x%s-0x%s\n", num(4), num(3), num(4), num(2), num(3), hex(16), hex(16))
		}
	}
	text := b.String()
	for _, f := range classify(t, s, text) {
		if isSerious(f) {
			n++
			t.Logf("logs: %s %s %d-%d %q", f.Type, f.Likelihood, f.Start, f.End, text[f.Start:f.End])
		}
		if f.Type == "PERSON" && f.Likelihood >= proxy.Likely {
			persons++
			t.Logf("logs: PERSON %q", text[f.Start:f.End])
		}
	}
	return n, persons, len(text)
}
