package fold

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// wellFormed checks the contract of the views of a text.
func wellFormed(t *testing.T, text string, views []View) {
	t.Helper()
	end, total := 0, 0
	for i := range views {
		v := &views[i]
		total += len(v.Text)
		if v.Via == "" {
			t.Fatal("a view that does not say what was folded")
		}
		from, to := v.Origin(0, len(v.Text))
		if from < end || from > to || to > len(text) {
			t.Fatalf("view %d stands for %d-%d of %d bytes, the one before ends at %d", i, from, to, len(text), end)
		}
		end = to
		if utf8.ValidString(text) && !utf8.ValidString(v.Text) {
			t.Fatal("a view that is not UTF-8")
		}
		last := 0
		for k := 0; k < len(v.Text); k += 1 + len(v.Text)/500 {
			for _, n := range []int{1, 7, 40} {
				a, b := v.Origin(k, k+n)
				if a < from || a > b || b > to {
					t.Fatalf("%d-%d of the view stands for %d-%d, outside of %d-%d", k, k+n, a, b, from, to)
				}
				if utf8.ValidString(text) && (a < len(text) && !utf8.RuneStart(text[a]) || b < len(text) && !utf8.RuneStart(text[b])) {
					t.Fatal("a place inside a character")
				}
				if n == 1 && a < last && utf8.ValidString(text) {
					t.Fatal("places that go back")
				}
				if n == 1 {
					last = a
				}
				// What reads as it is written is the same text.
				if utf8.ValidString(text) && k+n <= len(v.Text) && utf8.ValidString(v.Text[k:k+n]) && !v.Changed(k, k+n) && text[a:b] != v.Text[k:k+n] {
					t.Fatalf("%d-%d is not changed, and not the text at %d-%d", k, k+n, a, b)
				}
			}
		}
	}
	if total > len(text) {
		t.Fatalf("views of %d bytes for a text of %d", total, len(text))
	}
}

func hostile(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	return map[string]string{
		"percent": rep("%41"), "percent twice": rep("%2541"), "percent open": rep("%"), "entities": rep("&#64;"), "entities open": rep("&#"), "backslashes": rep(`\`), "unicode": rep(`\u0041`),
		"surrogates": rep(`\ud83d\ude00`), "half": rep(`\ud83d`), "quoted": rep("=41=3D"), "soft": rep("=\n"), "base64": rep("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="), "base64 run": rep("QUJDREVG"),
		"base64 lines": rep(strings.Repeat("QUJD", 19) + "\n"), "hex": rep("6a61"), "hex pieces": rep("6a616e652e646f65 "), "spaced": rep("5 3 6 2 2 "), "dotted": rep("5.3.6."), "a.a": rep("a.a."), "letters apart": rep("j o h n @ a c m e . i o "),
		"at": rep(" at "), "dot": rep(" dot"), "at dot": rep("a at b dot c "), "brackets": rep("[at]"), "open": rep("[ ( { "), "dots": rep("[.]"), "signs": rep(" @ "), "one": rep("one "), "double": rep("double "), "numbers": rep("one two six five four "),
		"zero width": rep("\u200b"), "zero width between": rep("a\u200b"), "wide": rep("ａ"), "wide digits": rep("５"), "cyrillic": rep("а"), "mixed": rep("aа"), "tags": rep("\U000E0041"), "tags apart": rep("a\U000E0041"), "marks": rep("a\u0336"), "numerals": rep("一二三"), "arabic": rep("٥"),
		"joined": rep("5_"), "joined stars": rep("55*"), "han": rep("電話"), "invalid": rep("\xff\xfe"), "cut": rep("\xe4\xb8"), "dashes": rep("－"), "nbsp": rep("5\u00a0"), "letters": rep("e"), "blanks": rep(" "), "digits": rep("7"),
	}
}

// No text takes more than a bounded time per byte: four times the text takes
// about four times as long. Times are the best of several runs; the ratio allows
// for a busy machine and not for a square.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const small, factor = 64 << 10, 4
	best := func(text string) (time.Duration, []View) {
		d := time.Duration(1 << 62)
		var views []View
		for range 4 {
			from := time.Now()
			views = Views(text)
			d = min(d, time.Since(from))
		}
		return d, views
	}
	short, long := hostile(small), hostile(small*factor)
	for name := range short {
		var a, b time.Duration
		var views []View
		for range 4 { // a busy machine is asked again
			a, _ = best(short[name])
			b, views = best(long[name])
			if float64(b) <= 3*factor*float64(a) {
				break
			}
		}
		t.Logf("%-20s %6.1f ns per byte, ratio %.1f, %d views", name, float64(b)/(small*factor), float64(b)/float64(a), len(views))
		if float64(b) > 3*factor*float64(a) && b > 5*time.Millisecond {
			t.Errorf("%s: %d times the text takes %.1f times as long", name, factor, float64(b)/float64(a))
		}
		total := 0
		for _, v := range views {
			total += len(v.Text)
		}
		if total > small*factor {
			t.Errorf("%s: views of %d bytes", name, total)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, text := range []string{prose, code, logs, german, chinese, russian, hindi} {
		text = strings.Repeat(text, 10)
		if n := testing.AllocsPerRun(20, func() {
			if len(Views(text)) > 0 {
				t.Fatal("a view of clean text")
			}
		}); n != 0 {
			t.Errorf("%.1f allocations on clean text", n)
		}
	}
}

func FuzzViews(f *testing.F) {
	for _, text := range hostile(120) {
		f.Add(text, "x")
	}
	for _, text := range []string{prose, code, logs, german, chinese, russian, hindi} {
		f.Add(text, "jane%40acme.io")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		watch := time.AfterFunc(10*time.Second, func() { panic("a text that takes seconds") })
		defer watch.Stop()
		wellFormed(t, text, Views(text))
		// With room around, so that there are windows.
		long := text + strings.Repeat(prose, 3) + other + strings.Repeat(prose, 3) + text
		wellFormed(t, long, Views(long))
	})
}
