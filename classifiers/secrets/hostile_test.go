package secrets

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// hostile are pieces of texts that make work: each begins what some detector
// looks far for, and repeats it.
var hostile = []string{
	"password ", "password is ", "pw: ", "key=", "token:", "a:", "=", ":", ">", "<", "</key>", "$", "{S", "|", "| password |\n", "password,a\n", "password\t",
	"curl -u ", "curl -u a:", "mysql -p", "machine x login y password ", "5432:a:", ":5432:", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "PuTTY-User-Key-File-2: Private-Lines:",
	"LS0tLS1CRUdJTi", "ZXlK", "eyJ", "eyJ.", "eyJhbGciOiJIUzI1NiJ9.", `"d":"`, "kind: Secret\n", "kind: Secret\ndata:\n  a: ", "data:\n", "otpauth://", "otpauth://totp?secret=",
	"sig=", "&sig=", "://", "a://b:", "a://b:c@", "Password=", ";Password=x1y2z3w4", "Server=a;Password=", "jdbc:oracle:thin:", "Basic ", "Bearer ", `auth":"`,
	"aws ", "secret access key ", "datadog", "AKIA", "SK", "ghp_", "sk-", "xoxb-", "hasło ", "密码", "パスワード", "пароль ", "पासवर्ड ", "\"", "'", "`", "(", "“", "「",
	"\\n", "\\\"", "secret_", "secretsecret", "a_b-", "key key key ", "pass word ", "adafruit", "adafruit a b c ", "dropbox=", "sl.", "{{", "${", "--token ", "Authorization: Token ",
	"A1b2C3d4", "aB3", "0123456789abcdef", "x.", "\xff", "\u200b", "é",
}

// Inputs that make work take a bounded time per byte, and no detector fails.
func TestHostile(t *testing.T) {
	s, err := classifiers.New(classifiers.Options{Detectors: Detectors(), Cache: -1, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	size := 256 << 10
	if raced || testing.Short() {
		size = 32 << 10
	}
	// A hundredth of it is measured on an idle core; machines that run tests are
	// not idle.
	const perByte = 50 * time.Microsecond
	for _, piece := range hostile {
		text := page(piece, size)
		began := time.Now()
		r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}})
		took := time.Since(began)
		if err != nil || len(r.Gaps) > 0 {
			t.Errorf("%q: %v, gaps %v", piece, err, r.Gaps)
		}
		if took > time.Duration(size)*perByte && !raced {
			t.Errorf("%q: %v for %d bytes, %v allowed", piece, took, size, time.Duration(size)*perByte)
		}
		if testing.Verbose() && took > time.Duration(size)*perByte/20 {
			t.Logf("%q: %d ns per byte", piece, took.Nanoseconds()/int64(size))
		}
	}
}

// What is told by the name of a field is found in its value.
func TestFieldNames(t *testing.T) {
	s := newSuite(t)
	for _, c := range []struct{ key, text, typ string }{
		{"db_password", "Hx7qLw92kf!", "SECRET_PASSWORD"},
		{"credentials.apiKey", draw(alnum, 32, 501), "SECRET_GENERIC_API_KEY"},
		{"clientSecret", draw(hexLower, 40, 502), "SECRET_GENERIC_API_KEY"},
		{"datadog_api_key", draw(hexLower, 32, 505), "SECRET_DATADOG_KEY"},
		{"integrations.dropboxAppSecret", draw(lower, 15, 506), "SECRET_DROPBOX_SECRET"},
		{"token_type", "Bearer", ""},
		{"password", "${DB_PASSWORD}", ""},
		{"public_key", draw(alnum, 43, 503), ""},
		{"next_page_token", draw(alnum, 43, 504), ""},
	} {
		r, err := s.Classify(context.Background(), []proxy.Segment{{Key: proxy.NewText(c.key), Text: proxy.NewText(c.text)}})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range r.Findings {
			if f.Likelihood >= proxy.Likely {
				got = f.Type
				if f.Start != 0 || f.End != len(c.text) {
					t.Errorf("%s: found at %d-%d", c.key, f.Start, f.End)
				}
			}
		}
		if got != c.typ {
			t.Errorf("%s: %q found, %q wanted", c.key, got, c.typ)
		}
	}
}

// No text without a candidate costs an allocation.
func TestNoAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	s := newSuite(t)
	segs := []proxy.Segment{{Text: proxy.NewText(kinds()["prose"])}}
	if n := testing.AllocsPerRun(50, func() { s.Classify(context.Background(), segs) }); n > 0 {
		t.Errorf("%v allocations for prose without secrets", n)
	}
}

// Whatever the text, no detector fails and every finding lies on the edges of
// characters.
func FuzzSecrets(f *testing.F) {
	for _, d := range Detectors() {
		for _, text := range d.Positives {
			if bare, _, err := classifiers.ParseMarked(text); err == nil {
				f.Add("", bare)
			}
		}
	}
	for _, piece := range hostile {
		f.Add("password", strings.Repeat(piece, 3))
	}
	s := newSuite(f)
	f.Fuzz(func(t *testing.T, key, text string) {
		r, err := s.Classify(context.Background(), []proxy.Segment{{Key: proxy.NewText(key), Text: proxy.NewText(text)}})
		if err != nil || len(r.Gaps) > 0 {
			t.Fatal(err, r.Gaps)
		}
		for _, x := range r.Findings {
			if x.Start < 0 || x.End > len(text) || x.Start >= x.End || utf8.ValidString(text) && (!utf8.RuneStart(text[x.Start]) || x.End < len(text) && !utf8.RuneStart(text[x.End])) {
				t.Fatalf("%s at %d-%d of %d bytes", x.Type, x.Start, x.End, len(text))
			}
		}
	})
}

// However often a text speaks of passwords, the one behind it all is found.
func TestManyForeignWords(t *testing.T) {
	s := newSuite(t)
	for _, n := range []int{1, 5000} {
		r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(strings.Repeat("密码很重要。", n) + "\n我的密码是 kX9#tq!Lw2vZ\n")}})
		if err != nil || len(r.Gaps) != 0 || len(r.Findings) == 0 {
			t.Errorf("%d times: %d findings, gaps %v (%v)", n, len(r.Findings), r.Gaps, err)
		}
	}
}
