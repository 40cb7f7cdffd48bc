package address

import (
	"fmt"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/internal/lanes"
)

// more are forms beyond those that document the detectors. All are made up.
var more = []string{
	// United States and Canada
	"Mail to [[STREET_ADDRESS|88 N Orchard Ln., Suite 12, Provo, Utah 84601]].",
	"[[STREET_ADDRESS|4410 County Road 7, Salida, CO 81201]]",
	"[[STREET_ADDRESS|15 Avenue B, New York, NY 10009]] is open",
	"[[STREET_ADDRESS|600 Broadway, New York, NY 10012]]",
	"[[STREET_ADDRESS|2201 W Highway 30, Grand Island, NE 68803]]",
	"[[STREET_ADDRESS|RR 2 Box 152, Ames, IA 50010]]",
	"ADDRESS: [[STREET_ADDRESS|9021 QUARRY BEND CT, LOT 14, EL PASO, TX 79907]]",
	"my address is [[STREET_ADDRESS|733 w maple ave apt 3, topeka ks 66603]]",
	"[[STREET_ADDRESS|55 Rue Sainte-Anne, Québec, QC G1R 3X7]]",
	"leave it at [[STREET_ADDRESS|6120 Cedar St]] - back door",
	"deliver to [[STREET_ADDRESS|214 Maple Court]]",
	"[[STREET_ADDRESS|12 Elm Street\nSpringfield, IL 62704]]",
	"[[STREET_ADDRESS|100 Main St Springfield IL 62704]]",
	// Britain, Ireland, Australia
	"[[STREET_ADDRESS|Flat 2B, 41 Harrow Road\nLondon\nW9 3RT]]",
	"lives at [[STREET_ADDRESS|31 Kingsway]].",
	"[[STREET_ADDRESS|7 The Maltings, Ware, Hertfordshire SG12 8AA]]",
	"[[STREET_ADDRESS|26 Wattle Grove Drive, Mildura VIC 3500]]",
	// German
	"Anschrift: [[STREET_ADDRESS|Am Alten Markt 3, 50667 Köln]]",
	"[[STREET_ADDRESS|Unter den Linden 77\n10117 Berlin]]",
	"[[STREET_ADDRESS|Berliner Str. 44, D-60311 Frankfurt am Main]]",
	"Sie wohnt in der [[STREET_ADDRESS|Hauptstr. 7a]] und",
	"[[STREET_ADDRESS|Mariahilfer Straße 88/2/14, 1070 Wien]]",
	"[[STREET_ADDRESS|Bahnhofplatz 1, CH-8001 Zürich]]",
	"Lieferung an [[STREET_ADDRESS|Lerchenweg 8, 79098 Freiburg]]",
	"[[STREET_ADDRESS|Postfach 10 20 30]]",
	// French
	"[[STREET_ADDRESS|3 place de la Bourse, 33000 Bordeaux]]",
	"J'habite au [[STREET_ADDRESS|45, boulevard du Maréchal-Foch]] depuis",
	"[[STREET_ADDRESS|Rue de la Loi 16, 1000 Bruxelles]]",
	"mon adresse: [[STREET_ADDRESS|9 rue des lilas]] et",
	// Spanish, Italian, Portuguese
	"[[STREET_ADDRESS|Avda. de América 12, 4º dcha, 28028 Madrid]]",
	"[[STREET_ADDRESS|C/ Serrano 21, 28001 Madrid]]",
	"[[STREET_ADDRESS|Paseo de la Reforma 222, Col. Juárez, C.P. 06600 México]]",
	"vive en la [[STREET_ADDRESS|calle Olmo 14]].",
	"abito in [[STREET_ADDRESS|via Dante 33, 20121 Milano (MI)]]",
	"[[STREET_ADDRESS|Corso Italia 8, int. 4, 50123 Firenze]]",
	"[[STREET_ADDRESS|P.zza Garibaldi, 2, 80142 Napoli]]",
	"[[STREET_ADDRESS|Av. Paulista, 1578, Bela Vista, São Paulo - SP, 01310-200]]",
	"[[STREET_ADDRESS|Rua do Ouro 40, 3.º Esq, 1100-060 Lisboa]]",
	// Dutch, Polish, Scandinavian, Turkish
	"woont op de [[STREET_ADDRESS|Kerkstraat 12a]] in",
	"[[STREET_ADDRESS|Burgemeester van Leeuwenlaan 61-3, 1064 KK Amsterdam]]",
	"[[STREET_ADDRESS|al. Jerozolimskie 44 lok. 5, 00-024 Warszawa]]",
	"mieszka przy [[STREET_ADDRESS|ul. Kwiatowej 3]]",
	"[[STREET_ADDRESS|Norra Vägen 14, 392 34 Kalmar]]",
	"[[STREET_ADDRESS|Vesterbrogade 20, 1620 København]]",
	"[[STREET_ADDRESS|Cumhuriyet Cad. No: 12 D: 5, Şişli/İstanbul]]",
	"[[STREET_ADDRESS|Atatürk Bulvarı No:45 Kat 3, 06680 Çankaya/Ankara]]",
	"[[STREET_ADDRESS|PSC 3302, Box 118\nAPO AE 09421]]", "[[STREET_ADDRESS|USS Calder\nFPO AP 96672]]", "[[STREET_ADDRESS|8810 Linden Viaduct Suite 12, Port Mercer, MN 55402]]",
	"[[STREET_ADDRESS|Studio 4\nElm mews\nNew Barton\nLS6 2QT]]", "[[STREET_ADDRESS|Mill Lane, Truro TR1 2AB]]",
	"[[STREET_ADDRESS|Platz der Freiheit 1, 01067 Dresden]]", "[[STREET_ADDRESS|Straße des 3. Oktober 135, 10623 Berlin]]", "[[STREET_ADDRESS|Am Kaiserkai 30, 20457 Hamburg]]",
	"[[STREET_ADDRESS|14 rue du 11 Novembre 1918, 93100 Montreuil]]", "[[STREET_ADDRESS|Calle 45 # 12-34]]", "[[STREET_ADDRESS|Box 510, 102 43 Stockholm]]", "[[STREET_ADDRESS|Nedre Olavs gate 22, 0026 Oslo]]",
	"[[STREET_ADDRESS|Kalevantie 12 A 5, 00100 Helsinki]]", "[[STREET_ADDRESS|Kossuth út 60, 1062 Budapest]]", "[[STREET_ADDRESS|Jiráskova 12, 110 00 Praha]]", "[[STREET_ADDRESS|Bulevardul Dacia 22]]", "[[STREET_ADDRESS|ул. Гоголя, д. 5, кв. 3]]",
	// Asia
	"[[STREET_ADDRESS|A-204, Lotus Apartments, Andheri West, Mumbai 400053]]", "[[STREET_ADDRESS|#45, 2nd Cross, Indiranagar, Bengaluru - 560038]]", "[[STREET_ADDRESS|Block 12 Serangoon Ave 6 #08-123, Singapore 550012]]",
	"[[STREET_ADDRESS|大阪府大阪市北区梅田3丁目1番3号]]に送ってください",
	"[[STREET_ADDRESS|東京都港区芝公園4-2-8 メゾン青葉203号室]]",
	"地址:[[STREET_ADDRESS|北京市海淀区中关村大街27号]]",
	"他住在[[STREET_ADDRESS|深圳市南山区科技路12号8栋302室]]。",
	"[[STREET_ADDRESS|서울특별시 강남구 테헤란로 152]]",
	"Ship to [[STREET_ADDRESS|14, Brigade Road, Bengaluru 560001]]",
	"[[STREET_ADDRESS|H.No. 45, Sector 9, Chandigarh - 160009]]",
}

var moreMisses = []string{
	"In 1929 Wall Street crashed. 7 Deadly Sins Drive the plot. Route 66 is long.",
	"He ran the 26 Miles Road race; 4 Seasons Hotel in the 1980s.",
	"open 24 hours, 100 Park visitors, 3 Court rulings on 12 May",
	"Schritt 3: Feldweg suchen. Kapitel 5 Weg zum Ziel. Platz 3 von 10.",
	"Die Firewall 3, der Steckplatz 4 und der Parkplatz 12",
	"Le cours 3, la place 2, 5 place de parking",
	"fuga via Facebook 3 volte; vol. 12; cap. 3; pag. 45",
	"10 rue", "Straße 5", "12 St", "Street 12", "Av. 3", "3 al. 4",
	"SELECT 10 FROM Street WHERE id = 12", "int n = 5; // Drive 3", "at Foo.bar(Foo.java:12) Road 3",
	"2024-05-06 10:11:12 INFO Main Thread 12 started in 35 ms",
	"第5回 3-2-1 で勝った。試合は2-1。", "2024年5月号 第3号 12号线 7号楼",
	"上周我们在上海开了3号会议",
}

func TestMore(t *testing.T) {
	s := lanes.Suite(t, Street)
	for i, text := range more {
		lanes.Check(t, s, fmt.Sprint("more ", i), text)
	}
	for i, text := range moreMisses {
		lanes.Check(t, s, fmt.Sprint("miss ", i), text)
	}
}

// repeated are the units of hostile texts.
var repeated = []string{"1 ", "12 A ", "12 Main St ", "12 Main St, ", "Calle a 1 ", "a de la 12 ", "Am 1, 10115 B\n", "po box 1 ", "rr 1 ", "路1号", "市1-1", "1.234, ", "1.2345,1.2345 ",
	"A1 1AA ", "Flat 1, ", "Mah. No: 1 ", "12 A B C D E F G, H I J K, L M N O\n", "ul. 1 ", "D-1 ", "1 1\xc2\xa0", "北京市1号", "1 rue de la de la ", "é1 ", "-1.2345 "}

func TestSamples(t *testing.T)       { lanes.Samples(t, Detectors()) }
func TestLinear(t *testing.T)        { lanes.RunPerByte(t, lanes.Suite(t, Detectors()...), repeated) }
func TestNoAllocations(t *testing.T) { lanes.NoAllocations(t, lanes.Suite(t, Detectors()...)) }

func FuzzDetectors(f *testing.F) {
	lanes.Room{Detectors: Detectors(), Hostile: append([]string{"C.P. 1\xff No\xc2\xba\xb0 12 \xe3\x80\x92"}, repeated...), Key: "address"}.Fuzz(f)
}

func BenchmarkProse(b *testing.B) {
	scan := lanes.Idle(classifiers.Interest{Shape: classifiers.Code}, &streetType)
	lanes.BenchProse(b, map[string][]*classifiers.Detector{"room": Detectors(), "scan": {scan}})
}
