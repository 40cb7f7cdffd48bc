package secrets

import "strings"

// nameKind is what a name says of the value it has.
type nameKind int8

const (
	nameNone     nameKind = iota // nothing
	nameOther                    // that it is none: publicKey, token_type, passwordHash
	nameID                       // that it names something: client_id
	nameKey                      // that it may be one: key, auth
	nameSecret                   // that it is a key or token
	namePassword                 // that it is a password
)

// part is what one word of a name says.
type part int8

const (
	partPassword part = iota + 1
	partSecret
	partKey
	partQualifier // makes a key a secret one
	partVeto      // whatever else the name says
	partOther     // as the last word: what the name means is about the secret
	partID
	partFiller // says nothing at the end of a name
)

// parts are the words of names, in lower case without diacritics.
var parts = func() map[string]part {
	m := map[string]part{}
	// A word that stands in several lists is what the first of them says.
	for _, list := range []struct {
		part  part
		words string
	}{
		{partPassword, `password passwords passwd passwort kennwort pwd pwds pw pass passphrase passcode pword userpass dbpass dbpassword mypass
			rootpw rootpass adminpass adminpassword smtppass sshpass contrasena senha haslo wachtwoord losenord sifre sifresi parola mdp motdepasse clave
			heslo salasana adgangskode passord parool jelszo lozinka geslo authpassword userpassword storepass keypass sudopass requirepass masterauth`},
		{partSecret, `secret secrets token tokens apikey apikeys apitoken apisecret authtoken accesstoken refreshtoken bearertoken secretkey secretkeys privatekey
			privkey creds cred credential credentials authkey accesskey psk authorization bearer clientsecret appsecret appkey signingkey signingsecret
			webhooksecret jwtsecret sharedsecret consumersecret sharedkey masterkey encryptionkey writekey licensekey deploykey servicekey xapikey
			sessiontoken idtoken accesssecret usertoken bottoken serviceaccounttoken sas connectionkey accountkey storagekey`},
		{partVeto, `public pub publishable csrf xsrf page next prev previous cursor continuation cache idempotency idempotent sort partition foreign primary
			shard routing translation i18n locale hash digest fingerprint checksum integrity keyword keywords author authority accessibility
			accessor keyboard keycloak keystroke keyframe keymap keypad keypress keyhash md5 sha1 sha256 sha512 sha revision etag chksum
			random accessed processed pressed down event object entry composite unique natural surrogate cred_id issuer placeholder`},
		{partKey, "key keys auth api pat"},
		{partQualifier, `secret private access signing sign encryption encrypt decrypt crypt cipher master write license licence app auth service
			account admin shared hmac jwt webhook deploy ssh storage subscription consumer project sdk integration aes root session cookie bot prod
			production live sandbox server client rest user ses smtp sms mail payment gateway map maps signature salt functions function sas`},
		{partID, "id ids sid uuid guid identifier user username login email account_id"},
		{partOther, `name names type types url urls uri uris path paths file files filename dir directory arn ref refs version versions length len size sizes count
			expires expiry expiration ttl label title hint field fields format policy policies regex pattern prefix suffix algorithm alg algo
			method methods provider endpoint host hosts mode status state index idx error errors message msg header headers param params parameter location vault store
			manager ring kind class group groups required enabled disabled min max reset changed updated created at date time timeout usage model pair pairs
			frame board up selector stroke map list column col columns source scheme set get is has use using rotation strength
			validator validation encoder generator service controller handler response request bytes bits hex event events node nodes handle import
			endpointurl issued audience scope scopes limit limits used cost price budget usage per window budgetused counter alias aliases tag tags
			rule rules doc docs link links page tokenizer lexer parser kid callback results result chars char str_len salt color owner space lookup commit
			mapping table data_type property properties option options config configs configuration env button input form template module package`},
		{partFiller, "value val str string text plain raw prod dev development staging stage live test testing sandbox new old default current base main primary1 my the a of for to in on ours do not eu us uk de fr temp tmp local remote server backup v1 v2 data plaintext cleartext enc b64 base64"},
	} {
		for _, w := range strings.Fields(list.words) {
			if _, taken := m[w]; !taken {
				m[w] = list.part
			}
		}
	}
	return m
}()

// Bounds of a name.
const (
	maxName  = 64
	maxParts = 12
)

// kindOf says what a name tells of its value. Names are cut into words where
// their case or characters change.
func kindOf(name string) nameKind {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	var list [maxParts]part
	n := 0
	var buf [maxName]byte
	add := func(w []byte) {
		if n < maxParts {
			p := parts[string(w)]
			if p == 0 && len(w) > 6 {
				p = suffixed(w)
			}
			list[n] = p
			n++
		}
	}
	k := 0
	flush := func() {
		if k > 0 {
			add(buf[:k])
			k = 0
		}
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			prev := byte(0)
			if i > 0 {
				prev = name[i-1]
			}
			// apiKey, APIKey.
			if 'a' <= prev && prev <= 'z' || 'A' <= prev && prev <= 'Z' && i+1 < len(name) && 'a' <= name[i+1] && name[i+1] <= 'z' {
				flush()
			}
			buf[k] = c + 'a' - 'A'
			k++
		case 'a' <= c && c <= 'z':
			buf[k] = c
			k++
		case '0' <= c && c <= '9':
			// Digits end a word; those of a word such as sha256 stay.
			if k > 0 && (parts[string(buf[:k])] == partSecret || parts[string(buf[:k])] == partPassword || parts[string(buf[:k])] == partKey) {
				flush()
			} else if k > 0 {
				buf[k] = c
				k++
			}
		case c >= 0x80:
			// Letters with diacritics stand for their base letter.
			if b := plainLetter(name, i); b != 0 {
				buf[k] = b
				k++
			}
		default:
			flush()
		}
	}
	flush()
	return decide(list[:n])
}

// suffixed knows words that are written together: pgpassword, ldapsecret.
func suffixed(w []byte) part {
	for _, end := range [...]string{"password", "passwd", "passwort", "kennwort", "passphrase"} {
		if len(w) > len(end) && string(w[len(w)-len(end):]) == end {
			return partPassword
		}
	}
	for _, end := range [...]string{"apikey", "secret", "secretkey", "authtoken"} {
		if len(w) > len(end) && string(w[len(w)-len(end):]) == end {
			return partSecret
		}
	}
	return 0
}

// plainLetter gives the base letter of the two-byte letters that password words
// have, 0 for the second byte and for others.
func plainLetter(s string, i int) byte {
	if i+1 >= len(s) {
		return 0
	}
	switch s[i : i+2] {
	case "ñ", "Ñ":
		return 'n'
	case "ł", "Ł":
		return 'l'
	case "ö", "Ö", "ó", "Ó", "ő":
		return 'o'
	case "ş", "Ş":
		return 's'
	case "ü", "Ü":
		return 'u'
	case "é", "É", "è":
		return 'e'
	}
	return 0
}

// decide weighs the words of a name: vetoes first, then the last word that says
// something.
func decide(list []part) nameKind {
	for _, p := range list {
		if p == partVeto {
			return nameOther
		}
	}
	end := len(list)
	for end > 0 && list[end-1] == partFiller {
		end--
	}
	if end == 0 {
		return nameNone
	}
	switch list[end-1] {
	case partOther:
		return nameOther
	case partID:
		return nameID
	}
	password, key, qualified := false, 0, false
	for _, p := range list[:end] {
		switch p {
		case partPassword:
			password = true
		case partSecret:
			if !password {
				return nameSecret
			}
		case partKey:
			key++
		case partQualifier:
			qualified = true
		}
	}
	switch {
	case password:
		return namePassword
	case key > 1, key > 0 && qualified:
		return nameSecret
	case key > 0:
		return nameKey
	}
	return nameNone
}

// secretive looks through a name for a piece of a word that a secret's name has,
// before it is taken apart: nearly all names end here.
func secretive(name string) bool {
	var h uint32
	for i := 0; i < len(name); i++ {
		h = h<<8 | uint32(name[i]|0x20)
		switch h & 0xFF {
		case 'y':
			if h&0xFFFFFF == 'k'<<16|'e'<<8|'y' {
				return true
			}
		case 's':
			if h == 'p'<<24|'a'<<16|'s'<<8|'s' {
				return true
			}
		case 'd':
			if h&0xFFFFFF == 'p'<<16|'w'<<8|'d' || h == 'c'<<24|'r'<<16|'e'<<8|'d' {
				return true
			}
		case 'e':
			if h == 't'<<24|'o'<<16|'k'<<8|'e' || h&0xFFFFFF == 'a'<<16|'v'<<8|'e' && i > 2 && (name[i-3]|0x20) == 'l' {
				return true
			}
		case 'r':
			if h == 's'<<24|'e'<<16|'c'<<8|'r' {
				return true
			}
		case 'h':
			if h == 'a'<<24|'u'<<16|'t'<<8|'h' {
				return true
			}
		case 'i':
			if h&0xFFFFFF == 'a'<<16|'p'<<8|'i' {
				return true
			}
		case 'n':
			if h == 'k'<<24|'e'<<16|'n'<<8|'n' {
				return true
			}
		case 'w':
			if i == len(name)-1 && h&0xFFFF == 'p'<<8|'w' {
				return true
			}
		case 't':
			if i == len(name)-1 && h&0xFFFFFF == 'p'<<16|'a'<<8|'t' {
				return true
			}
		}
	}
	return false
}
