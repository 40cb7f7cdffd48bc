// Package contact recognises the ways to reach a person: e-mail addresses and
// telephone numbers.
package contact

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var emailType = classifiers.Type{
	Name: "EMAIL_ADDRESS", Groups: []string{classifiers.Personal, classifiers.Contact}, Severity: classifiers.Medium,
	Doc: "An e-mail address.", Aliases: []string{"EMAIL"},
}

// Email finds e-mail addresses.
var Email = &classifiers.Detector{
	Name: "email", Version: 2,
	Doc: `E-mail addresses after RFC 5321: a local part of at most 64 characters, labels of letters, digits and inner hyphens
(international ones too), and a last label that is a country's, a known generic top-level domain or an internal one such as
.internal; quoted local parts. Names reserved by RFC 2606 and RFC 6761 (example.com, .test …) are synthetic. Addresses of no one
(noreply@), accounts on a command line (ssh deploy@host, git@host) and identifiers of messages are possible; remotes of git, image
names such as icon@2x.png, packages with a version and the password of a URL are not addresses.`,
	Types: []*classifiers.Type{&emailType},
	Positives: []string{
		"mail [[EMAIL_ADDRESS|a@b.org]] now",
		"Von: Jürgen <[[EMAIL_ADDRESS|j.mueller+rechnung@stadtwerke-ulm.de]]>, Kopie an [[EMAIL_ADDRESS|O'Neil@mail.firm.co.uk]].",
		`{"to":"[[EMAIL_ADDRESS|dev_2@xn--mnchen-3ya.de]]","cc":["[[EMAIL_ADDRESS|JANE.DOE@ACME.COM]]"]}`,
		"write to mailto:[[EMAIL_ADDRESS|sales@bücher.ch]]?subject=x or ask [[EMAIL_ADDRESS|root@db1.corp.internal]]",
		"[[synthetic EMAIL_ADDRESS|jane@example.com]] and [[synthetic EMAIL_ADDRESS|x@host.test]] are reserved",
		"automatic mail of [[possible EMAIL_ADDRESS|no-reply@shop.de]]",
		`ask [[EMAIL_ADDRESS|"Jane von Doe"@firm.ch]] or <mailto:[[EMAIL_ADDRESS|info@firm.ch]]>.`,
		"my ssh key is lost, write to [[EMAIL_ADDRESS|jane@firm.ch]]",
	},
	NearMisses: []string{
		"git clone git@github.com:org/repo.git",
		"src/icon@2x.png and logo@3x.jpg",
		"npm i react@18.2.0 @types/node@20 lodash@4.17.21",
		"postgres://app:s3cretPassw0rd@db.firm.com/orders",
		"ssh -p 2222 -i ~/.ssh/id deploy@web1.firm.com uptime; scp a.txt deploy@web1.firm.com:/srv; sftp ops@files.firm.com",
		"Message-ID: <20241124103000.4F2A1@mx1.firm.com>\nIn-Reply-To: <CAF2x9k@mail.firm.com>",
		`addresses that end in "@firm.com" or "x" and "@firm.de"`,
		"@Override @media (max-width: 3px) user@host a@b @ me@ x@.com a@b..com .@. a@-b.com",
		"meet me @ 5pm, rated 4.5@10.0 by A.B@C",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Anchor, Literals: []string{"@"}, Judge: judgeEmail}},
}

// Lengths of RFC 5321, 4.5.3.1, and of RFC 1035.
const (
	maxLocal  = 64
	maxDomain = 255
	maxLabel  = 63
	// maxUserinfo is how far before a local part a URL's scheme is looked for.
	maxUserinfo = 96
)

// localByte tells the characters that local parts are made of in practice. The
// rest of RFC 5322's atext (! # $ & * / = ? ^ ` { | } ~) is what texts put
// around an address rather than in it.
var localByte, domainByte = func() (l, d [256]bool) {
	for c := 0; c < 256; c++ {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		l[c] = letter || strings.IndexByte("._%+-'", byte(c)) >= 0 && c < utf8.RuneSelf
		d[c] = letter || c == '.' || c == '-' || c >= utf8.RuneSelf
	}
	return
}()

func judgeEmail(s *classifiers.Scan, c classifiers.Candidate) {
	t, at := s.Text, c.Start
	from := at
	if s.Before(at) == '"' {
		quotedLocal(s, at)
		return
	}
	for from > 0 && at-from <= maxLocal && localByte[t[from-1]] {
		from--
	}
	if at-from > maxLocal {
		return
	}
	// After an escape, the letter of \n or \t belongs to the escape.
	if from > 0 && t[from-1] == '\\' && from < at && (t[from] == 'n' || t[from] == 'r' || t[from] == 't') {
		from++
	}
	for from < at && strings.IndexByte(".'%-", t[from]) >= 0 {
		from++
	}
	if from == at || t[at-1] == '.' || strings.Contains(t[from:at], "..") {
		return
	}
	end := domainEnd(t, at+1)
	domain := t[at+1 : end]
	dot := strings.LastIndexByte(domain, '.')
	if dot <= 0 || end < len(t) && t[end] == '@' {
		return
	}
	level := tldLevel(domain[dot+1:])
	if level == 0 || !labels(domain) {
		return
	}
	if t[from] == '+' {
		from++
	}
	if from == at || userinfo(t, from) {
		return
	}
	// host:path after an address is a remote of scp or git.
	if end+1 < len(t) && t[end] == ':' && t[end+1] != ' ' && (t[from:at] == "git" || pathAhead(t[end+1:])) {
		return
	}
	f := classifiers.Found{Start: from, End: end, Type: &emailType, Likelihood: level, Rule: "address", Validator: "top-level-domain"}
	switch local := t[from:at]; {
	case reserved(domain) || placeholder(local, domain):
		f.Synthetic = true
	case noOne(local):
		f.Likelihood, f.Rule = min(f.Likelihood, proxy.Possible), "nobody"
	case local == "git" || command(t, from):
		f.Likelihood, f.Rule = min(f.Likelihood, proxy.Possible), "account"
	case s.Before(from) == '<' && s.Beside(messageCue, from, end) < classifiers.Far:
		f.Likelihood, f.Rule = min(f.Likelihood, proxy.Possible), "message-id"
	case role(local):
		f.Likelihood, f.Rule = min(f.Likelihood, proxy.Likely), "role"
	}
	s.Find(f)
}

// messageCue names header fields that hold identifiers of messages, which are
// written as addresses are (RFC 5322, 3.6.4).
var messageCue = classifiers.NewCue("message id", "messageid", "in reply", "references", "content id")

// quotedLocal judges an address whose local part is a quoted string.
func quotedLocal(s *classifiers.Scan, at int) {
	t := s.Text
	shut := at - 1
	open := shut - 1
	for open >= 0 && shut-open <= maxLocal && t[open] != '"' && t[open] >= ' ' {
		open--
	}
	if open < 0 || t[open] != '"' || shut-open < 2 || t[open+1] == ' ' || t[shut-1] == ' ' || open > 0 && (word(t[open-1]) || t[open-1] == '\\') {
		return
	}
	end := domainEnd(t, at+1)
	domain := t[at+1 : end]
	dot := strings.LastIndexByte(domain, '.')
	if dot <= 0 || !labels(domain) {
		return
	}
	if level := tldLevel(domain[dot+1:]); level > 0 {
		s.Find(classifiers.Found{Start: open, End: end, Type: &emailType, Likelihood: min(level, proxy.Likely), Synthetic: reserved(domain), Rule: "quoted", Validator: "top-level-domain"})
	}
}

// command reports whether an address is the account in a command that opens a
// shell or copies files: ssh -p 22 user@host.
func command(t string, from int) bool {
	const most, far = 5, 160 // words before, and bytes
	floor := max(0, from-far)
	i := from
	for n := 0; n < most && i > floor && t[i-1] == ' '; n++ {
		end := i - 1
		i = end
		for i > floor && t[i-1] > ' ' && t[i-1] != '`' && t[i-1] != '"' && t[i-1] != '\'' {
			i--
		}
		w := t[i:end]
		switch w {
		case "ssh", "scp", "sftp", "rsync", "mosh", "autossh", "ssh-copy-id", "ssh-keyscan":
			return true
		case "":
			return false
		}
		// Options, their values and files.
		if w[0] != '-' && !strings.ContainsAny(w, "/.:0123456789") {
			return false
		}
	}
	return false
}

// role reports whether a local part is an office's rather than a person's
// (RFC 2142 and habit).
func role(local string) bool {
	switch strings.ToLower(local) {
	case "info", "sales", "support", "contact", "hello", "office", "admin", "webmaster", "postmaster", "hostmaster", "abuse", "security", "billing", "help", "service", "kontakt", "team", "press", "jobs", "hr":
		return true
	}
	return false
}

// domainEnd gives the end of the domain that begins at i: the last label that
// could end one. Full-width and other punctuation ends it.
func domainEnd(t string, i int) int {
	end := i
	for end < len(t) && end-i < maxDomain && domainByte[t[end]] {
		if t[end] < utf8.RuneSelf {
			end++
			continue
		}
		r, n := utf8.DecodeRuneInString(t[end:])
		if !letter(r) {
			break
		}
		end += n
	}
	for end > i && (t[end-1] == '.' || t[end-1] == '-') {
		end--
	}
	return end
}

// labels checks the labels of a domain: no empty one, no hyphen at an edge.
func labels(d string) bool {
	for {
		label, rest, more := strings.Cut(d, ".")
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if !more {
			return true
		}
		d = rest
	}
}

// userinfo reports whether the local part that begins at from is the password
// of a URL: scheme://user:password@host.
func userinfo(t string, from int) bool {
	floor := max(0, from-maxUserinfo)
	for i := from - 1; i >= floor; i-- {
		switch c := t[i]; {
		case c == '/':
			return i > 0 && t[i-1] == '/'
		case c <= ' ' || strings.IndexByte("\"'<>(),;@", c) >= 0:
			return false
		}
	}
	return false
}

// pathAhead reports whether a path follows a colon, as in host:dir/file.
func pathAhead(t string) bool {
	for i := 0; i < len(t) && i < maxLabel; i++ {
		switch c := t[i]; {
		case c == '/':
			return i > 0
		case !(localByte[c] || c == '~'):
			return false
		}
	}
	return false
}

// reserved reports whether a domain is one of RFC 2606 or RFC 6761.
func reserved(d string) bool {
	d = strings.ToLower(d)
	for _, r := range []string{"example.com", "example.org", "example.net", "example.edu", "test", "example", "invalid", "localhost"} {
		if strings.HasSuffix(d, r) && (len(d) == len(r) || d[len(d)-len(r)-1] == '.') {
			return true
		}
	}
	return false
}

// placeholder reports whether an address is what forms show as a sample.
func placeholder(local, domain string) bool {
	switch strings.ToLower(domain) {
	case "domain.com", "company.com", "yourcompany.com", "yourdomain.com", "email.com", "mail.com", "test.com":
	default:
		return false
	}
	switch strings.ToLower(local) {
	case "user", "name", "you", "your", "your.name", "yourname", "your.email", "youremail", "email", "someone", "username", "first.last", "firstname.lastname", "me", "test":
		return true
	}
	return false
}

// noOne reports whether a local part names a machine that nobody reads.
func noOne(local string) bool {
	switch strings.ToLower(local) {
	case "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "mailer-daemon", "bounce", "bounces":
		return true
	}
	return false
}
