package labelled

import "github.com/ostiary/ostiary/classifiers/words"

// class is what a word can be beside a name; a word can be several things.
type class = words.Class

const (
	nameWord    class = 1 << iota // name, nombre: of persons and of things
	strongName                    // surname, Vorname: of persons only
	role                          // patient, Kunde: who is named
	lister                        // attendees: several are named
	header                        // From, Cc: heads of mail
	title                         // Mr, Frau
	after                         // Bey, ji: a title behind the name
	particle                      // von, de, bin
	suffix                        // Jr, III
	company                       // GmbH, Inc
	stop                          // words that are no part of a name
	qualifier                     // full, first: before name, of persons
	thing                         // file, host: before name, of things
	placeholder                   // string, null: no value
	wrote                         // wrote, schrieb
	month                         // of the year; see months
	userWord                      // username, login
	machine                       // agent, bot: speakers that are no persons
	birthWord                     // dob: a key of a date of birth
	ageWord                       // age, Alter
	goesOn                        // a, the, is: what follows is no name
)

// The words of labels, in the languages that the detector knows.
const (
	nameWords   = `name names nombre nome nom naam namn navn isim nazwa naam nazwisko_imie imienazwisko navn nimi имя नाम`
	strongNames = `surname lastname firstname forename givenname familyname fullname maidenname middlename nickname alias aka fname lname
		vorname vornamen nachname nachnamen voornamen voorletters familienname geburtsname rufname zuname vollname prenom prenoms apellido apellidos nombres cognome cognomi sobrenome apelido
		voornaam achternaam roepnaam tussenvoegsel fornamn efternamn fornavn etternavn efternavn imie imiona nazwisko soyad soyadi adsoyad adisoyadi adi adim
		given family sur prenume nume nom_de_famille xnome fn cn gecos displayname realname ownername holdername contactname
		customername clientname patientname username_full employeename personname membername accountname cardholdername guestname passengername studentname applicantname
		фамилия उपनाम`
	roles = `person user solicitor lawyer attorney avocat avocate abogado abogada avvocato advogado advokat adwokat anwalt anwaltin keeper notary notar notaire notario solicitante
		rappresentante representante representant acompanhante begleiter collega wspolnik oglu kizi patient patientin patiente patienten pt pat paciente paziente pacjent pacjentka pacjenta hasta potilas patienten pasient subject subj
		customer client clients kunde kundin kunden klient klientka klienta cliente clienta clientes musteri klant klanten kund asiakas shopper buyer seller vendor_contact purchaser
		kaufer kauferin verkaufer verkauferin acheteur vendeur comprador vendedor acquirente venditore koper verkoper nabywca sprzedawca kopare saljare alici satici
		employee worker staffer mitarbeiter mitarbeiterin arbeitnehmer arbeitnehmerin angestellter angestellte employe employee salarie salariee empleado empleada trabajador trabajadora
		dipendente lavoratore funcionario funcionaria trabalhador werknemer medewerker pracownik pracownica anstalld calisan personel
		applicant coapplicant co-applicant antragsteller antragstellerin bewerber bewerberin demandeur candidat candidate candidata candidato solicitante richiedente requerente aanvrager wnioskodawca sokande
		insured policyholder versicherte versicherter versicherungsnehmer vn assure assuree asegurado asegurada assicurato assicurata segurado segurada verzekerde ubezpieczony ubezpieczona sigortali
		beneficiary beneficiario beneficiaire beneficjent begunstigter empfanger empfangerin recipient payee ontvanger odbiorca mottagare alici destinataire destinatario destinatario
		sender absender expediteur remitente mittente remetente afzender nadawca avsandare gonderen payer ordonnateur ordenante ordinante
		holder cardholder accountholder kontoinhaber kontoinhaberin inhaber inhaberin karteninhaber titulaire titular titolare intestatario rekeninghouder posiadacz innehavare
		claimant plaintiff defendant respondent witness zeuge zeugin klager klagerin beklagter beschuldigter temoin testigo testimone testemunha getuige swiadek vittne tanik
		denunciante denunciado demandante demandado conducente conductor conducteur kierowca kierujacy kierujaca driver fahrer fahrerin unfallgegner unfallgegnerin halter forare bestuurder surucu
		passenger pax passager passagere passeggero pasajero passageiro passagier pasazer pasazerka passagerare yolcu traveller traveler reisender guest gast huesped ospite hospede
		tenant landlord mieter mieterin vermieter vermieterin locataire bailleur inquilino inquilina arrendador locatario locatore inquilino huurder verhuurder najemca wynajmujacy hyresgast hyresvard kiraci
		pupil student schuler schulerin eleve etudiant alumno alumna estudiante alunno studente aluno aluna leerling uczen uczennica elev ogrenci
		guardian parent spouse husband wife partner ehemann ehefrau ehepartner conjoint conjointe conyuge coniuge conjuge echtgenoot malzonek maka make es
		mother father mum mom dad daughter son sister brother aunt uncle niece nephew cousin grandmother grandfather boss colleague friend mutter vater tochter sohn schwester bruder kollege kollegin
		madre padre hija hijo hermana hermano esposa marido esposo mere pere fille fils soeur frere epouse epoux moglie figlia figlio sorella fratello zus broer moeder vader dochter zoon
		contact ansprechpartner ansprechpartnerin kontakt kontaktperson contacto contatto contato contactpersoon anhorig anhorige attn attention attn.
		adjuster prescriber prescripteur physician doctor nurse therapist caseworker arzt arztin hausarzt medecin medico medica lekarz lakare hekim doktor huisarts
		teacher lehrer lehrerin klassenlehrer maestra maestro enseignant insegnante professora nauczyciel larare ogretmen segretario secretary presidente presidiert
		author autor autorin auteur autore reporter assignee reviewer requester owner supervisor signatory signed unterzeichner undersigned sottoscritto sottoscritta abajofirmante soussigne soussignee
		referent sachbearbeiter sachbearbeiterin bearbeiter bearbeiterin caller anrufer anruferin appelant llamante
		named nommé llamado llamada named_insured prestador prestadora kontrahent victim suspect opfer verdachtiger victime victima vittima offender detainee inmate resident member mitglied lid
		musteri hastanin yetkili ilgili sahibi veli
		ग्राहक मरीज़ मरीज रोगी आवेदक клиент пациент`
	listers = `attendees participants present apologies cc bcc anwesend teilnehmer teilnehmende entschuldigt presents participants excuses asistentes presentes ausentes presenti partecipanti
		assenti participantes aanwezig aanwezigen deelnemers afwezig obecni uczestnicy nieobecni narvarande deltagare franvarande katilanlar katilimcilar eheleute eheleuten reviewers authors guests witnesses
		members contributors speakers trainers referees references`
	headers = `from to cc bcc sender reply-to von an de para da a od do kimden kime kopia kopie para van aan fran till author committer signed-off-by co-authored-by reviewed-by
		acked-by tested-by reported-by suggested-by organizer attendee`
)

// lexicon holds the words. They are common knowledge: forms of address, heads of
// forms, words that stand where a name could.
var lexicon = words.NewLexicon(map[class]string{
	nameWord:   nameWords,
	strongName: strongNames,
	role:       roles,
	lister:     listers,
	header:     headers,
	title: `mr mrs ms miss mx dr prof professor sir madam dame rev reverend herr herrn frau hr fr mme mlle madame mademoiselle monsieur me maitre docteur
		sr sra srta senor senora senorita don dona dna doña d med dipl ing sig signor signora signorina signorine sig.ra sigra dott dottor dottore dottoressa dottssa ssa avv ing
		senhor senhora exmo exma ilmo pan pani pana panu panie panem fru ogr uyesi doc op pt dhr mevr mw mevrouw meneer heer mijnheer drs ir bay bayan sayin sn av uzm
		shri smt shrimati kumari sri श्री श्रीमती कुमारी डॉ herrn fraulein familie family famille famiglia familia judge justice officer detective capt captain lt sgt sergeant insp inspector
		nurse dra lic rr m phd mba esq hanimefendi beyefendi`,
	after:    `bey hanim beyefendi hanimefendi ji saheb sahib bhai didi जी`,
	particle: `de da do dos das di del della dello degli der den des du la le las los van von vom zu zum zur ter ten te af av bin binti bint ibn al el ben ap ní ni nic mac mc o st`,
	suffix:   `jr sr ii iii iv phd md esq`,
	company: `inc llc llp ltd limited corp corporation company plc gmbh ag kg kgaa ohg ug se mbh e.v sa sas sarl sprl bv nv vof ab as asa oy oyj aps spa srl snc ltda eireli sl slu sociedad
		bank banco banca banque group gruppe groupe gruppo holding holdings insurance versicherung assurances seguros university universitat hospital klinik clinic school solutions systems services
		technologies software partners associates consulting foundation institute trust fund capital logistics airlines hotel restaurant mutual energy pharma labs media studio studios agency
		department abteilung ministry council committee office sirketi sti a.s spolka sp z.o.o stiftung verein verband gbr co`,
	stop: `monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miercoles
		jueves viernes sabado domingo
		sir madam team all everyone everybody there folks friends colleagues customer customers client clients support service services sales account accounts hiring manager managers user users member
		members guest guests parents students employees staff recruiter editor reader readers valued sirs ladies gentlemen damen herren kollegen kolleginnen kunden zusammen leute messieurs mesdames equipe
		tous clientes equipo todos todas colegas tutti squadra clienti equipe collega iedereen allemaal klant panstwo wszyscy alle arkadaslar herkese world again both guys hi hello hey dear thanks
		id number no nr nummer numero date dob ssn tel phone mobile fax email e-mail mail address adresse direccion indirizzo endereco adres zip city state country code status type gender sex age role
		position department company organization amount total price order invoice ticket case ref reference policy claim insurance plan card iban bic account passport license licence national tax vat medicare
		mrn npi nhs dea id cpf cnpj dni nif nie nir pesel nip bsn cf curp rfc ahv svnr clabe sort routing visa number info information data details notes note comment description title subject message
		re fw fwd http https www the and or of for with by is are was were has have had will would can could should may might must not no yes please thank regards best kind sincerely
		care journey satisfaction relationship experience success desk portal handbook agreement name names given first last middle full table column field value key list
		yeah yes ok okay well oh sorry good great nice absolutely actually doktorze profesorze dyrektorze prezesie है हैं का की के को से ने और today tomorrow yesterday morning afternoon evening night
		birth born male female unknown other confidential private internal draft urgent important new old page section chapter version
		sehr geehrte geehrter liebe lieber guten gruß mit und oder der die das ein eine ist im am zu auf aus bei nach wie bitte danke vielen
		le la les un une des et ou est bonjour merci cher chere estimado estimada hola gracias saludos el los las una con por para gentile egregio buongiorno grazie prezado prezada obrigado
		beste geachte hallo dank met vriendelijke groet szanowny szanowna dzien dobry czesc dziekuje hej tack basta merhaba selam tesekkurler
		who what when where why how this that these those my your his her our their its it he she we you they i
		alert warning error debug trace fatal panic todo fixme example sample test demo default admin root system server client api url uri json xml html csv sql
		apt suite ste unit lot nr kw general medical emergency primary secondary billing shipping current previous next home work office main street road avenue city town county`,
	qualifier: `full first last given family sur middle maiden legal contact display real preferred birth emergency person customer client patient employee member holder owner cardholder guest passenger student applicant
		user account contact billing shipping payer payee recipient sender beneficiary author manager doctor agent_name emergency candidate your spouse mother father ad`,
	thing: `file host hostname user domain product project class function method table column field service package bucket event brand model branch repo repository image container job task step stage queue topic
		index key app application module plugin library variable param parameter property attribute tag group role policy rule resource node cluster pod namespace server device machine process thread
		business company organization org vendor merchant store shop school hospital bank city country state street place region county ship vessel game team song film book title display code db database schema
		type nick path dir folder template theme font color icon button form menu item sku category domain common short long brand trade generic drug scientific street server set env environment
		interface struct enum import export test suite workflow action pipeline layer dataset feature font metric`,
	placeholder: `string str text char varchar int integer number bool boolean null nil none undefined true false unknown n/a na required optional test example sample foo bar baz value todo tbd xxx
		self this req request res response data input args arg param user name placeholder redacted masked anonymous anon admin root system default object array any var let const new func function return
		print get set strip trim lower upper title format join split len vacant empty open pending active inactive yes no`,
	wrote:     `wrote writes said schrieb schreibt ecrit escribio escreveu scritto schreef skrev napisal napisala yazdi`,
	userWord:  `user username usernames userid login logon handle screenname nickname nick benutzername benutzer nutzername kennung utilisateur identifiant usuario usuário utente gebruikersnaam gebruiker uzytkownik anvandarnamn kullanici user_name loginname uname sam samaccountname`,
	machine:   `agent bot assistant system user visitor customer support kunde kundin client cliente human ai me operator host guest speaker interviewer interviewee moderator patient doctor nurse teacher student caller q a note notes warning tip example input output question answer summary step todo fixme error info debug result results title subject date time usage returns args params see default http https mailto tel fax email`,
	birthWord: `dob birthdate dateofbirth birthday born birth geburtsdatum geboren geb gebdat naissance nacimiento fechanacimiento nascita datanascita nascimento geboortedatum dataurodzenia urodzenia fodelsedatum fodd dogumtarihi dogum bday birthyear bdate`,
	ageWord:   `age alter aged edad eta idade leeftijd wiek alder yas yasi ages उम्र आयु`,
	goesOn:    `a an the in on at is was are not so very just only also here there going looking trying sure sorry glad happy afraid writing calling interested available able from your our`,
	month:     monthWords,
})
