package stdnum

import "strings"

// Words beside the number of a vehicle.
var (
	morePlateWords = strings.Split("license plate,licence plate,number plate,plate,plates,plate no,plate number,reg,registration,reg no,reg number,vrm,vrn,license tag,registration mark,"+
		"kennzeichen,kfz kennzeichen,kfz,amtliches kennzeichen,nummernschild,kontrollschild,immatriculé,immatriculée,immatriculation,plaque,plaque d,matrícula,matricula,placa,placas,"+
		"targa,targato,targata,nr rej,rejestracyjny,rejestracyjne,rej,tablice,kenteken,nummerplaat,regnr,registreringsnummer,reg nr,plaka,plakası,plakalı,plakalar,plaka no,plakasına,araç plakası,"+
		"vehicle no,vehicle number,vehicle registration,registered keeper,gaadi,गाड़ी,वाहन,车牌,车牌号,車牌,車牌號,ナンバー,ナンバープレート,車両番号,차량번호,번호판", ",")
	// Forms that little else has may stand beside any word for a vehicle.
	moreCarWords = append(append([]string{}, morePlateWords...), strings.Split("vehicle,car,pickup,truck,van,sedan,suv,lorry,motorbike,motorcycle,bike,hatchback,coupe,saloon,auto,fahrzeug,wagen,pkw,lkw,"+
		"anhänger,voiture,véhicule,coche,vehículo,ciclomotor,moto,macchina,automobile,veicolo,autovettura,motociclo,carro,veículo,pojazd,samochód,voertuig,aanhanger,bil,fordon,araç,otomobil", ",")...)
)

var morePlates = []*Format{
	{
		Name: "de.kfz", Type: "DE_KFZ", Aliases: []string{"DE_LICENSE_PLATE"},
		Title: "Number plate of a vehicle in Germany: district, one or two letters, up to four digits, H or E for old and electric cars.",
		Of:    Vehicle, Clean: " -",
		Shapes: moreCross([]string{"AAA", "AA", "A"}, []string{"A", "AA"}, []string{"9", "99", "999", "9999"}), Written: deKfzForms(),
		Words: moreCarWords, Strong: 1, Sample: "KA-TR 4827", Check: deKfzValid,
	},
	{
		Name: "tr.license_plate", Type: "TR_LICENSE_PLATE",
		Title: "Number plate of a vehicle in Turkey: province 01 to 81, one to three letters, two to five digits.",
		Of:    Vehicle, Clean: " -",
		Shapes:  moreCross([]string{"99"}, []string{"A", "AA", "AAA"}, []string{"99", "999", "9999"}),
		Written: append(moreJoin(" ", []string{"99"}, []string{"A", "AA", "AAA"}, []string{"99", "999", "9999", "99999"}), moreJoin("-", []string{"99"}, []string{"A", "AA", "AAA"}, []string{"99", "999", "9999"})...),
		Words:   moreCarWords, Strong: 1, Sample: "35 KT 482", Check: trPlateValid,
	},
	{
		Name: "in_.vehicle_registration", Type: "IN_VEHICLE_REGISTRATION", Aliases: []string{"in.vehicle_registration"},
		Title: "Registration of a vehicle in India: state, office, series, up to four digits; or BH for all states.",
		Of:    Vehicle, Clean: " -",
		Shapes:  append(moreCross([]string{"AA99", "AA9"}, []string{"A", "AA", "AAA"}, []string{"9999"}), "99bh9999AA", "99bh9999A"),
		Written: append(append(moreJoin(" ", []string{"AA"}, []string{"99", "9"}, []string{"A", "AA", "AAA"}, []string{"9999", "999"}), moreJoin("-", []string{"AA"}, []string{"99", "9"}, []string{"A", "AA", "AAA"}, []string{"9999", "999"})...), moreJoin(" ", []string{"AA99"}, []string{"A", "AA"}, []string{"9999"})...),
		Words:   moreCarWords, Strong: 8, Sample: "KA 05 MH 4827", Check: inVehicleValid,
	},
	{
		Name: "ng.vehicle_registration", Type: "NG_VEHICLE_REGISTRATION",
		Title: "Registration of a vehicle in Nigeria: three letters of the area, three digits, two letters.",
		Of:    Vehicle, Clean: " -",
		Shapes: []string{"AAA999AA"}, Written: []string{"AAA-999AA", "AAA-999-AA", "AAA 999 AA", "AAA 999AA"},
		Words: moreCarWords, Strong: 1, Sample: "KTU-482BD", Check: moreOf("AAA999AA"),
	},
	{
		Name: "gb.vehicle_registration", Type: "UK_VEHICLE_REGISTRATION", Aliases: []string{"GB_VEHICLE_REGISTRATION"},
		Title: "Registration mark of a vehicle in the United Kingdom: area and age with three letters, and the older forms.",
		Of:    Vehicle, Clean: " ",
		Shapes:  []string{"AA99AAA", "A999AAA", "A99AAA", "AAA999A", "AAA99A"},
		Written: []string{"AA99 AAA", "A999 AAA", "A99 AAA", "AAA 999A", "AAA 99A", "AAA 9999"},
		Words:   moreCarWords, Strong: 1, Sample: "KT68 WBD", Check: moreOf("AA99AAA", "A999AAA", "A99AAA", "AAA999A", "AAA99A", "AAA9999"),
	},
	morePlate("fr", "France", []string{"AA999AA"}, []string{"AA-999-AA", "AA 999 AA", "9999 AA 99", "999 AA 99", "999 AAA 99"}, "KT-482-BD", true),
	morePlate("it", "Italy", []string{"AA999AA"}, []string{"AA 999 AA", "AA 999AA", "AA999 AA"}, "KT 482 BD", true),
	morePlate("es", "Spain", []string{"9999AAA"}, []string{"9999 AAA", "9999-AAA", "A-9999-AA", "AA-9999-A", "A 9999 AA"}, "4827 KTB", true),
	morePlate("pl", "Poland", []string{"AA99999", "AAA99999", "AA9999A", "AA999AA", "AAA9999"}, []string{"AA 99999", "AAA 99999", "AA 9999A", "AA 999AA", "AAA 9999", "AAA A999", "AAA 99AA", "AAA 9A99", "AAA 99A9", "AA-99999"}, "KT 48273", false),
	morePlate("nl", "the Netherlands", []string{"99AAA9", "9AAA99", "AA999A", "A999AA", "99AAAA"}, []string{"99-AAA-9", "9-AAA-99", "AA-99-99", "99-99-AA", "99-AA-99", "AA-99-AA", "AA-AA-99", "99-AA-AA", "AA-999-A", "A-999-AA", "AAA-99-A"}, "48-KTB-2", true),
	morePlate("se", "Sweden", []string{"AAA999", "AAA99A"}, []string{"AAA 999", "AAA 99A"}, "KTB 482", false),
	morePlate("pt", "Portugal", nil, []string{"99-AA-99", "AA-99-AA", "99-99-AA", "AA-99-99", "AA 99 AA", "99 AA 99"}, "48-KT-27", false),
	morePlate("br", "Brazil", []string{"AAA9A99", "AAA9999"}, []string{"AAA-9999", "AAA 9A99", "AAA-9A99", "AAA 9999"}, "KTB4C82", false),
	morePlate("us", "the United States", []string{"9AAA999", "AAA9999", "999AAA", "AAA999", "A99AAA"}, []string{"AAA 9999", "AAA-9999", "999 AAA", "999-AAA", "AAA 999", "AAA-999", "A99 AAA"}, "7KTB482", false),
	morePlate("be", "Belgium", []string{"9AAA999"}, []string{"9-AAA-999", "AAA-999", "999-AAA"}, "1-KTB-482", true),
	morePlate("at", "Austria", nil, []string{"A-99999A", "A-9999A", "AA-999AA", "AA-99AAA", "AA 999 AA", "A 99999 A"}, "GU-482KT", false),
	morePlate("ch", "Switzerland", nil, []string{"AA 999999", "AA 99999", "AA 9999", "AA-999999", "AA-99999"}, "ZH 482736", false),
	morePlate("ro", "Romania", []string{"A99AAA", "AA99AAA", "A999AAA"}, []string{"A 99 AAA", "AA 99 AAA", "A-999-AAA", "AA-99-AAA", "A 999 AAA"}, "CJ 48 KTB", false),
	morePlate("ie", "Ireland", nil, []string{"99-A-99999", "999-A-99999", "999-A-9999", "99-A-9999", "999-AA-9999", "99-AA-9999", "999 A 9999", "99 A 9999"}, "182-D-4827", true),
	morePlate("nordic", "Denmark, Norway and Finland", []string{"AA99999"}, []string{"AA 99 999", "AA 99999", "AAA-999"}, "KT 48 273", false),
}

// morePlate makes the format of a country whose plates have no type of their own.
func morePlate(cc, country string, shapes, written []string, sample string, car bool) *Format {
	f := &Format{
		Name: "plate." + cc, Type: "VEHICLE_PLATE", Aliases: []string{"LICENSE_PLATE"}, Title: "Number plate of a vehicle.",
		Of: Vehicle, Clean: " -", Shapes: shapes, Written: written, Words: morePlateWords, Strong: 1, Sample: sample,
	}
	if car {
		f.Words = moreCarWords
	}
	all := append([]string{}, shapes...)
	for _, w := range written {
		all = append(all, strings.NewReplacer(" ", "", "-", "").Replace(w))
	}
	if len(shapes) == 0 {
		f.Shapes = all // so that the compact form of a written one is known
	}
	f.Check = moreOf(all...)
	return f
}

// moreJoin gives every choice of one from each list, joined.
func moreJoin(sep string, lists ...[]string) []string {
	out := []string{""}
	for i, l := range lists {
		var next []string
		for _, head := range out {
			for _, x := range l {
				if i > 0 {
					x = head + sep + x
				}
				next = append(next, x)
			}
		}
		out = next
	}
	return out
}

func moreCross(lists ...[]string) []string { return moreJoin("", lists...) }

func deKfzForms() []string {
	var out []string
	number := moreCross([]string{"9", "99", "999", "9999"}, []string{"", "h", "e"})
	for _, seps := range [][2]string{{" ", " "}, {"-", " "}, {"-", "-"}} {
		for _, head := range moreJoin(seps[0], []string{"A", "AA", "AAA"}, []string{"A", "AA"}) {
			out = append(out, moreJoin(seps[1], []string{head}, number)...)
		}
	}
	return append(out, moreCross([]string{"A-AA", "AA-AA", "AA-A", "A-A", "AAA-A", "AAA-AA"}, number)...)
}

// deKfzValid checks the form: at most eight characters, and neither I, O nor Q
// alone as a district.
func deKfzValid(s string) bool {
	if n := len(s); n > 0 && (s[n-1] == 'H' || s[n-1] == 'E') && n > 1 && s[n-2] <= '9' {
		s = s[:n-1]
	}
	letters := 0
	for letters < len(s) && value(s[letters]) >= 10 {
		letters++
	}
	rest := s[letters:]
	return letters >= 2 && letters <= 5 && len(rest) >= 1 && len(rest) <= 4 && allDigits(rest) && rest[0] != '0' || letters >= 2 && letters <= 5 && len(rest) == 3 && allDigits(rest)
}

func trPlateValid(s string) bool {
	if len(s) < 5 || len(s) > 9 || s[:2] < "01" || s[:2] > "81" || value(s[1]) > 9 {
		return false
	}
	i := 2
	for i < len(s) && value(s[i]) >= 10 {
		i++
	}
	n := len(s) - i
	return i >= 3 && i <= 5 && n >= 2 && n <= 5 && allDigits(s[i:]) && !moreZero(s[i:])
}

func inVehicleValid(s string) bool {
	if strings.Contains(s, "BH") && moreAny(s, "99BH9999AA", "99BH9999A") {
		return true
	}
	if len(s) < 7 || len(s) > 11 || value(s[0]) < 10 || value(s[1]) < 10 || !strings.Contains(inStates, s[:2]) {
		return false
	}
	i := 2
	for i < len(s) && i < 4 && value(s[i]) < 10 {
		i++
	}
	j := i
	for j < len(s) && value(s[j]) >= 10 {
		j++
	}
	return i > 2 && j > i && j-i <= 3 && len(s)-j <= 4 && allDigits(s[j:]) && !moreZero(s[j:])
}
