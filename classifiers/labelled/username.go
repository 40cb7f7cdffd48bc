package labelled

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

var userType = classifiers.Type{
	Name: "USERNAME", Groups: []string{classifiers.Personal}, Severity: classifiers.Low, Doc: "The name of a user's account, a handle.", Aliases: []string{"USER_NAME", "HANDLE"},
}

// Username finds names of accounts.
var Username = &classifiers.Detector{
	Name: "username", Version: 1,
	Doc: `Names of accounts behind a label or key such as username, login, handle, Benutzername, usuario, with a colon or equals sign. The value is one word
of letters, digits, dots, hyphens and underscores; words of the language and of code, and accounts of machines (admin, root), are none, and unquoted words
count only where no name of a variable looks so. @handle in prose is possible only: decorators and scopes of packages look the same.`,
	Types: []*classifiers.Type{&userType},
	Positives: []string{
		`"username":"[[USERNAME|mkowal84]]"`,
		"login: [[USERNAME|tina.berg]]",
		"Benutzername: [[USERNAME|eva_h]]",
		"my username is [[USERNAME|otter_lake9]] and the mail is gone; (user id [[USERNAME|k.brandt]])",
		"mein Benutzername ist [[USERNAME|otter_82]], mon identifiant est [[USERNAME|m.leroux]], mój login to [[USERNAME|kasia77]]",
		"Logged in as [[USERNAME|tlind-dev]]",
		"ask [[possible USERNAME|@tina_berg]] about it",
	},
	NearMisses: []string{
		"username: string, login = user, username := r.FormValue(x), handle: null, username=admin",
		"@Override\npublic void run() {}\nimport x from '@types/node'; a@b.example",
		"the username is case-sensitive, the login is at portal.acme.example, user id is 12345, login page v2.1, my username is not accepted, username validation_error, user id is UUID4",
		"the username is required; login failed: 3 times",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Prefix, Judge: judgeTold, Literals: toldUsers},
		{Shape: classifiers.Anchor, Judge: judgeUser, Literals: []string{":", "=", "@"}},
	},
}

// Lengths of the name of an account.
const (
	minUser = 3
	maxUser = 32
)

func judgeUser(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.Start
	if t[i] == '@' {
		judgeHandle(s, i)
		return
	}
	if b := s.Before(i); !words.IsLetter(b) && b != '"' && b != '\'' && b != ' ' && b != '*' && b < 0x80 {
		return
	}
	if n := s.At(c.End); n == '=' || n == '/' || n == ':' || n == '>' {
		return
	}
	p := i
	for range 4 {
		switch words.At(t, p-1) {
		case '"', '\'', '\\', '*', ' ', '`':
			p--
		}
	}
	w := lexicon.ReadBack(t, p)
	if w.Class&userWord == 0 || w.Letters < 4 {
		k := w.End
		for k > w.Start && !('A' <= t[k-1] && t[k-1] <= 'Z') {
			k--
		}
		switch {
		case k > w.Start && lexicon.Read(t[:w.End], w.Start).Letters > 4 && lexicon.Find(words.Hash(strings.ToLower(t[w.Start:w.End])))&userWord != 0:
		case w.Class&nameWord != 0 && words.At(t, w.Start-1) == '_' && words.Begins(t[max(0, w.Start-5):], "user_", "User_", "USER_"):
		default:
			return
		}
	}
	v, quoted := valueAt(t, c.End)
	e := v
	marks, numbers := 0, 0
	for e < len(t) && e-v <= maxUser {
		b := t[e]
		switch {
		case words.IsLetter(b):
		case words.IsDigit(b):
			numbers++
		case (b == '.' || b == '_' || b == '-') && e > v && (words.IsLetter(words.At(t, e+1)) || words.IsDigit(words.At(t, e+1))):
			marks++
		default:
			goto end
		}
		e++
	}
end:
	if e-v < minUser || e-v > maxUser || numbers == e-v {
		return
	}
	switch words.At(t, e) {
	case '(', '[', '{', '@', '$', '<', '/', ':', '=', '*', '&':
		return
	}
	x := lexicon.Read(t[:e], v)
	if x.Class&(placeholder|userWord|thing|stop|machine|goesOn|role) != 0 && x.End == e {
		return
	}
	if w.Letters == 4 && w.Class&userWord != 0 && numbers+marks == 0 && t[w.Start]|0x20 == 'u' {
		return // user: anybody
	}
	f := classifiers.Found{Start: v, End: e, Type: &userType, Likelihood: proxy.Possible, Rule: "field"}
	switch {
	case quoted && words.At(t, e) != ' ', numbers > 0 && !code(t[v:e]), !quoted && marks > 0 && t[i] == ':' && !code(t[v:e]):
		f.Likelihood = proxy.Likely
	case t[i] == ':' && words.At(t, i+1) == ' ' && !quoted && w.Letters > 4 && words.At(t, e) != '.' && !lookup(t[v:e]).common && lineEnds(t, e) && words.At(t, e) != '}':
		f.Likelihood = proxy.Likely // username: jdoe
	}
	s.Find(f)
}

// toldUsers are words by which sentences tell the name of an account.
var toldUsers = []string{
	"username", "user name", "user id", "userid", "login", "logged in as", "signed in as", "account name", "screen name", "my handle", "benutzername", "benutzerkennung", "anmeldename", "nutzername", "identifiant", "nom d'utilisateur",
	"mi usuario", "nombre de usuario", "nome utente", "nome de usu", "gebruikersnaam", "nazwa u", "anv", "kullan",
}

// toldTails end those of the words that have letters beyond ASCII.
var toldTails = map[string]string{"nome de usu": "ário", "nazwa u": "żytkownika", "anv": "ändarnamn", "kullan": "ıcı adım"}

// judgeTold judges the word behind "my username is": it has a digit or a sign
// inside, as names of accounts have and the words of sentences have not.
func judgeTold(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.End
	if tail := toldTails[toldUsers[c.Literal]]; tail != "" {
		if !strings.HasPrefix(t[i:], tail) {
			return
		}
		i += len(tail)
	}
	if b := s.Before(c.Start); b == '_' || b == '.' || b == '-' || words.At(t, i) != ' ' {
		return
	}
	i++
	direct := true
	for _, w := range [...]string{"is ", "was ", "ist ", "lautet ", "est ", "es ", "è ", "é ", "to ", "is: ", "är ", "jest "} {
		if strings.HasPrefix(t[i:], w) {
			i += len(w)
			direct = false
			break
		}
	}
	e, numbers, marks, letters := i, 0, 0, 0
	for e < len(t) && e-i <= maxUser {
		b := t[e]
		switch {
		case words.IsLetter(b):
			letters++
		case words.IsDigit(b):
			numbers++
		case (b == '.' || b == '_' || b == '-') && e > i && (words.IsLetter(words.At(t, e+1)) || words.IsDigit(words.At(t, e+1))):
			marks++
		default:
			goto end
		}
		e++
	}
end:
	if e-i < minUser || e-i > maxUser || letters < 2 || numbers+marks == 0 || words.Begins(t[i:e], "user.", "self.", "this.", "req.", "config.", "data.", "env.", "os.") || strings.Count(t[i:e], ".") > 1 {
		return
	}
	switch words.At(t, e) {
	case '(', '[', '{', '@', '$', '<', '/', ':', '=', '*', '&', '%':
		return
	}
	v := t[i:e]
	as := strings.HasSuffix(toldUsers[c.Literal], " as")
	switch {
	case direct && !as && !(s.Before(c.Start) == '(' && words.At(t, e) == ')'):
		return // username validation_error, login v2
	case !as && numbers == 0 && !strings.ContainsAny(v, "._"):
		return // is case-sensitive
	case v == strings.ToUpper(v):
		return // is UUID4
	}
	s.Find(classifiers.Found{Start: i, End: e, Type: &userType, Likelihood: proxy.Likely, Rule: "told"})
}

// code reports whether a value looks like an expression: user.Name, r.form.
func code(v string) bool {
	if k := strings.IndexByte(v, '.'); k >= 0 && (k <= 1 || words.Begins(v, "user.", "self.", "this.", "req.", "r.", "ctx.", "args.", "config.", "cfg.", "data.", "params.", "env.", "process.", "os.", "c.", "u.", "s.")) {
		return true
	}
	return words.Begins(v, "get", "var.", "local.")
}

// judgeHandle judges @handle.
func judgeHandle(s *classifiers.Scan, i int) {
	t := s.Text
	switch b := s.Before(i); b {
	case ' ', '(', '"', '\'', ',':
	default:
		return // at the start of a line it decorates code
	}
	e := i + 1
	for e < len(t) && e-i <= maxUser && (words.IsLetter(t[e]) || words.IsDigit(t[e]) || t[e] == '_' || t[e] == '.' && words.IsLetter(words.At(t, e+1))) {
		e++
	}
	if e-i-1 < minUser || e-i > maxUser || !words.IsLetter(t[i+1]) {
		return
	}
	switch words.At(t, e) {
	case '/', '(', '@', '{', ':', '=', '\\':
		return
	}
	if x := lexicon.Read(t[:e], i+1); x.Class&(placeholder|machine) != 0 && x.End == e {
		return
	}
	s.Find(classifiers.Found{Start: i, End: e, Type: &userType, Likelihood: proxy.Possible, Rule: "handle"})
}
