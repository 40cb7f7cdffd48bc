package health

import (
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// said are the ways in which people write what this room finds; every mark is
// found by its type at likely, more or less of it.
var said = []string{
	"Chart #[[MEDICAL_RECORD|A-48291]] for the patient in bed 4",
	"Patient: Ekdahl, Tomas (ID [[MEDICAL_RECORD|48291077]])",
	"Pat.-Nr. [[MEDICAL_RECORD|482910]], geb. 04.10.1961",
	"Fallnummer [[MEDICAL_RECORD|20264829]] der Klinik, Station 4",
	"IPP [[MEDICAL_RECORD|8001234567]], patient hospitalisé au CHU",
	"N° de dossier : [[MEDICAL_RECORD|482910]], hôpital Saint-Louis",
	"Historia clínica [[MEDICAL_RECORD|HC-482910]]",
	"Nº de historia clínica: [[MEDICAL_RECORD|482910]]",
	"cartella clinica n. [[MEDICAL_RECORD|2026/4829]]",
	"nr historii choroby [[MEDICAL_RECORD|4829/26]]",
	"Prontuário nº [[MEDICAL_RECORD|482910]]",
	"patiëntnummer [[MEDICAL_RECORD|4829107]]",
	"Journalnummer [[MEDICAL_RECORD|482910-77]], vårdcentralen",
	"病案号:[[MEDICAL_RECORD|00482910]]",
	"カルテ番号 [[MEDICAL_RECORD|482910]]",
	"診察券番号:[[MEDICAL_RECORD|0048-2910]]",
	"UHID No: [[MEDICAL_RECORD|APH.482910]]",
	"medical_record_number = '[[MEDICAL_RECORD|MR004829]]'",
	"Medicaid ID [[HEALTH_INSURANCE_ID|AB12345C]]",
	"Blue Cross member number: [[HEALTH_INSURANCE_ID|XYZ482910771]]",
	"Versichertennummer [[HEALTH_INSURANCE_ID|A482910771]] AOK",
	"plano de saúde Unimed, carteirinha [[HEALTH_INSURANCE_ID|00644829107712]]",
	"NPI#[[US_NPI|1598763526]]",
	"My son was just diagnosed with [[HEALTH_CONDITION|leukemia]].",
	"I've been living with [[HEALTH_CONDITION|HIV]] since 2009 and my employer doesn't know",
	"Employee requests accommodation due to [[HEALTH_CONDITION|epilepsy]]",
	"She's on [[MEDICATION|lithium]] for [[HEALTH_CONDITION|bipolar disorder]]",
	"Patient reports taking [[MEDICATION|sertraline]] 50mg daily",
	"John Meyer called in sick again, [[HEALTH_CONDITION|migraine]]",
	"Our tenant at number 4 suffers from [[HEALTH_CONDITION|schizophrenia]]",
	"client disclosed [[HEALTH_CONDITION|alcoholism]] and past [[HEALTH_CONDITION|suicide attempt]]",
	"Claimant has [[HEALTH_CONDITION|rheumatoid arthritis]] and [[HEALTH_CONDITION|COPD]]",
	"Meine Tochter hat [[HEALTH_CONDITION|Diabetes]] Typ 1",
	"Herr Krause ist an [[HEALTH_CONDITION|Parkinson]] erkrankt",
	"Der Kollege fehlt wegen [[HEALTH_CONDITION|Burn-out]]",
	"Patient, 54 J., bekannter [[HEALTH_CONDITION|Diabetes mellitus]] Typ 2, Z.n. [[HEALTH_CONDITION|Herzinfarkt]]",
	"Ma mère a un [[HEALTH_CONDITION|cancer du sein]]",
	"M. Petit est en arrêt maladie pour [[HEALTH_CONDITION|dépression]]",
	"Mi padre padece [[HEALTH_CONDITION|Alzheimer]]",
	"La trabajadora está de baja por [[HEALTH_CONDITION|ansiedad]]",
	"Mia moglie ha il [[HEALTH_CONDITION|diabete]]",
	"Il sig. Conti è in malattia per [[HEALTH_CONDITION|ernia del disco]]",
	"Moja żona choruje na [[HEALTH_CONDITION|stwardnienie rozsiane]]",
	"Pan Nowak ma [[HEALTH_CONDITION|astmę]]",
	"Minha mãe tem [[HEALTH_CONDITION|hipertensão]]",
	"O funcionário está afastado por [[HEALTH_CONDITION|depressão]]",
	"Mijn vader heeft [[HEALTH_CONDITION|longkanker]]",
	"De medewerker is ziekgemeld met een [[HEALTH_CONDITION|burn-out]]",
	"Min son har [[HEALTH_CONDITION|ADHD]]",
	"Anställd är sjukskriven för [[HEALTH_CONDITION|utmattningssyndrom]]",
	"Annem [[HEALTH_CONDITION|şeker hastası]]",
	"Çalışanımız Ayşe Kaya [[HEALTH_CONDITION|kanser]] tedavisi görüyor",
	"母は[[HEALTH_CONDITION|認知症]]です",
	"部下の田中さんが[[HEALTH_CONDITION|うつ病]]で休職しています",
	"我妈妈得了[[HEALTH_CONDITION|肺癌]]",
	"员工李明因[[HEALTH_CONDITION|抑郁症]]请病假",
	"मेरे पिता को [[HEALTH_CONDITION|कैंसर]] है",
	"The witness is [[NRP|Jewish]] and lives nearby",
	"He converted to [[NRP|Islam]] last year",
	"my boss is a [[NRP|Republican]]",
	"She is a member of the [[NRP|Communist Party]]",
	"The applicant is a [[TRADE_UNION_MEMBERSHIP|union member]]",
	"employee came out as [[SEXUAL_ORIENTATION|gay]]",
	"Candidate is of [[NRP|Pakistani]] origin",
	"Er ist [[SEXUAL_ORIENTATION|schwul]]",
	"Sie ist in der [[TRADE_UNION_MEMBERSHIP|Gewerkschaft]]",
	"Elle est [[NRP|musulmane]] pratiquante",
	"Nacionalidad: [[NRP|marroquí]]",
	"Religione: [[NRP|cattolica]]",
	"wyznanie: [[NRP|katolickie]]",
	"Ele é [[NRP|evangélico]]",
	"Hij is lid van de [[TRADE_UNION_MEMBERSHIP|FNV]]",
	"政治面貌:[[NRP|中共党员]]",
	"ethnicity: [[NRP|Hispanic]]",
	"Patient ID: [[MEDICAL_RECORD|PT-00482910]], admitted to ward 7",
	"MRN [[MEDICAL_RECORD|4829-10-77]]",
	"Hosp No [[MEDICAL_RECORD|K482910]] NHS ward",
	"(MRN: [[MEDICAL_RECORD|E1048291]]) was discharged on 3 May",
	`{"patient":{"id":"[[MEDICAL_RECORD|48291077]]","name":"x"}}`,
	"Aufnahmenummer: [[MEDICAL_RECORD|482910771]] Klinik für Innere Medizin",
	"NIP : [[MEDICAL_RECORD|482910771]] (patient CHU Lille)",
	"NHC: [[MEDICAL_RECORD|HU-482910]] Urgencias",
	"nº de processo clínico [[MEDICAL_RECORD|482910]]",
	"T.C. hasta dosya no: [[MEDICAL_RECORD|482910]]",
	"就诊卡号 [[MEDICAL_RECORD|4829107711]] 患者 女 34岁",
	"DEA# [[MEDICAL_LICENSE|BL4829101]] for Dr. Lowe",
	"Medicare Beneficiary Identifier [[US_MBI|4KM7-QT2-WX91]]",
	"Subscriber ID: [[HEALTH_INSURANCE_ID|W2482910771]] (UnitedHealthcare PPO)",
	"Please draft a letter to HR: I need leave because of my [[HEALTH_CONDITION|chemotherapy]].",
	"Summarize: Ms. Okafor, 34, is pregnant ([[HEALTH_CONDITION|high-risk pregnancy]]) and works nights.",
	"Insured person's file: [[HEALTH_CONDITION|Type 1 diabetes]] since childhood, [[HEALTH_CONDITION|hypertension]].",
	"We had to let Greg go, his [[HEALTH_CONDITION|depression]] got worse",
	"student with [[HEALTH_CONDITION|dyslexia]] and [[HEALTH_CONDITION|ADHD]] needs extra time, her mother wrote",
	"Diagnosis: [[HEALTH_CONDITION|generalized anxiety disorder]] (F41.1). Plan: [[MEDICATION|escitalopram]] 10 mg",
	"Pt c/o chest pain, h/o [[HEALTH_CONDITION|atrial fibrillation]], on [[MEDICATION|apixaban]] 5 mg BID",
	"Mr Lowe tested positive for [[HEALTH_CONDITION|hepatitis B]]",
	"Our neighbour Karen had a [[HEALTH_CONDITION|miscarriage]] in March",
	"Grund der Kündigung: [[HEALTH_CONDITION|Alkoholsucht]] des Mitarbeiters",
	"Die Versicherte ist [[HEALTH_CONDITION|schwanger]]",
	"Frau Yilmaz (Jg. 1980) leidet an [[HEALTH_CONDITION|Multipler Sklerose]]",
	"Le salarié a fait un [[HEALTH_CONDITION|infarctus]] le 3 mai",
	"Mon fils est [[HEALTH_CONDITION|autiste]]",
	"El señor Ruiz tiene [[HEALTH_CONDITION|cáncer de próstata]]",
	"La paciente es [[HEALTH_CONDITION|diabética]] e hipertensa",
	"Mio padre ha avuto un [[HEALTH_CONDITION|ictus]]",
	"La dipendente è [[HEALTH_CONDITION|incinta]]",
	"U mojego syna zdiagnozowano [[HEALTH_CONDITION|autyzm]]",
	"Pacjent leczony z powodu [[HEALTH_CONDITION|nadciśnienia]]",
	"Meu filho foi diagnosticado com [[HEALTH_CONDITION|autismo]]",
	"A doente sofre de [[HEALTH_CONDITION|esclerose múltipla]]",
	"Mevrouw Smit heeft [[HEALTH_CONDITION|borstkanker]] gehad",
	"Hennes man fick en [[HEALTH_CONDITION|hjärtinfarkt]]",
	"Hastamız [[HEALTH_CONDITION|epilepsi]] nedeniyle takip ediliyor",
	"Oğlum [[HEALTH_CONDITION|otizmli]]",
	"夫が[[HEALTH_CONDITION|心筋梗塞]]で倒れました",
	"患者は55歳男性、[[HEALTH_CONDITION|高血圧]]と[[HEALTH_CONDITION|糖尿病]]の既往あり",
	"患者张伟,[[HEALTH_CONDITION|高血压]]病史10年",
	"मेरी पत्नी [[HEALTH_CONDITION|गर्भवती]] है",
	"He is an active [[TRADE_UNION_MEMBERSHIP|union member]] and a [[NRP|socialist]]",
	"The accused is [[NRP|Roma]] and has [[CRIMINAL_RECORD|previous convictions]]",
	"my husband is [[SEXUAL_ORIENTATION|transgender]]",
	"Kollege Meier wählt die [[NRP|AfD]]",
	"La candidate est [[TRADE_UNION_MEMBERSHIP|syndiquée]] à la CGT",
	"Mi vecino es [[NRP|gitano]]",
	"lei è [[NRP|testimone di Geova]]",
	"Jej mąż jest [[NRP|Żydem]]",
	"Onun oğlu [[SEXUAL_ORIENTATION|eşcinsel]]",
	"彼は[[NRP|在日韓国人]]です",
	"他是[[SEXUAL_ORIENTATION|同性恋]]",
	"I'm a [[NRP|Nigerian]] citizen living in Berlin",
}

// harmless are texts of the same world without anything of a person.
var harmless = []string{
	"konto użytkownika 12345678 zostało zablokowane",
	"Diabetes prevalence rose to 11.6 % in 2021; obesity and hypertension are risk factors.",
	"Our hospital software supports HL7, FHIR and ICD-10; patients can book online.",
	"Write a job description for a nurse in the oncology ward, experience with cancer patients welcome.",
	"The drug metformin lowers glucose production; insulin regulates blood sugar.",
	"Aspirin and ibuprofen are over-the-counter; morphine is a controlled substance.",
	"Depression-era photography; the Great Depression hit farmers in the 1930s.",
	"a stroke of luck, SVG stroke-width, breaststroke, a seizure of assets, a fracture in the pipe",
	"We need a HIPAA-compliant way to store diagnoses; which encryption should we use?",
	`Translate: "If you are pregnant or breastfeeding, ask your doctor before taking this medicine."`,
	"Compare Catholic and Protestant views of grace. What did Luther think of indulgences?",
	"The Turkish lira fell against the dollar; German exports rose; Chinese steel is cheap.",
	"Recipe: Indian curry, Thai basil, Mexican beans, French bread, Italian olive oil, Greek yoghurt",
	"The Republican and Democratic candidates debated; polls show a tie among Hispanic voters.",
	"The union of two sets; UNION ALL in SQL; European Union law; trade union density by country",
	"black box testing, blacklist, a gay old time, straight line, the transport union building",
	"Member of the project team; membership is free; party of three at table nine",
	"IMEI numbers have 15 digits; MAC addresses have 48 bits; the ICCID begins with 89",
	"case 352099001761486 build 8949020000123456789 job 310150123456789",
	"Our Chinese office moved; the French team won; our American customers complain about shipping",
	"She speaks Spanish and Portuguese; he teaches English; the Dutch translation is late",
	"Sie spricht Türkisch; der deutsche Markt; unsere italienische Niederlassung",
	"Patient portal: reset password; patient experience survey; be patient with me",
	"The ward 7 chart shows 48291 visits; hospital beds 12345; medical record retention is 10 years",
	"Dr. Meyer published a study on asthma and allergies in children.",
	"Is it legal to ask an applicant about pregnancy or disability in an interview?",
	"The insulin pump firmware 4.2.1 fails; the glucose sensor sends 12345678 samples",
	"Mental health days: our policy allows two per year; burnout prevention workshop on Friday",
	"My app tracks migraine triggers; how do I store symptoms in SQLite?",
	"Explain anemia to a medical student with a table of causes.",
	"I wrote a novel about a detective with epilepsy, how should I describe a seizure?",
	"The candidate answered all questions about cancer screening guidelines.",
}

func TestSaid(t *testing.T) {
	s := suite(t)
	for _, marked := range said {
		bare, marks, err := classifiers.ParseMarked(marked)
		if err != nil {
			t.Fatal(err)
		}
		found := classify(t, s, text(bare))
	marks:
		for _, m := range marks {
			for _, f := range found {
				if f.Type == m.Type && f.Start < m.End && m.Start < f.End && f.Likelihood >= proxy.Likely {
					continue marks
				}
			}
			t.Errorf("%q: %s at %d-%d is missed", bare, m.Type, m.Start, m.End)
		}
	}
}

func TestHarmless(t *testing.T) {
	s := suite(t)
	for _, in := range harmless {
		for _, f := range classify(t, s, text(in)) {
			if matters(f) {
				t.Errorf("%q: %s (%s, %+v) at %d-%d", in, f.Type, f.Likelihood, f.Evidence, f.Start, f.End)
			}
		}
	}
}
