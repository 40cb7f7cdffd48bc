package labelled

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/internal/lanes"
)

// more are forms beyond those that document the detectors. All are made up.
var more = []string{
	// Labels, keys, records
	"Kunde: [[PERSON|Jörg Pahlke]]\nNachname: [[PERSON|Pahlke]]",
	"Empfänger [[PERSON|Miriam Stolz]], Verwendungszweck",
	"Customer name: [[PERSON|Dele Adeyemi]] | account",
	`customer_name="[[PERSON|Ruth Carver]]", lastName: "[[PERSON|O'Malley]]"`,
	"cliente: [[PERSON|Marisol Iglesias]]; Titulaire : [[PERSON|Benoît Lacroix]]",
	"Paziente: [[PERSON|Bassi, Teresa]], nata a",
	"Pacjent [[PERSON|Jan Nowicki]] zgłosił",
	"Hyresgäst [[PERSON|Maja Lindholm]] och",
	"Müşteri: [[PERSON|Ayşe Korkmaz]]",
	"Verzekerde [[PERSON|Anouk de Boer]] belt",
	"SURNAME [[PERSON|TURNER]] / GIVEN NAMES [[PERSON|PAUL]]",
	"BEGIN:VCARD\nN:[[PERSON|Sato]];[[PERSON|Emi]];;;\nFN:[[PERSON|Emi Sato]]",
	"Author: [[PERSON|Kenji Mori]] <kenji@mori.example>\nSigned-off-by: [[PERSON|Petra Vogel]] <pv@x.example>",
	"Cc: [[PERSON|Ann Lee]] <a@x.example>, [[PERSON|Bob Marsh]] <b@x.example>",
	"Anwesend: Hr. [[PERSON|Kessler]], Fr. [[PERSON|Lang]]",
	"my sister [[PERSON|Beth]] and my uncle [[PERSON|Harold Finch]]",
	"first_name=[[PERSON|Owen]]&last_name=[[PERSON|Griffiths]]", "Nom : [[PERSON|LEFEBVRE]]  Prénom : [[PERSON|Marc-Antoine]]", "Cognome: [[PERSON|Rizzo]] Nome: [[PERSON|Salvatore]]", "Nome completo: [[PERSON|Rafael Moura Dias]]",
	"Imię i nazwisko: [[PERSON|Jan Wójcik]]", "Adı Soyadı: [[PERSON|Fatma Demir]]", "氏名(漢字):[[PERSON|渡辺直美]]", "客户经理[[PERSON|刘洋]]", "お客様:[[PERSON|伊藤一郎]] 様", "रोगी का नाम: [[PERSON|सुनीता देवी]]",
	// Titles
	"Geachte mevrouw [[PERSON|De Vries]],", "[[PERSON|Ayşe]] Hanım'ın dosyası", "[[PERSON|欧阳娜]]女士", "[[PERSON|田中]]部長", "Pt. [[PERSON|Williams]] presented",
	"Frau [[PERSON|Özdemir]] und Herr Dr. [[PERSON|von Stein]]",
	"la Sra. [[PERSON|Ortega]] y el Sr. [[PERSON|Molina]]",
	"il dott. [[PERSON|Ricci]] e la sig.ra [[PERSON|Fontana]]",
	"pani [[PERSON|Anna Zielińska]] i pan [[PERSON|Marek]]",
	"[[PERSON|Zeynep]] Hanım ve [[PERSON|Murat]] Bey",
	"M. [[PERSON|Girard]] et Mme [[PERSON|Leroy]]",
	"Mevrouw [[PERSON|van den Berg]] en dhr. [[PERSON|Bakker]]",
	"[[PERSON|田中]]様、[[PERSON|山本花子]]さん",
	"请联系[[PERSON|王]]先生或[[PERSON|李娜]]女士",
	"श्री [[PERSON|राहुल वर्मा]]",
	// Letters, introductions, chats
	"Hallo [[PERSON|Petra]],\nkannst du",
	"Bonjour [[PERSON|Luc]], merci",
	"Buenos días, [[PERSON|Carmen]]:\nLe escribo",
	"Ciao [[PERSON|Giulia]]!",
	"Cześć [[PERSON|Tomek]], masz",
	"Sayın [[PERSON|Elif Aydın]], randevunuz",
	"ich heiße [[PERSON|Kathrin Seidel]] und",
	"je m'appelle [[PERSON|Inès Moreau]].",
	"me llamo [[PERSON|Iker Solano]] y",
	"nazywam się [[PERSON|Ewa Pawlak]] i",
	"jag heter [[PERSON|Nils Bergman]]",
	"我叫[[PERSON|赵敏]],今年",
	"hi this is [[PERSON|laura bennett]] from",
	"Thanks,\n[[PERSON|Megan]]",
	"Cordialement,\n[[PERSON|Sophie Garnier]]\nResponsable",
	"Met vriendelijke groet,\n\n[[PERSON|Joris Visser]]",
	"[10:22] [[PERSON|Dana Frost]]: is it up?\n[10:23] [[PERSON|Omar]]: yes",
	"Am Dienstag schrieb [[PERSON|Uwe Kranz]]:",
	// Dates and ages
	"ur. [[DATE_OF_BIRTH|12.04.1981]] w Łodzi", "nata il [[DATE_OF_BIRTH|12/04/1981]]", "född [[DATE_OF_BIRTH|1981-04-12]]", "doğum tarihi: [[DATE_OF_BIRTH|12.04.1981]]", "जन्म तिथि [[DATE_OF_BIRTH|12/04/1981]]",
	"geboortedatum [[DATE_OF_BIRTH|12-04-1981]]", "出生日期:[[DATE_OF_BIRTH|1981-04-12]]", "昭和の[[PERSON|田中]]さん 生年月日:[[DATE_OF_BIRTH|昭和56年4月12日]]", "nascido em [[DATE_OF_BIRTH|12 de abril de 1981]]",
	"D.O.B: [[DATE_OF_BIRTH|12/04/81]]", "birth date [[DATE_OF_BIRTH|5/6/90]]", "dob [[DATE_OF_BIRTH|5 May '90]]", "mon fils de [[AGE|8]] ans", "私は[[PERSON|山田太郎]]と申します", "मेरा नाम [[PERSON|प्रिया]] है", "DOB [[DATE_OF_BIRTH|04/12/1981]], seen on [[DATE_TIME|03/05/2024]]", "Birthday: [[DATE_OF_BIRTH|12 Apr 1981]]",
	"am [[DATE_TIME|12. Mai 2025]], le [[DATE_TIME|1er juin 2025]], el [[DATE_TIME|3 de julio]], [[DATE_TIME|2025年5月6日]]",
	"a [[AGE|67]] yo woman; [[AGE|7]]-jähriges Kind; patient, [[AGE|30]] lat",
	`{"user_name":"[[USERNAME|jo.kern77]]","login":"[[USERNAME|tbk_9]]"}`, "username: [[USERNAME|mkowal]]", "user=[[USERNAME|jsmith42]] action=login",
}

// moreMisses hold nothing at likely and above but what is marked.
var moreMisses = []string{
	"Status: Open Order, Priority: High, Type: Server Error, Result: Not Found",
	"name: my-service\nnamespace: default\nimage: nginx:1.25\nowner: root\nauthor: admin\nuser: app",
	"Title: Annual Report, Department: Human Resources, City: San Jose, Street: Park Lane",
	"The patient was seen. Customer Success Manager needed. Client ID: 44. Driver License: none",
	"Hi all, Hello Team, Dear Hiring Manager, Liebe Kolleginnen, Bonjour à tous, Hola equipo",
	"Regards,\nCustomer Care\nThanks,\nThe Team",
	"for key, name := range names { user := getUser(name); fmt.Println(user.Name) }",
	"type: object\nname: Content-Type\nvalue: application/json; From: Frontend To: Backend",
	"I am Legally Blonde, this is Sparta, call Me Maybe, ask Anything",
	"SELECT name FROM users WHERE first_name = ? AND last_name = ?; def f(name: str, user: User) -> None",
	"in May 3 people, march 5 miles, version 2024.1, 10.12.14.16, 1/2/3",
	"5 years of experience, desde hace 10 años, pendant 3 ans, 20 Jahre Garantie, im Alter",
	"Note: Remember the milk\nNote: Remember the eggs\nWarning: Danger Zone",
}

func TestMore(t *testing.T) {
	s := lanes.Suite(t, Person, Age, Dates, Columns, Username)
	for i, text := range more {
		lanes.Check(t, s, fmt.Sprint("more ", i), text)
	}
	for i, text := range moreMisses {
		lanes.Check(t, s, fmt.Sprint("miss ", i), text)
	}
}

// repeated are the units of hostile texts.
var repeated = []string{":", "a:", "A:\n", "A B: ", "name:", "name: A ", "Patient: A, B, ", "cc: A,", "present: A;", "Dear A, ", "dear ", "mr ", "Mr. ", "I am ", "regards\n", "a <a@", "A <", "<N>", "<name>A", "--\n",
	"name,dob\n", "name,a\nx,y\n", "|name|", "name\t", "insert into a (name) values (", "('a'),", "PID|", "pid|||||A^B^", "1.1.2000 ", "1 May ", "May 1, ", "2000-01-01 ", "1年", "2000年1月1日", "12, ", "A (1) ", "age ",
	"é", "né A ", "さん", "王先生", "姓名", "姓名王", "氏名:山田、", "山田、", "जी ", "नाम अ ", "A Bey ", "É Hanım ", "@a", " @abc", "username:", "login=a.", "'s ", "A'b ", "A-", "A. ", "J.", "wrote: ", "A wrote: ", "[1] A: "}

func TestSamples(t *testing.T)       { lanes.Samples(t, Detectors()) }
func TestLinear(t *testing.T)        { lanes.RunPerByte(t, lanes.Suite(t, Detectors()...), repeated) }
func TestNoAllocations(t *testing.T) { lanes.NoAllocations(t, lanes.Suite(t, Detectors()...)) }

func FuzzDetectors(f *testing.F) {
	lanes.Room{Detectors: Detectors(), Hostile: append([]string{"C.P. 1\xff No\xc2\xba\xb0 12 \xe3\x80\x92"}, repeated...), Key: "user_name"}.Fuzz(f)
}

func BenchmarkProse(b *testing.B) {
	scan := lanes.Idle(classifiers.Interest{Shape: classifiers.Code}, &personType)
	lanes.BenchProse(b, map[string][]*classifiers.Detector{"room": Detectors(), "scan": {scan}})
}

// More rows of an INSERT than are read make the text one that was not wholly
// looked at.
func TestManyRows(t *testing.T) {
	s := lanes.Suite(t, Detectors()...)
	for n, gaps := range map[int]int{1: 0, maxTuples + 1: 1} {
		lanes.Gaps(t, s, "INSERT INTO staff (full_name, a) VALUES "+strings.Repeat("('Ruth Carver',1),", n)+"('Ruth Carver',1);", gaps)
	}
}
