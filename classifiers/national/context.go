package national

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/stdnum"
)

// genericWords name an identifier of a person without saying of which country;
// the English ones are not taken for the name of one country's.
var genericWords = append(append([]string{}, genericEnglish...), genericOthers...)

var genericEnglish = []string{
	"tax id", "taxid", "tax number", "tax no", "taxpayer", "national id", "nationalid", "national identifier", "national identity", "id number", "id no", "identity number",
	"identity card", "id card", "identity no", "personal id", "personal number", "personal no", "personal identity", "identification number", "health id", "health number",
	"health card", "social security", "social insurance", "national insurance", "insurance number", "citizen id", "citizen number", "registration number", "resident registration", "kyc",
}

var genericOthers = []string{
	"ausweis", "ausweisnummer", "personalausweis", "pièce d", "d identité", "identité", "carte d", "documento", "cédula", "cedula", "documento d", "carta d", "tessera",
	"legitimatie", "legitimatiebewijs", "personalia", "dowód", "dowodu", "dokument", "legitimation", "kimlik", "identiteit",
	"身份证", "证件", "证件号", "身分証", "本人確認", "身分證", "신분증", "पहचान",
}

// identity are words of classifiers.Numbering that people say of themselves too.
var identity = classifiers.NewCue("id", "ids", "reference", "ref", "case", "person")

var generics = set(genericEnglish)

func set(list []string) map[string]bool {
	m := map[string]bool{}
	for _, w := range list {
		m[w] = true
	}
	return m
}

// fillers are words that may stand between the name of a number and the number.
var fillers = set(strings.Fields(`no nr num number nummer numero número numéro numer numara numarası numarasi n nº id card code ref is was are of the my your his her new old
	ist lautet est es è jest är er og y e und et and with serie seria series i state issued valid us uk british american`))

var generic = classifiers.NewCue(genericWords...)

// person are words that say that a text is about somebody, and no more.
var person = classifiers.NewCue(
	"dob", "born", "birth", "birthday", "date of birth", "patient", "employee", "employees", "employer", "customer", "client", "applicant", "citizen", "resident", "passenger", "traveller", "traveler", "insured", "beneficiary",
	"member", "mr", "mrs", "ms", "name", "surname", "forename", "holder", "passport", "spouse", "payroll", "payslip", "kyc", "nationality",
	"geb", "geboren", "geburtsdatum", "herr", "frau", "kunde", "kundin", "patientin", "mitarbeiter", "versicherte", "versicherter", "vorname", "nachname",
	"né", "née", "naissance", "monsieur", "madame", "prénom", "nom", "assuré", "salarié", "nacido", "nacida", "nacimiento", "nombre", "apellidos", "cliente", "paciente", "trabajador",
	"nato", "nata", "nascita", "cognome", "nome", "paziente", "nascimento", "nascido", "funcionário", "geboortedatum", "naam", "werknemer", "patiënt", "klant",
	"ur", "urodzony", "urodzona", "nazwisko", "imię", "pacjent", "pracownik", "född", "fødselsdato", "namn", "navn", "anställd", "doğum", "ad soyad", "adı", "soyadı", "hasta", "müşteri",
	"姓名", "出生", "氏名", "生年月日", "이름", "성명", "생년월일", "जन्म", "नाम",
)

// looseWords stand beside a number and beside much else; they hint at it and do
// not name it.
var looseWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`adoption author barcode compound depot dépôt episode filial fiscal fiscale foreigner grid hacienda insured juristic library livre libro livro matricule nata nato noten
		narozen narozena narodená narodený urodzony urodzona född născut pacient pacjent patiënt partition partitura payee podatkowy podatnik podatnika portfolio preparer reagent reference referenz release residente
		revista revue score share shipment sku titular titre track valor verlag virement vehicle buque navire schiff behälter conteneur factura carnet paperback hardcover aktie anleihe fonds betaling
		set patient school student pupil security securities shares stock stocks fund bond revenue vendor supplier customer client company
		firm business gp doctor bank account card number numbers no nr code id tax insurance employee employer payroll health hospital member person people citizen
		book books issue journal publisher product products article item song recording music film container ship vessel chemical substance invoice
		firma unternehmen kunde lieferant verein bücher buch produit société entreprise fournisseur empresa proveedor cliente azienda società fornitore bedrijf leverancier
		företag kund leverantör spółka kontrahent şirket müşteri registration register registry registered identification identity document issuer trader exporter importer
		steuer finanzamt salary wage pension birth born name resident residence government ministry police court notary lawyer estate property street address
		device phone mobile network modem bill meter gas electricity energy power water vat vatin wine alcohol tobacco excise customs goods import export`) {
		m[w] = true
	}
	return m
}()

// terseWords name a number where they stand right before it, and are words of
// a language elsewhere.
var terseWords = words(`run sat mb mf nic nas nss naf fn bn bis bir cas cra gra gst gus hp hst idi ide ipn jan kt kra krs lei msp orc otc rif rfc rpm roc svn tds tic tps upi utr uic vd vcs unp ice ltd lse ssp arca ato dian igi irs nn kdv hin
	pin tin pan sin fin nin sus pis nis nit ine ife vid pass ni dl lic rut rg ci cf cc cui nie uid eid crn epic permit permis reg rej plate plates plaque placas license licence
	auto car van moto bil bike truck coche carro wagen arc sa hin hcn nam nid pic dic ic rc rr ein ean upc gin edb emb mst ric ssn si card cie pais pps ruc
	elector guida habilitação driving kaart perso título titulo dni cpr cvr die den art code key number ird moa inn vat tva iva mva moms btw dph ddv km fe ra nip tc`)

// wordsOf divides the words of a format: those that name it, those that name it
// where they stand right before it, and those that only hint at it.
func wordsOf(f *stdnum.Format) (clear, terse, loose []string) {
	clear = append(clear, extraWords[f.Type]...)
	for _, w := range f.Words {
		if w = spelled(w); w == "" {
			continue
		}
		switch l := strings.ToLower(w); {
		case strings.HasPrefix(l, "passport") && strings.HasSuffix(f.Type, "_PASSPORT") && !usual[f.Type]:
			loose = append(loose, w) // of any country
		case generics[l] && f.Name != "national_id":
			loose = append(loose, w) // see asksGeneric
		case terseWords[l]:
			terse = append(terse, w)
		case looseWords[l] && !(strings.HasPrefix(l, "vat") && f.Of != stdnum.Person):
			loose = append(loose, w)
		default:
			clear = append(clear, w)
		}
	}
	return clear, terse, loose
}

// spelled gives a word as a text is read: r.u.c and p.iva come in pieces, and of
// several words the last two are looked for.
func spelled(w string) string {
	f := strings.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune(" .-/'’", r) })
	f = f[max(0, len(f)-2):]
	if len(strings.Join(f, "")) == len(f) {
		return "" // single letters are everywhere
	}
	return strings.Join(f, " ")
}

// country is a state, its two letters of ISO 3166 and the words that point to it:
// its name, its people and their language.
type country struct {
	code  string
	words []string
	cue   *classifiers.Cue
}

// countries, by the code that the names of formats begin with.
var countries = func() map[string]*country {
	m := map[string]*country{}
	for _, row := range strings.Split(countryWords, "\n") {
		code, words, ok := strings.Cut(row, ":")
		if !ok {
			continue
		}
		c := &country{code: strings.ToUpper(code), words: strings.Split(words, ",")}
		c.cue = classifiers.NewCue(c.words...)
		m[code] = c
	}
	m["uk"] = m["gb"]
	return m
}()

// everywhere has the words of every country.
var everywhere = func() *classifiers.Cue {
	var all []string
	for _, c := range countries {
		all = append(all, c.words...)
	}
	slices.Sort(all)
	return classifiers.NewCue(all...)
}()

const countryWords = `ad:andorra,andorran
al:albania,albanian,shqipëri
ar:argentina,argentine,argentino,argentinian
at:austria,austrian,österreich,österreichisch,österreichische
au:australia,australian,aussie
az:azerbaijan,azerbaijani
be:belgium,belgian,belgique,belge,belgië,belgisch,belgische,belgien
bg:bulgaria,bulgarian,българия
br:brazil,brazilian,brasil,brasileiro,brasileira,brasilien
by:belarus,belarusian
ca:canada,canadian,canadien,canadienne,ontario,quebec,québec,kanada
ch:switzerland,swiss,schweiz,schweizer,suisse,svizzera
cl:chile,chilean,chileno
cn:china,chinese,prc,中国
co:colombia,colombian,colombiano
cr:costa rica,costarricense
cu:cuba,cuban
cy:cyprus,cypriot
cz:czechia,czech,česko,český,czeski,tschechien,tschechisch
de:germany,german,deutschland,deutsch,deutsche,deutscher,allemand,allemagne
dk:denmark,danish,danmark,dansk,danska,dänisch,dänemark
do:dominican,dominicana
dz:algeria,algerian,algérie
ec:ecuador,ecuadorian
ee:estonia,estonian,eesti
eg:egypt,egyptian,مصر
es:spain,spanish,españa,español,española,spanien,spanisch,espagne
fi:finland,finnish,suomi,suomalainen,finsk,finska,finnisch,finnland
fo:faroe,faroese,føroyar
fr:france,french,français,française,frankreich,französisch
gb:uk,united kingdom,britain,british,england,english,scotland,scottish,wales,welsh,gbr,großbritannien
gh:ghana,ghanaian
gr:greece,greek,ελλάδα,griechenland
gt:guatemala,guatemalan
hr:croatia,croatian,hrvatska,kroatien
hu:hungary,hungarian,magyar,magyarország,ungarn
id:indonesia,indonesian
ie:ireland,irish,éire,irland
il:israel,israeli
in:india,indian,bharat,indien,भारत
is:iceland,icelandic,ísland
it:italy,italian,italia,italiano,italiana,italien,italienisch
jp:japan,japanese,日本
ke:kenya,kenyan
kr:korea,korean,한국,대한민국
li:liechtenstein
lt:lithuania,lithuanian,lietuva,litauen
lu:luxembourg,luxembourgish,luxemburg
lv:latvia,latvian,latvija,lettland
ma:morocco,moroccan,maroc
mc:monaco
md:moldova,moldovan
me:montenegro,montenegrin
mk:macedonia,macedonian
mt:malta,maltese
mu:mauritius,mauritian
mx:mexico,mexican,méxico,mexicano,mexicana
my:malaysia,malaysian
nl:netherlands,dutch,nederland,nederlands,nederlandse,holland,niederlande,niederländisch
no:norway,norwegian,norge,norsk,norska,norwegen,norwegisch
ng:nigeria,nigerian
nz:new zealand,zealand,kiwi
pe:peru,peruvian,perú,peruano
ph:philippines,filipino,philippine,pilipinas
pk:pakistan,pakistani
pl:poland,polish,polska,polski,polskie,polen,polnisch
pt:portugal,portuguese,português,portugiesisch
py:paraguay,paraguayan
ro:romania,romanian,românia,român,rumänien
rs:serbia,serbian,srbija,serbien
ru:russia,russian,россия,russland
se:sweden,swedish,sverige,svensk,svenska,schweden,schwedisch
sg:singapore,singaporean,singapur
si:slovenia,slovenian,slovenija,slowenien
sk:slovakia,slovak,slovensko,slowakei
sm:san marino
sv:salvador,salvadoran
th:thailand,thai,ไทย
tn:tunisia,tunisian,tunisie
tr:turkey,turkish,türkiye,türk,türkei
tw:taiwan,taiwanese,台灣,台湾
ua:ukraine,ukrainian,україна
us:us,usa,united states,american,u s
uy:uruguay,uruguayan
ve:venezuela,venezuelan
vn:vietnam,vietnamese
za:south africa,south african,sa id,rsa,suid afrika
om:oman,omani`
