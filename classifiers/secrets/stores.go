package secrets

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// commands are programs that take a password as an argument, with the letters of
// the flags that do; attached says that the value stands right behind the letter.
var commands = []struct {
	name     string
	flags    string
	attached bool
}{
	{"curl ", "u", true}, {"http ", "a", false}, {"https ", "a", false}, {"mysql ", "p", true}, {"mysqldump ", "p", true}, {"mysqladmin ", "p", true}, {"mariadb ", "p", true}, {"mariadb-dump ", "p", true},
	{"sshpass ", "p", true}, {"redis-cli ", "a", false}, {"mongo ", "p", false}, {"mongosh ", "p", false}, {"mongodump ", "p", false}, {"mongorestore ", "p", false}, {"mongoexport ", "p", false},
	{"ldapsearch ", "w", false}, {"ldapmodify ", "w", false}, {"ldapadd ", "w", false}, {"ldapwhoami ", "w", false}, {"docker login ", "p", false}, {"podman login ", "p", false}, {"helm ", "p", false}, {"twine upload ", "p", false},
	{"sqlcmd ", "P", false}, {"bcp ", "P", false}, {"az login ", "p", false}, {"zip ", "P", false}, {"unzip ", "P", false}, {"smbclient ", "U", false}, {"ipmitool ", "P", false}, {"xfreerdp ", "p", false}, {"net use ", "", false}, {"net user ", "", false}, {"influx ", "p", false},
}

// maxCommand bounds a command line that is looked at, its continued lines with
// it.
const maxCommand = 1024

func commandNames() []string {
	out := make([]string, len(commands))
	for i, c := range commands {
		out[i] = c.name
	}
	return out
}

// arguments finds passwords in command lines.
func arguments() *classifiers.Detector {
	pw := draw(alnum, 14, 301)
	return &classifiers.Detector{
		Name: "command_password", Version: 1,
		Doc: `Passwords in command lines: curl -u user:password, mysql -p'…', sshpass -p, redis-cli -a, mongosh -p, ldapsearch -w,
docker login -p, sqlcmd -P and their kin, PowerShell's ConvertTo-SecureString, SQL's IDENTIFIED BY, echo … | sudo -S,
and calls with a user and a password. Variables, prompts, placeholders and plain short
words are none; a command is read to its end, over lines continued by a backslash.`,
		Types: []*classifiers.Type{passwordType},
		Positives: []string{
			"@curl -u admin:[[SECRET_PASSWORD|" + pw + "]] -X POST https://grafana.acme.test/api",
			"curl -k https://acme.test \\\n  --user 'ops:[[SECRET_PASSWORD|d3MlW89yMz!u]]' \\\n  -d x",
			"curl -u \":[[SECRET_PASSWORD|d3MlW89yMz!u]]\" https://localhost:9200",
			"curl -u \"[[SECRET_PASSWORD|d3MlW89yMz!u]]:\" https://localhost:9200",
			"mysql -h 10.2.0.9 -u root -p'[[SECRET_PASSWORD|" + pw + "]]' -e 'show processlist'",
			"sshpass -p [[SECRET_PASSWORD|" + pw + "]] ssh ops@10.0.0.1",
			"C:\\> net user svc [[SECRET_PASSWORD|d3MlW89yMz!u]] /add",
			"redis-cli -h cache -a [[SECRET_PASSWORD|" + pw + "]] ping",
			"CREATE USER app IDENTIFIED BY '[[SECRET_PASSWORD|d3MlW89yMz!u]]'; requirepass [[SECRET_PASSWORD|" + pw + "]]",
			"echo '[[SECRET_PASSWORD|d3MlW89yMz!u]]' | sudo -S apt update",
			"requests.get(url, auth=HTTPBasicAuth(\"bob\", \"[[SECRET_PASSWORD|d3MlW89yMz!u]]\")), auth = ('bob', '[[SECRET_PASSWORD|Xl0nNq3Ma]]')",
			"(ConvertTo-SecureString \"[[SECRET_PASSWORD|VltQ%X4qwP4=ct2]]\" -AsPlainText -Force)",
		},
		NearMisses: []string{
			"curl -i -u 'test:test'; curl -u <user:password> https://x; curl --user xxx:yyy; curl -u \"${USER}:${PASS}\" x; curl -sL --user \"$1:$2\" y",
			"curl -u username https://localhost; curl -u \":\" x; curl --user neo4j:[PASSWORD] http://[IP]:7474; curl -u user:pass z",
			"mysql -u root -p; mysql -p$PASS -P 3306 -h db1; mysqldump -p --all-databases; docker login -u x --password-stdin",
			"ConvertTo-SecureString $plain -AsPlainText; the curl command took 2s -u",
			"login(\"name\", \"value\"), auth=('user', 'pass'), auth(\"client_id\", \"client_secret2\"), IDENTIFIED BY '?' IDENTIFIED BY ${PW}",
			"net user guest /active:no, net user svc * /add; every net user knows that",
			"curl --mail-from \"a@acme.test\" --user \"a@acme.test\" --upload-file out.txt",
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Prefix, Literals: commandNames(), Judge: judgeCommand},
			{Shape: classifiers.Prefix, Literals: []string{"convertto-securestring ", "identified by ", "requirepass ", "masterauth ", "rootpw ", "bindpw "}, Judge: judgeStatement},
			{Shape: classifiers.Prefix, Literals: []string{"sudo -s"}, Judge: judgeSudo},
			{Shape: classifiers.Prefix, Literals: callNames, Judge: judgeCall},
		},
	}
}

func judgeCommand(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	cmd := &commands[c.Literal]
	if cmd.name == "net user " {
		netUser(s, c.End)
		return
	}
	limit := min(len(t), c.Start+maxCommand)
	for i := c.End; i < limit; i++ {
		switch t[i] {
		case '\n':
			// A backslash, or PowerShell's backtick, continues the line.
			j := i - 1
			for j > c.End && (t[j] == ' ' || t[j] == '\r') {
				j--
			}
			if t[j] != '\\' && t[j] != '`' && t[j] != '^' {
				s.Resume(i)
				return
			}
		case ';':
			if i+1 < len(t) && t[i+1] == ' ' {
				s.Resume(i)
				return
			}
		case '-':
			if b := t[i-1]; b != ' ' && b != '\t' && b != '\n' {
				continue
			}
			j := i + 1
			if j >= limit {
				return
			}
			switch {
			case strings.HasPrefix(t[j:], "-user") && cmd.flags == "u" && j+5 < limit && (t[j+5] == ' ' || t[j+5] == '='):
				i = login(s, blanks(t, j+6), limit)
			case strings.IndexByte(cmd.flags, t[j]) >= 0 && j+1 < limit && !(t[j] == 'p' && t[j+1] == 'o'):
				k := j + 1
				if t[k] != ' ' && !cmd.attached {
					continue
				}
				if t[k] == ' ' && cmd.flags == "p" && strings.HasPrefix(cmd.name, "m") && cmd.attached {
					continue // mysql -p asks
				}
				if cmd.flags == "u" {
					i = login(s, blanks(t, k), limit)
					continue
				}
				i = argument(s, blanks(t, k), limit)
			}
		}
	}
	s.Resume(limit)
}

// netUser judges the second word behind "net user", the account's password, where
// the command is one: a switch follows, or the line ends.
func netUser(s *classifiers.Scan, i int) {
	t := s.Text
	limit := min(len(t), i+maxCommand)
	for i < limit && t[i] > ' ' {
		i++
	}
	i = blanks(t, i)
	if i >= limit || t[i] == '/' || t[i] == '*' || t[i] < ' ' {
		return
	}
	end := argument(s, i, limit)
	s.Resume(end)
}

// argument judges a password that begins at i and gives where to go on.
func argument(s *classifiers.Scan, i, limit int) int {
	t := s.Text
	if i >= limit {
		return limit
	}
	var quote byte
	if t[i] == '"' || t[i] == '\'' {
		quote = t[i]
		i++
	}
	end := valueEnd(t, i, quote)
	if end > i && t[i] != '-' {
		passwordArgument(s, i, end)
	}
	return max(i, end-1)
}

// login judges user:password that begins at i, either part quoted or both.
func login(s *classifiers.Scan, i, limit int) int {
	t := s.Text
	if i >= limit {
		return limit
	}
	var whole byte
	if t[i] == '"' || t[i] == '\'' {
		whole = t[i]
		i++
	}
	user := i
	for i < limit && t[i] != ':' && t[i] != '\n' && t[i] != '\\' && !(whole == 0 && t[i] == ' ') && !(whole != 0 && t[i] == whole && s.At(i+1) != ':') {
		i++
	}
	if i >= limit || t[i] != ':' {
		return i
	}
	userEnd := i
	if userEnd > user && t[userEnd-1] == whole {
		userEnd--
		whole = 0
	}
	i++
	quote := whole
	if i < limit && whole == 0 && (t[i] == '"' || t[i] == '\'') {
		quote = t[i]
		i++
	}
	end := i
	for end < limit && t[end] != '\n' && (quote != 0 && t[end] != quote || quote == 0 && t[end] > ' ') {
		end++
	}
	if end == i || t[i] == quote {
		// The key is the user, without a password.
		if userEnd-user >= 8 && forceOf(t[user:userEnd], true) == strong {
			s.Find(classifiers.Found{Start: user, End: userEnd, Type: passwordType, Likelihood: likely, Rule: "argument"})
		}
		return end
	}
	if userEnd > user && strings.ContainsAny(t[user:userEnd], "$<") {
		return end
	}
	if strings.EqualFold(t[user:userEnd], t[i:end]) {
		return end
	}
	passwordArgument(s, i, end)
	return end
}

// passwordArgument reports the password [i, end) of a command.
func passwordArgument(s *classifiers.Scan, i, end int) {
	t := s.Text
	body := t[i:end]
	if n := len(body); n > 2 && body[0] == '{' && body[n-1] == '}' && body[1] != '{' {
		body = body[1 : n-1] // IBM's keys are handed out in braces
		i, end = i+1, end-1
	}
	if strings.IndexByte(body, ' ') >= 0 {
		return
	}
	switch f := forceOf(body, true); {
	case f >= mixed, f == plain && len(body) >= 10 && switches(body) > 2:
		s.Find(classifiers.Found{Start: i, End: end, Type: passwordType, Likelihood: likely, Rule: "argument"})
	case f == plain:
		s.Find(classifiers.Found{Start: i, End: end, Type: passwordType, Likelihood: proxy.Possible, Rule: "argument"})
	}
}

// judgeStatement judges what stands right behind a word of a language or of a
// configuration that takes a password: IDENTIFIED BY '…', requirepass ….
func judgeStatement(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := blanks(t, c.End)
	if strings.HasPrefix(lowered(t[i:min(len(t), i+8)]), "-string ") {
		i = blanks(t, i+8)
	}
	if i < len(t) && (t[i] == '"' || t[i] == '\'' || c.Literal > 1) {
		argument(s, i, len(t))
	}
}

// judgeSudo finds echo … | sudo -S, which hands a password over a pipe.
func judgeSudo(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if t[c.End-1] != 'S' {
		return
	}
	from := max(0, c.Start-maxPassword)
	before := strings.TrimRight(t[from:c.Start], " ")
	if !strings.HasSuffix(before, "|") {
		return
	}
	if i := strings.LastIndex(before, "echo "); i >= 0 {
		argument(s, blanks(t, from+i+5), from+len(before)-1)
	}
}

// callNames are functions and fields that take a user and a password.
var callNames = []string{"login", "auth", "httpbasicauth", "basicauth", "basicauthentication", "setbasicauth", "basic_auth", "networkcredential", "usernamepasswordcredentials", "usernamepasswordcredential", "passwordauthentication", "authenticate", "requestauth"}

// judgeCall finds the password in login("user", "…") and auth=("user", "…").
func judgeCall(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := blanks(t, c.End)
	if i < len(t) && t[i] == '=' {
		i = blanks(t, i+1)
	}
	if i >= len(t) || t[i] != '(' && t[i] != '[' {
		return
	}
	i = gaps(t, i+1)
	if i >= len(t) || t[i] != '"' && t[i] != '\'' {
		return
	}
	user := valueEnd(t, i+1, t[i])
	if user >= len(t) || t[user] != t[i] {
		return
	}
	i = gaps(t, user+1)
	if i >= len(t) || t[i] != ',' {
		return
	}
	i = gaps(t, i+1)
	if i >= len(t) || t[i] != '"' && t[i] != '\'' {
		return
	}
	end := valueEnd(t, i+1, t[i])
	if body := t[i+1 : end]; end > i+1 && strings.IndexByte(body, ' ') < 0 && forceOf(body, true) >= mixed && (symbolic(body) || digitsIn(body) > 0) && !wordsJoined(body) && kindOf(body) == nameNone {
		s.Find(classifiers.Found{Start: i + 1, End: end, Type: passwordType, Likelihood: likely, Rule: "call"})
	}
}

var (
	hashType      = &classifiers.Type{Name: "SECRET_PASSWORD_HASH", Groups: []string{classifiers.Credential}, Doc: "A stored password hash, which can be guessed at.", Severity: classifiers.High}
	bitlockerType = secret("BITLOCKER_KEY", "A BitLocker recovery key.")
	facebookType  = secret("FACEBOOK_APP_TOKEN", "A Facebook app token: the app's number, a bar and its secret.")
	sasType       = secret("SIGNED_URL", "A URL whose query carries a signature or token that grants access.", "SECRET_URL_CREDENTIALS")
)

// stores finds what files keep credentials in.
func stores() *classifiers.Detector {
	return &classifiers.Detector{
		Name: "credential_store", Version: 1,
		Doc: `Credentials in the forms that files keep them: .netrc (machine … login … password …), .pgpass (host:port:database:user:
password), password hashes of crypt, htpasswd and Django ($2b$, $6$, $apr1$, $argon2id$, {SSHA}, pbkdf2_sha256$), PuTTY's key files, private
keys in base64 as kubeconfig has them, private JSON Web Keys, the data of Kubernetes secrets, otpauth URLs, and signatures in the
query of URLs (Azure SAS, AWS and Google signed URLs); and Facebook's app tokens, a number and a secret joined by a bar; and BitLocker's recovery keys, eight groups of six digits that 11 divides.`,
		Types: []*classifiers.Type{passwordType, hashType, privateKeyType, genericType, seedType, sasType, facebookType, bitlockerType},
		Positives: []string{
			"machine api.acme.test login ops password [[SECRET_PASSWORD|" + draw(alnum, 14, 311) + "]]",
			"db1.acme.test:5432:claims:app:[[SECRET_PASSWORD|" + draw(alnum, 14, 312) + "]]",
			"root:[[SECRET_PASSWORD_HASH|$6$" + draw(alnum, 8, 313) + "$" + draw(alnum, 86, 314) + "]]:19700:0:99999:7:::",
			"ann:[[SECRET_PASSWORD_HASH|$apr1$" + draw(alnum, 8, 315) + "$" + draw(alnum, 22, 316) + "]]",
			"hash [[SECRET_PASSWORD_HASH|$2b$12$" + draw(alnum, 53, 317) + "]] in users",
			"[[SECRET_PASSWORD_HASH|{SSHA}" + draw(alnum, 32, 318) + "]]",
			"[[SECRET_PRIVATE_KEY|PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 1\n" + draw(alnum, 64, 1) + "\nPrivate-Lines: 1\n" + draw(alnum, 48, 2) + "\nPrivate-MAC: " + draw(hexLower, 64, 3) + "]]",
			"client-key-data: [[SECRET_PRIVATE_KEY|LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ" + draw(alnum, 80, 4) + "==]]",
			`{"kty":"EC","crv":"P-256","d":"[[SECRET_PRIVATE_KEY|` + draw(alnum, 43, 5) + `]]","x":"a"}`,
			"kind: Secret\ndata:\n  api: [[SECRET_GENERIC_API_KEY|c2VjcmV0LWJ1dC1sb25nLTQyLXg5]]\n",
			"otpauth://totp/Acme:ann?secret=[[SECRET_OTP_SEED|" + draw(base32, 32, 32) + "]]&issuer=Acme",
			"recovery key [[SECRET_BITLOCKER_KEY|412346-654324-112233-332211-445566-665544-710897-708895]]",
			"facebook [[SECRET_FACEBOOK_APP_TOKEN|1402857316904215|" + draw(alnum, 27, 7) + "]]",
			"https://acme.blob.core.windows.net/c/f.txt?sv=2031-01-01&se=2031-02-01T00%3A00%3A00Z&sr=b&sp=r&sig=[[SECRET_SIGNED_URL|" + draw(alnum, 43, 6) + "%3D]]",
		},
		NearMisses: []string{
			"machine learning: the login page and the password field; localhost:5432:5432 and 127.0.0.1:5432:db",
			"$1$ and $6$ cost money, {SHA} is a prefix, $2b$ too; PuTTY-User-Key-File-2 is the header of a file",
			"kind: Secret\nmetadata:\n  name: db-credentials\n  namespace: default\n",
			"sig=abc, \"d\": \"short\", kty, LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" + draw(alnum, 60, 8),
			"DefaultDuration = 2; otpauth://totp/x?secret=XXXXXXXXXXXXXXXX",
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Prefix, Literals: []string{"machine "}, Judge: judgeNetrc},
			{Shape: classifiers.Prefix, Literals: []string{"5432:", "5433:", "6432:"}, Judge: judgePgpass},
			{Shape: classifiers.Anchor, Literals: []string{"$", "{S", "{P", "{C"}, Judge: judgeHash},
			{Shape: classifiers.Prefix, Literals: []string{"pbkdf2_sha256", "pbkdf2_sha1", "bcrypt_sha256", "pbkdf2-sha512", "pbkdf2-sha256"}, Judge: judgeDjango},
			{Shape: classifiers.Prefix, Literals: []string{"PuTTY-User-Key-File-"}, Judge: judgePutty},
			{Shape: classifiers.Prefix, Literals: []string{"LS0tLS1CRUdJTi"}, Judge: judgeWrappedPEM},
			{Shape: classifiers.Prefix, Literals: []string{`d":`, `d" :`}, Judge: judgeJWK},
			{Shape: classifiers.Prefix, Literals: []string{"kind: secret", `kind": "secret"`, `kind":"secret"`}, Judge: judgeKubeSecret},
			{Shape: classifiers.Prefix, Literals: []string{"otpauth://"}, Judge: judgeOTP},
			{Shape: classifiers.Anchor, Literals: []string{"|"}, Judge: judgeFacebook},
			{Shape: classifiers.Number, Judge: judgeBitLocker},
			{Shape: classifiers.Prefix, Literals: []string{"sig=", "x-amz-signature=", "x-goog-signature=", "x-amz-security-token="}, Judge: judgeSigned},
		},
	}
}

// Bounds of entries of files.
const (
	maxEntry = 300
	maxKube  = 8 << 10
	maxPutty = 16 << 10
)

func judgeNetrc(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	entry := t[c.End:min(len(t), c.End+maxEntry)]
	if i := strings.Index(entry, "\nmachine "); i >= 0 {
		entry = entry[:i]
	}
	login := strings.Index(entry, "login ")
	pass := strings.Index(entry, "password ")
	if login < 0 || pass < login {
		return
	}
	i := blanks(t, c.End+pass+9)
	end := i
	for end < len(t) && t[end] > ' ' && end-i < maxPassword {
		end++
	}
	if end > i && forceOf(t[i:end], true) >= mixed {
		s.Find(classifiers.Found{Start: i, End: end, Type: passwordType, Likelihood: veryLikely, Rule: "netrc"})
	}
}

func judgePgpass(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if s.Before(c.Start) != ':' {
		return
	}
	line := t[c.End:min(len(t), c.End+maxEntry)]
	if i := strings.IndexAny(line, "\r\n\"' "); i >= 0 {
		line = line[:i]
	}
	db := strings.IndexByte(line, ':')
	if db < 0 {
		return
	}
	user := strings.IndexByte(line[db+1:], ':')
	if user < 1 {
		return
	}
	body := line[db+1+user+1:]
	i := c.End + db + 1 + user + 1
	if forceOf(body, true) >= mixed {
		s.Find(classifiers.Found{Start: i, End: i + len(body), Type: passwordType, Likelihood: veryLikely, Rule: "pgpass"})
	}
}

// hashes are the forms of password hashes in modular crypt format and LDAP's.
var hashes = []struct {
	lead  string
	parts int // dollar signs behind the lead
	least int // characters of the last part
	most  int
}{
	{"$1$", 1, 22, 22}, {"$apr1$", 1, 22, 22}, {"$2a$", 1, 53, 53}, {"$2b$", 1, 53, 53}, {"$2y$", 1, 53, 53}, {"$5$", 1, 43, 43}, {"$5$rounds=", 2, 43, 43},
	{"$6$", 1, 86, 86}, {"$6$rounds=", 2, 86, 86}, {"$y$", 2, 43, 43}, {"$7$", 1, 43, 100}, {"$argon2", 4, 22, 100}, {"$scrypt$", 2, 22, 100}, {"$P$", 0, 31, 31}, {"$H$", 0, 31, 31}, {"$S$", 0, 52, 52},
	{"{SHA}", 0, 27, 28}, {"{SSHA}", 0, 32, 48}, {"{SSHA512}", 0, 90, 120}, {"{SSHA256}", 0, 48, 64}, {"{PBKDF2}", 2, 22, 100}, {"{CRYPT}", 0, 13, 120},
}

var hashSet = chars("0-9a-zA-Z./+=,_-")

func judgeHash(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	// $NAME, ${NAME} and $( are what a dollar sign begins, mostly.
	if next := s.At(c.Start + 1); t[c.Start] == '$' && strings.IndexByte("1256789ayPHS", next) < 0 && !strings.HasPrefix(t[c.Start:], "$scrypt$") {
		return
	}
	for i := range hashes {
		if h := &hashes[i]; strings.HasPrefix(t[c.Start:], h.lead) {
			reportHash(s, c.Start, c.Start+len(h.lead), h.parts, h.least, h.most)
		}
	}
}

// reportHash reads parts joined by dollar signs and the last one of least to most
// characters.
func reportHash(s *classifiers.Scan, start, i, parts, least, most int) {
	t := s.Text
	for ; parts > 0; parts-- {
		j := hashSet.span(t, i, 64)
		if j >= len(t) || t[j] != '$' || j == i && parts == 1 {
			return
		}
		i = j + 1
	}
	end := hashSet.span(t, i, most+1)
	if n := end - i; n < least || n > most || weigh(t[i:end]) != random {
		return
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: hashType, Likelihood: likely, Rule: "crypt"})
	s.Resume(end)
}

func judgeDjango(s *classifiers.Scan, c classifiers.Candidate) {
	if s.At(c.End) == '$' {
		reportHash(s, c.Start, c.End+1, 2, 22, 100)
	}
}

func judgePutty(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	body := t[c.End:min(len(t), c.End+maxPutty)]
	private := strings.Index(body, "Private-Lines:")
	if private < 0 {
		return
	}
	mac := strings.Index(body[private:], "Private-MAC:")
	end := c.End + len(body)
	if mac >= 0 {
		end = c.End + private + mac + len("Private-MAC:")
		end = hexAny.span(t, blanks(t, end), 128)
	} else if next := strings.Index(body[private:], "\n\n"); next >= 0 {
		end = c.End + private + next
	}
	s.Find(classifiers.Found{Start: c.Start, End: end, Type: privateKeyType, Likelihood: veryLikely, Rule: "putty"})
	s.Resume(end)
}

// judgeWrappedPEM finds a private key in PEM that is once more in base64.
func judgeWrappedPEM(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if t[c.Start:c.End] != "LS0tLS1CRUdJTi" {
		return
	}
	end := base64s.span(t, c.Start, maxArmour)
	s.Resume(end)
	if end-c.Start < 100 {
		return
	}
	var buf [64]byte
	head, ok := unbase64(buf[:], t[c.Start:c.Start+64])
	if !ok || !contains(head, "PRIVATE KEY") {
		return
	}
	for end < len(t) && t[end] == '=' {
		end++
	}
	s.Find(classifiers.Found{Start: c.Start, End: end, Type: privateKeyType, Likelihood: veryLikely, Rule: "base64"})
}

// judgeJWK finds the private part of a JSON Web Key (RFC 7517).
func judgeJWK(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := blanks(t, c.End)
	if s.At(i) != '"' || s.Before(c.Start) != '"' {
		return
	}
	i++
	end := base64u.span(t, i, 2*maxToken)
	if end-i < 40 || s.At(end) != '"' {
		return
	}
	near := t[max(0, c.Start-maxEntry*4):c.Start]
	after := t[end:min(len(t), end+maxEntry*4)]
	if !strings.Contains(near, `"kty"`) && !strings.Contains(after, `"kty"`) || weak(t[i:min(end, i+maxToken)]) {
		return
	}
	s.Find(classifiers.Found{Start: i, End: end, Type: privateKeyType, Likelihood: veryLikely, Rule: "jwk"})
	s.Resume(end)
}

// judgeKubeSecret finds the values of a Kubernetes secret: base64 below data, on
// either side of the line that says kind.
func judgeKubeSecret(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	from, to := max(0, c.Start-maxKube), min(len(t), c.End+maxKube)
	if i := strings.LastIndex(t[from:c.Start], "\n---"); i >= 0 {
		from += i
	}
	if i := strings.Index(t[c.End:to], "\n---"); i >= 0 {
		to = c.End + i
	}
	s.Resume(to)
	doc := t[from:to]
	data := strings.Index(doc, "\ndata:")
	if data < 0 {
		if !strings.HasPrefix(doc, "data:") {
			return
		}
		data = -1
	}
	i := from + data + 1
	if n := strings.IndexByte(t[i:to], '\n'); n >= 0 {
		i += n + 1
	} else {
		return
	}
	for i < to {
		n := strings.IndexByte(t[i:to], '\n')
		if n < 0 {
			n = to - i
		}
		line := t[i : i+n]
		if line == "" || line[0] != ' ' && line[0] != '\t' {
			return
		}
		if colon := strings.Index(line, ": "); colon > 0 {
			name := strings.TrimSpace(line[:colon])
			j := i + colon + 2
			if s.At(j) == '"' {
				j++
			}
			end := base64s.span(t, j, maxToken)
			pad := end
			for pad < len(t) && t[pad] == '=' {
				pad++
			}
			var buf [maxToken]byte
			if k := kindOf(name); end-j >= 8 && k != nameID && (pad-j)%4 == 0 && !inside(s.At(pad)) {
				if plain, ok := unbase64(buf[:], t[j:end]); ok && len(plain) >= 6 {
					s.Find(classifiers.Found{Start: j, End: pad, Type: genericType, Likelihood: likely, Rule: "kubernetes_secret"})
				}
			}
		}
		i += n + 1
	}
}

func judgeOTP(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	body := t[c.End:min(len(t), c.End+maxEntry)]
	if i := strings.IndexAny(body, " \n\"'<>`"); i >= 0 {
		body = body[:i]
	}
	i := strings.Index(body, "secret=")
	if i < 0 {
		return
	}
	start := c.End + i + 7
	end := alnum.span(t, start, 128)
	if end-start < 16 || weak(t[start:end]) {
		return
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: seedType, Likelihood: veryLikely, Rule: "otpauth"})
}

// judgeBitLocker finds recovery keys: eight numbers below 720896 that 11 divides
// (Microsoft's BitLocker documentation).
func judgeBitLocker(s *classifiers.Scan, c classifiers.Candidate) {
	const groups, size, limit = 8, 6, 720896
	if len(c.Groups) != groups {
		return
	}
	for i, g := range c.Groups {
		n := 0
		for p := g.Start; p < g.End; p++ {
			n = n*10 + int(s.Text[p]-'0')
		}
		if g.Len() != size || i > 0 && g.Sep != classifiers.SepDash || n%11 != 0 || n >= limit {
			return
		}
	}
	s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: bitlockerType, Likelihood: veryLikely, Rule: "bitlocker", Validator: "mod_11"})
}

func judgeFacebook(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if c.Start < 15 || !digits[t[c.Start-1]] {
		return
	}
	start := c.Start
	for start > 0 && c.Start-start < 17 && digits[t[start-1]] {
		start--
	}
	end := base64u.span(t, c.End, 41)
	if n := c.Start - start; n < 15 || n > 16 || end-c.End < 27 || end-c.End > 40 || inside(s.Before(start)) || !looksRandom(t[c.End:end]) {
		return
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: facebookType, Likelihood: veryLikely, Rule: "facebook"})
}

var percentSet = chars("0-9a-zA-Z%+/=_-")

func judgeSigned(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if b := s.Before(c.Start); b != '?' && b != '&' && b != ';' {
		return
	}
	end := percentSet.span(t, c.End, maxToken)
	body := t[c.End:end]
	if len(body) < 40 || weak(body) {
		return
	}
	if c.Literal == 0 {
		// Azure: a signed expiry or version stands beside.
		near := t[max(0, c.Start-maxEntry):c.Start]
		after := t[end:min(len(t), end+maxEntry)]
		if !strings.Contains(near, "se=") && !strings.Contains(after, "&se=") && !strings.Contains(near, "sv=") && !strings.Contains(after, "&sv=") {
			return
		}
	}
	s.Find(classifiers.Found{Start: c.End, End: end, Type: sasType, Likelihood: likely, Rule: "signed_url"})
	s.Resume(end)
}
