package secrets

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var seedType = secret("OTP_SEED", "The seed of an authenticator app (TOTP, HOTP).", "SECRET_TOTP_SEED")

// topic is what a word of a sentence announces.
type topic int8

const (
	ofPassword topic = iota // a password, in the words behind
	ofLogin                 // user and password
	ofWifi                  // a network, whose password is said as if it were its name: the wifi is …
	ofPIN                   // digits
	ofCode                  // what a door or an alarm takes: digits, a letter or two
	ofSeed                  // base32
	ofKey                   // a key or token
)

// announced are words that sentences announce a secret with, by their ASCII
// beginning: the scanner knows words of ASCII letters only. rest must follow.
var announced = []struct {
	word, rest string
	of         topic
}{
	{"password", "", ofPassword}, {"passwd", "", ofPassword}, {"passwort", "", ofPassword}, {"kennwort", "", ofPassword}, {"pwd", "", ofPassword}, {"pw", "", ofPassword},
	{"passphrase", "", ofPassword}, {"passcode", "", ofPassword}, {"pass phrase", "", ofPassword}, {"pass word", "", ofPassword}, {"mot de passe", "", ofPassword}, {"mots de passe", "", ofPassword},
	{"mdp", "", ofPassword}, {"contrase", "ña", ofPassword}, {"contrasena", "", ofPassword}, {"senha", "", ofPassword}, {"has", "ło", ofPassword}, {"haslo", "", ofPassword}, {"has", "łem", ofPassword}, {"has", "ła", ofPassword},
	{"wachtwoord", "", ofPassword}, {"senord", "", ofPassword}, {"losenord", "", ofPassword}, {"ifre", "", ofPassword}, {"sifre", "", ofPassword}, {"parola", "", ofPassword}, {"parol", "", ofPassword},
	{"heslo", "", ofPassword}, {"salasana", "", ofPassword}, {"adgangskode", "", ofPassword}, {"passord", "", ofPassword}, {"jelsz", "", ofPassword}, {"lozinka", "", ofPassword}, {"geslo", "", ofPassword},
	{"kata sandi", "", ofPassword}, {"clave de acceso", "", ofPassword}, {"palavra-passe", "", ofPassword}, {"palavra passe", "", ofPassword}, {"codeword", "", ofPassword}, {"losung", "", ofPassword},
	{"key", "", ofLogin}, {"psk", "", ofLogin}, {"wifi", "", ofWifi}, {"wi-fi", "", ofWifi}, {"wlan", "", ofWifi}, {"ssid", "", ofLogin}, {"login", "", ofLogin}, {"logins", "", ofLogin}, {"zugangsdaten", "", ofLogin}, {"anmeldedaten", "", ofLogin}, {"credentials", "", ofLogin}, {"creds", "", ofLogin}, {"identifiants", "", ofLogin}, {"dane logowania", "", ofLogin}, {"inloggningsuppgifter", "", ofLogin}, {"pass", "", ofLogin},
	{"credenziali", "", ofLogin}, {"credenciales", "", ofLogin}, {"credenciais", "", ofLogin}, {"inloggegevens", "", ofLogin},
	{"pin", "", ofPIN}, {"pin code", "", ofPIN}, {"alarm code", "", ofPIN}, {"door code", "", ofPIN}, {"gate code", "", ofPIN}, {"entry code", "", ofPIN}, {"access code", "", ofPIN}, {"safe code", "", ofPIN},
	{"unlock code", "", ofPIN}, {"lock code", "", ofPIN}, {"keypad code", "", ofPIN}, {"security code", "", ofPIN}, {"verification code", "", ofPIN}, {"one-time code", "", ofPIN}, {"one-time password", "", ofPIN},
	{"otp", "", ofPIN}, {"tan", "", ofPIN}, {"mtan", "", ofPIN}, {"puk", "", ofPIN}, {"alarmcode", "", ofPIN}, {"rcode", "", ofPIN}, {"zugangscode", "", ofPIN}, {"einmalcode", "", ofPIN}, {"entsperrcode", "", ofPIN}, {"geheimzahl", "", ofPIN},
	{"code secret", "", ofPIN}, {"code pin", "", ofPIN}, {"code de la porte", "", ofPIN}, {"digicode", "", ofPIN}, {"codice di accesso", "", ofPIN}, {"codice segreto", "", ofPIN},
	{"codice allarme", "", ofPIN}, {"kod pin", "", ofPIN}, {"kod do", "", ofPIN}, {"pincode", "", ofPIN}, {"toegangscode", "", ofPIN}, {"portkod", "", ofPIN}, {"larmkod", "", ofPIN},
	{"code du portail", "", ofCode}, {"code de l'immeuble", "", ofCode}, {"code d'entr", "ée", ofCode}, {"code d'acc", "ès", ofCode}, {"code du garage", "", ofCode}, {"code du coffre", "", ofCode}, {"code de l'alarme", "", ofCode},
	{"kod do domofonu", "", ofCode}, {"kod do bramy", "", ofCode}, {"kod do drzwi", "", ofCode}, {"kod do alarmu", "", ofCode}, {"kod do sejfu", "", ofCode}, {"koden till porten", "", ofCode}, {"koden till d", "örren", ofCode}, {"koden till larmet", "", ofCode},
	{"portkoden", "", ofCode}, {"larmkoden", "", ofCode}, {"code voor de deur", "", ofCode}, {"code van de deur", "", ofCode}, {"code van het alarm", "", ofCode}, {"code van de kluis", "", ofCode}, {"deurcode", "", ofCode}, {"code van de poort", "", ofCode},
	{"code der t", "ür", ofCode}, {"code zur haust", "ür", ofCode}, {"code vom tresor", "", ofCode}, {"tresorcode", "", ofCode}, {"alarmanlage", "", ofCode},
	{"digo del portal", "", ofCode}, {"digo de la puerta", "", ofCode}, {"digo de la alarma", "", ofCode}, {"clave de la alarma", "", ofCode}, {"digo de la caja fuerte", "", ofCode}, {"digo da porta", "", ofCode}, {"digo do port", "ão", ofCode}, {"digo do alarme", "", ofCode}, {"digo do cofre", "", ofCode},
	{"codice del cancello", "", ofCode}, {"codice del portone", "", ofCode}, {"codice della porta", "", ofCode}, {"codice dell'allarme", "", ofCode}, {"codice della cassaforte", "", ofCode}, {"alarm kodu", "", ofCode}, {"kap", "ı kodu", ofCode}, {"kap", "ı şifresi", ofCode}, {"kasa", " şifresi", ofCode},
	{"lockbox code", "", ofCode}, {"garage code", "", ofCode}, {"building code is", "", ofCode}, {"front door code", "", ofCode}, {"code for the door", "", ofCode}, {"code for the gate", "", ofCode}, {"code for the alarm", "", ofCode}, {"code to the door", "", ofCode}, {"code to the gate", "", ofCode}, {"code for the safe", "", ofCode},
	{"totp", "", ofSeed}, {"hotp", "", ofSeed}, {"2fa", "", ofSeed}, {"mfa", "", ofSeed}, {"otp", "", ofSeed}, {"seed", "", ofSeed}, {"authenticator", "", ofSeed}, {"two-factor", "", ofSeed}, {"otpauth", "", ofSeed},
	{"api key", "", ofKey}, {"api-key", "", ofKey}, {"apikey", "", ofKey}, {"api token", "", ofKey}, {"access token", "", ofKey}, {"access key", "", ofKey}, {"secret key", "", ofKey}, {"private key", "", ofKey},
	{"license key", "", ofKey}, {"licence key", "", ofKey}, {"product key", "", ofKey}, {"activation key", "", ofKey}, {"lizenzschl", "üssel", ofKey}, {"clave de licencia", "", ofKey}, {"token", "", ofKey}, {"secret", "", ofKey}, {"client secret", "", ofKey}, {"api-schl", "", ofKey}, {"schl", "üssel", ofKey}, {"zugriffsschl", "", ofKey}, {"llave", "", ofKey},
	{"clave", "", ofKey}, {"chave", "", ofKey}, {"cl", "é", ofKey}, {"chiave", "", ofKey}, {"klucz", "", ofKey}, {"sleutel", "", ofKey}, {"nyckel", "", ofKey}, {"anahtar", "", ofKey}, {"jeton", "", ofKey}, {"gettone", "", ofKey},
}

// foreign are such words of scripts that the scanner has no words of. They are
// looked for in texts that have their first bytes.
var foreign = []struct {
	word string
	of   topic
}{
	{"密码", ofPassword}, {"密碼", ofPassword}, {"口令", ofPassword}, {"パスワード", ofPassword}, {"暗証番号", ofPIN}, {"비밀번호", ofPassword}, {"암호", ofPassword}, {"पासवर्ड", ofPassword}, {"कूटशब्द", ofPassword},
	{"пароль", ofPassword}, {"Пароль", ofPassword}, {"пароля", ofPassword}, {"κωδικός", ofPassword}, {"סיסמה", ofPassword}, {"كلمة المرور", ofPassword}, {"كلمة السر", ofPassword}, {"รหัสผ่าน", ofPassword}, {"পাসওয়ার্ড", ofPassword},
	{"密钥", ofKey}, {"金鑰", ofKey}, {"令牌", ofKey}, {"APIキー", ofKey}, {"トークン", ofKey}, {"키는", ofKey}, {"ключ", ofKey}, {"токен", ofKey}, {"कुंजी", ofKey},
	{"ПИН", ofPIN}, {"пин-код", ofPIN}, {"पिन", ofPIN},
}

// links are words that stand between what is announced and the secret itself, in
// lower case; others are only passed over.
var links = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`is was are its it's being = : := -> => → to set changed reset new now still currently temporarily temp namely following below
		ist lautet war ab sofort jetzt nun neu neue neues heißt heisst noch
		est sera était maintenant suivant es será era ahora è era sarà ora é agora seria e
		jest brzmi teraz is nu wordt was luidt är blir nu nytt olarak oldu artık yeni şimdi je on er var это है हैं becomes became c'est to: é: es:`) {
		m[w] = true
	}
	return m
}()

// purposes are words that say what a PIN or code is for.
var purposes = map[string]bool{"for": true, "of": true, "to": true, "für": true, "zu": true, "zum": true, "zur": true, "vom": true, "von": true, "der": true, "pour": true, "de": true, "du": true, "del": true, "della": true, "para": true, "da": true, "do": true, "per": true, "van": true, "voor": true, "till": true, "för": true, "od": true, "dla": true}

// letterSpan reports whether a word has letters only.
func letterSpan(w string) bool {
	for i := 0; i < len(w); i++ {
		if !letters[w[i]] && w[i] < 0x80 {
			return false
		}
	}
	return true
}

// samples are words that announce an example.
var samples = map[string]bool{"e.g": true, "eg": true, "z.b": true, "like": true, "such": true, "example": true, "beispiel": true, "wie": true, "comme": true, "ejemplo": true, "exemple": true, "i.e": true, "ex": true, "np": true, "bijv": true, "sample": true, "format": true, "pattern": true, "regex": true}

// Bounds of a look into a sentence.
const (
	maxTold     = 32  // characters of a password that nothing links
	proseReach  = 110 // bytes behind the word
	proseTokens = 16
)

// inProse finds secrets that sentences tell.
func inProse() *classifiers.Detector {
	pw := draw(alnum, 6, 201) + "$" + draw(alnum, 6, 202)
	return &classifiers.Detector{
		Name: "told_secret", Version: 1,
		Doc: `Secrets that sentences, chats, notes and tables tell, in some twenty languages: a word such as password, Kennwort, mot
de passe, contraseña or パスワード, and behind it, within a hundred bytes, a word that mixes letters, digits and symbols as passwords
do; weaker ones only right behind a link such as is, lautet or a colon; whole phrases only in quotation marks. PINs, door and
one-time codes are digits right behind such a word; seeds of authenticator apps are base32; keys and tokens must look drawn. A
column of a table whose header is such a word counts as well. Rules about passwords, examples, addresses, URLs, versions and names
of algorithms are none.`,
		Types: []*classifiers.Type{passwordType, seedType, genericType},
		Positives: []string{
			"the root password is [[SECRET_PASSWORD|" + pw + "]], please rotate",
			"james: whats the root pw for the box\nme: its [[SECRET_PASSWORD|" + pw + "]] but rotate it after",
			"Das Kennwort für das Postfach lautet [[SECRET_PASSWORD|Herbst2031$]], Zertifikat liegt bei.",
			"mot de passe : [[SECRET_PASSWORD|Soleil!42mer]]",
			"ma adres i hasło [[SECRET_PASSWORD|Kubek!zima77*]]",
			"la contraseña es [[SECRET_PASSWORD|Bosque-Luna41!]]",
			"VPN şifresi [[SECRET_PASSWORD|Kg9C%IHEaMs#tl6]]. Lütfen",
			"root 密码改成了 [[SECRET_PASSWORD|qkoX*Ntxf01=VHu]], 但是",
			"パスワードは[[SECRET_PASSWORD|Sakura!2031x]]です",
			"पासवर्ड [[SECRET_PASSWORD|Kamal#2031x]] है",
			"wachtwoord [[SECRET_PASSWORD|Lamp.zomer55?]], moet dat",
			"Lösenordet är [[SECRET_PASSWORD|Vinter#31aa]] nu",
			"PIN della carta: [[SECRET_PASSWORD|4826]]",
			"it used to be password [[SECRET_PASSWORD|Xl0n#Qr3]] and now it's [[SECRET_PASSWORD|Yr8!nMx0]]",
			"the passphrase for the old drive is \"[[SECRET_PASSWORD|silver heron basalt knight]]\" - how",
			"password is [[SECRET_PASSWORD|hunter42]] and",
			"alarm code [[SECRET_PASSWORD|204816]], side door opens 05:30",
			"The PIN is [[SECRET_PASSWORD|4826]].",
			"I re-enrolled her, seed [[SECRET_OTP_SEED|" + draw(base32, 32, 31) + "]], issuer CorpVPN",
			"the door code is [[SECRET_PASSWORD|4826]]#, der Türcode ist [[SECRET_PASSWORD|4831]]",
			"the PIN for the token [[SECRET_PASSWORD|662914]], new login for the crm: bper_44 / [[SECRET_PASSWORD|Kettle-Orbit-19]]",
			"le code du portail c'est [[SECRET_PASSWORD|62B15]], kod do bramy [[SECRET_PASSWORD|4417]]#",
			"(passphrase: [[SECRET_PASSWORD|velvet anchor 77 brook]])",
			"password [[SECRET_PASSWORD|gr4pes.Ladder-31]] and password is [[SECRET_PASSWORD|copper-Lamp-52-stone]]",
			"license key: [[SECRET_GENERIC_API_KEY|" + draw(upper, 5, 61) + "-" + draw(upper, 5, 62) + "-" + draw(upper, 5, 63) + "-" + draw(upper, 5, 64) + "-" + draw(upper, 5, 65) + "]]",
			"our api key is [[SECRET_GENERIC_API_KEY|" + draw(alnum, 32, 41) + "]], use it",
			"| system | login | password | owner |\n|---|---|---|---|\n| Jenkins | svc | `[[SECRET_PASSWORD|y0XH%vWxJuq#ZLR]]` | Ann |\n| Nexus | dep | `[[SECRET_PASSWORD|b7TT!c44SBx]]` | Bob |",
		},
		NearMisses: []string{
			"Passwords must have 14 characters or more, at least one upper-case letter, one digit and one symbol, e.g. Abcdef1!",
			"password reset for ops@srv01 in ticket INC-20394, see https://acme.test/reset?x=1 and SHA-256, OAuth2, bcrypt",
			"Never share your password, PIN or token by e-mail. The password is wrong, expired, required, not correct!",
			"the login form for AT&T and the credentials page v2.3.1+build5 at 10:30 on 2031-05-06",
			"pin 13 of the GPIO header, PIN: 560034 Bengaluru, tan 45 degrees, seed 42, the token bucket has 1000 tokens",
			"cache key is 3c9e1f7ab2d84560e7c1a9f04b6d2e58, commit token a7d3c1e95b20f4486c17e9ab30d2f5587b14c6e0",
			"Le mot de passe doit comporter douze caractères. Le code PIN est renouvelé chaque année.",
			"Our password policy (v2.1) requires 12+ chars, NIST SP800-63B; reset tickets JIRA-4821. Passwort abgelaufen, Fehler 0x80070056 auf SRV-DC01.",
			"Password: ******** (hidden), password: min 8 chars, Passwort: siehe Tresor, z.B. Abc123!x, Ref. dossier 2024-FR-0001!",
			"pin 1024 of the connector, tan 3000, gate code 404 not found, access code of conduct 2023, promo code SAVE2024, order code 12345678",
			"Press key F5 or Ctrl+Shift+P, last login: Tue Nov 24 10:48:01 2031 from 10.0.0.5, creds rotated on 2031-05-05, key findings: +12% in Q3'24",
			"the password is stored in prod/db/password1; the password for user_2 was changed on 12.03.2031 by admin_7",
			"pinned, seed: 1234567890, TOTP per RFC6238, the passphrase is shown in Figure 3.2",
			"PIN code for Delhi 110019, PIN of Mumbai is 400076x, pin for pin 2024 compared, login / logout of build-2-App, alarm code for zone 7",
			"le code du portail est sur le site, kod do bramy zmieniamy w 2024, passphrase: any three words that you like",
			"if password == user.Password1 { token = NewToken2(password) } // password check, secret santa 2024",
		},
		Interests: []classifiers.Interest{
			{Shape: classifiers.Prefix, Literals: announcedWords(), Judge: judgeAnnounced},
			{Shape: classifiers.Whole, Judge: judgeForeign},
		},
	}
}

func announcedWords() []string {
	out := make([]string, len(announced))
	for i, a := range announced {
		out[i] = a.word
	}
	return out
}

// suffixes are what a word that announces may go on with: plural, case, article.
var suffixes = func() map[string]bool {
	m := map[string]bool{"": true}
	for _, w := range strings.Fields("s es n en e i si ini iniz ım im ı m a o et ul ta u em ie ni ne nin sini te ten er et's code codes wort word") {
		m[w] = true
	}
	return m
}()

func judgeAnnounced(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	a := &announced[c.Literal]
	end := c.End
	if a.rest != "" {
		if !strings.HasPrefix(t[end:], a.rest) {
			return
		}
		end += len(a.rest)
	}
	// The rest of the word: passwords, şifresi, lösenordet.
	j := end
	for j < len(t) && j-end < 6 && letters[t[j]] {
		j++
	}
	switch {
	case j > end && (!suffixes[lowered(t[end:j])] || a.word == "pin" || a.word == "tan"):
		return
	case j < len(t) && (t[j] == '_' || t[j] == '(' || t[j] == '[' || letters[t[j]]), c.Start > 0 && (t[c.Start-1] == '_' || t[c.Start-1] == '.' && c.Start > 1 && alnum[t[c.Start-2]]):
		return // an identifier of a program
	}
	end = j
	if a.word == "rcode" && !strings.HasSuffix(t[:c.Start], "tü") && !strings.HasSuffix(t[:c.Start], "Tü") || a.word == "pw" && j != c.End || a.word == "ifre" && !strings.HasSuffix(t[:c.Start], "ş") && !strings.HasSuffix(t[:c.Start], "Ş") || a.word == "senord" && !strings.HasSuffix(t[:c.Start], "ö") && !strings.HasSuffix(t[:c.Start], "Ö") {
		return
	}
	if a.of == ofPassword {
		column(s, c.Start, end)
	}
	if strings.HasPrefix(a.word, "pass") && strings.HasSuffix(a.word, "phrase") && j == c.End {
		barePhrase(s, end)
	}
	told(s, end, clue{of: a.of, pin: strings.HasPrefix(a.word, "pin"), abbreviated: a.of == ofPIN && len(a.word) <= 4, small: t[c.Start] >= 'a'})
}

// barePhrase finds the words behind "passphrase:" that stand without quotation
// marks, to the end of the line, of a parenthesis or before a comma.
func barePhrase(s *classifiers.Scan, end int) {
	t := s.Text
	i := end
	if i < len(t) && t[i] == ':' {
		i = blanks(t, i+1)
	} else {
		i = blanks(t, i)
		if !strings.HasPrefix(t[i:], "is ") {
			return
		}
		i = blanks(t, i+3)
	}
	j := i
	for j < len(t) && j-i < 80 && strings.IndexByte(",.;)\n\r\"'`([{<|", t[j]) < 0 {
		j++
	}
	if j-i >= 80 || j < len(t) && strings.IndexByte("([{<|\"'`", t[j]) >= 0 || !phrase(t[i:j]) || sentence(t[i:j]) {
		return
	}
	s.Find(classifiers.Found{Start: i, End: j, Type: passwordType, Likelihood: likely, Rule: "phrase_told"})
}

// lowered gives a short word with its ASCII letters in lower case, byte for byte.
func lowered(w string) string {
	for i := 0; i < len(w); i++ {
		if 'A' <= w[i] && w[i] <= 'Z' {
			b := []byte(w)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return w
}

// judgeForeign looks for the words of other scripts.
func judgeForeign(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text[c.Start:min(len(s.Text), c.End)]
	if ascii(t) {
		return
	}
	var has [256]bool
	any := false
	for _, b := range [...]byte{0xCE, 0xCF, 0xD0, 0xD7, 0xD9, 0xE0, 0xE3, 0xE4, 0xE5, 0xE6, 0xE9, 0xEB, 0xEC, 0xED} {
		if strings.IndexByte(t, b) >= 0 {
			has[b], any = true, true
		}
	}
	if !any {
		return
	}
	for i := range foreign {
		f := &foreign[i]
		if f.word[0] >= utf8.RuneSelf && !has[f.word[0]] {
			continue
		}
		// What is read behind a word is bounded (proseReach), so the work grows no
		// faster than the text does.
		for at := 0; ; {
			n := strings.Index(t[at:], f.word)
			if n < 0 {
				break
			}
			at += n + len(f.word)
			told(s, c.Start+at, clue{of: f.of})
		}
	}
}

// ascii reports whether a text has no other characters. It looks at eight bytes
// at a time.
func ascii(t string) bool {
	for ; len(t) >= 8; t = t[8:] {
		if (uint64(t[0])|uint64(t[1])<<8|uint64(t[2])<<16|uint64(t[3])<<24|uint64(t[4])<<32|uint64(t[5])<<40|uint64(t[6])<<48|uint64(t[7])<<56)&0x8080808080808080 != 0 {
			return false
		}
	}
	for i := 0; i < len(t); i++ {
		if t[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// word is a word of a sentence that may be a secret.
type word struct {
	start, end int
	quoted     bool
	next       int  // where reading goes on
	colon      bool // a colon or an equals sign stood at its end
}

// openers and closers are quotation marks around a word. ASCII ones close
// themselves.
var openers = [...]string{"\"", "'", "`", "“", "„", "«", "‘", "「", "『", "**", "("}

// nextWord reads the word at i, before limit: a quoted phrase, a run of ASCII
// characters, or a run of others.
func nextWord(t string, i, limit int) (w word, ok bool) {
	for i < limit && (t[i] == ' ' || t[i] == '\t' || t[i] == '\n' || t[i] == '\r' || t[i] == '|') {
		i++
	}
	if i >= limit {
		return w, false
	}
	for _, q := range openers {
		if !opens[t[i]] {
			break
		}
		if !strings.HasPrefix(t[i:], q) {
			continue
		}
		for strings.HasPrefix(t[i:], q) { // **bold**
			i += len(q)
		}
		closer := q
		switch q {
		case "“":
			closer = "”"
		case "„":
			closer = "“"
		case "«":
			closer = "»"
		case "‘":
			closer = "’"
		case "「":
			closer = "」"
		case "『":
			closer = "』"
		case "(":
			closer = ")"
		}
		n := strings.Index(t[i:min(len(t), i+80)], closer)
		if n > 0 && strings.IndexByte(t[i:i+n], '\n') < 0 {
			w = word{start: i, end: i + n, quoted: q != "(", next: i + n + len(closer)}
			if q != "(" || strings.IndexByte(t[i:i+n], ' ') < 0 {
				return w, true
			}
		}
		break
	}
	if i >= len(t) {
		return w, false
	}
	j := i
	wide := wideByte(t[i])
	for j < len(t) && j-i < 2*maxPassword && t[j] > ' ' && wideByte(t[j]) == wide && t[j] != '"' && t[j] != '`' && t[j] != '|' {
		if t[j] == 0xE2 && strings.HasPrefix(t[j:], "\u201d") || t[j] == 0xC2 && strings.HasPrefix(t[j:], "»") {
			break
		}
		j++
	}
	if j == i {
		j++
	}
	w = word{start: i, end: j, next: j}
	for w.end > w.start && strings.IndexByte(".,;:)'=>", t[w.end-1]) >= 0 {
		w.colon = w.colon || t[w.end-1] == ':' || t[w.end-1] == '='
		w.end--
	}
	return w, true
}

// wideByte tells bytes of characters that are written without spaces.
func wideByte(b byte) bool { return b >= 0xE0 && b != 0xE2 }

// clue is what leads to a word of a sentence.
type clue struct {
	of     topic
	pin    bool // the word was PIN, which Indian post codes have too
	postal bool // it was, and what it is for is said
	// abbreviated says that the word was an abbreviation (PIN, OTP, TAN), small
	// that it was not written in capitals.
	abbreviated, small bool
	linked             bool // a link or a sign stands in front
	first              bool // it stands right behind the word that announces
}

// near reports whether little stands between the announcement and the word.
func (c clue) near() bool { return c.linked || c.first }

// told looks behind a word for the secret that it announces.
func told(s *classifiers.Scan, from int, c clue) {
	t := s.Text
	of := c.of
	limit := min(len(t), from+proseReach)
	// What links the word before to the next: a link, or the colon of another
	// word, which may be a name (me: its …) and links what is strong only.
	if !promising(t[from:limit], of) {
		return
	}
	linked, first, example, colon := false, true, false, false
	breaks := 0
	purpose := 0 // words since a "for" behind the word: PIN for the token 4826
	i := from
	if i+1 < len(t) && strings.IndexByte(quotes, t[i]) >= 0 && (t[i+1] == ',' || t[i+1] == ')') {
		return // an argument of a call
	}
	if i < len(t) && (t[i] == '}' || t[i] == ']') {
		return // a variable of a template
	}
	// What stands right behind: a colon. The value is on this line then.
	if i < len(t) && (t[i] == ':' || t[i] == '=') {
		if i+1 < len(t) && t[i+1] == '=' {
			return // a comparison
		}
		linked = true
		breaks = 1
		i++
	}
	if strings.HasPrefix(t[i:], "：") || strings.HasPrefix(t[i:], "は") {
		linked = true
		i += 3
	}
	for n := 0; n < proseTokens; n++ {
		before := i
		w, ok := nextWord(t, i, limit)
		if !ok {
			return
		}
		gap := strings.Count(t[before:w.start], "\n")
		if breaks += gap; gap > 1 || breaks > 1 || (of == ofPIN || of == ofCode) && gap > 0 && !linked {
			return
		}
		i = w.next
		if w.end == w.start {
			// "==" compares, "=" and "-" link.
			linked = linked && w.next-w.start == 1 || w.next-w.start == 1 && (t[w.start] == '-' || t[w.start] == '=' || t[w.start] == ':')
			continue
		}
		text := t[w.start:w.end]
		if wideByte(text[0]) {
			linked = linked || len(text) <= 12
			first = false
			continue
		}
		if (of == ofPIN || of == ofCode) && !w.quoted && !w.colon && breaks == 0 {
			switch low := lowered(text[:min(len(text), 16)]); {
			case first && n == 0 && purposes[low]:
				purpose = 1
				c.postal, c.pin, c.abbreviated = c.pin, false, false
				continue
			case purpose > 0 && purpose < 4 && !links[low] && letterSpan(text):
				purpose++
				c.pin = c.pin || c.postal && upper[text[0]] // PIN code for Delhi
				continue
			}
		}
		if len(text) <= 12 && !w.quoted {
			if low := lowered(text); links[low] {
				linked, first = true, first && (of == ofPIN || of == ofCode)
				if samples[low] {
					example = true
				}
				continue
			} else if samples[low] {
				example = true
				continue
			}
		}
		c.linked, c.first = linked, first || colon
		if !example && secretWord(s, w, c) {
			if of != ofPassword {
				return
			}
			// Another may follow: it was X and is Y now.
			c.of = ofLogin
			linked, first, colon = false, false, false
			continue
		}
		if w.quoted && strings.IndexByte(text, ' ') >= 0 || (of == ofPIN || of == ofCode) && (w.colon && n > 2 || s.At(w.end) == '.') {
			return // other words
		}
		linked, first, colon = false, false, w.colon
	}
}

// Bits of what a stretch of text has.
const (
	hasDigit = 1 << iota
	hasSymbol
	hasQuote
	hasSlash
)

// has gives the bit of a byte.
var has = func() (t [256]uint8) {
	for b := 0; b < 256; b++ {
		switch {
		case digits[b]:
			t[b] = hasDigit
		case strings.IndexByte("!@#$?%^&*~", byte(b)) >= 0 && b > 0:
			t[b] = hasSymbol
		case b == '/':
			t[b] = hasSlash
		case b == '"' || b == '\'' || b == '`' || b == 0xC2 || b == 0xE2 || b == 0xE3: // the first bytes of other quotation marks
			t[b] = hasQuote
		}
	}
	return t
}()

// promising reports whether a stretch of text can hold what is looked for: most
// sentences about passwords have neither a digit nor a symbol.
func promising(t string, of topic) bool {
	bits := uint8(0)
	for i := 0; i < len(t); i++ {
		bits |= has[t[i]]
	}
	switch of {
	case ofPIN, ofCode, ofSeed, ofKey, ofWifi:
		return bits&hasDigit != 0
	case ofLogin:
		return bits&hasDigit != 0 && bits&(hasSymbol|hasSlash) != 0
	}
	return bits&^hasSlash != 0
}

// opens tells the first bytes of quotation marks.
var opens = chars("\"'`*(\xe2\xc2\xe3")

// secretWord judges one word of a sentence and reports it where it is the secret.
func secretWord(s *classifiers.Scan, w word, c clue) bool {
	t := s.Text
	text := t[w.start:w.end]
	near, linked := c.near(), c.linked
	switch c.of {
	case ofSeed:
		n := len(text)
		if n < 16 || n > 64 || base32.span(text, 0, n) != n {
			return false
		}
		if d, u, _ := count(text); d < 1 || u < 8 || rarity(text) < rareToken || weigh(text) != random {
			return false
		}
		s.Find(classifiers.Found{Start: w.start, End: w.end, Type: seedType, Likelihood: veryLikely, Rule: "told"})
		return true
	case ofCode:
		end := w.start + len(strings.TrimRight(text, "#*"))
		d, u, l := count(t[w.start:end])
		if d < 3 || u > 2 || l > 0 || end-w.start > 10 || !near || end-w.start-d-u > 1 || d+u != end-w.start && !strings.ContainsAny(t[w.start:end], "#*") {
			return false
		}
		if !linked && u+d == 4 && (text[:2] == "19" || text[:2] == "20") || digits[s.At(end+1)] && strings.IndexByte(".,-/:", s.At(end)) >= 0 {
			return false
		}
		s.Find(classifiers.Found{Start: w.start, End: end, Type: passwordType, Likelihood: likely, Rule: "code_told"})
		return true
	case ofPIN:
		text = strings.TrimRight(text, "#*")
		w.end = w.start + len(text)
		n := len(text)
		if digits.span(text, 0, n) != n || n < 4 || n > 8 || !near || s.At(w.end) == '.' && digitAt(t, w.end+1) || strings.IndexByte("-/:%", s.At(w.end)) >= 0 && s.At(w.end) != 0 {
			return false
		}
		// Six digits behind "PIN" are an Indian post code; years are years.
		// Without a link: a longer code behind OTP or TAN in capitals, a PIN in
		// capitals, or the words of another code.
		if c.abbreviated && !linked && (c.small || !c.pin && n < 6) {
			return false
		}
		if c.pin && n == 6 && !(linked && !c.first) || n == 4 && !linked && (text[:2] == "19" || text[:2] == "20") {
			return false
		}
		s.Find(classifiers.Found{Start: w.start, End: w.end, Type: passwordType, Likelihood: likely, Synthetic: n > 4 && weigh(text) == madeUp || text == "123456", Rule: "code_told"})
		return true
	case ofKey:
		if near && licence(text) && weigh(text) != filler {
			s.Find(classifiers.Found{Start: w.start, End: w.end, Type: genericType, Likelihood: likely, Rule: "licence_told"})
			return true
		}
		if !w.quoted && strings.ContainsAny(text, "/(){}[]<>|\\\"'`@:") || len(text) < 16 || isUUIDText(text) && !linked || !looksRandom(strings.TrimRight(text, "=")) || wordsJoined(text) {
			return false
		}
		d, u, l := count(text)
		hex := hexAny.span(text, 0, len(text)) == len(text)
		if (hex || u == 0 || l == 0) && !(linked && len(text) >= 32) || d < 2 || jwtHeader(text) {
			return false
		}
		if s.Beside(publicCue, w.start, w.end) < classifiers.Far || s.Beside(digestCue, w.start, w.end) < classifiers.Far {
			return false
		}
		s.Find(classifiers.Found{Start: w.start, End: w.end, Type: genericType, Likelihood: likely, Rule: "told"})
		return true
	}
	return passwordWord(s, w, c)
}

func digitAt(t string, i int) bool { return i < len(t) && digits[t[i]] }

// passwordWord judges a word where a password was announced.
func passwordWord(s *classifiers.Scan, w word, c clue) bool {
	t := s.Text
	text := t[w.start:w.end]
	end := w.end
	of, linked, first := c.of, c.linked, c.first
	said := of == ofWifi && linked && !first // behind a verb
	if of == ofWifi {
		of = ofLogin
	}
	if strings.IndexByte(text, ' ') >= 0 {
		if !w.quoted || !linked || of != ofPassword || !phrase(text) {
			return false
		}
		s.Find(classifiers.Found{Start: w.start, End: end, Type: passwordType, Likelihood: likely, Rule: "phrase_told"})
		return true
	}
	if len(text) > maxPassword || strings.ContainsAny(text, "(){}[]\\") || !w.quoted && strings.ContainsAny(text, "<>|\"`") || strings.ContainsAny(text, "/") && !slashed(text) {
		return false
	}
	// A mark that ends the sentence is part of it only where it has digits.
	core := strings.TrimRight(text, "!?")
	d, u, l := count(core)
	if d == 0 {
		text, end = core, w.start+len(core)
	}
	if len(text) < minPassword || !plausible(text) {
		return false
	}
	f := forceOf(text, true)
	// Plus, equals and slash are base64's as well; times, per cent and their kin
	// stand in expressions, of words.
	sym := strings.ContainsAny(text, "!@#$?") || strings.ContainsAny(text, "%^&*~") && rarity(text) >= rareToken
	if !linked && (len(text) > maxTold || of == ofLogin && (d == 0 || len(text) > 24)) {
		return false
	}
	level := proxy.Likelihood(0)
	near := c.near()
	// user@host
	lone := strings.Count(text, "@") == 1 && !strings.ContainsAny(text, "!#$%^&*?+=~")
	switch {
	case f == strong && sym && (!lone || near) && (l > 0 || near) && (d > 0 && u+l > 1 || u > 0 && l > 0 && switches(text) > 1):
		level = likely
		if near {
			level = veryLikely
		}
	case said && f >= mixed && d > 1 && u > 0 && l > 0 && len(text) >= 8 && strings.IndexByte("-_!@#$%&*.", firstSign(text)) >= 0:
		level = likely
	case of == ofLogin && w.start > 2 && t[w.start-3:w.start] == " / " && (memorable(text) || f >= mixed && d > 1 && u > 0 && l > 0 && len(text) >= 8 && !sym):
		level = likely // user / password
	case of == ofLogin:
		return false
	case l == 0 && d < len(text) && (!sym || !linked):
		return false // SRV-DC01
	case f == strong && (near || len(text) >= 10 && rarity(text) >= rareShort && d > 1 && u > 1 && l > 1):
		level = likely
	case near && memorable(text):
		level = likely
	case f >= mixed && near && d > 1 && u > 0 && l > 0 && len(text) >= 8:
		// Also with a dot or an underscore: names of programs have one digit at
		// most, or no capitals.
		level = likely
	case f >= mixed && !sym && (strings.ContainsAny(text, "_") || dottedName(text)):
		return false // an identifier
	case f == mixed && !sym && !linked && switches(text[1:]) > 0:
		return false // of camels
	case f == mixed && linked && (sym || d > 0 && u+l >= 3), f == mixed && first && !w.quoted && len(text) >= 8 && d >= 2 && u+l >= 3 && (l > 0 || sym):
		level = likely
	case f == plain && linked && w.quoted && len(text) >= 5, f == plain && linked && d == len(text) && d >= 4:
		level = likely
	default:
		return false
	}
	s.Find(classifiers.Found{Start: w.start, End: end, Type: passwordType, Likelihood: level, Rule: "told"})
	return true
}

// firstSign gives the first character of a word that is no letter and no digit.
func firstSign(text string) byte {
	for i := 0; i < len(text); i++ {
		if !alnum[text[i]] {
			return text[i]
		}
	}
	return ' '
}

// slashed reports whether a word with a slash is a password all the same and
// not a path: it has symbols that paths do not have, and digits.
func slashed(text string) bool {
	d, u, l := count(text)
	return strings.Count(text, "/") == 1 && strings.ContainsAny(text, "!#$%^&*?") && d > 0 && u > 0 && l > 0
}

// technical are beginnings of words that mix letters and digits as passwords do
// and name something technical.
var technical = [...]string{"sha", "md5", "base", "oauth", "utf", "http", "argon", "pbkdf", "bcrypt", "scrypt", "aes", "rsa", "tls", "ssl", "windows", "office", "ipv", "x509", "iso", "rfc", "cve-", "inc-", "win32", "win64", "amd64", "arm64", "log4j", "neo4j", "http2", "k8s", "i18n", "openid", "saml", "ed25519", "p256", "es6", "mysql", "postgres", "python", "java", "node"}

// plausible reports whether a word could be a password of a sentence and is not
// another thing with digits and symbols.
func plausible(text string) bool {
	switch text[0] {
	case '0':
		if len(text) > 1 && text[1]|0x20 == 'x' {
			return false
		}
	case '-', '#', '/', '~', '&', '.', '@', '<', '>', '=', '+', '*', '%', '!', ':', '?', ',', ';':
		return false
	case '$':
		if len(text) < 2 || text[1] == '.' || text[1] == '_' || strings.Count(text, "$") == 1 && !strings.ContainsAny(text, "!#?@") {
			return false
		}
	case 'v', 'V':
		if len(text) > 1 && digits[text[1]] {
			return false
		}
	}
	if strings.IndexByte(text, '\'') >= 0 || strings.Count(text, ",") > 1 || strings.HasSuffix(text, "++") || strings.Contains(text, "&") && strings.Contains(text, ";") || strings.IndexByte(text, '\\') >= 0 || strings.Contains(text, "...") || strings.Contains(text, "::") || strings.Contains(text, ":=") || strings.Contains(text, "==") || strings.Contains(text, "!=") || strings.Contains(text, "->") {
		return false
	}
	// %02d
	if i := strings.IndexByte(text, '%'); i >= 0 && i+1 < len(text) && (strings.IndexByte("sdvqxf", text[i+1]) >= 0 || i+2 < len(text) && digits[text[i+1]] && strings.IndexByte("sdxf0123456789", text[i+2]) >= 0) {
		return false
	}
	// name=value
	if eq := strings.IndexByte(text, '='); eq > 0 && eq < len(text)-1 && wordDash.span(text, 0, eq) == eq && letters[text[0]] {
		return false
	}
	low := lowered(text[:min(len(text), 12)])
	for _, p := range technical {
		if strings.HasPrefix(low, p) && !strings.ContainsAny(text, "!@$%^&*?") {
			return false
		}
	}
	return true
}

// dottedName reports whether letters stand on both sides of a dot.
func dottedName(text string) bool {
	i := strings.IndexByte(text, '.')
	return i > 0 && i+1 < len(text) && letters[text[i-1]] && letters[text[i+1]]
}

var wordDash = chars("0-9a-zA-Z_.-")

// phrase reports whether a quoted text is a passphrase: three to ten words of
// letters or numbers, without the marks of a sentence.
func phrase(text string) bool {
	words, n, from := 1, 0, 0
	short := func(to int) bool { return n < 3 && digits.span(text, from, to) != to }
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == ' ':
			if n == 0 || short(i) {
				return false
			}
			words++
			n, from = 0, i+1
		case 'a' <= c && c <= 'z' || c >= 0x80 || c == '-' || digits[c] || 'A' <= c && c <= 'Z' && n == 0:
			n++
		default:
			return false
		}
	}
	return words >= 3 && words <= 10 && len(text) >= 14 && n > 0 && !short(len(text))
}

// sentence reports whether a phrase has words that instructions have and
// passphrases, drawn from a list, mostly not.
func sentence(text string) bool {
	for i, from := 0, 0; i <= len(text); i++ {
		if i == len(text) || text[i] == ' ' {
			if common[lowered(text[from:i])] {
				return true
			}
			from = i + 1
		}
	}
	return false
}

var common = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields("the and for you your with this that must enter please password passwords user name new old use using are not can has have from letters digits symbols characters field required reset change invalid wrong missing login account email least only will was does should cannot could die und der das ist nicht mit ihr les des est pour votre los las para con una del che non per") {
		m[w] = true
	}
	return m
}()

// licence reports whether a word is a product key: four to six groups of four
// to six capitals and digits, joined by hyphens.
func licence(text string) bool {
	groups, n, size := 0, 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && upper[text[i]] {
			n++
			continue
		}
		if i < len(text) && text[i] != '-' || n < 4 || n > 6 || size != 0 && n != size {
			return false
		}
		groups, size, n = groups+1, n, 0
	}
	d, u, _ := count(text)
	return groups >= 4 && groups <= 6 && d >= 3 && u >= 3
}

// Bounds of a table.
const (
	tableRows  = 200
	tableBytes = 16 << 10
	tableLine  = 1024
	maxHeading = 20 // characters of a header beside the word
)

// column judges the cells below a header that announces passwords: tables of
// Markdown, CSV, tab-separated text.
func column(s *classifiers.Scan, start, end int) {
	t := s.Text
	// The cell must be the word alone, or little more.
	from := start
	for from > 0 && start-from < tableLine && t[from-1] != '\n' {
		from--
	}
	to := end
	for to < len(t) && to-end < tableLine && t[to] != '\n' {
		to++
	}
	if to >= len(t) || start-from >= tableLine || to-end >= tableLine {
		return
	}
	line := t[from:to]
	var delim byte
	for _, d := range [...]byte{'\t', '|', ';', ','} {
		if strings.Count(line, string(rune(d))) >= 1 && (d == '\t' || d == '|' || strings.Count(line, string(rune(d))) >= 1 && strings.IndexByte(line, '.') < 0) {
			delim = d
			break
		}
	}
	// The delimiter stands between cells, not only behind one.
	if delim != 0 && strings.IndexByte(strings.Trim(line, " \t\r,;"), delim) < 0 {
		return
	}
	// A header is the first row of its table.
	if delim != 0 && from > 0 {
		up := max(0, from-1-tableLine) + strings.LastIndexByte(t[max(0, from-1-tableLine):from-1], '\n') + 1
		if strings.Count(t[up:from-1], string(rune(delim))) == strings.Count(line, string(rune(delim))) {
			return
		}
	}
	if delim == 0 || digitsIn(line) > 6 || strings.ContainsAny(line, "={}()") {
		return
	}
	own := t[start:end]
	if i := strings.LastIndexByte(t[from:end], delim); i >= 0 {
		own = t[from+i+1 : end]
	}
	if i := strings.IndexByte(t[end:to], delim); i >= 0 {
		own = own + t[end:end+i]
	} else {
		own = own + t[end:to]
	}
	if len(own) > end-start+maxHeading {
		return
	}
	cell := strings.Count(t[from:start], string(rune(delim)))
	cells := strings.Count(line, string(rune(delim)))
	limit := min(len(t), to+tableBytes)
	for at, rows := to+1, 0; at < limit && rows < tableRows; rows++ {
		n := strings.IndexByte(t[at:min(len(t), at+tableLine)], '\n')
		if n < 0 {
			if len(t)-at > tableLine {
				return
			}
			n = len(t) - at
		}
		row := t[at : at+n]
		if strings.Count(row, string(rune(delim))) != cells {
			return
		}
		i := 0
		for k := 0; k < cell; k++ {
			i += strings.IndexByte(row[i:], delim) + 1
		}
		j := i
		for j < len(row) && row[j] != delim {
			j++
		}
		for i < j && strings.IndexByte(" \"'`*", row[i]) >= 0 {
			i++
		}
		for j > i && strings.IndexByte(" \"'`\r*", row[j-1]) >= 0 {
			j--
		}
		if body := row[i:j]; strings.IndexByte(body, ' ') < 0 {
			switch forceOf(body, true) {
			case strong:
				s.Find(classifiers.Found{Start: at + i, End: at + j, Type: passwordType, Likelihood: veryLikely, Rule: "column"})
			case mixed:
				s.Find(classifiers.Found{Start: at + i, End: at + j, Type: passwordType, Likelihood: likely, Rule: "column"})
			case plain:
				s.Find(classifiers.Found{Start: at + i, End: at + j, Type: passwordType, Likelihood: proxy.Possible, Rule: "column"})
			}
		}
		at += n + 1
	}
}

func digitsIn(line string) (n int) {
	for i := 0; i < len(line); i++ {
		if digits[line[i]] {
			n++
		}
	}
	return n
}

// publicCue are words beside keys that are none.
var publicCue = classifiers.NewCue("page", "next", "csrf", "xsrf", "continuation", "cursor", "public", "cache", "idempotency", "sort", "partition", "foreign", "primary", "publishable", "commit", "version", "example")
