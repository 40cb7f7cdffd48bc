package secrets

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	genericType  = general(secret("GENERIC_API_KEY", "A key or token of a service that its format does not name."))
	passwordType = general(secret("PASSWORD", "A password, passphrase or access code."))
)

// value is what a name is assigned, [start, end) of the text.
type value struct {
	nameEnd    int // end of the name that was read
	start, end int
	quote      byte // that encloses it, 0 for none
	op         byte // what stands between: = : > , ( or a space
	tight      bool // the name begins its line and nothing stands around the sign, as in a .env file
}

// Bounds of what stands between a name and its value, and of a value.
const (
	maxRest  = 40 // of a name behind the word that was found
	maxGap   = 24 // blanks that align values
	maxValue = 300
	maxTyped = 12 // of the name of a type
)

// quotes that enclose values.
const quotes = "\"'`"

// valueAfter reads the value that is assigned to the name at whose word's end at
// stands. With spaced, the name may go on over single blanks ("API key = ").
func valueAfter(t string, at int, spaced bool) (v value, ok bool) {
	i := at
	for i < len(t) && i-at < maxRest && (wordy[t[i]] || (t[i] == '-' || t[i] == '.' || spaced && t[i] == ' ') && i+1 < len(t) && alnum[t[i+1]]) {
		if t[i] == '.' && i+1 < len(t) && !letters[t[i+1]] {
			break
		}
		i++
	}
	if i < len(t) && wordy[t[i]] {
		return v, false
	}
	v.nameEnd = i
	// The end of the name: quotes, a bracket.
	quoted := false
	for n := 0; n < 4 && i < len(t) && (strings.IndexByte(quotes, t[i]) >= 0 || t[i] == '\\' || t[i] == ']' || t[i] == ')'); n++ {
		if strings.IndexByte(quotes, t[i]) >= 0 {
			quoted = true
		}
		i++
	}
	i = blanks(t, i)
	if i >= len(t) {
		return v, false
	}
	// The name of a type: var token string = "…", token: str = "…".
	if letters[t[i]] {
		j := letters.span(t, i, maxTyped+1)
		k := blanks(t, j)
		switch {
		case k > j && j-i <= maxTyped && k < len(t) && t[k] == '=':
			i = k
		case j-i == 5 && strings.EqualFold(t[i:j], "value") && k < len(t) && (t[k] == '=' || t[k] == '"'):
			i = k // <add key="…" value="…">
		}
	}
	for rounds := 0; ; rounds++ {
		if i >= len(t) {
			return v, false
		}
		switch c := t[i]; c {
		case '=', ':':
			v.op = c
			for n := 0; n < 4 && i < len(t) && (t[i] == '=' || t[i] == ':' || t[i] == '>' || t[i] == '~'); n++ {
				if t[i] == '=' {
					v.op = '='
				}
				i++
			}
			// token: str = "…"
			if v.op == ':' {
				j := blanks(t, i)
				k := letters.span(t, j, maxTyped)
				if m := blanks(t, k); k > j && m < len(t) && t[m] == '=' && m+1 < len(t) && t[m+1] != '=' {
					i, v.op = m+1, '='
				}
			}
		case '?', '.', '+', '|', '!', '-':
			if i+1 >= len(t) || t[i+1] != '=' && t[i+1] != '|' && !(c == '-' && t[i+1] == '>') && !(c == '?' && t[i+1] == '?') {
				return v, false
			}
			v.op = '='
			i += 2
		case '>': // <token>…
			v.op = '>'
			i++
		case '<': // </key><string>…
			j := strings.IndexByte(t[i:min(len(t), i+maxGap)], '>')
			if rounds > 1 || j < 0 {
				return v, false
			}
			i = gaps(t, i+j+1)
			v.op = '>'
			if i < len(t) && t[i] == '<' {
				continue
			}
		case ',', '(':
			if c == ',' && !quoted {
				return v, false
			}
			v.op = c
			i++
			j := gaps(t, i)
			if c == ',' && j < len(t) && (t[j] == '"' || t[j] == '\'') {
				// {"name": "TOKEN", "value": "…"}
				k := j + 1
				if strings.HasPrefix(t[k:], "value") && k+5 < len(t) && t[k+5] == t[j] {
					k = blanks(t, k+6)
					if k < len(t) && (t[k] == ':' || t[k] == ',') {
						i = k + 1
						v.op = ':'
					}
				}
			} else if c == '(' && (j >= len(t) || strings.IndexByte(quotes, t[j]) < 0) {
				return v, false
			}
		case '\n', '\r': // - name: TOKEN, then value: …
			j := gaps(t, i)
			if rounds > 0 || !strings.HasPrefix(t[j:], "value:") {
				return v, false
			}
			i = j + 6
			v.op = ':'
		case '"', '\'': // value="…"
			v.op = '='
		default:
			return v, false
		}
		break
	}
	tight := i
	if v.op == '>' || v.op == ':' || v.op == ',' || v.op == '(' {
		i = gaps(t, i)
	} else {
		i = blanks(t, i)
	}
	v.tight = v.op == '=' && tight == i
	// A literal's mark: b"…", @"…", f"…", $"…"; YAML's |- and >-.
	if i+1 < len(t) && t[i] != '"' && t[i] != '\'' && strings.IndexByte("brufBR@$", t[i]) >= 0 && strings.IndexByte(quotes, t[i+1]) >= 0 {
		i++
	}
	for n := 0; n < 4 && i < len(t) && (strings.IndexByte(quotes, t[i]) >= 0 || t[i] == '\\' && i+1 < len(t) && strings.IndexByte(quotes, t[i+1]) >= 0); n++ {
		if t[i] != '\\' {
			if v.quote != 0 && t[i] == v.quote {
				return v, false // empty
			}
			v.quote = t[i]
		}
		i++
	}
	if v.quote != 0 && i < len(t) && strings.IndexByte("+,;)]} \n", t[i]) >= 0 {
		return v, false // the quote closes a text: "token="+x
	}
	if v.op == ',' && v.quote == 0 {
		return v, false
	}
	v.start = i
	v.end = valueEnd(t, i, v.quote)
	return v, v.end > v.start
}

func blanks(t string, i int) int {
	for n := 0; n < maxGap && i < len(t) && (t[i] == ' ' || t[i] == '\t'); n++ {
		i++
	}
	return i
}

// gaps passes over blanks and at most two line breaks.
func gaps(t string, i int) int {
	for n, lines := 0, 0; n < 2*maxGap && i < len(t) && (t[i] == ' ' || t[i] == '\t' || t[i] == '\r' || t[i] == '\n'); n++ {
		if t[i] == '\n' {
			if lines++; lines > 2 {
				break
			}
		}
		i++
	}
	return i
}

// valueEnd gives the end of the value that begins at i: before the quote that
// closes it, or where an unquoted one ends.
func valueEnd(t string, i int, quote byte) int {
	limit := min(len(t), i+maxValue)
	if quote != 0 {
		for j := i; j < limit; j++ {
			switch c := t[j]; {
			case c == quote, c == '\n':
				return j
			case c == '\\' && j+1 < len(t) && t[j+1] == quote:
				return j
			}
		}
		return limit
	}
	depth := 0
	for j := i; j < limit; j++ {
		switch c := t[j]; c {
		case ' ', '\t', '\n', '\r', '"', '\'', '`', '<':
			return trimValue(t, i, j)
		case '\\':
			if j+1 < len(t) && (t[j+1] == 'n' || t[j+1] == 'r' || t[j+1] == 't' || strings.IndexByte(quotes, t[j+1]) >= 0) {
				return trimValue(t, i, j)
			}
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth < 0 {
				return trimValue(t, i, j)
			}
		case ',', ';', '&', '|':
			// The next of a list, or the end of a statement.
			k := j + 1
			if k == len(t) || t[k] <= ' ' || strings.IndexByte("\"'`)]}", t[k]) >= 0 || nextName(t, k) {
				return trimValue(t, i, j)
			}
		}
	}
	return trimValue(t, i, limit)
}

// nextName reports whether a name and a sign of assignment stand at i.
func nextName(t string, i int) bool {
	j := i
	for j < len(t) && j-i < 32 && (wordy[t[j]] || t[j] == ' ' || t[j] == '-' || t[j] == '.') {
		j++
	}
	return j > i && j < len(t) && (t[j] == '=' || t[j] == ':')
}

// trimValue leaves out the full stop or comma of a sentence.
func trimValue(t string, i, j int) int {
	for j > i && (t[j-1] == '.' || t[j-1] == ',' || t[j-1] == ';' || t[j-1] == ':') {
		j--
	}
	return j
}

// assignment finds secrets that only their name gives away.
func assignment() *classifiers.Detector {
	pw := draw(alnum, 14, 95)
	return &classifiers.Detector{
		Name: "assignment", Version: 2,
		Doc: `Values that are assigned to a name which says secret, in source code, .env files, YAML, JSON, XML, headers, flags and
queries. A key or token (client_secret, apiKey, access-token …) must look drawn by a machine: by its length, its mixture of
characters, and pairs of letters that words do not have. A password may be any word with a digit, a symbol or a capital inside;
a plain word is possible. Names that speak about a secret (token_type, passwordHash, public_key), placeholders, variables,
calls, digests and identifiers are none.`,
		Types: []*classifiers.Type{genericType, passwordType},
		Positives: []string{
			"client_secret=[[SECRET_GENERIC_API_KEY|" + draw(alnum, 48, 91) + "]]&grant_type=x",
			`"x-api-key":"[[SECRET_GENERIC_API_KEY|` + draw(alnum, 32, 92) + `]]"`,
			"APP_SECRET=[[SECRET_GENERIC_API_KEY|" + draw(hexLower, 32, 93) + "]]",
			"const apiKey = '[[SECRET_GENERIC_API_KEY|" + draw(alnum, 40, 94) + "]]';",
			"myServiceToken := `[[SECRET_GENERIC_API_KEY|" + draw(alnum, 24, 97) + "]]`",
			`System.setProperty("ACME_TOKEN", "[[SECRET_GENERIC_API_KEY|` + draw(alnum, 32, 98) + `]]")`,
			"<acmeToken>\n    [[SECRET_GENERIC_API_KEY|" + draw(alnum, 32, 99) + "]]\n</acmeToken>",
			"app deploy --token [[SECRET_GENERIC_API_KEY|" + draw(alnum, 32, 89) + "]] --force",
			"<key>WriteKey</key><string>[[SECRET_GENERIC_API_KEY|" + draw(alnum, 32, 88) + "]]</string>",
			"DB_PASSWORD=[[SECRET_PASSWORD|" + pw + "]]",
			"  username       = \"claims\"\n  password       = \"[[SECRET_PASSWORD|Nq0T!9c44SB=yeK]]\"",
			"define('DB_PASSWORD', '[[SECRET_PASSWORD|lqna!u6Ij8r#799]]');",
			`{"user":"ops","passwd":"[[SECRET_PASSWORD|Winter2031!]]"}`,
			"- name: DB_PASSWORD\n  value: [[SECRET_PASSWORD|gT7#kWmm2pQ]]",
			"const zugang = { benutzer: \"versand\", kennwort: \"[[SECRET_PASSWORD|CSPM$tmmml?fXy]]\" };",
			"web1 ansible_become_password=[[SECRET_PASSWORD|eBOr$HbWnvz#zLT]]",
			"db_password: \"[[SECRET_PASSWORD|silver heron basalt knight]]\"",
			"set PGPASSWORD=[[SECRET_PASSWORD|" + pw + "]]",
			"MYSQL_ROOT_PASSWORD=[[possible SECRET_PASSWORD|zebrafinch]]",
		},
		NearMisses: []string{
			"api_key=os.environ['KEY'] secret_key: get_secret_from_vault_by_name1 token = generate_token_v2_for_user(user)",
			"next_page_token=" + draw(alnum, 40, 97) + " csrf_token=" + draw(alnum, 40, 98) + " commit " + draw(hexLower, 40, 99),
			"api key: your-api-key-goes-here-1234, secret=aaaaaaaaaaaaaaaaaaaaaaaaaaaa1, access_token=${ACCESS_TOKEN}",
			"password=getpass() password=args.password1 Password=********; password=<secret1>, password=changeme1 pwd=/home/user1/src",
			"the secret of 4b825dc642cb6eb9a060e54bf8d69288fbee4904 is that it is the empty tree, a key to 550e8400-e29b-41d4-a716-446655440000",
			`<input type="password" id="password" name="password" autocomplete="current-password" minlength="12">`,
			`password: ${{ secrets.GITHUB_TOKEN }} password = getpass.getpass("Password: ") password: String, pass bool`,
			"passwordHash = \"" + draw(hexLower, 64, 3) + "\" public_key = \"" + draw(alnum, 43, 4) + "\" keyLength = 2048",
			`"integrity": "sha512-` + draw(alnum, 86, 5) + `==", "resolved": "https://registry.npmjs.org/x", "token_type": "Bearer"`,
			"keyTextAlign = \"center\"; foreignKey=user_id2; KeyRing = Ed448v2.KeyRing; secretName: db-credentials-prod2",
			"passwd:x:0:0:root:/root:/bin/bash JWT_SECRET=changeme JWT_SECRET=your-256-bit-secret \"nextPageToken\": \"" + draw(alnum, 30, 96) + "\"",
			"private static final String TOKEN_HEADER = \"X-Auth-Token-V2\"; cacheKey = `user-${id}-v2`; X-CSRF-Token: " + draw(alnum, 32, 95),
			"serviceAccountToken: {path: token, expirationSeconds: 3600}, secretKeyRef: {name: db-secret2, key: password2}, keyId: \"" + draw(hexLower, 16, 94) + "\"",
			"password: \"please enter your new password\", passwordHelp = \"use letters digits and symbols\"",
			"if err := checkPassword(user, password); err != nil { password == \"\" }",
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Anchor, Literals: []string{"=", ":", ">"}, Judge: judgeSign},
			{Shape: classifiers.Prefix, Literals: nameWords, Judge: judgeNamed},
			{Shape: classifiers.Anchor, Literals: []string{"</"}, Judge: judgeTagged},
			{Shape: classifiers.Whole, Judge: judgeField},
		},
	}
}

// nameWords begin words of names that are looked at where no sign of assignment
// stands: flags, arguments, cells.
var nameWords = []string{"passw", "passphrase", "pwd", "pass", "pw", "secret", "token", "key", "apikey", "api", "auth", "access", "cred", "client", "private", "contrase", "senha", "kennwort", "wachtwoord"}

// judgeSign judges what is assigned by the sign at the candidate.
func judgeSign(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.Start
	if i == 0 {
		return
	}
	// Only the first character of a sign: of :=, ::=, =>, == and their kin.
	switch b := t[i-1]; b {
	case '=', ':', '>', '<', '-':
		return
	case '?', '.', '+', '|', '!':
		if t[i] != '=' {
			return
		}
		i--
	}
	if c.End < len(t) && worthless(t, c.End) {
		return
	}
	for n := 0; n < maxGap && i > 0 && (t[i-1] == ' ' || t[i-1] == '\t'); n++ {
		i--
	}
	for n := 0; n < 4 && i > 0 && (strings.IndexByte(quotes, t[i-1]) >= 0 || t[i-1] == '\\' || t[i-1] == ']'); n++ {
		i--
	}
	end := i
	start := nameStart(t, end)
	if start == end {
		return
	}
	name := t[start:end]
	if !secretive(name) {
		// var token string = "…"
		if end-start > maxTyped || start == 0 || t[start-1] != ' ' || strings.IndexByte(quotes, s.At(c.End)) < 0 && strings.IndexByte(quotes, s.At(c.End+1)) < 0 {
			return
		}
		end = start - 1
		start = nameStart(t, end)
		if start == end || !secretive(t[start:end]) {
			return
		}
	}
	if t[c.Start] == '>' && (start == 0 || t[start-1] != '<') {
		return
	}
	assigned(s, start, end)
}

// worthless reports whether what stands behind a sign is none that anybody keeps
// secret, before the name is looked at: the slashes of a URL, an object, a list,
// a short number, a text of less than four characters.
func worthless(t string, i int) bool {
	if t[i] == ' ' && i+1 < len(t) {
		i++
	}
	switch c := t[i]; {
	case c == '/' || c == '{' && (i+1 >= len(t) || t[i+1] != '"') || c == '[':
		return true
	case digits[c]:
		j := digits.span(t, i, 4)
		return j-i < 4 && j < len(t) && (t[j] == ',' || t[j] == '}' || t[j] == '\n')
	case c == '"' || c == '\'':
		for j := i + 1; j < len(t) && j < i+1+minPassword; j++ {
			if t[j] == c {
				return j > i+1 || j+1 >= len(t) || t[j+1] != c
			}
		}
	}
	return false
}

// judgeTagged judges a name that is the content of an element, as in a property
// list: <key>apiToken</key><string>…
func judgeTagged(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	tag := lowered(t[c.End:min(len(t), c.End+5)])
	if !strings.HasPrefix(tag, "key>") && tag != "name>" {
		return
	}
	if start := nameStart(s.Text, c.Start); start < c.Start && secretive(s.Text[start:c.Start]) {
		assigned(s, start, c.Start)
	}
}

// nameStart gives where the name that ends at end begins.
func nameStart(t string, end int) int {
	i := end
	for i > 0 && end-i < maxName && (wordy[t[i-1]] || (t[i-1] == '-' || t[i-1] == '.') && i < end && i > 1 && wordy[t[i-2]] || t[i-1] >= 0x80) {
		i--
	}
	for i < end && (t[i] == '-' || t[i] == '.') {
		i++
	}
	return i
}

// judgeNamed judges names whose value follows a blank, a comma or a tag.
func judgeNamed(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	end := c.End
	for end < len(t) && end-c.Start < maxRest && (wordy[t[end]] || t[end] == '-' && end+1 < len(t) && alnum[t[end+1]]) {
		end++
	}
	if end >= len(t) {
		return
	}
	switch t[end] {
	case '=', ':':
		return // judgeSign
	case '"', '\'', '<', '\\', '(':
		assigned(s, nameStart(t, end), end)
	case '\n', '\r':
		assigned(s, nameStart(t, end), end)
	case ' ':
		start := nameStart(t, end)
		if start > 0 && t[start-1] == '-' {
			flag(s, start, end)
		}
	}
	s.Resume(end)
}

// flag judges the value behind a flag of a command: --token …
func flag(s *classifiers.Scan, start, end int) {
	t := s.Text
	i := blanks(t, end)
	if i >= len(t) || t[i] == '-' || t[i] == '\n' {
		return
	}
	v := value{nameEnd: end, op: ' '}
	if strings.IndexByte(quotes, t[i]) >= 0 {
		v.quote = t[i]
		i++
	}
	v.start, v.end = i, valueEnd(t, i, v.quote)
	if v.end > v.start {
		weighNamed(s, t[start:end], v)
	}
}

// assigned judges the value of the name [start, end).
func assigned(s *classifiers.Scan, start, end int) {
	v, ok := valueAfter(s.Text, end, false)
	if !ok || v.nameEnd != end {
		return
	}
	if v.op == ',' && start > 1 {
		// The first argument of a call, not one of a list.
		i := start - 1
		for i > 0 && (strings.IndexByte(quotes, s.Text[i]) >= 0 || s.Text[i] == '\\') {
			i--
		}
		if s.Text[i] != '(' {
			return
		}
	}
	name := s.Text[start:end]
	weighNamed(s, name, v)
}

// judgeField judges a text that is the value of a field as a whole.
func judgeField(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if s.Key == "" || c.Start != 0 || len(t) > maxValue || !secretive(s.Key) || strings.IndexByte(t, '\n') >= 0 {
		return
	}
	weighNamed(s, s.Key, value{end: len(t), quote: '"', op: ':'})
}

// weighNamed reports a value by what its name says.
func weighNamed(s *classifiers.Scan, name string, v value) {
	kind := kindOf(name)
	if kind < nameKey {
		return
	}
	t := s.Text
	if v.quote == 0 && v.end-v.start >= maxValue {
		return // cut: nothing that anybody assigns
	}
	body := t[v.start:v.end]
	if v.quote == 0 && v.end < len(t) {
		switch t[v.end] {
		case '(', '[', '{':
			return
		case '<':
			if v.op != '>' {
				return
			}
		}
	}
	if kind == namePassword {
		weighPassword(s, v)
		return
	}
	// What a scheme stands before: Authorization: Token …
	if kind != nameKey {
		for _, scheme := range [...]string{"Bearer ", "bearer ", "Token ", "token ", "Basic ", "ApiKey ", "Api-Token "} {
			if strings.HasPrefix(t[v.start:], scheme) {
				v.start += len(scheme)
				v.end = max(v.end, valueEnd(t, v.start, v.quote))
				body = t[v.start:v.end]
				if scheme[0]|0x20 == 'b' {
					return // the detector of headers
				}
			}
		}
	}
	level := likely
	least := 10
	if kind == nameKey {
		least = 16
	}
	n := len(body)
	if n == 0 {
		return
	}
	if strings.IndexByte(body, '\\') >= 0 && (strings.Contains(body, `\x`) || strings.Contains(body, `\u`) || strings.Contains(body, `\U`)) {
		return // bytes of a program
	}
	if v.quote == 0 && (strings.ContainsAny(body, "(){}[]") || body[0] == '&' || body[0] == '*') {
		return // an expression
	}
	switch {
	case n < least || strings.IndexByte(body, ' ') >= 0 || jwtHeader(body):
		return
	case strings.Contains(body, "://") || strings.Contains(body, "${") || strings.Contains(body, "{{"):
		return
	case isUUIDText(body):
		if kind != nameSecret || weigh(body) != random || v.op == '>' && v.quote == 0 {
			return
		}
	case looksRandom(strings.TrimRight(body, "=")):
		if hexAny.span(body, 0, n) == n && (n == 40 || n == 64) && s.Beside(digestCue, v.start, v.end) < assignedReach {
			return
		}
		if kind == nameKey && hexAny.span(body, 0, n) == n && !v.tight {
			level = proxy.Possible // of a map, a cache, a test
		}
	default:
		// What a person chose for a secret.
		if kind != nameSecret || (n < 12 && v.quote == 0) {
			return
		}
		switch forceOf(body, v.quote != 0) {
		case strong:
			if d, _, _ := count(body); !symbolic(body) || d == 0 || strings.ContainsAny(body, ",;&[](){}|\\") || body[n-1] == '=' {
				return
			}
		case mixed:
			if rarity(body) < 26 || n < 12 || wordsJoined(body) {
				return
			}
			level = proxy.Possible
		default:
			return
		}
	}
	if v.quote == 0 && v.op != ' ' && !v.tight && v.op != ':' && v.op != '>' {
		// x = identifier, in source code: only what no identifier looks like.
		if d, _, _ := count(body); d < 2 || strings.IndexByte(body, '.') >= 0 {
			return
		}
	}
	s.Find(classifiers.Found{Start: v.start, End: v.end, Type: genericType, Likelihood: level, Synthetic: published[body], Rule: "assigned"})
}

// published are the tokens that the RFCs of OAuth print (5849, 6749, 6750, 7009,
// 7662).
var published = map[string]bool{
	"2YotnFZFEjr1zCsicMWpAA": true, "tGzv3JOkF0XG5Qx2TlKWIA": true, "SplxlOBeZQQYbYS6WxSbIA": true, "mF_9.B5f-4.1JqM": true, "7Fjfp0ZBr1KtDRbnfVdmIw": true,
	"gX1fBat3bV": true, "45ghiukldjahdnhzdauz": true, "0685bd9184jfhq22": true, "ad180jjd733klru7": true, "vF9dft4qmT": true, "dpf43f3p2l4k5l03": true, "h480djs93hd8": true,
	"i1WsRn1uB1": true, "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg": true,
}

// symbolic reports whether a body has a character that identifiers do not have.
func symbolic(b string) bool { return strings.ContainsAny(b, "!@#$%^&*?+=~") }

// assignedReach is how far before its value a word that speaks against it may
// stand.
const assignedReach = 6

// weighPassword reports what a name of a password is assigned.
func weighPassword(s *classifiers.Scan, v value) {
	t := s.Text
	body := t[v.start:v.end]
	f := forceOf(body, v.quote != 0)
	var level proxy.Likelihood
	switch f {
	case standIn:
		return
	case strong:
		level = veryLikely
	case mixed:
		level = likely
	default:
		level = proxy.Possible
	}
	if n := len(body); body[n-1] == ':' || (v.op == '(' || v.op == ',') && !symbolic(body) && digitsIn(body) == 0 {
		return // the text of a prompt
	}
	if f < strong && memorable(body) && (v.quote != 0 || v.tight || v.op == ':') {
		s.Find(classifiers.Found{Start: v.start, End: v.end, Type: passwordType, Likelihood: likely, Rule: "assigned"})
		return
	}
	code := v.quote == 0 && !v.tight && v.op != ':' && v.op != ' '
	switch {
	case v.quote == 0 && f < strong && !symbolic(body):
		// Unquoted: a name or an expression of a language, mostly.
		d, _, _ := count(body)
		if code || d == 0 && !v.tight || strings.ContainsAny(body, "._/") || v.op == '>' {
			level = min(level, proxy.Possible)
		}
		if code && d == 0 {
			return
		}
	case v.quote != 0 && phrase(body) && strings.Count(body, " ") > 2 && !sentence(body):
		level = likely
	case v.quote != 0 && f == plain && (strings.IndexByte(body, ' ') >= 0 || v.op == ',' || v.op == '('):
		return // a sentence of the user interface
	case v.quote != 0 && strings.Count(body, " ") > 0 && f > plain:
		// A sentence has words; a passphrase is for another detector.
		level = proxy.Possible
		if strings.Count(body, " ") > 1 {
			return
		}
	}
	if f == mixed && v.quote != 0 && wordsJoined(body) && !symbolic(body) {
		level = proxy.Possible
	}
	s.Find(classifiers.Found{Start: v.start, End: v.end, Type: passwordType, Likelihood: level, Rule: "assigned"})
}

// isUUIDText reports whether a body is a UUID.
func isUUIDText(b string) bool {
	if len(b) != 36 || isUUID(b) == 0 {
		return false
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '-' && !hexAny[b[i]] {
			return false
		}
	}
	return true
}
