package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers/words"
)

// class is what a word can be in an address; a word can be several things.
type class = words.Class

const (
	enStrong   class = 1 << iota // street, road: a street with any name before it
	enSemi                       // drive, court: a street or a common word
	enWeak                       // hill, park: part of a street's name, mostly
	enPrefix                     // route, highway: a number or letter follows
	direction                    // N, SE, West
	frType                       // rue: the name follows, the number stands before
	frWeak                       // place, cours: a common word too
	lead                         // calle, via, ul.: the name follows, then the number
	leadWeak                     // common words too, or English ones
	deAlone                      // Straße, Platz: behind an adjective or a preposition
	trType                       // Mah., Cad., Sok.: behind its name
	particle                     // de la, van der
	opener                       // Am, An der, Unter den: begin the name of a street
	unit                         // apartment, Suite, piso
	state                        // of the United States, Canada, Australia
	placePart                    // New, San, Bad: the first of two words of a place
	notPlace                     // words that stand where a place could
	inPart                       // Sector, Phase: a number follows
	dwelling                     // Flat, Plot: begin an address
	codeWord                     // ZIP, PLZ: a postal code follows
	determiner                   // the, top: what follows is counted, not addressed
	nameTitle                    // général, Dr.: the name goes on
	streetHead                   // Burgemeester, Alte: first word of the name of a street
	goesOn                       // in, on, and: a sentence goes on
)

// lexicon holds the words, from the postal services' publications (USPS
// Publication 28, appendices B and C; Royal Mail, Canada Post and Australia Post
// address guides; Deutsche Post, La Poste, Correos, Poste Italiane, Correios,
// PostNL, Poczta Polska, PostNord, PTT, India Post) and common knowledge.
var lexicon = words.NewLexicon(map[class]string{
	enStrong: `street st str avenue ave av road rd boulevard blvd lane ln terrace ter terr crescent cres mews highway hwy parkway pkwy pky
		strt turnpike tpke expressway expy freeway fwy esplanade causeway cswy gardens gdns`,
	enSemi: `drive dr drv court ct circle cir close cl way place pl square sq trail trl grove grv alley aly loop plaza plz parade pde
		quay wharf row walk pike cove cv bypass wynd broadway crossing xing promenade arcade lp motorway strand`,
	enWeak: `hill view park point pt ridge rdg run path pass bend glen heights hts hollow holw knoll landing manor meadow meadows mill mount oaks orchard
		rise spring springs spur station summit valley vista vale croft yard gate green end fold brae lea chase drove dale approach bridge
		common copse junction mall quadrant rest ramble passage overlook estates estate villas cottage cottages house court-yard farm lodge ctr center centre strip trace cliff bank side field fields garden
		annex anex bayou bayoo beach bluff bluffs bottom branch brook brooks burg burgs camp canyon cape club corner corners course coves creek crest crossroad curve dale dam divide drives estate extension ext
		falls ferry flat flats ford fords forest forge forges fork forks fort gateway glens greens groves harbor harbors haven inlet island islands isle junctions keys key knolls lake lakes land light lights locks
		loaf locks malls mews mills mission motorway mountain mountains neck parks parkways passage pine pines place plain plains port ports prairie radial ranch rapid rapids river roads route shoal shoals shore shores
		skyway spurs squares stravenue stream streets throughway track trafficway tunnel turnpike union unions valleys viaduct views village villages ville walks wall ways well wells underpass hall barn`,
	enPrefix:  `road rd ave street route rte highway hwy rt cr fm sr us interstate calle camino via avenida paseo rue avenue state-route county-road`,
	direction: `n s e w ne nw se sw north south east west northeast northwest southeast southwest`,
	frType: `rue avenue av ave boulevard bd bld blvd impasse imp allee allees chemin ch che ruelle faubourg fbg quai route rte rond-point residence lotissement lieu-dit
		sentier venelle montee voie traverse`,
	frWeak: `place pl cours cour square sq passage parc clos esplanade promenade villa cite hameau domaine mail route voie`,
	lead: `calle c/ cl cll avda avenida avd avenue plaza pza plza paseo pso ronda rda carretera ctra travesia trva glorieta rambla calzada callejon carrer cra carrera
		viale vle piazza pza corso vicolo lungomare lungotevere piazzale ple rua travessa alameda praca pca estrada rodovia rod ladeira beco
		ul ulica al aleja aleje plac osiedle os rue avenue boulevard chaussee chemin ulitsa улица ул проспект пр-т пер переулок наб бульвар шоссе via contrada c.so p.za v.le
		strada bulevardul calea soseaua aleea ulice namesti trida`,
	leadWeak: `via corso largo strada r tv av al pl os cl c camino barrio colonia col quadra q salita borgo localita loc piazzetta vico ave place rondo skwer bd`,
	deAlone: `strasse str allee platz weg ring gasse damm ufer chaussee steig pfad promenade graben markt hof kai berg wall stieg
		straat laan plein gracht singel dreef steeg dijk gata gatan vagen vag grand torg torget stigen alle gade vej plads gate veg vei plass ut utca ter korut`,
	trType:   `mah mahallesi mh cad caddesi cd sok sokak sokagi sk bulvari blv bul`,
	particle: `de la le les du des d del della dello delle degli dei di da do dos das e y el los las van der den von vom zum zur an am im auf of the à et l den det på i upon und bis nad`,
	opener:   `am an im in auf unter zum zur hinter vor bei beim hinterm oberer unterer`,
	unit: `apt apartment suite ste unit fl floor flr bldg building room rm lot dept department spc space trlr hngr pier slip stop ph penthouse
		wohnung whg we stiege top tur etage og eg app appt appartement bat batiment esc escalier etage porte lgt
		piso puerta pta planta escalera esc bloque portal local izq izda dcha esq dto fte scala int interno piano palazzina apto apartamento bloco bl andar sala casa
		m lok lokal mieszkanie lgh bus hs daire d kat k kt blok flat level lvl tower block blk кв корп`,
	state: `al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or pa ri sc sd tn tx ut vt va wa wv wi wy dc pr vi gu as mp aa ae ap
		alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland
		massachusetts michigan minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming
		jersey york mexico hampshire carolina dakota island columbia
		on qc bc ab mb sk ns nb nl pe yt nt nu ontario quebec alberta manitoba saskatchewan
		nsw vic qld tas act nt`,
	placePart: `new san santa st saint sankt bad los las la le les el los den de neu alt gross klein ober unter fort ft mount mt port north south east west great little upper lower king's sesto
		reggio castel castello villa ville vila sao são rio nova nowa nowy stary stara wielka zielona gorzow bielsko`,
	notPlace: `tel telefon telephone telefono téléphone phone fax mobile mob cell mail email e-mail ext extension order invoice ref reference case account policy customer client ticket
		id no nr dni nif nie cif cpf cnpj rg nip pesel bsn iban bic swift usd eur gbp inr rs total amount price qty page pages section chapter figure table version dear from to cc re
		subject date dob born attn attention note notes please call contact room gate code pin ssn npi mrn dea license licence vat tax tin fein ein box po employee employer reg registration number num numero nro nn д नंबर नं
		kunde kunden rechnung bestellung telefonnummer datum betrag geb geboren wohnhaft numer`,
	inPart:     `sector phase street ward block lane cross main stage gali gate pocket plot no number building tower wing`,
	dwelling:   `studio flat plot house h.no door shop block villa quarter quarters qtr apartment apt unit suite room maisonette bungalow hno dno फ्लैट मकान प्लॉट`,
	codeWord:   `zip zipcode plz postleitzahl cp cap cep postcode postnummer postnr pincode pin postal postcode kod pocztowy postnumber पिन पिनकोड eircode`,
	determiner: `the top these all first last over about than version chapter figure table page section step line day week level some only other those every another any best part unit volume vol season episode january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec`,
	nameTitle:  `general marechal docteur dr saint sainte st ste president professeur pr colonel capitaine commandant jean marie victor pierre charles abbe`,
	streetHead: `burgemeester burg prins prinses koning koningin dr prof oude nieuwe grote kleine lange korte eerste tweede derde jan sint st van de den der het alte alter neue neuer grosse grosser kleine kleiner
		obere unterer lange untere hintere vordere sankt innere aussere norra sodra ostra vastra stora lilla gamla nya store lille gamle`,
	goesOn: `in on at and or is was are were to for with by from has had as of near but when where which after before around since until because last this that who he she they we i about tomorrow today`,
})

// suffix is the end of a word that names a street in German, Dutch and the
// languages of Scandinavia.
type suffix struct {
	text     string
	strength int8
}

// The strengths of a street's form.
const (
	none   int8 = iota
	weak        // a common word that streets are named with
	semi        // a street, or something else that is written so
	strong      // a street
)

// suffixes are the ends of compounds, by their last letter. Folded.
var suffixes = func() (t [26][]suffix) {
	for strength, list := range map[int8]string{
		strong: `strasse str allee gasse chaussee promenade straat straatweg laan plein gracht singel dreef steeg plantsoen gatan gata vagen
			torget stigen sgade veien gaten stien`,
		semi: `kade gade weg platz ufer damm steig baan dijk torg vej svei zeile twiete redder vag liden slingan straket grand boulevard`,
		weak: `ring pfad stieg hof berg markt park feld wall brucke kamp grund hohe hoehe wiese tor pad haven wal hage oord veld plan leden backen kajen kai lei allen
			brink esch winkel anger bogen garten heide busch eck kuja polku katu tie burg stein horst tal thal moor rain leite graben`,
	} {
		for _, s := range strings.Fields(list) {
			last := s[len(s)-1] - 'a'
			t[last] = append(t[last], suffix{s, strength})
		}
	}
	return t
}()

// noStreet are the beginnings of compounds that have such an end and name no
// street, folded: Arbeitsplatz, Umweg, Bahnsteig, Dekade.
var noStreet = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`arbeits steck stell park spiel sitz listen speicher liege tabellen start lager lande bahn halte steh fahr schlaf tagungs
		ausbildungs studien kita kindergarten krippen behandlungs rechts um aus heim losungs schul transport dienst instanzen vertriebs fuss rad hin ruck
		verkehrs flug seh brems kommunikations mittel bildungs ab de barri blok bri sub con in an ver uber rij start snel loop land`) {
		m[w] = true
	}
	return m
}()

// compound gives the strength of a folded word as the name of a street by its
// end, none where it has no such end.
func compound(w []byte) int8 {
	if len(w) < 5 {
		return none
	}
	last := w[len(w)-1] - 'a'
	if last > 25 {
		return none
	}
	best, n := none, 0
	for _, s := range suffixes[last] {
		if l := len(s.text); l > n && len(w)-l >= 2 && string(w[len(w)-l:]) == s.text {
			best, n = s.strength, l
		}
	}
	if (best == semi || best == weak) && noStreet[string(w[:len(w)-n])] {
		return none
	}
	return best
}
