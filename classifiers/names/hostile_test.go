package names

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzNames: no text makes the detector panic or report half a character.
func FuzzNames(f *testing.F) {
	for _, d := range Detectors() {
		for _, s := range append(d.Positives, d.NearMisses...) {
			f.Add(s)
		}
	}
	f.Add("患者:王小明\xff先生、佐藤 \xe3\x81")
	f.Add("\"a\": \"John \\\" Smith\", // Ann Lee's\n\tfoo(){}\n{\n}\n;")
	f.Add("d'Angelo O'Neil's Jean-Luc-- 'x \u2019\u2019 ’ İI ſ ŉ")
	s := suite(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, x := range find(t, s, text) {
			if x.Start < 0 || x.End > len(text) || x.Start >= x.End {
				t.Fatalf("a finding of %d to %d in %d bytes", x.Start, x.End, len(text))
			}
			if utf8.ValidString(text) && (!utf8.RuneStart(text[x.Start]) || x.End < len(text) && !utf8.RuneStart(text[x.End])) {
				t.Fatal("a finding cuts a character")
			}
		}
	})
}

// TestHostile: the time for a megabyte of anything is bounded.
func TestHostile(t *testing.T) {
	s := suite(t)
	for name, unit := range map[string]string{
		"capitals": "A", "at signs": "@", "dots": "a.", "names": "John Smith ", "quotes": "\"", "quoted": "\"a b C\" {}\n", "lines": "\n", "code": "{\n", "hyphens": "Ann-", "apostrophes": "O'",
		"han": "王", "names in han": "王小明先生", "kana": "佐藤さん", "initials": "J. ", "marks": "́", "tabs": "\t", "logs": "2026-01-01 10:00:00 INFO Ann Lee\n", "links": "http://a.b/", "escapes": "\\n", "bad bytes": "\xff",
		"table": "| Ann Lee | x |\n", "long word": "Abcdefghij", "mixed": "aA1_",
	} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		start := time.Now()
		classify(s, segment(text)) // there may be more findings than are kept
		// 20 ns a byte on an idle core; what a square would take is far more than this.
		if d := time.Since(start); d > 60*time.Second {
			t.Errorf("a megabyte of %s took %v", name, d)
		} else if testing.Verbose() {
			t.Logf("%-14s %v", name, d.Round(time.Millisecond))
		}
	}
}

// TestAllocations: text without a signal costs no memory.
func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector empties pools: allocations were not counted")
	}
	s := suite(t)
	for name, text := range map[string]string{
		"prose": strings.Repeat("the report covers the costs of the migration and the open questions of the audit. ", 20),
		"code":  strings.Repeat("\tif err := s.store.Put(ctx, key, value); err != nil {\n\t\treturn\n\t}\n", 20),
		"logs":  strings.Repeat("2026-11-24T10:00:00.123Z INFO request_id=12345678 status=200 bytes=31 dur=12ms\n", 20),
	} {
		segments := segment(text)
		if n := testing.AllocsPerRun(50, func() { classify(s, segments) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestForms: names in the forms that texts have them, and what looks alike.
func TestForms(t *testing.T) {
	s := suite(t)
	for i, text := range []string{
		// Beside an address, two findings by two detectors: here the name only.
		"[[PERSON|Ingrid Halvorsen]] <ingrid.h@corp.example>",
		"Please call [[PERSON|Rebecca Thornton]]. [[PERSON|Thornton]] is on leave until Monday.",
		"[[PERSON|Małgorzata Wiśniewska]] pracuje w [[LOCATION|Krakowie]].",
		"Sayın [[PERSON|Mehmet Yılmaz]], başvurunuz alınmıştır.",
		"PATIENT: [[PERSON|MARGARET O'BRIEN]]",
		"hi, this is [[PERSON|jennifer collins]], my parcel is late",
		"INSERT INTO person (name, age) VALUES ('[[PERSON|Jennifer Collins]]', 41);",
		"{\"note\": \"Customer called, please ask [[PERSON|Jennifer Collins]] to send the form.\"}",
		"श्रीमती [[PERSON|सुनीता शर्मा]] ने आज फोन किया।",
		"联系人:[[PERSON|李秀英]],电话请稍后再打。",
		"[[PERSON|山田]]と申します。担当は[[PERSON|鈴木一郎]]様です。",
		"Lieber [[PERSON|Johannes]], liebe [[PERSON|Katharina]], wir sehen uns morgen.",
		"Je m'appelle [[PERSON|Camille Rousseau]] et j'habite à [[LOCATION|Nantes]].",
	} {
		bareMarked(t, s, i, text)
	}
	for i, text := range []string{
		"C4, S3, EC2, m2 and INFO are no persons; neither are Monday and October.",
		"Java, Julia and Ada are languages; Kubernetes and Jenkins are tools.",
		"const john = smith(mary); // TODO rename",
		"    at com.acme.Jordan.run(Jordan.java:14)",
		"ERROR 2026-01-02 Failed to open Socket",
		"Das Angebot, die Rechnung und der Vertrag liegen bei.",
	} {
		marked(t, s, i, text)
	}
}
