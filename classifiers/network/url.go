package network

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	urlType = classifiers.Type{
		Name: "URL", Groups: []string{classifiers.General}, Severity: classifiers.Low,
		Doc: "The address of a page or service.",
	}
	domainType = classifiers.Type{
		Name: "DOMAIN_NAME", Groups: []string{classifiers.General}, Severity: classifiers.Low,
		Doc: "A name in the domain name system.", Aliases: []string{"DOMAIN"}, General: true,
	}
)

// URL finds addresses of pages and names of domains.
var URL = &classifiers.Detector{
	Name: "url", Version: 1,
	Doc: `Addresses with a scheme (http, https, ftp, ws, sftp …) and a host, to the first space, quote or closing bracket, without the
full stop or comma of the sentence; and names of domains that end in a top-level domain in wide use. Names whose end is a file's
too (.py, .md, .sh) or a word of code (.name, .id) are possible with www or a further label only. They are of the
general group: what a name resolves to is not known. Names set aside for documentation (RFC 2606) are synthetic.`,
	Types: []*classifiers.Type{&urlType, &domainType},
	Positives: []string{
		"see [[URL|https://intranet.nordvik-energi.se/docs?id=7#top]], or ([[URL|http://81.2.69.160:8080/status]]).",
		"our site [[DOMAIN_NAME|nordvik-energi.se]] and [[DOMAIN_NAME|www.tessaro-group.co.uk]]",
		"[[synthetic URL|https://example.com/path]] and [[synthetic DOMAIN_NAME|api.example.org]]",
	},
	NearMisses: []string{
		"fmt.Println(os.Args), main.py, README.md, e.g. this, i.e. that, U.S.A. and Ph.D. degrees, end.Next sentence", "v1.2.3 file.tar.gz obj.name user.id self.is_ok x.com_y",
		"std::vector, a://b, ://", "version 2.com is no name, 3.14.net",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Anchor, Literals: []string{"://"}, Judge: judgeURL},
		{Shape: classifiers.Anchor, Literals: []string{"."}, Judge: judgeDomain},
	},
}

const (
	maxURL    = 2048 // bytes of an address that are looked at
	maxScheme = 12
	maxDomain = 253 // RFC 1035
	maxLabel  = 63
)

// schemes are those of addresses that lead to a host.
var schemes = map[string]bool{"http": true, "https": true, "ftp": true, "ftps": true, "sftp": true, "ws": true, "wss": true, "ssh": true, "git": true, "rtsp": true, "ldap": true, "ldaps": true, "smb": true, "imap": true, "s3": true, "gs": true, "tcp": true, "udp": true, "amqp": true, "mqtt": true}

func judgeURL(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	start := c.Start
	for start > 0 && c.Start-start < maxScheme && (letter(t[start-1]) || '0' <= t[start-1] && t[start-1] <= '9') {
		start--
	}
	var b [maxScheme]byte
	n := 0
	for i := start; i < c.Start; i++ {
		b[n] = t[i]
		if t[i] >= 'A' && t[i] <= 'Z' {
			b[n] |= 0x20
		}
		n++
	}
	if !schemes[string(b[:n])] {
		return
	}
	end := c.End
	for end < len(t) && end-c.End < maxURL && urlByte(t[end]) {
		end++
	}
	// What ends a sentence, or closes a bracket that was open before.
	for end > c.End {
		switch last := t[end-1]; {
		case strings.IndexByte(".,;:!?'*", last) >= 0:
		case last == ')' && strings.Count(t[c.End:end], "(") < strings.Count(t[c.End:end], ")"):
		default:
			goto trimmed
		}
		end--
	}
trimmed:
	host := c.End
	for host < end && strings.IndexByte("/?#", t[host]) < 0 {
		host++
	}
	name := t[c.End:host]
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		name = name[i+1:]
	}
	if name == "" || !word(name[0]) && name[0] != '[' && name[0] < 0x80 {
		return
	}
	if i := strings.LastIndexByte(name, ':'); i > 0 {
		name = name[:i]
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: &urlType, Likelihood: proxy.Likely, Synthetic: reserved(name), Rule: "scheme"})
	s.Resume(end)
}

// urlByte reports whether b may stand in an address as people write it.
func urlByte(b byte) bool {
	return b > ' ' && b != '"' && b != '<' && b != '>' && b != '`' && b != '\\' && b != '{' && b != '}' && b != '|' && b != '^' && b != ']' && b != 0x7F
}

// reserved reports whether a name is set aside for documentation and tests.
func reserved(name string) bool {
	for _, r := range [...]string{"example.com", "example.org", "example.net", ".example", ".test", ".invalid", "localhost"} {
		if n := len(name) - len(r); n >= 0 && strings.EqualFold(name[n:], r) && (n == 0 || r[0] == '.' || name[n-1] == '.') {
			return true
		}
	}
	return false
}

// judgeDomain looks at the full stops of a name from the first on.
func judgeDomain(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if !letter(s.At(c.Start+1)) || c.Start == 0 || !nameByte[t[c.Start-1]] {
		if c.Start == 0 || c.Start+1 >= len(t) || !nameByte[t[c.Start+1]] || !nameByte[t[c.Start-1]] {
			return
		}
	}
	start, end := c.Start, c.Start
	for start > 0 && c.Start-start <= maxLabel && nameByte[t[start-1]] {
		start--
	}
	labels := 1
	last := start // where the last label begins
	for end < len(t) && end-start <= maxDomain && t[end] == '.' && end+1 < len(t) && nameByte[t[end+1]] {
		labels++
		last = end + 1
		end = last
		for end < len(t) && end-last <= maxLabel && nameByte[t[end]] {
			end++
		}
	}
	s.Resume(end)
	if end-start > maxDomain || labels < 2 || t[start] == '-' || !hasLetter(t[start:last-1]) {
		return
	}
	switch b := s.Before(start); {
	case b == '@' || b == '/' || b == '\\' || b == '$' || b == '_' || b == '.' || b == '#' || b == '&' || b == '=' || b >= 0x80 && !strings.HasSuffix(t[:start], "“") || b == ':' && s.Before(start-1) == ':':
		return
	}
	switch b := s.At(end); {
	case b == '(' || b == '_' || b == '@' || b == '[' || b == '=' || b == '<' || b >= 0x80 && b < 0xE2 || b == '-' || b == ':' && s.At(end+1) == ':':
		return
	}
	kind := topLevel(t[last:end])
	www := end-start > 4 && strings.EqualFold(t[start:start+4], "www.")
	if kind == topNone || upperInside(t[start:end]) {
		return
	}
	level := proxy.Likely
	if kind == topShared && !www {
		level = proxy.Unlikely
		if labels > 2 {
			level = proxy.Possible
		}
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: &domainType, Likelihood: level, Synthetic: reserved(t[start:end]), Rule: "domain", Validator: "tld"})
}

// nameByte has the bytes of a label of a name.
var nameByte = func() (t [256]bool) {
	for b := range t[:0x80] {
		t[b] = letter(byte(b)) || '0' <= b && b <= '9' || b == '-'
	}
	return t
}()

func hasLetter(t string) bool {
	for i := range len(t) {
		if letter(t[i]) {
			return true
		}
	}
	return false
}

// upperInside reports whether a capital follows a small letter, or a full stop, as
// in identifiers of code and in sentences without a space between.
func upperInside(t string) bool {
	small := false
	for i := range len(t) {
		upper := 'A' <= t[i] && t[i] <= 'Z'
		if upper && (small || i > 0 && t[i-1] == '.') && small {
			return true
		}
		small = small || 'a' <= t[i] && t[i] <= 'z'
	}
	return false
}

// What an ending is.
const (
	topNone   = iota
	topOwn    // an ending of names, mostly
	topShared // an ending of files or of identifiers in code as well
)

const (
	ownEndings = " com org net edu gov mil int biz eu de uk fr es nl pl pt se ch at be dk fi cz sk hu ro bg gr hr si ee lv lt ie lu mt cy li us ca mx br ar cl co pe ve uy jp cn hk tw kr sg th vn ph id.au au nz za ng ke eg ma tn il tr ae sa qa kw ru ua by kz ge am " +
		"bank cloud online shop store site website agency digital email solutions services group global world team tech systems software network hosting company consulting academy africa asia berlin hamburg koeln paris london amsterdam tokyo nyc health care clinic hospital dental legal law finance insurance energy engineering ventures capital partners gmbh example test invalid "
	sharedEndings = " info name pro mobi io ai app dev me tv cc to is it in id my so ws fm gg sh py rs md pl ps vi do mm ms tm la ly pm re sc st uk.com live media news blog page link click space zone one top xyz run build codes design studio support tools video work works games chat zip mov "
)

// topLevel tells what kind of ending a label is.
func topLevel(t string) int {
	if len(t) < 2 || len(t) > 12 {
		return topNone
	}
	var b [14]byte
	b[0] = ' '
	n := 1
	for i := range len(t) {
		c := t[i]
		if !letter(c) {
			return topNone
		}
		b[n] = c | 0x20
		n++
	}
	b[n] = ' '
	switch w := string(b[:n+1]); {
	case strings.Contains(ownEndings, w):
		return topOwn
	case strings.Contains(sharedEndings, w):
		return topShared
	}
	return topNone
}
