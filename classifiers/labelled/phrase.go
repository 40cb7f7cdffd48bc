package labelled

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

// phrase is words before a name.
type phrase struct {
	text string
	by   cause
	// small says that a name in small letters may follow.
	small bool
}

// phrases are the words that a name follows, by what they are. Those that begin
// with three letters of ASCII, or have no others, are found by the scanner; the
// others in the walk over what is not ASCII.
var phrases, strange, phraseLiterals = func() (list []phrase, other map[string][]phrase, literals []string) {
	other = map[string][]phrase{}
	add := func(p phrase) {
		n := 0
		for n < len(p.text) && p.text[n] < utf8.RuneSelf {
			n++
		}
		if n < 3 && n < len(p.text) {
			_, m := utf8.DecodeRuneInString(p.text[n:])
			k := p.text[:n+m]
			other[k] = append(other[k], p)
			return
		}
		list = append(list, p)
		literals = append(literals, strings.ToLower(p.text[:n]))
	}
	for by, texts := range map[cause]string{
		byTitle: `mr,mrs,ms,miss,mx,dr,prof,professor,herr,herrn,frau,hr.,fr.,mme,mlle,madame,mademoiselle,monsieur,m.,me.,maître,sr.,sra,srta,señor,señora,señorita,doña,dña,don,d.,
			sig.,sig.ra,sig.na,dr.ssa,prof.ssa,signor,signora,signorina,dott,dott.ssa,dottor,avv.,ing.,pan,pani,pana,panu,panie,panem,dhr,mevr,mw.,mevrouw,meneer,heer,bay,bayan,sayın,sn.,av.,shri,smt,kumari,senhor,senhora,exmo,exma,
			sir,lady,rev,reverend,detective,officer,sgt,sergeant,capt,captain,lt.,judge,justice,nurse,familie,familia,famille,famiglia,dona,dra,drs.,fru,fröken,pt.,doç.,öğr.,श्री,श्रीमती,kum.,mrs.dr,inspector,
			monsieur le,sister,father,ustad,pandit,seu,i. a.,i.a.,i. v.,i.v.,ppa.`,
		byAfter: `bey,ji,saheb,sahib,hanimefendi,beyefendi`,
		byKin: `son,daughter,wife,husband,brother,sister,aunt,uncle,niece,nephew,cousin,mum,mom,dad,mother,father,partner,spouse,boyfriend,girlfriend,fiancé,boss,colleague,roommate,neighbour,neighbor,
			sohn,tochter,bruder,schwester,onkel,tante,mutter,vater,kollege,kollegin,hijo,hija,hermano,hermana,figlio,figlia,fratello,sorella,fils,fille,frère,soeur,sœur,mijn zoon,mijn dochter,zus,broer,zoon,dochter,
			syn,córka,filho,filha,irmão,irmã,papa,mamma,patient,kid,child`,
		byGreeting: `dear,hi,hello,hey,hiya,greetings,good morning,good afternoon,good evening,hallo,liebe,lieber,guten tag,guten morgen,servus,moin,grüezi,salü,cher,chère,bonjour,bonsoir,salut,coucou,
			estimado,estimada,hola,querido,querida,buenos días,buenas tardes,apreciado,apreciada,gentile,ciao,caro,cara,buongiorno,buonasera,salve,egregio,olá,oi,prezado,prezada,bom dia,boa tarde,estimados,
			beste,hoi,dag,goedemorgen,goedemiddag,szanowny,szanowna,cześć,drogi,droga,witaj,witam,dzień dobry,hej,hejsan,tjena,bästa,kära,käre,god morgon,sevgili,merhaba,selam,günaydın,namaste,namaskar,
			sehr geehrte,sehr geehrter,geachte,stimate,kære,kjære,happy birthday,congratulations,thanks,thank you,merci,danke,gracias,grazie,obrigado,obrigada,bedankt,tack,dziękuję`,
		byIntro: `my name is,my name's,name is,mein name ist,ich heiße,ich heisse,je m'appelle,je m’appelle,mon nom est,me llamo,mi nombre es,mi chiamo,il mio nome è,meu nome é,me chamo,o meu nome é,ik heet,mijn naam is,
			nazywam się,mam na imię,jag heter,mitt namn är,adım,benim adım,adı,mera naam,meu nome,chiamo,
			heißt,s'appelle,se llama,si chiama,se chama,heet,heter,nazywa się,isimli,on behalf of,signed by,written by,prepared by,approved by,reviewed by,reported by,assigned to,registered to,belongs to,
			issued to,payable to,made out to,im namen von,au nom de,a nombre de,a nome di,em nome de,namens,t.n.v.,na nazwisko,w imieniu,c/o,attn,attention,z. hd.,z.hd.,zu händen,à l'attention de,a la atención de,
			alla c.a.,t.a.v.,do rąk,spoke with,spoke to,spoke w/,spoke w,met with,talked to,call with,interview with,representada por,representado por,rappresentata da,représentée par,représenté par,representada por,vertreten durch,
			né,née,aka,i appoint,i give to,page,care of,mijn zus,mijn broer`,
		byRemark: `i am,i'm,i’m,this is,it's,it is,ich bin,hier ist,hier spricht,je suis,c'est,ici,soy,sono,sou,aqui é a,aqui é o,aqui é,sou o,sou a,ik ben,jestem,jag är,ben,main,her name is,his name is,their name is,
			ask for,asked for,speak to,speak with,talk to,reports to,the name on it is,the name is,named,called,contact,ask,nommé,nommée,llamado,llamada,chiamato,chiamata,chamado,chamada,genaamd,imieniem,vid namn,io sottoscritto,io sottoscritta,
			ve verilen,pasient,between,between the,entre,zwischen,między,tra,tussen,mellan`,
		byClosing: `best regards,best wishes,kind regards,warm regards,regards,sincerely,sincerely yours,yours sincerely,yours truly,yours faithfully,cheers,many thanks,all the best,warmly,cordially,respectfully,
			best,mit freundlichen grüßen,mit freundlichen grüssen,mit besten grüßen,freundliche grüße,viele grüße,beste grüße,liebe grüße,herzliche grüße,schöne grüße,gruß,grüße,lg,mfg,vg,
			cordialement,bien à vous,bien cordialement,salutations distinguées,meilleures salutations,amicalement,atentamente,saludos,saludos cordiales,un saludo,un cordial saludo,un abrazo,
			cordiali saluti,distinti saluti,saluti,un saluto,atenciosamente,cumprimentos,com os melhores cumprimentos,abraço,abraços,att,groet,groeten,groetjes,mvg,met vriendelijke groet,met vriendelijke groeten,
			hartelijke groet,pozdrawiam,z poważaniem,hälsningar,mvh,med vänlig hälsning,vänliga hälsningar,med vennlig hilsen,med venlig hilsen,saygılarımla,teşekkürler,sevgiler,iyi çalışmalar,signed,unterzeichnet,gez.,thanks,thank you,merci,danke,gracias,grazie,obrigado,obrigada,bedankt,tack,dziękuję,vielen dank,merci d'avance,un cordiale saluto`,
	} {
		for _, text := range strings.Split(texts, ",") {
			if text = strings.TrimSpace(text); text != "" {
				add(phrase{text: text, by: by, small: by == byIntro || by == byRemark && !weakRemark(text)})
			}
		}
	}
	for _, w := range strings.Fields(roles) {
		if len(w) > 2 || w == "pt" || w == "vn" {
			add(phrase{text: w, by: byPlain})
		}
	}
	for _, w := range strings.Fields("nombre naam nome name surname lastname firstname forename vorname vornamen nachname familienname voornamen achternaam efternamn apellidos cognome nazwisko") {
		add(phrase{text: w, by: byPlain})
	}
	for _, w := range []string{"last name", "first name", "given name", "given names", "family name", "full name", "maiden name"} {
		add(phrase{text: w, by: byPlain})
	}
	return list, other, literals
}()

// judgePhrase judges the words behind a phrase that begins at the candidate.
func judgePhrase(s *classifiers.Scan, c classifiers.Candidate) {
	follow(s, c.Start, phrases[c.Literal])
}

// follow reads the name behind phrase p at i and reports it. It tells whether
// the phrase stands there.
func follow(s *classifiers.Scan, i int, p phrase) bool {
	t := s.Text
	switch b := s.Before(i); {
	case b >= utf8.RuneSelf:
		if _, n := words.Letter(t, lastRune(t, i)); n > 0 {
			return false // inside a word
		}
	case b == '%', b == '.', b == '_', b == '-', b == '@':
		return false // %d. and p.m.
	}
	end := match(t, i, p.text)
	if end < 0 {
		return false
	}
	if _, n := words.Letter(t, end); n > 0 || words.IsDigit(words.At(t, end)) || words.At(t, end) == '_' || words.At(t, end) == '-' {
		return false
	}
	switch p.by {
	case byTitle:
		if t[i] < 'a' && words.At(t, i-1) == ' ' {
			ticketed(s, i-1)
		}
	}
	switch p.by {
	case byGreeting:
		greeting(s, i, end)
	case byClosing:
		closing(s, i, end)
	case byAfter:
		if n, ok := nameBefore(t, i); ok && words.At(t, i-1) == ' ' {
			report(s, n, byTitle)
		}
	default:
		if p.by == byTitle && words.At(t, end) == '.' && end-i > longAbbreviation {
			return true // the end of a sentence
		}
		dotted := p.by == byTitle && (words.At(t, end) == '.' || t[end-1] == '.')
		if dotted && words.At(t, end) == '.' {
			end++
		}
		sp := words.Blanks(t, end)
		if sp == 0 {
			return true
		}
		v := end + sp
		small := p.small && !startsName(t, v)
		if !small && !startsName(t, v) && !quoteAt(t, v) && !smallName(t, v) {
			return true
		}
		if quoteAt(t, v) {
			v++
		}
		n, ok := nameAt(t, v, style{small: small, comma: !small && (p.by == byPlain || p.by == byRemark && !weakRemark(p.text))})
		if !ok {
			return true
		}
		if p.by == byTitle && !dotted && !startsCapital(t, i) && !(n.known > 0 && n.common < n.full || n.two() && len(p.text) > 5 && n.common < n.full) {
			return true // to miss, a pan, don
		}
		if len(p.text) == 2 && p.text[1] == '.' && (n.known == 0 || p.text == "d." && (!n.two() || s.Before(i) == '\n')) {
			return true // a list's letter
		}
		if p.text == "ms" && t[i:i+2] == "MS" && !dotted && !n.upper {
			return true // a firm
		}
		if n.upper && n.parts == 1 && n.known == 0 && n.end-n.start <= 4 && p.by != byTitle {
			return true // approved by SP
		}
		if p.by == byTitle && n.known == 0 && words.At(t, n.end) == ' ' && words.IsDigit(words.At(t, n.end+1)) {
			return true // Hollow Dr Apt 2
		}
		if p.by == byTitle && n.start == v && strings.HasSuffix(p.text, ".") && len(p.text) == 2 && initialBefore(t, i) {
			return true // J. M. Keynes
		}
		by := p.by
		if n.start > v && by != byIntro {
			by = byTitle // this is Dr. X
		}
		if by == byRemark && weakRemark(p.text) && !(n.two() && n.known > 0 && n.common == 0) {
			return true
		}
		if small && !(n.two() && n.known == n.full && n.common < n.full) {
			return true
		}
		if by == byPlain && n.parts == 1 && t[i] < 'a' && n.upper && lexicon.Find(lexicon.Read(t, i).Hash)&strongName != 0 {
			by = byField // SURNAME RANDALL
		}
		report(s, n, by)
		if by == byTitle || by == byPlain || by == byKin {
			together(s, n.end)
		}
	}
	return true
}

// ticketed reports the name that ends at end before a title, as tickets have it:
// LINDQVIST/ANNA MS.
func ticketed(s *classifiers.Scan, end int) {
	const fewest, most = 2, 24
	t := s.Text
	i, slash := end, 0
	for i > 0 && end-i <= most && ('A' <= t[i-1] && t[i-1] <= 'Z' || t[i-1] == '/' && slash == 0) {
		i--
		if t[i] == '/' {
			slash = i
		}
	}
	if slash-i < fewest || end-slash-1 < fewest || end-i > most || words.IsLetter(words.At(t, i-1)) || words.IsDigit(words.At(t, i-1)) || words.At(t, i-1) == '/' {
		return
	}
	if lookup(t[i:slash]).common && lookup(t[slash+1:end]).common {
		return
	}
	s.Find(classifiers.Found{Start: i, End: end, Type: &personType, Likelihood: proxy.Likely, Rule: "ticket"})
}

// longAbbreviation is the number of letters of the longest title that ends with
// a full stop.
const longAbbreviation = 5

// smallName reports whether a particle that a name can begin with stands at i:
// van den Hoek.
func smallName(t string, i int) bool {
	w := lexicon.Read(t, i)
	return w.Class&particle != 0 && w.Letters > 1 && words.At(t, w.End) == ' '
}

func quoteAt(t string, i int) bool {
	return words.At(t, i) == '"' || words.At(t, i) == '\'' || words.At(t, i) == '*'
}

// weakRemark reports whether a phrase is a common word that a name may follow by
// chance.
func weakRemark(p string) bool {
	switch p {
	case "ask for", "asked for", "speak to", "speak with", "talk to", "reports to", "contact", "ask", "named", "called", "ben", "main", "ici", "it's", "it is", "between", "between the", "entre", "zwischen", "tra", "tussen", "mellan", "sou", "soy", "sono", "c'est":
		return true
	}
	return false
}

// initialBefore reports whether an initial with its full stop stands before i.
func initialBefore(t string, i int) bool {
	return words.At(t, i-1) == ' ' && words.At(t, i-2) == '.' && words.IsLetter(words.At(t, i-3)) && !words.IsLetter(words.At(t, i-4))
}

func startsCapital(t string, i int) bool {
	r, _ := utf8.DecodeRuneInString(t[i:])
	return unicode.IsUpper(r) || r >= 0x900
}

// lastRune gives where the character that ends at i begins.
func lastRune(t string, i int) int {
	i--
	for i > 0 && !utf8.RuneStart(t[i]) {
		i--
	}
	return max(i, 0)
}

// match compares the text at i with a phrase, case ignored, and gives its end;
// -1 where it is another.
func match(t string, i int, p string) int {
	for _, want := range p {
		if i >= len(t) {
			return -1
		}
		if b := t[i]; b < utf8.RuneSelf {
			if rune(words.Lower(b)) != want {
				return -1
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(t[i:])
		if unicode.ToLower(r) != want && !(r == 'İ' && want == 'i') {
			return -1
		}
		i += n
	}
	return i
}

// greeting reads the name behind a form of address: at the start of a line, with
// punctuation or the end of the line behind.
func greeting(s *classifiers.Scan, i, end int) {
	t := s.Text
	switch b := s.Before(i); {
	case b == 0, b == '\n', b == '"', b == '\'', b == '\t', b == '>', b == '(', b == '*':
	case b == ' ':
		switch s.Before(i - 1) {
		case '.', ':', '!', ',', '>', '\n', '"', 0, ' ', '?':
		default:
			return
		}
	case b >= 0x80: // “
	default:
		return
	}
	p := end
	if words.At(t, p) == ',' {
		p++ // Buenos días, Saturnina:
	}
	sp := words.Blanks(t, p)
	if sp == 0 {
		return
	}
	p += sp
	if !startsName(t, p) && !smallName(t, p) {
		return
	}
	n, ok := nameAt(t, p, style{})
	if !ok || n.parts > 4 {
		return
	}
	if n.start > p {
		report(s, n, byTitle)
		return
	}
	// What follows a name in a greeting: punctuation, a line, another name.
	q := n.end
	switch c := words.At(t, q); {
	case c == ',', c == '!', c == ':', c == '\n', c == '\r', c == 0, c == ';', c == '.', c == '?', c == '"', c == '\\':
	case c == ' ' && (words.At(t, q+1) == '-' || words.At(t, q+1) == 0xE2 || words.At(t, q+1) == '\n' || words.At(t, q+1) == '|'):
	case c == ' ' && n.known > 0 && n.common == 0 && n.parts <= 2:
	case c == ' ' && conjunction(t, q) > q:
	default:
		return
	}
	report(s, n, byGreeting)
	if r := conjunction(t, q); r > q && words.At(t, q) == ' ' {
		if m, ok := nameAt(t, r, style{}); ok {
			report(s, m, byGreeting)
		}
	}
}

// closing reads the name behind the words that end a letter: on the same line or
// on one of the next.
func closing(s *classifiers.Scan, i, end int) {
	t := s.Text
	p := end
	for words.At(t, p) == ',' || words.At(t, p) == '.' || words.At(t, p) == '!' {
		p++
	}
	punct := p > end
	lines := 0
	for n := 0; n < 12 && p < len(t); n++ {
		switch c := t[p]; {
		case c == '\n':
			lines++
		case c == '\\' && words.At(t, p+1) == 'n':
			lines++
			p++
		case c == ' ', c == '\r', c == '\t', c == '>', c == '-':
		default:
			n = 12
			p--
		}
		p++
	}
	if lines > 3 || !startsName(t, p) && !smallName(t, p) {
		return
	}
	if lines == 0 {
		if b := s.Before(i); b != '\n' && b != 0 && !(b == ' ' && strings.IndexByte(".!?,\"\n>", s.Before(i-1)) >= 0) {
			return
		}
		if !punct && len(t[i:end]) > 8 && t[i:end] != strings.ToLower(t[i:end]) && words.At(t, end) != ' ' {
			return
		}
	}
	n, ok := nameAt(t, p, style{})
	if !ok || n.parts > 4 {
		return
	}
	if lines == 0 && punct && n.parts == 1 && n.common == 0 && !n.upper && !n.companyish && end-i > longAbbreviation && lineEnds(t, n.end) {
		report(s, n, byGreeting) // Cordiali saluti, Ornella
		return
	}
	switch c := words.At(t, n.end); {
	case lines > 0 && !lineEnds(t, n.end) && c != ',' && !(c == ' ' && strings.IndexByte("|-(/", words.At(t, n.end+1)) >= 0):
		return
	case lines == 0 && c == ' ' && words.At(t, n.end+1) != '-' && words.At(t, n.end+1) != 0xE2 && words.At(t, n.end+1) != '|' && !(n.known > 0 && n.common == 0):
		return
	}
	report(s, n, byClosing)
}
