package fold

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// read gives what a text reads as: its views, and what lies between as it is.
func read(text string) string {
	var out strings.Builder
	at := 0
	for _, v := range Views(text) {
		from, to := v.Origin(0, len(v.Text))
		if len(v.Text) == 0 {
			continue
		}
		if v.base < from {
			from = v.base
		}
		out.WriteString(text[at:from])
		out.WriteString(v.Text)
		at = to
	}
	out.WriteString(text[at:])
	return out.String()
}

func TestReads(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"ssn 536\u200b-22-\u20608765 ok", "ssn 536-22-8765 ok"},
		{"ja\u00adne@ac\u200dme.io", "jane@acme.io"},
		{"ｊａｎｅ＠ａｃｍｅ．ｉｏ", "jane@acme.io"},
		{"jane＠acme.io und jane﹫acme․io", "jane@acme.io und jane@acme.io"},
		{"電話は０３－３５８０－３３１１です", "電話は03-3580-3311です"},
		{"رقم ٠٥٠١٢٣٤٥٦٧ هنا", "رقم 0501234567 هنا"},
		{"फ़ोन ९८७६५ ४३२१० है", "फ़ोन 98765 43210 है"},
		{"𝟓𝟑𝟔-𝟐𝟐-𝟖𝟕𝟔𝟓 and 𝐣𝐚𝐧𝐞@acme.io", "536-22-8765 and jane@acme.io"},
		{"jаne@аcme.io, DЕ89 3704", "jane@acme.io, DE89 3704"},
		{"Привет, это обычный текст про кота и оскар", ""},
		{"jane%40acme.io?x=1", "jane@acme.io?x=1"},
		{"u=%2Funsub%3Fm%3Djane%40acme.io%26l%3D8", "u=/unsub?m=jane@acme.io&l=8"},
		{"jane%2540acme.io", "jane@acme.io"},
		{"phone=%2B4915112345678&a", "phone=+4915112345678&a"},
		{"jane&#64;acme&#x2e;io jane&commat;acme.io", "jane@acme.io jane@acme.io"},
		{`{"m":"jane\u0040acme.io","n":"M\u00fcller"}`, `{"m":"jane@acme.io","n":"Müller"}`},
		{`jane\x40acme.io 05\/12\/1980`, "jane@acme.io 05/12/1980"},
		{"jane=40acme.io", "jane@acme.io"},
		{"request_id=401234567890 status=200, bytes=407060. So", ""},
		{"text amFuZS5kb2VAYWNtZS5pbyBpcyBoZXJl end", "text jane.doe@acme.io is here end"},
		{"YW1GdVpTNWtiMlZBWVdOdFpTNXBieUJwY3lCb1pYSmw=", "jane.doe@acme.io is here"},
		{"6a616e652e646f654061636d652e696f", "jane.doe@acme.io"},
		{"ssn 5 3 6 - 2 2 - 8 7 6 5 ok", "ssn 536-22-8765 ok"},
		{"ssn 5.3.6.2.2.8.7.6.5, ok", "ssn 536228765, ok"},
		{"call 3 1 2 4 7 7 9 8 0 9 thanks", "call 3124779809 thanks"},
		{"card 4539_1488_0343_6467, 536*22*8765, 536·22·8765", "card 4539-1488-0343-6467, 536-22-8765, 536-22-8765"},
		{"x = 1_000_000_000 + 4_294_967_295", ""},
		{"mail j o h n @ a c m e . i o please", "mail john@acme.io please"},
		{"ssn five three six, two two, eight seven six five thanks", "ssn 536-22-8765 thanks"},
		{"call four one five, double six seven, five three oh nine", "call 415-667-5309"},
		{"null eins sieben eins zwo drei vier fünf sechs sieben", "0171234567"},
		{"zéro six douze trente-quatre cinquante-six soixante-dix-huit", "0612345678"},
		{"one two three four five six seven eight nine ten", ""},
		{"plus four nine one seven one two three four five six seven", "+49171234567"},
		{"hall dot malik at proton dot me; x", "hall.malik@proton.me; x"},
		{"william-gonzales at yahoo dot com", "william-gonzales@yahoo.com"},
		{"jane [at] acme (dot) com, jane(at)acme.io, jane@acme[.]io, jane (arroba) acme punto com.mx", "jane@acme.com, jane@acme.io, jane@acme.io, jane@acme.com.mx"},
		{"mario chiocciola acme punto it, max ät firma punkt de, jean arobase acme point fr", "mario@acme.it, max@firma.de, jean@acme.fr"},
		{"email me at jane dot doe at gmail dot com", "email me at jane.doe@gmail.com"},
		{"find us at acme dot com", ""},
		{"jane underscore doe at acme dash corp dot co dot uk", "jane_doe@acme-corp.co.uk"},
		{"jane @ acme.io, meeting @ acme.io", "jane@acme.io, meeting @ acme.io"},
		{"tag \U000E0035\U000E0033\U000E0036-22", "tag 536-22"},
		{"❤️love 👨‍👩‍👧 family 🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F", ""},
		{"打电话一三八零零一三八零零零给我", "打电话13800138000给我"},
		{"\\n\\t\\\"quoted\\\" C:\\users\\x", ""},
		{"j̶a̶n̶e̶@acme.io", "jane@acme.io"},
		{"5️⃣3️⃣6️⃣2️⃣2️⃣8️⃣7️⃣6️⃣5️⃣", "536228765️⃣"},
		{"5 3 4 6 7 8 9 1 2\n6 7 2 1 9 5 3 4 8\n1 9 8 3 4 2 5 6 7", ""},
		{"1 2 3 4 5 6 7 8 9", ""},
	} {
		want := c.want
		if want == "" {
			want = c.text
		}
		if got := read(c.text); got != want {
			t.Errorf("%q reads %q, want %q", c.text, got, want)
		}
		if c.want == "" {
			if v := Views(c.text); len(v) > 0 {
				t.Errorf("%q has a view: %q", c.text, v[0].Text)
			}
		}
		if !utf8.ValidString(read(c.text)) {
			t.Errorf("%q reads as what is not UTF-8", c.text)
		}
	}
}
