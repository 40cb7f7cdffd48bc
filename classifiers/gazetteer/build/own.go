package main

// ownWords are words of letters, forms, tickets and reports in the languages the
// names tagger is for, which stand with a capital at the start of a sentence or
// line, or always (German). Written down for this program.
const ownWords = `
hello hi hey dear regards sincerely thanks thank please subject attached attachment invoice invoices ticket tickets customer customers client clients patient patients employee employees employer
manager managers engineer engineering developer developers department departments team teams meeting meetings minutes agenda attendees project projects report reports reported reporter account accounts
contract contracts claim claims claimant policy policies payment payments refund refunds delivery deliveries shipment shipping tracking order orders card cards bank banking loan loans mortgage transfer
transfers transaction transactions balance statement statements address addresses email emails mail phone mobile fax website webpage password passwords username login logins token tokens server servers
database databases backup backups deploy deployed deployment deployments staging production cluster clusters container containers kernel firmware hardware software laptop desktop printer router
onboarding payroll salary salaries bonus vacation resume recruiter recruitment candidate candidates applicant applicants interview interviews reference references referral diagnosis symptoms symptom
treatment therapy medication medications allergy allergies admitted discharged discharge surgery surgeon nurse nurses doctor doctors physician clinic clinics hospital hospitals pharmacy prescription
insurance insurer insured beneficiary deductible premium tenant tenants landlord lease rent plaintiff defendant counsel attorney lawyer court judge hearing settlement agreement
summarize summarise rewrite draft translate translated explain describe classify extract convert proofread shorten reply respond respond forward write summarise list table format
notes note update updates updated status urgent confidential internal overview summary details detail description comment comments feedback question questions answer answers issue issues error errors
warning warnings info debug log logs trace request requests response responses file files folder document documents spreadsheet column columns row rows field fields value values key keys version versions
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december today tomorrow yesterday morning afternoon evening
mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec spring summer autumn winter christmas easter
english german french spanish italian portuguese dutch polish swedish turkish japanese chinese hindi russian arabic american british european canadian australian indian african asian irish scottish greek
ceo cto cfo hr it vp qa api url html http https json xml csv sql pdf ssl tls vpn dns aws gcp ssn dob iban bic vat gdpr kpi roi faq asap fyi eta eod rsvp

guten tag morgen abend hallo liebe lieber liebes sehr geehrte geehrter geehrten freundlichen freundliche grüßen grüße gruß herzliche herzlichen viele beste besten danke bitte betreff anlage anlagen anbei
herr herrn frau dame damen herren kunde kunden kundin kundennummer kundenservice patient patientin patienten mitarbeiter mitarbeiterin mitarbeitern kollege kollegen kollegin chef chefin abteilung
rechnung rechnungen rechnungsnummer bestellung bestellungen bestellnummer lieferung lieferadresse lieferschein vertrag verträge vertragsnummer angebot angebote auftrag zahlung überweisung konto kontonummer
kontoinhaber bank betrag summe preis kosten gebühr mahnung steuer versicherung versicherungsnummer versicherungsnehmer schaden schadenmeldung schadennummer unfall polizei kennzeichen fahrzeug auto wagen
straße hausnummer postleitzahl ort stadt adresse anschrift telefon telefonnummer handy mobil mail nachricht brief schreiben email name vorname nachname geburtsdatum geburtsort geboren alter geschlecht
arzt ärztin krankenhaus klinik praxis diagnose befund behandlung therapie medikation medikament anamnese aufnahme entlassung termin termine uhr woche monat jahr montag dienstag mittwoch donnerstag freitag
samstag sonntag januar februar märz april mai juni juli august september oktober november dezember heute morgen gestern bewerbung bewerber bewerberin lebenslauf gehalt stelle personalabteilung
krankmeldung urlaub kündigung arbeitsvertrag arbeitgeber schule schüler schülerin lehrer lehrerin klasse eltern mutter vater sohn tochter kind kinder mieter mieterin vermieter miete wohnung haus
fasse schreibe formuliere übersetze erstelle prüfe erkläre kürze antworte ticket problem fehler frage antwort hinweis vielen protokoll besprechung sitzung teilnehmer projekt bericht bitten informationen
unterlagen formular antrag antragsteller bescheid frist datum nummer seite zeile tabelle datei server passwort benutzer zugang anmeldung gericht kläger beklagte anwalt rechtsanwalt zeuge firma unternehmen

bonjour bonsoir cher chère chers madame monsieur messieurs mesdames mademoiselle merci cordialement salutations veuillez objet pièce jointe client cliente clients patient patiente salarié salariée
employé employée collègue directeur directrice responsable service équipe réunion compte rendu projet rapport facture commande commandes livraison contrat devis paiement virement montant prix banque
carte numéro référence dossier adresse rue avenue ville code postal téléphone portable courriel courrier lettre nom prénom prénoms né née naissance âge sexe médecin docteur hôpital clinique diagnostic
traitement ordonnance rendez-vous lundi mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin juillet août septembre octobre novembre décembre demain hier aujourd'hui
assurance assuré assurée sinistre véhicule immatriculation locataire bailleur loyer appartement avocat tribunal témoin école élève professeur parents mère père fils fille enfant candidat candidate
candidature salaire congé congés démission rédige résume traduis corrige reformule explique écris réponds voici selon bien suite demande réclamation remboursement mutuelle sécurité sociale entreprise société

hola buenos buenas días tardes noches estimado estimada estimados señor señora señorita gracias saludos atentamente cordialmente asunto adjunto cliente clientes paciente pacientes empleado empleada
trabajador trabajadora compañero jefe jefa director directora equipo reunión acta proyecto informe factura pedido entrega envío contrato presupuesto pago transferencia importe precio banco cuenta tarjeta
número referencia expediente dirección calle avenida plaza ciudad código postal teléfono móvil correo carta mensaje nombre apellido apellidos nacido nacida nacimiento edad sexo médico doctor doctora
hospital clínica diagnóstico tratamiento receta cita lunes martes miércoles jueves viernes sábado domingo enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre mañana
ayer hoy seguro asegurado siniestro vehículo matrícula inquilino arrendador alquiler piso abogado juzgado testigo colegio alumno alumna profesor profesora madre padre hijo hija candidato candidata
salario nómina vacaciones despido denuncia denunciante redacta resume traduce corrige explica escribe responde reclamación devolución empresa sociedad solicitud solicitante titular

ciao buongiorno buonasera gentile egregio spettabile signor signora signorina grazie saluti cordiali distinti oggetto allegato cliente clienti paziente pazienti dipendente dipendenti collega responsabile
direttore direttrice squadra riunione verbale progetto relazione fattura ordine ordini consegna spedizione contratto preventivo pagamento bonifico importo prezzo banca conto carta numero riferimento pratica
indirizzo via viale piazza città codice fiscale cap telefono cellulare posta lettera messaggio nome cognome nato nata nascita età sesso medico dottore dottoressa ospedale clinica diagnosi terapia ricetta
appuntamento lunedì martedì mercoledì giovedì venerdì sabato domenica gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre domani ieri oggi assicurazione assicurato
sinistro veicolo targa inquilino locatore affitto appartamento avvocato tribunale testimone scuola alunno alunna studente professore professoressa madre padre figlio figlia candidato candidata stipendio
ferie dimissioni scrivi riassumi traduci correggi spiega rispondi reclamo rimborso azienda società richiesta residente

olá bom boa dia tarde noite prezado prezada caro cara senhor senhora obrigado obrigada atenciosamente cumprimentos assunto anexo cliente clientes paciente funcionário funcionária colaborador colega gerente
diretor diretora equipe equipa reunião ata projeto relatório fatura pedido encomenda entrega contrato orçamento pagamento transferência valor preço banco conta cartão número referência processo endereço
morada rua avenida cidade cep telefone celular telemóvel correio carta mensagem nome sobrenome apelido nascido nascida nascimento idade sexo médico médica hospital clínica diagnóstico tratamento receita
consulta segunda terça quarta quinta sexta sábado domingo janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro amanhã ontem hoje seguro segurado sinistro veículo placa
inquilino locador aluguel apartamento advogado tribunal testemunha escola aluno aluna professor professora mãe pai filho filha candidato candidata salário férias demissão escreva resuma traduza corrija
explique responda reclamação reembolso empresa sociedade solicitação titular

hallo beste geachte heer mevrouw meneer dank groet groeten vriendelijke hartelijke onderwerp bijlage klant klanten patiënt medewerker medewerkster collega manager directeur afdeling team vergadering notulen
project rapport factuur bestelling levering contract offerte betaling overboeking bedrag prijs bank rekening rekeningnummer kaart nummer referentie dossier adres straat stad plaats postcode telefoon mobiel
brief bericht naam voornaam achternaam geboren geboortedatum leeftijd geslacht arts huisarts ziekenhuis kliniek diagnose behandeling recept afspraak maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
januari februari maart april mei juni juli augustus september oktober november december morgen gisteren vandaag verzekering verzekerde schade voertuig kenteken huurder verhuurder huur woning advocaat
rechtbank getuige school leerling leraar moeder vader zoon dochter sollicitant sollicitatie salaris vakantie ontslag schrijf vat vertaal verbeter leg beantwoord klacht terugbetaling bedrijf aanvraag

dzień dobry witam cześć szanowny szanowna szanowni pan pani państwo panu panią dziękuję pozdrawiam pozdrowienia poważaniem temat załącznik klient klientka klienta pacjent pacjentka pacjenta pracownik
pracownica kolega koleżanka kierownik dyrektor zespół dział spotkanie protokół projekt raport faktura zamówienie dostawa przesyłka umowa oferta płatność przelew kwota cena bank konto rachunek karta numer
adres ulica miasto kod pocztowy telefon komórka poczta list wiadomość imię nazwisko urodzony urodzona data urodzenia wiek płeć lekarz lekarka szpital klinika przychodnia rozpoznanie leczenie recepta wizyta
poniedziałek wtorek środa czwartek piątek sobota niedziela styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień jutro wczoraj dziś dzisiaj ubezpieczenie
ubezpieczony szkoda pojazd rejestracja najemca wynajmujący czynsz mieszkanie adwokat sąd świadek szkoła uczeń uczennica nauczyciel nauczycielka matka ojciec syn córka kandydat kandydatka wynagrodzenie
urlop wypowiedzenie napisz streść przetłumacz popraw wyjaśnij odpowiedz reklamacja zwrot firma spółka wniosek wnioskodawca

hej hejsan god morgon kväll bästa herr fru tack hälsningar vänliga mvh ämne bilaga kund kunden kunder patient patienten anställd medarbetare kollega chef chefen avdelning team möte protokoll projekt
rapport faktura beställning leverans avtal kontrakt offert betalning överföring belopp pris bank konto kontonummer kort nummer referens ärende adress gata gatan stad ort postnummer telefon mobil brev
meddelande namn förnamn efternamn född födelsedatum personnummer ålder kön läkare sjukhus klinik vårdcentral diagnos behandling recept tid måndag tisdag onsdag torsdag fredag lördag söndag januari februari
mars april maj juni juli augusti september oktober november december imorgon igår idag försäkring skada fordon registreringsnummer hyresgäst hyresvärd hyra lägenhet advokat domstol vittne skola elev lärare
mamma pappa mor far son dotter sökande lön semester uppsägning skriv sammanfatta översätt rätta förklara svara klagomål återbetalning företag bolag ansökan

merhaba selam günaydın sayın bay bayan bey hanım teşekkürler teşekkür saygılarımla saygılar konu ek müşteri müşterimiz müşterinin hasta hastanın çalışan personel meslektaş müdür müdürü yönetici departman ekip
toplantı tutanak proje rapor fatura sipariş teslimat kargo sözleşme teklif ödeme havale tutar fiyat banka hesap kart numara numarası referans dosya adres cadde sokak mahalle şehir il ilçe posta telefon cep
mektup mesaj ad adı soyad soyadı isim doğum tarihi yaş cinsiyet doktor hekim hastane klinik tanı tedavi reçete randevu pazartesi salı çarşamba perşembe cuma cumartesi pazar ocak şubat mart nisan mayıs
haziran temmuz ağustos eylül ekim kasım aralık yarın dün bugün sigorta sigortalı hasar araç plaka kiracı kira daire avukat mahkeme tanık okul öğrenci öğretmen anne baba oğlu kızı aday maaş izin istifa yaz
özetle çevir düzelt açıkla yanıtla şikayet iade şirket başvuru

namaste bhai ji kripya dhanyavaad naam pata mobile gaon shahar zila janm tithi umar aadhaar pan salary account paisa rupaye bill order delivery doctor aspatal marij dawa ilaaj school beta beti papa mummy
likho likh batao bhejo karo karna chahiye hai hain nahi kya kyun aur mein se ko ka ki ke par iska uska unka mera tera apna kal aaj subah shaam
`
