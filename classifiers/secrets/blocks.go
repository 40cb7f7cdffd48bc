package secrets

import (
	"encoding/json"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var privateKeyType = secret("PRIVATE_KEY", "A private key in PEM, OpenSSH or OpenPGP armour.", "PRIVATE_KEY")

// privateKey finds armoured private keys.
func privateKey() *classifiers.Detector {
	body := draw(base64s, 64, 1)
	pem := "-----BEGIN RSA PRIVATE " + "KEY-----"
	end := "-----END RSA PRIVATE " + "KEY-----"
	return &classifiers.Detector{
		Name: "private_key", Version: 2,
		Doc: `Private keys in armour: PEM after RFC 7468 (PKCS #1, PKCS #8, SEC 1, encrypted ones too), OpenSSH and OpenPGP. From the
BEGIN line to the END line, or as far as the base64 goes where the end is cut off; line breaks may be written as \n. A block with
less than 64 characters of base64 in it is a placeholder. Public keys and certificates are none.`,
		Types: []*classifiers.Type{privateKeyType},
		Positives: []string{
			"key:\n[[SECRET_PRIVATE_KEY|" + pem + "\n" + body + "\n" + body[:40] + "==\n" + end + "]]\nthanks",
			`{"k":"[[SECRET_PRIVATE_KEY|` + strings.ReplaceAll(pem, "RSA", "EC") + `\n` + body + `\n` + strings.ReplaceAll(end, "RSA", "EC") + `]]\n"}`,
			"[[SECRET_PRIVATE_KEY|" + strings.ReplaceAll(pem, "RSA", "OPENSSH") + "\n" + body + "\n" + body + "]]\n... (cut)",
			"[[SECRET_PRIVATE_KEY|-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\nVersion: 2\n\n" + body + "\n=aBcD\n-----END PGP PRIVATE " + "KEY BLOCK-----]]",
		},
		NearMisses: []string{
			"-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----",
			"-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PUBLIC KEY-----",
			pem + "\n...\n" + end,
			"if strings.HasPrefix(line, \"" + pem + "\") { return errors.New(\"no private keys\") }",
		},
		Interests: []classifiers.Interest{{Shape: classifiers.Anchor, Literals: []string{"-----BEGIN "}, Judge: judgeArmour}},
	}
}

// Bounds of an armoured block.
const (
	maxLabel  = 64       // between BEGIN and the hyphens
	maxArmour = 64 << 10 // an RSA key of 16,384 bits has 13 KiB
	minWhole  = 32       // of one with both lines that begins as ASN.1 does
	minArmour = 64       // characters of base64 of the shortest key (Ed25519 in PKCS #8)
)

func judgeArmour(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	head := t[c.End:min(len(t), c.End+maxLabel)]
	shut := strings.Index(head, "-----")
	if shut < 0 {
		return
	}
	label := head[:shut]
	if !strings.HasSuffix(label, "PRIVATE KEY") && !strings.HasSuffix(label, "PRIVATE KEY BLOCK") {
		return
	}
	from := c.End + shut + 5
	limit := min(len(t), from+maxArmour)
	foot := strings.Index(t[from:limit], "-----")
	if foot < 0 {
		foot = limit - from
	}
	to := from + foot
	n, last := armoured(t[from:to])
	whole := strings.HasPrefix(t[to:], "-----END ")
	if n < minArmour && !(whole && n >= minWhole && strings.HasPrefix(strings.TrimLeft(t[from:to], "\\nr\r\n \t"), "MI")) {
		return
	}
	end := from + last
	if strings.HasPrefix(t[to:], "-----END ") {
		rest := t[to+9 : min(len(t), to+9+maxLabel)]
		if i := strings.Index(rest, "-----"); i >= 0 {
			end = to + 9 + i + 5
		}
	}
	s.Find(classifiers.Found{Start: c.Start, End: end, Type: privateKeyType, Likelihood: veryLikely})
	s.Resume(end)
}

// armoured counts the characters of base64 lines in a body and gives the end of
// the last. Breaks may be line feeds or the two characters \n; header lines,
// quotes and indentation are passed over.
func armoured(b string) (n, end int) {
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && (base64s[b[j]] || b[j] == '=') {
			j++
		}
		// Words of a sentence or of a header are short.
		if j-i >= 16 || n > 0 && j-i > 0 && (j == len(b) || b[j] == '\n' || b[j] == '\r' || b[j] == '\\') {
			n += j - i
			end = j
		}
		if j == i {
			j++
			if b[i] == '\\' && j < len(b) && (b[j] == 'n' || b[j] == 'r') {
				j++
			}
		}
		i = j
	}
	return n, end
}

var jwtType = secret("JWT", "A JSON Web Token.", "JWT")

func jwt() *classifiers.Detector {
	const head, sub = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJzdWIiOiIxMjM0NTY3ODkw"
	payload := "eyJzdWIiOiI4ODEyNyIsImlzcyI6ImF1dGgifQ"
	sign := draw(alnum, 43, 3)
	return &classifiers.Detector{
		Name: "jwt", Version: 2,
		Doc: `JSON Web Tokens (RFC 7519) in compact form: a header that decodes to a JSON object with the member alg, a payload that
is a JSON object too, a signature. Encrypted ones (RFC 7516, five parts) as well. Where a word such as bearer or token stands near,
a token without signature counts. The sample of jwt.io, subject 1234567890, is synthetic.`,
		Types: []*classifiers.Type{jwtType},
		Positives: []string{
			"Authorization: Bearer [[SECRET_JWT|" + head + "." + payload + "." + sign + "]]",
			"token=[[SECRET_JWT|" + head + "." + payload + "." + sign + "]]&x=1",
			"[[synthetic SECRET_JWT|" + head + "." + sub + "In0." + sign + "]] from jwt.io",
		},
		NearMisses: []string{
			"eyJhbGciOi... and eyJ0eXAiOiJKV1QifQ.eyJ0eXAiOiJKV1QifQ.abcdefghijklmnop have no alg",
			"eyeball.eyJ.eyJ " + head + " alone",
			"ZXlKaGJHY2lPaUpJVXpJMU5pSjk= data:image/png;base64,eyJ",
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Prefix, Literals: []string{"eyJ"}, Judge: judgeJWT},
			{Shape: classifiers.Prefix, Literals: []string{"ZXlK"}, Judge: judgeWrappedJWT},
		},
	}
}

// Bounds of a JSON Web Token.
const (
	maxHeader = 1024     // decoded
	maxJWT    = 16 << 10 // as long as servers take headers
)

var jwtCue = classifiers.NewCue("token", "bearer", "jwt", "authorization", "auth", "cookie", "session", "access", "id token", "refresh")

func judgeJWT(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if t[c.Start:c.End] != "eyJ" {
		return
	}
	var cut [5]int // ends of the parts
	parts, i := 0, c.Start
	limit := c.Start + maxJWT
	for parts < len(cut) {
		j := base64u.span(t, i, max(0, limit-i))
		cut[parts] = j
		parts++
		if j >= len(t) || t[j] != '.' || j >= limit {
			break
		}
		i = j + 1
	}
	end := cut[parts-1]
	s.Resume(end)
	if parts < 2 {
		return
	}
	var buf [maxHeader]byte
	head, ok := unbase64(buf[:], t[c.Start:cut[0]])
	ok = ok && json.Valid(head)
	unnamed := ok && !contains(head, `"alg"`)
	if unnamed {
		// Without the member that says how it is signed: where the payload is
		// an object too and a signature follows.
		var body [maxHeader]byte
		claims, whole := unbase64(body[:], t[cut[0]+1:cut[1]])
		ok = parts >= 3 && cut[2]-cut[1] > 20 && whole && json.Valid(claims)
	}
	if !ok {
		// Not a token that anybody could check; the shape alone is possible.
		if parts >= 3 && cut[0]-c.Start >= 19 && strings.HasPrefix(t[cut[0]+1:], "ey") && cut[1]-cut[0] > 18 {
			s.Find(classifiers.Found{Start: c.Start, End: cut[2], Type: jwtType, Likelihood: proxy.Possible})
		}
		return
	}
	payload := t[cut[0]+1 : cut[1]]
	encrypted := contains(head, `"enc"`)
	signed := parts >= 3 && cut[2]-cut[1] > 16
	if !encrypted && !strings.HasPrefix(payload, "eyJ") || len(payload) < 4 && !encrypted {
		return
	}
	if !encrypted && parts > 3 {
		end = cut[2] // a full stop and more text
	}
	for end > c.Start && t[end-1] == '.' {
		end--
	}
	level := veryLikely
	if unnamed {
		level = likely
	}
	if !signed && !encrypted {
		level = proxy.Possible
		if s.Near(jwtCue, c.Start, end) <= cueReach {
			level = likely
		}
	}
	f := classifiers.Found{Start: c.Start, End: end, Type: jwtType, Likelihood: level}
	// base64 of {"sub":"1234567890 with which the sample's payload begins.
	f.Synthetic = strings.HasPrefix(payload, "eyJzdWIiOiIxMjM0NTY3ODkw")
	s.Find(f)
}

// wrapped is how much of a token in base64 is decoded: its header and the
// beginning of its payload.
const wrapped = 2048

// judgeWrappedJWT finds a token that is once more in base64, as Kubernetes keeps
// it: ZXlK is base64 of eyJ.
func judgeWrappedJWT(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if t[c.Start:c.End] != "ZXlK" {
		return
	}
	end := base64s.span(t, c.Start, maxJWT*4/3)
	s.Resume(end)
	var buf [wrapped]byte
	n := min(end-c.Start, wrapped/4*4)
	n -= n % 4
	plain, ok := unbase64(buf[:], t[c.Start:c.Start+n])
	if !ok || !jwtHeader(string(plain)) {
		return
	}
	dot := strings.IndexByte(string(plain), '.')
	if dot+3 >= len(plain) || plain[dot+1] != 'e' || plain[dot+2] != 'y' {
		return
	}
	for end < len(t) && t[end] == '=' {
		end++
	}
	s.Find(classifiers.Found{Start: c.Start, End: end, Type: jwtType, Likelihood: veryLikely, Rule: "base64", Validator: "json_header"})
}

// jwtHeader reports whether a token begins with the header of a JSON Web Token:
// it is for the detector of those to judge.
func jwtHeader(b string) bool {
	if !strings.HasPrefix(b, "eyJ") {
		return false
	}
	dot := strings.IndexByte(b, '.')
	if dot < 0 {
		return false
	}
	var buf [maxHeader]byte
	head, ok := unbase64(buf[:], b[:dot])
	return ok && json.Valid(head)
}

var connectionType = secret("CONNECTION_STRING", "A URL with a password in it.", "SECRET_URL_PASSWORD")

func connection() *classifiers.Detector {
	return &classifiers.Detector{
		Name: "connection_string", Version: 2,
		Doc: `URLs that carry a user and a password before the host, scheme://user:password@host (RFC 3986, 3.2.1): databases, queues,
mail, web servers with basic authentication, git remotes; JDBC URLs and the Key=Value;… strings of ADO.NET, ODBC and their kin that
hold a password. The whole URL or string is the finding. Placeholders (user:password@, ${DB_PASSWORD}, <password>, ***) are none.`,
		Types: []*classifiers.Type{connectionType},
		Positives: []string{
			"DATABASE_URL=[[SECRET_CONNECTION_STRING|postgres://app_rw:zZHsmq6vDSn7@db.prod.acme.io:5432/orders?sslmode=require]]",
			"url: \"[[SECRET_CONNECTION_STRING|mongodb+srv://svc:Tr0ub4dor&3@cluster0.ab1cd.mongodb.net/x]]\"",
			"url=[[SECRET_CONNECTION_STRING|jdbc:postgresql://db-2.acme.io:5432/claims?user=claims_app&password=" + draw(alnum, 16, 96) + "]], maxPoolSize=80",
			"\"Hr\": \"[[SECRET_CONNECTION_STRING|Server=tcp:sql.acme.io,1433;Database=hr;User ID=hr_app;Password=" + draw(alnum, 14, 95) + ";Encrypt=True]]\",",
			"url: [[SECRET_CONNECTION_STRING|jdbc:oracle:thin:scott/Tg7Rx99x@db:1521/orcl]]",
			"\"Blob\": \"[[SECRET_CONNECTION_STRING|DefaultEndpointsProtocol=https;AccountName=stlogs;AccountKey=" + draw(alnum, 86, 99) + "==;EndpointSuffix=core.windows.net]]\"",
			"bus [[SECRET_CONNECTION_STRING|Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=" + draw(alnum, 43, 97) + "=]] x",
			"Driver? use [[SECRET_CONNECTION_STRING|Data Source=db1;Uid=app;Pwd=" + draw(alnum, 14, 98) + ";]] then",
			"git clone [[SECRET_CONNECTION_STRING|https://ci:Hx7qLw92kf@git.acme.io/a.git]] && redis at [[SECRET_CONNECTION_STRING|redis://:f9Q2kLm71x@10.0.0.5:6379/0]]",
		},
		NearMisses: []string{
			"postgres://user:password@localhost:5432/db and mysql://root:root@127.0.0.1/x, amqp://guest:guest@mq",
			"postgres://app:${DB_PASSWORD}@db/x postgres://app:<password>@db/x postgres://app:****@db/x postgres://$USER:$PASS@db mysql://{user}:{pw}@h",
			"Server=db1;Database=x;User Id=app;Password=<password>; jdbc:mysql://db/x?user=a&password=${PASS} Server=db1;Trusted_Connection=True;",
			"https://acme.io:8443/a@b, http://x.y/z?u=a:b@c, see https://acme.io/@user, ssh://git@github.com/x.git",
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Anchor, Literals: []string{"://"}, Judge: judgeURL},
			{Shape: classifiers.Prefix, Literals: []string{"jdbc:oracle:thin:", "jdbc:oracle:oci:"}, Judge: judgeOracle},
			{Shape: classifiers.Prefix, Literals: []string{"password=", "pwd=", "passwd=", "password =", "pwd =", "pass=", "accountkey=", "sharedaccesskey=", "secret="}, Judge: judgePairs},
		},
	}
}

// Bounds of a URL that is looked at.
const (
	maxScheme = 24
	maxUser   = 256 // user and password
	maxURL    = 1024
)

func judgeURL(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	start := c.Start
	for start > 0 && c.Start-start <= maxScheme && schemeByte(t[start-1]) {
		start--
	}
	for start < c.Start && !('a' <= t[start]|32 && t[start]|32 <= 'z') {
		start++
	}
	if c.Start-start < 2 {
		return
	}
	colon, at := -1, -1
	i := c.End
scan:
	for limit := min(len(t), c.End+maxUser); i < limit; i++ {
		switch ch := t[i]; {
		case ch == '@':
			at = i // a later one may still come: passwords hold @ too
		case ch == ':' && colon < 0:
			colon = i
		case ch == '/' || ch == '?' || ch == '#' || ch <= ' ' || ch == '"' || ch == '\'' || ch == '<' || ch == '>' || ch == '`' || ch == '\\':
			// A slash ends the authority (RFC 3986, 3.2).
			break scan
		}
	}
	if at < 0 || colon < 0 || colon > at {
		return
	}
	user, password := t[c.End:colon], t[colon+1:at]
	if !passwordLike(user, password) {
		return
	}
	end := i
	for limit := min(len(t), c.Start+maxURL); end < limit && t[end] > ' ' && t[end] < 0x7F && !strings.ContainsRune("\"'<>`\\)]},|", rune(t[end])); end++ {
	}
	for end > at+1 && strings.IndexByte(".,;:!?", t[end-1]) >= 0 {
		end--
	}
	if end <= at+1 {
		return
	}
	level := veryLikely
	if len(password) < 8 {
		level = likely
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: connectionType, Likelihood: level})
	s.Resume(at)
}

// hosts are the keys that a string of pairs names its server by, in lower case.
var hosts = [...]string{"server", "data source", "host", "hostname", "driver", "provider", "endpoint", "dsn", "address", "addr", "network address", "accountendpoint", "datasource", "database", "initial catalog", "dbq", "servername",
	"accountname", "defaultendpointsprotocol", "endpointsuffix", "sharedaccesskeyname"}

// maxPairs bounds a string of pairs on either side of its password.
const maxPairs = 600

// judgePairs judges the password of a JDBC URL or of a string of Key=Value pairs.
func judgePairs(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	value := blanks(t, c.End)
	end := value
	for end < len(t) && end-value < maxPassword && t[end] > ' ' && strings.IndexByte(";&\"'`<>\\", t[end]) < 0 {
		end++
	}
	for end > value && strings.IndexByte(".,)]}", t[end-1]) >= 0 {
		end--
	}
	if end == value || forceOf(t[value:end], true) < mixed || t[value] == '$' {
		return
	}
	floor := max(0, c.Start-maxPairs)
	switch s.Before(c.Start) {
	case '?', '&', ';', ' ', ':':
	default:
		if c.Start != 0 && strings.IndexByte("\"'`=\n", s.Before(c.Start)) < 0 {
			return
		}
	}
	// A URL: back to its scheme, on to its end.
	start := c.Start
	for start > floor && t[start-1] > ' ' && strings.IndexByte("\"'`<>(", t[start-1]) < 0 {
		start--
	}
	if i := strings.Index(t[start:c.Start], "jdbc:"); i >= 0 {
		stop := end
		for stop < len(t) && stop-end < maxPairs && t[stop] > ' ' && strings.IndexByte("\"'`<>,)", t[stop]) < 0 {
			stop++
		}
		s.Find(classifiers.Found{Start: start + i, End: stop, Type: connectionType, Likelihood: veryLikely, Rule: "jdbc"})
		return
	}
	// Pairs: back over semicolons to the first key.
	first, named := c.Start, false
	for first > floor {
		j := first
		for j > floor && (t[j-1] == ' ' || t[j-1] == ';') {
			j--
		}
		if j == first || j == floor || strings.IndexByte(t[j:first], ';') < 0 {
			break
		}
		k := j
		for k > floor && t[k-1] != ';' && strings.IndexByte("\"'`\n<>", t[k-1]) < 0 {
			k--
		}
		pair := t[k:j]
		eq := strings.IndexByte(pair, '=')
		if eq < 1 {
			break
		}
		key := lowered(strings.TrimLeft(pair[:eq], " "))
		for _, h := range hosts {
			named = named || strings.HasSuffix(key, h)
		}
		first = k
		if k > floor && t[k-1] != ';' || k == 0 {
			// The first pair: its key begins behind the words of the text.
			first = k + eq - len(firstKey(key))
			break
		}
	}
	stop := end
	for stop < len(t) && stop-end < maxPairs && t[stop] == ';' {
		j := stop + 1
		for j < len(t) && j-stop < 200 && t[j] != ';' && strings.IndexByte("\"'`\n<>\\", t[j]) < 0 {
			j++
		}
		pair := t[stop+1 : j]
		eq := strings.IndexByte(pair, '=')
		if eq < 1 || eq > 40 {
			stop++
			break
		}
		key := lowered(strings.TrimSpace(pair[:eq]))
		for _, h := range hosts {
			named = named || key == h
		}
		if sp := strings.IndexByte(pair[eq:], ' '); sp >= 0 && (j >= len(t) || t[j] != ';') {
			j = stop + 1 + eq + sp // words behind the last pair
		}
		stop = j
	}
	if !named || first == c.Start && stop == end {
		return
	}
	s.Find(classifiers.Found{Start: first, End: stop, Type: connectionType, Likelihood: veryLikely, Rule: "pairs"})
	s.Resume(stop)
}

// judgeOracle finds jdbc:oracle:thin:user/password@….
func judgeOracle(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	end := c.End
	slash, at := -1, -1
	for end < len(t) && end-c.End < maxUser && t[end] > ' ' && strings.IndexByte("\"'`<>,)", t[end]) < 0 {
		switch {
		case t[end] == '/' && slash < 0:
			slash = end
		case t[end] == '@':
			at = end
		}
		end++
	}
	if slash < 0 || at < slash || !passwordLike(t[c.End:slash], t[slash+1:at]) {
		return
	}
	s.Find(classifiers.Found{Start: c.Start, End: end, Type: connectionType, Likelihood: veryLikely, Rule: "jdbc"})
}

// firstKey gives the key that ends a text: one that names a server, or the last
// word.
func firstKey(text string) string {
	best := ""
	for _, h := range hosts {
		if strings.HasSuffix(text, h) && len(h) > len(best) {
			best = h
		}
	}
	if best != "" {
		return best
	}
	return text[strings.LastIndexByte(text, ' ')+1:]
}

func schemeByte(b byte) bool { return alnum[b] || b == '+' || b == '.' || b == '-' }

// passwordLike tells a password from what stands for one.
func passwordLike(user, p string) bool {
	if len(p) < 3 || strings.EqualFold(user, p) || strings.ContainsAny(p, "${}<>[]*") && placeholderLike(p) {
		return false
	}
	if strings.ContainsAny(user, "${<") {
		return false
	}
	switch strings.ToLower(p) {
	case "password", "passwd", "pass", "pwd", "secret", "pw", "postgres", "root", "admin", "test", "guest", "user", "changeme", "mypassword", "mysecretpassword", "your_password", "yourpassword", "token", "example", "xxx", "xxxx", "xxxxx", "...":
		return false
	}
	d, u, l := count(p)
	if d == 0 && u == 0 && l < 8 && l == len(p) {
		// A short plain word: passwords have been worse, but texts that
		// explain URLs hold more of them.
		return len(p) > 5
	}
	var seen [256]bool
	distinct := 0
	for i := 0; i < len(p); i++ {
		if !seen[p[i]] {
			seen[p[i]] = true
			distinct++
		}
	}
	return distinct > 2
}

func placeholderLike(p string) bool {
	first, last := p[0], p[len(p)-1]
	return first == '$' || first == '{' && last == '}' || first == '<' && last == '>' || first == '[' && last == ']' || first == '*' || strings.Contains(p, "${") || strings.Contains(p, "***")
}

var (
	basicType  = secret("BASIC_AUTH", "User and password of HTTP basic authentication.")
	bearerType = general(secret("BEARER_TOKEN", "A bearer token in an Authorization header."))
	dockerType = secret("DOCKER_AUTH", "User and password of a container registry, as Docker keeps them.")
)

func general(t *classifiers.Type) *classifiers.Type {
	t.General = true
	return t
}

func headers() *classifiers.Detector {
	return &classifiers.Detector{
		Name: "auth_header", Version: 2,
		Doc: `Credentials in the form of HTTP's Authorization header: Basic (RFC 7617), whose base64 must decode to user:password, and
Bearer (RFC 6750) with a token of 20 characters and more that looks random; and the auth member of a Docker configuration, which
is the former without the word. The base64 or token alone is the finding.`,
		Types: []*classifiers.Type{basicType, bearerType, dockerType},
		Positives: []string{
			"Authorization: Basic [[SECRET_BASIC_AUTH|bWV0ZXJpbmc6N1lxJGtMbVB3Mw]]",
			`"authorization":"Bearer [[SECRET_BEARER_TOKEN|` + draw(alnum, 43, 1) + `]]"`,
			`{"auths":{"r.acme.io":{"auth":"[[SECRET_DOCKER_AUTH|cm9ib3QtNzpoVG40Vnh3UXJzTEthTTI3]]"}}}`,
		},
		NearMisses: []string{
			"Basic information about Basic aGVsbG8gd29ybGQhIQ== and basic understanding",
			"Authorization: Bearer <token>, Bearer $TOKEN, bearer of this certificate, Bearer your-token-goes-here-please",
			`"auth": "none", "auth":"oauth2withPKCEandRefresh"`,
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Prefix, Literals: []string{"basic "}, Judge: judgeBasic(basicType)},
			{Shape: classifiers.Prefix, Literals: []string{`auth"`}, Judge: judgeBasic(dockerType)},
			{Shape: classifiers.Prefix, Literals: []string{"bearer "}, Judge: judgeBearer},
		},
	}
}

// maxBasic bounds the base64 of user and password.
const maxBasic = 512

func judgeBasic(typ *classifiers.Type) func(*classifiers.Scan, classifiers.Candidate) {
	return func(s *classifiers.Scan, c classifiers.Candidate) {
		t := s.Text
		i := c.End
		for n := 0; n < 4 && i < len(t) && (t[i] == ' ' || t[i] == ':' || t[i] == '"'); n++ {
			i++
		}
		end := base64s.span(t, i, maxBasic)
		if end-i < 8 {
			return
		}
		body := t[i:end]
		for end < len(t) && t[end] == '=' && end-i-len(body) < 2 {
			end++
		}
		var buf [maxBasic]byte
		plain, ok := unbase64(buf[:], body)
		if !ok || inside(s.At(end)) {
			return
		}
		colon := -1
		for n, b := range plain {
			if b < ' ' || b == 0x7F {
				return
			}
			if b == ':' && colon < 0 {
				colon = n
			}
		}
		if colon < 0 || len(plain)-colon < 2 {
			return
		}
		f := classifiers.Found{Start: i, End: end, Type: typ, Likelihood: veryLikely, Rule: "basic", Validator: "base64"}
		// RFC 7617's own two samples and their kin, RFC 6749's client, and
		// words that stand for a password.
		f.Synthetic = body == "QWxhZGRpbjpvcGVuIHNlc2FtZQ" || body == "YWxhZGRpbjpvcGVuc2VzYW1l" || body == "QWxhZGRpbjpPcGVuU2VzYW1l" || body == "dGVzdDoxMjPCow" || body == "czZCaGRSa3F0MzpnWDFmQmF0M2JW" || body == "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
		if !f.Synthetic && forceOf(string(plain[colon+1:]), true) == standIn {
			f.Likelihood = proxy.Possible
		}
		s.Find(f)
	}
}

func judgeBearer(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	end := bearerSet.span(t, c.End, maxToken)
	for end > c.End && (t[end-1] == '.' || t[end-1] == '-') {
		end--
	}
	body := t[c.End:end]
	if len(body) < 20 || strings.HasPrefix(body, "eyJ") || weak(body) || mixture(body) == 0 {
		return
	}
	s.Find(classifiers.Found{Start: c.End, End: end, Type: bearerType, Likelihood: likely})
}

var bearerSet = chars("0-9a-zA-Z._~+/=-")

// Detectors lists the detectors of this package.
func Detectors() []*classifiers.Detector {
	list := []*classifiers.Detector{privateKey(), jwt(), connection(), headers(), assignment(), serviceTokens(), serviceKeys(), inProse(), arguments(), stores()}
	for _, v := range table() {
		list = append(list, v.detector())
	}
	return list
}
