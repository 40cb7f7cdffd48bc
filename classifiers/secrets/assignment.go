package secrets

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	genericType  = general(secret("GENERIC_API_KEY", "A key or token of a service that its format does not name."))
	passwordType = general(secret("PASSWORD", "A password that is assigned to a name."))
)

// assignment finds secrets that only their name gives away.
func assignment() *classifiers.Detector {
	return &classifiers.Detector{
		Name: "assignment", Version: 1,
		Doc: `Values that are assigned to a name which says secret: a token of 20 characters and more, mixed like a random one, right
after a name such as client_secret, api_key or access_token, and the password of a connection string in the form of ADO.NET, JDBC
or a query, password=…; Digests, identifiers, placeholders, expressions and words are none. Assignments of other forms, and
passwords in sentences, are left to a detector of their own.`,
		Types: []*classifiers.Type{genericType, passwordType},
		Positives: []string{
			"client_secret=[[SECRET_GENERIC_API_KEY|" + draw(alnum, 48, 91) + "]]&grant_type=x",
			`"x-api-key":"[[SECRET_GENERIC_API_KEY|` + draw(alnum, 32, 92) + `]]"`,
			"APP_SECRET=[[SECRET_GENERIC_API_KEY|" + draw(hexLower, 32, 93) + "]]",
			"const apiKey = '[[SECRET_GENERIC_API_KEY|" + draw(alnum, 40, 94) + "]]';",
			"Server=tcp:sql.acme.io,1433;Database=hr;User ID=app;Password=[[SECRET_PASSWORD|" + draw(alnum, 14, 95) + "]];Encrypt=True",
			"jdbc:postgresql://db:5432/claims?user=app&password=[[SECRET_PASSWORD|" + draw(alnum, 16, 96) + "]], pool",
		},
		NearMisses: []string{
			"api_key=os.environ['KEY'] secret_key: get_secret_from_vault_by_name1 token = generate_token_v2_for_user(user)",
			"next_page_token=" + draw(alnum, 40, 97) + " csrf_token=" + draw(alnum, 40, 98) + " commit " + draw(hexLower, 40, 99),
			"api key: your-api-key-goes-here-1234, secret=aaaaaaaaaaaaaaaaaaaaaaaaaaaa1, access_token=${ACCESS_TOKEN}",
			"password=getpass() password=args.password1 Password=********; password=<secret1>, password=changeme1 pwd=/home/user1/src",
			"the secret of 4b825dc642cb6eb9a060e54bf8d69288fbee4904 is that it is the empty tree, a key to 550e8400-e29b-41d4-a716-446655440000",
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Run, Judge: judgeAssigned},
			{Shape: classifiers.Prefix, Literals: []string{"password=", "pwd="}, Judge: judgePassword},
		},
	}
}

// assignedCue are the names whose value is a secret, and publicCue those that
// sound like it and are none.
var (
	assignedCue = classifiers.NewCue("secret", "secrets", "api key", "apikey", "x api", "client secret", "signing secret", "access token", "auth token", "private key", "privatekey", "secretkey", "secret key", "write key", "writekey", "encryption key", "master key", "api token", "apitoken", "bot token", "service token", "authtoken", "accesstoken", "clientsecret")
	publicCue   = classifiers.NewCue("page", "next", "csrf", "xsrf", "continuation", "cursor", "public", "cache", "idempotency", "sort", "partition", "foreign", "primary", "publishable", "name", "arn", "path", "file", "id", "version")
)

// assignedReach is how far before its value a name may stand: quotes, a colon or
// an equals sign, spaces.
const assignedReach = 6

func judgeAssigned(s *classifiers.Scan, c classifiers.Candidate) {
	n := c.End - c.Start
	if n > 200 {
		return
	}
	start, end := c.Start, c.End
	// The sign of an assignment stands right before the value.
	i := start
	for i > 0 && start-i < 4 && strings.IndexByte("\"'` ", s.Text[i-1]) >= 0 {
		i--
	}
	if b := s.Before(i); s.Key == "" && b != '=' && b != ':' {
		return
	}
	body := s.Text[start:end]
	if after := s.At(end); after == '(' || after == '.' || after == '[' || inside(after) || strings.HasPrefix(body, "eyJ") {
		return
	}
	hex := hexLower.span(body, 0, n) == n
	if hex && n < 32 || !hex && mixture(body) == 0 || isUUIDText(body) {
		return
	}
	if d, u, l := count(body); !hex && (d < n/12 || u == 0 && l > 0 && strings.ContainsAny(body, "_/-") && d < n/5) {
		return // an identifier or a path
	}
	near := s.Beside(assignedCue, start, end)
	if near > assignedReach && !s.KeyHas(assignedCue) || s.Beside(publicCue, start, end) <= near+12 || s.Beside(digestCue, start, end) <= near {
		return
	}
	if weigh(body) != random {
		return
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: genericType, Likelihood: likely})
}

func isUUIDText(b string) bool { return len(b) == 36 && isUUID(b) != 0 }

// maxPassword bounds the value after password=.
const maxPassword = 128

func judgePassword(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	end := passwordSet.span(t, c.End, maxPassword)
	for end > c.End && strings.IndexByte(".,!?:", t[end-1]) >= 0 {
		end--
	}
	body := t[c.End:end]
	if after := s.At(end); after == '(' || after == '[' || after == '{' || after == '<' || after == '`' {
		return
	}
	d, u, l := count(body)
	if len(body) < 8 || d == 0 || u+l < 3 || strings.ContainsAny(body, "./_") && u == 0 || !passwordLike("", body) || weigh(body) != random {
		return
	}
	level := proxy.Likely
	s.Find(classifiers.Found{Start: c.End, End: end, Type: passwordType, Likelihood: level})
	s.Resume(end)
}

var passwordSet = chars("0-9a-zA-Z!#$%*+./:?@^_~-")
