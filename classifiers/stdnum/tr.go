package stdnum

var trTCKimlik = &Format{
	Name: "tr.tckimlik", Type: "TR_NATIONAL_ID", Aliases: []string{"TR_TCKIMLIK", "TR_TCKN"},
	Title: "Identity number (T.C. kimlik numarası) of a person in Turkey.",
	Of:    Person, Clean: " ",
	Shapes: []string{"99999999999"}, Written: []string{"999 999 999 99"},
	Words:  []string{"tc", "t c", "tckn", "tc kimlik", "kimlik", "kimlik no", "kimlik numarası", "kimlik numarasi", "kimlik numaram", "kimlik numaranız", "vatandaşlık", "vatandaslik", "nüfus", "turkish id", "national id"},
	Strong: 110, Sample: "48273105954", Compact: gzTrimmed, Check: trTCKimlikValid,
}

// trTCKimlikValid: the tenth digit is seven times the odd places less the even
// ones, the eleventh the sum of the ten.
func trTCKimlikValid(s string) bool {
	if !digits(s, 11) || s[0] == '0' {
		return false
	}
	return ((weighted(s[:9], 7, 9)%10)+10)%10 == int(s[9]-'0') && weighted(s[:10], 1)%10 == int(s[10]-'0')
}

var trVKN = &Format{
	Name: "tr.vkn", Type: "TR_VKN",
	Title: "Tax number (vergi kimlik numarası) of people and firms in Turkey.",
	Of:    Either, Clean: " ",
	Shapes: []string{"9999999999"}, Written: []string{"999 999 9999", "999 999 99 99"},
	Words:  []string{"vkn", "vergi", "vergi no", "vergi kimlik", "vergi numarası", "vergi dairesi", "v d", "vd", "tax number"},
	Strong: 10, Sample: "4827310597", Compact: gzTrimmed, Check: trVKNValid,
}

// trVKNValid: each digit is raised by its distance to the end and multiplied by
// a power of two, by nine.
func trVKNValid(s string) bool {
	if !digits(s, 10) {
		return false
	}
	sum := 0
	for i := 0; i < 9; i++ {
		if d := (int(s[i]-'0') + 9 - i) % 10; d > 0 {
			if d = d * (1 << (9 - i)) % 9; d == 0 {
				d = 9
			}
			sum += d
		}
	}
	return (10-sum%10)%10 == int(s[9]-'0')
}
