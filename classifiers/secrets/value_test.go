package secrets

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Drawn bodies look random and words do not. The draws are seeded.
func TestLooksRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, set := range []struct {
		name  string
		chars string
		n     int
		least float64 // share that must look random
	}{
		{"base 62, 32", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 32, 0.97},
		{"base 62, 20", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 20, 0.93},
		{"base 36, 32", "0123456789abcdefghijklmnopqrstuvwxyz", 32, 0.96},
		{"hex, 32", "0123456789abcdef", 32, 0.97},
		{"base64url, 43", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_", 43, 0.97},
	} {
		const draws = 4000
		hits := 0
		for range draws {
			b := make([]byte, set.n)
			for i := range b {
				b[i] = set.chars[r.IntN(len(set.chars))]
			}
			if looksRandom(string(b)) {
				hits++
			}
		}
		share := float64(hits) / draws
		t.Logf("%s: %.3f look random", set.name, share)
		if share < set.least {
			t.Errorf("%s: %.3f look random, %.2f wanted", set.name, share, set.least)
		}
	}
	for _, w := range []string{
		"generateKeyFromPassword", "getUserServiceToken2", "x509CertificateV3Parser", "internal_server_error_500", "kubernetesV1Secret99", "pkcs8Ed25519PrivateKeyHex",
		"eu-central-1-production-2", "release-2031-02-03-rc1", "0000000000000000000000", "abcdefghijklmnop123456789", "aaaaaaaaaaaaaaaaaaaaa1", "com.acme.billing.v2.Invoice",
	} {
		if looksRandom(w) {
			t.Errorf("%s looks random", w)
		}
	}
}

func TestForce(t *testing.T) {
	for want, list := range map[force][]string{
		standIn: {"password", "changeme", "${PASS}", "{{ .pw }}", "<secret>", "********", "your-password", "$PASSWORD", "%PASS%", "process.env.PW", "os.environ", "xxxxxxxx", "/etc/app/pw1", "a@acme.test1", "f(x1)", "p1[0]"},
		plain:   {"zebrafinch", "20311231"},
		mixed:   {"hunter2", "Herbst2031", "blue-kettle-92"},
		strong:  {"mRbL$hneeOJ#n2f", "Winter2031!", "KFHUNF9EBJ29dq", "Oc1T!4c44SB=yeK"},
	} {
		for _, v := range list {
			if got := forceOf(v, false); got != want {
				t.Errorf("%s: %d, %d wanted", v, got, want)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for want, list := range map[nameKind][]string{
		namePassword: {"password", "DB_PASSWORD", "dbPass", "userPassword1", "PGPASSWORD", "ansible_become_password", "spring.datasource.password", "kennwort", "contraseña", "hasło", "smtp-pass", "PW"},
		nameSecret:   {"apiKey", "API_KEY", "APIKey", "client_secret", "accessToken", "X-Api-Key", "SECRET_KEY_BASE", "mySecretString", "acme_api_token_77", "private-key", "SegmentWriteKey", "_authToken", "credentials"},
		nameKey:      {"key", "roomKeys", "auth"},
		nameOther:    {"public_key", "primaryKey", "foreignKey", "passwordHash", "token_type", "csrfToken", "nextPageToken", "secretName", "keyLength", "access_token_url", "keyboard_key", "sha256_key"},
		nameID:       {"client_id", "credentialsId", "keyId"},
		nameNone:     {"", "name2", "monkey", "compass", "value"},
	} {
		for _, n := range list {
			if got := kindOf(n); got != want && !(n == "name2" && got == nameOther) {
				t.Errorf("%q: %d, %d wanted", n, got, want)
			}
			if want >= nameKey && !secretive(n) && n != "contraseña" && n != "hasło" {
				t.Errorf("%q is passed over", n)
			}
		}
	}
}

func TestPattern(t *testing.T) {
	p := compile("ab_{d2-4}.{U}-{l3}")
	for i := range uint64(50) {
		token := p.sample(i)
		if p.match(token, 0) != len(token) || p.match("x "+token+" y", 2) != len(token)+2 {
			t.Errorf("sample %d is not matched", i)
		}
		if p.match(token+"z", 0) >= 0 || p.match(token[:len(token)-1], 0) >= 0 || p.match(strings.ToUpper(token), 0) >= 0 {
			t.Errorf("sample %d is matched longer, shorter or in capitals", i)
		}
	}
	for _, sv := range append(tokens, named...) {
		for _, s := range strings.Fields(sv.patterns) {
			if p := compile(s); len(p) == 0 {
				t.Errorf("%s: an empty pattern", sv.typ)
			}
		}
	}
	for _, sv := range tokens {
		for _, s := range strings.Fields(sv.patterns) {
			if p := compile(s); p[0].set != nil || len(p.lead()) < 2 {
				t.Errorf("%s: a pattern that begins with no text of its own", sv.typ)
			}
		}
	}
}

// The checksum of tokens of GitHub and npm: a right sum is worth more than a wrong
// one, and short sums are padded.
func TestCRC62(t *testing.T) {
	b := draw(alnum, 30, 9)
	if got := crc(b + crc62(b)); got != veryLikely {
		t.Errorf("a right sum: %v", got)
	}
	if got := crc(b + "000000"); got != likely {
		t.Errorf("a wrong sum: %v", got)
	}
	if crc62("") != "000000" {
		t.Error("the sum of nothing is not padded")
	}
}
