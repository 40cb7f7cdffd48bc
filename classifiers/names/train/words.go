package main

import "strings"

// roles are words for persons that stand before names, by language; verbs ask to
// do something with a person. Common words, written down for the templates that
// hold for every language.
var (
	roles = map[string][]string{
		"en": fields("President|Chancellor|Prime Minister|Senator|Representative|Governor|Mayor|Judge|Justice|Captain|Colonel|General|Officer|Detective|Inspector|Sergeant|Nurse|Professor|Prof.|Coach|Minister|Ambassador|Bishop|Father|Sister|Reverend|Rev.|Mr|Mr.|Mrs|Mrs.|Ms|Ms.|Miss|Dr|Dr.|Sir|Lady|Lord|Uncle|Aunt|my husband|my wife|her son|his daughter|my neighbour|our boss|his mother|spokesman|spokeswoman|striker|goalkeeper|author|actor|director|singer|CEO|chairman|lawyer|engineer|consultant|patient|customer|client|employee|applicant|tenant|landlord|witness|policyholder|claimant|plaintiff|defendant|driver|passenger|guest|student|teacher|nurse|doctor|attorney|colleague|manager|supervisor|candidate|contractor|beneficiary|account holder|cardholder|caller|reporter|reviewer|assignee|author|sender|recipient|guardian|member|visitor|resident|owner|buyer|seller|partner|spouse|contact person|Bot|User|Agent|Assistant|Speaker|Chair|Apologies|Attendees|Present|Named insured|Next of kin|Referring physician|Prepared by|Approved by|Signed by|Name|Full name|Contact|Attn|To|From|Cc"),
		"de": fields("Herr|Herrn|Frau|Dr.|Prof.|Dr. med.|Bundeskanzler|Präsident|Ministerin|Richter|Richterin|Kommissar|Hauptmann|Pfarrer|Onkel|Tante|mein Mann|meine Frau|meine Tochter|unser Chef|ihre Schwester|Familie|Hebamme|Autorin|Sprecher|Stürmer|Trainerin|Geschäftsführer|Vorstand|Patient|Patientin|Kunde|Kundin|Mitarbeiter|Mitarbeiterin|Antragsteller|Mieter|Vermieterin|Zeuge|Zeugin|Versicherungsnehmer|Kläger|Beklagte|Fahrer|Fahrgast|Gast|Schüler|Schülerin|Lehrer|Lehrerin|Schwester|Ärztin|Anwalt|Kollege|Kollegin|Vorgesetzter|Bewerber|Bewerberin|Auftragnehmer|Kontoinhaber|Anrufer|Sachbearbeiterin|Absender|Empfänger|Mitglied|Besucher|Bewohner|Eigentümer|Käufer|Verkäufer|Ehefrau|Ehemann|Ansprechpartner|Name|Anwesend|Entschuldigt|Teilnehmer|Protokoll|Verfasser|An|Von|Minister|Trainer|Bürgermeisterin"),
		"fr": fields("M.|Mme|Mlle|Monsieur|Madame|Dr|Docteur|Maître|Me|président|présidente|juge|capitaine|père|soeur|oncle|tante|mon mari|ma femme|ma fille|notre patron|porte-parole|auteur|directrice|PDG|infirmier|patient|patiente|client|cliente|salarié|salariée|demandeur|locataire|bailleur|témoin|assuré|assurée|plaignant|conducteur|passager|élève|professeur|infirmière|médecin|avocat|collègue|responsable|candidat|candidate|bénéficiaire|titulaire|expéditeur|destinataire|adhérent|visiteur|résident|propriétaire|acheteur|vendeur|épouse|époux|Nom|Contact|Présents|Excusés|Participants|À l'attention de|De|À|ministre|maire"),
		"es": fields("Sr.|Sra.|Srta.|D.|Dña.|Don|Doña|Dr.|Dra.|Prof.|señor|señora|presidente|presidenta|juez|jueza|capitán|padre|tío|tía|mi marido|mi mujer|mi hija|nuestro jefe|portavoz|autor|directora|enfermero|paciente|cliente|clienta|empleado|empleada|solicitante|inquilino|arrendador|testigo|asegurado|demandante|conductor|pasajero|alumno|alumna|profesor|profesora|enfermera|médico|abogado|compañero|compañera|responsable|candidato|candidata|beneficiario|titular|remitente|destinatario|socio|visitante|residente|propietario|comprador|vendedor|esposa|marido|Nombre|Contacto|Asistentes|Ausentes|Participantes|De|Para|ministro|alcaldesa|Bot|Cliente"),
		"it": fields("Sig.|Sig.ra|Sig.na|Dott.|Dott.ssa|Avv.|Ing.|Prof.|signor|signora|presidente|giudice|capitano|padre|zio|zia|mio marito|mia moglie|mia figlia|il nostro capo|portavoce|autore|direttrice|infermiere|paziente|cliente|dipendente|richiedente|inquilino|locatore|testimone|assicurato|assicurata|attore|convenuto|conducente|passeggero|alunno|alunna|professore|professoressa|infermiera|medico|avvocato|collega|responsabile|candidato|candidata|beneficiario|titolare|mittente|destinatario|socio|visitatore|residente|proprietario|acquirente|venditore|moglie|marito|Nome|Contatto|Presenti|Assenti|Partecipanti|Da|A|ministro|sindaco"),
		"pt": fields("Sr.|Sra.|Dr.|Dra.|Prof.|Dona|Seu|senhor|senhora|presidente|juiz|juíza|capitão|padre|tio|tia|meu marido|minha esposa|minha filha|nosso chefe|porta-voz|autora|diretora|enfermeiro|paciente|cliente|funcionário|funcionária|requerente|inquilino|locador|testemunha|segurado|segurada|autor|réu|motorista|passageiro|aluno|aluna|professor|professora|enfermeira|médico|advogado|colega|gerente|candidato|candidata|beneficiário|titular|remetente|destinatário|sócio|visitante|morador|proprietário|comprador|vendedor|esposa|marido|Nome|Contato|Presentes|Ausentes|Participantes|De|Para|ministro|prefeito|acompanhante"),
		"nl": fields("dhr.|mevr.|mw.|De heer|Mevrouw|Dr.|Prof.|drs.|ing.|president|rechter|kapitein|oom|tante|mijn man|mijn vrouw|mijn dochter|onze baas|woordvoerder|schrijver|directrice|verpleger|patiënt|klant|medewerker|medewerkster|aanvrager|huurder|verhuurder|getuige|verzekerde|eiser|gedaagde|bestuurder|passagier|leerling|docent|verpleegkundige|arts|advocaat|collega|leidinggevende|sollicitant|begunstigde|rekeninghouder|afzender|ontvanger|lid|bezoeker|bewoner|eigenaar|koper|verkoper|echtgenote|Naam|Contactpersoon|Aanwezig|Afwezig|Deelnemers|Van|Aan|minister|burgemeester"),
		"pl": fields("Pan|Pani|dr|prof.|mec.|inż.|ks.|prezydent|sędzia|kapitan|wujek|ciocia|mój mąż|moja żona|moja córka|nasz szef|rzecznik|autor|dyrektor|dyrektorka|pielęgniarz|pacjent|pacjentka|klient|klientka|pracownik|pracownica|wnioskodawca|najemca|wynajmujący|świadek|ubezpieczony|powód|pozwany|kierowca|pasażer|uczeń|uczennica|nauczyciel|nauczycielka|pielęgniarka|lekarz|adwokat|kolega|koleżanka|kierownik|kandydat|kandydatka|beneficjent|posiadacz|nadawca|odbiorca|członek|gość|mieszkaniec|właściciel|kupujący|sprzedawca|żona|mąż|Pan|Pani|Imię i nazwisko|Kontakt|Obecni|Nieobecni|Uczestnicy|Od|Do|minister|burmistrz|Szanowny Panie|Szanowna Pani"),
		"sv": fields("Herr|Fru|dr|prof.|president|domare|kapten|farbror|moster|min man|min fru|min dotter|vår chef|talesperson|författare|direktören|patienten|kunden|medarbetaren|sökanden|hyresgästen|hyresvärden|vittnet|försäkringstagaren|käranden|svaranden|föraren|passageraren|eleven|läraren|sjuksköterskan|läkaren|advokaten|kollegan|chefen|kandidaten|förmånstagaren|kontohavaren|avsändaren|mottagaren|medlemmen|besökaren|ägaren|köparen|säljaren|frun|maken|Namn|Kontakt|Närvarande|Frånvarande|Deltagare|Från|Till|ministern|Kund|Bot"),
		"tr": fields("Bay|Bayan|Dr.|Prof. Dr.|Av.|başkan|hakim|yüzbaşı|amca|teyze|kocam|karım|kızım|patronumuz|sözcü|yazar|genel müdür|hasta|müşteri|çalışan|başvuran|kiracı|ev sahibi|tanık|sigortalı|davacı|davalı|sürücü|yolcu|öğrenci|öğretmen|hemşire|doktor|avukat|iş arkadaşım|müdür|aday|lehtar|hesap sahibi|gönderen|alıcı|üye|ziyaretçi|sakin|sahibi|satıcı|eşi|Ad Soyad|İsim|İletişim|Katılanlar|Katılmayanlar|Kimden|Kime|Sayın|bakan|Hasta|Müşteri"),
		"hi": fields("डॉ.|प्रधानमंत्री|न्यायाधीश|मेरी पत्नी|मेरा बेटा|Dr|Mr|Mrs|uncle|aunty|mere husband|meri beti|ग्राहक|मरीज़|आवेदक|कर्मचारी|छात्र|शिक्षक|डॉक्टर|वकील|श्री|श्रीमती|नाम|customer|patient|applicant|employee|teacher|papa|mummy|bhai|didi|Naam|Shri|Smt|sir|madam"),
	}
	verbs = map[string][]string{
		"en": fields("ask|tell|remind|call|email|thank|invite|contact|text|notify|pay|meet|forward it to|send this to|reply to|cc|ping|Write to|Ask|Tell|Remind|Call|Email|Thank|Congratulate|Introduce|Book a taxi for|Draft a letter to|Reply to|Forward this to|i spoke with|we met|I talked to|as told by|according to|on behalf of|prepared by|regarding"),
		"de": fields("frag|sag|erinnere|ruf|schreib|grüß|Frage|Bitte erinnere|Rufe|Schreibe an|Informiere|Antworte|Leite das weiter an|wir trafen|ich sprach mit|laut|im Auftrag von|im Gespräch mit|gehört zu|wegen"),
		"fr": fields("demande à|dis à|rappelle|appelle|écris à|remercie|Demande à|Rappelle à|Écris à|Réponds à|Préviens|j'ai parlé avec|selon|pour le compte de|au sujet de|avec"),
		"es": fields("pregunta a|dile a|recuerda a|llama a|escribe a|Pregunta a|Avisa a|Escribe a|Responde a|hablé con|según|en nombre de|a nombre de|con"),
		"it": fields("chiedi a|di' a|ricorda a|chiama|scrivi a|Chiedi a|Avvisa|Scrivi a|Rispondi a|ho parlato con|secondo|per conto di|a nome di|con"),
		"pt": fields("pergunta a|diz a|lembra|liga para|escreve para|Pergunte a|Avise|Escreva para|Responda a|falei com|segundo|em nome de|aqui é|com"),
		"nl": fields("vraag|zeg tegen|herinner|bel|schrijf|Vraag|Herinner|Bel|Schrijf aan|Antwoord|ik sprak met|volgens|namens|met"),
		"pl": fields("zapytaj|powiedz|przypomnij|zadzwoń do|napisz do|Zapytaj|Przypomnij|Zadzwoń do|Napisz do|Odpowiedz|rozmawiałem z|według|w imieniu|z"),
		"sv": fields("fråga|säg till|påminn|ring|skriv till|Fråga|Påminn|Ring|Skriv till|Svara|jag talade med|enligt|å vägnar av|med|hej"),
		"tr": fields("sor|söyle|hatırlat|ara|yaz|görüştüğüm|göre|adına|ile|merhaba"),
		"hi": fields("bolo|pucho|bhejo|call karo|yaad dilao|milna hai"),
	}
	// everywhere are templates for every language of roles.
	everywhere = strings.Split(`{W} {P}
{W}: {P}
{W}: {P}
{W} {L}
{W} {F}
{W}: {F}
{W}: {P}, {P}, {P}
{W}: {P} / {P} / {F} {L}
{W}: {L}, {F}
{W} {P}, {T}
{W} {P} ({E})
{W}: {P}, {W}: {P}
{W}: {P}; {W}: {P}; {N}
{W} {P}, {D}, {C}
{V} {F}
{V} {P}
{V} {W} {P}
{V} {F}, {F} {F}
{V} {P} {N}
{V} {F} {L}: {N}
{W}: {N}
{W} {D}
{V} {W}
{W}: {C}
{W}: {O}
- {P} ({W})
- {P}: {N}
* {W} {P} - {T}
1. {P}, {W}
{P} ({W})
{P}, {W}
{P} - {E}
{P} | {W} | {T}
{P}; {E}; {T}
{P}, {AGE}, {C}
{F}, {AGE}, {C}
{F} & {F}
{N},"{L}, {F}",{E}
{N},{F},{L},{E}
{P}\n{C}
{P}\n{T}\n{E}`, "\n")
)
