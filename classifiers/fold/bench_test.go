package fold

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const prose = `The committee met on the second Tuesday of the month and, after a long debate about the budget, agreed to
postpone the vote until the figures had been checked by somebody from outside. There were 12 members in the room, 3 of them
by telephone. Nobody objected: the chair thanked everyone, and asked for a short note (two pages at most) before Friday.
Further reading is linked from the minutes, which are kept in the usual place, see section 4.2 of the handbook.
`

const code = `func (s *Server) handle(w http.ResponseWriter, r *http.Request) error {
	if n := len(r.Header["X-Request-Id"]); n != 1 { return fmt.Errorf("%d request ids: %w\n", n, errBad) }
	for i := 0; i < maxRetries && ctx.Err() == nil; i++ {
		out[i] = table[(h>>shift)&mask] ^ uint64(i)*0x9E3779B97F4A7C15 // spread_the_bits
	}
}
`

const logs = `2024-11-24T10:30:00.123Z INFO request_id=550e8400-e29b-41d4-a716-446655440000 from 81.2.69.160 took 12.5 ms status=200 path=/v1/users/42/items?limit=10
{"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "usage": {"input_tokens": 2095, "output_tokens": 503}, "text": "line one\nline \"two\"\n", "sha": "9fceb02d0ae598e95dc970b74767f19372d61af8"}
`

const german = `Sehr geehrte Damen und Herren, für die Überweisung benötigen wir noch die Bestätigung der Geschäftsführung. Das Gespräch über
die Verlängerung des Vertrages müssen wir auf nächste Woche verschieben, da Frau Müller sich im Urlaub befindet – „bitte um Verständnis“.
`

const chinese = `请帮我总结一下这份会议纪要，重点是预算和时间安排。我们下周一上午十点开会，地点在三楼会议室（请提前到）。谢谢！`

const russian = `Пожалуйста, подготовьте краткий отчёт о встрече: кто присутствовал, какие решения были приняты и что нужно сделать до пятницы.
`

const hindi = `कृपया इस बैठक का सारांश तैयार करें और बताएं कि कौन उपस्थित था, क्या निर्णय लिए गए और शुक्रवार तक क्या करना है।
`

func BenchmarkViews(b *testing.B) {
	for _, x := range []struct{ name, text string }{
		{"prose", prose}, {"code", code}, {"logs", logs}, {"german", german}, {"chinese", chinese}, {"russian", russian}, {"hindi", hindi},
	} {
		b.Run(x.name, func(b *testing.B) {
			text := strings.Repeat(x.text, 4096/len(x.text)+1)[:4096]
			for !utf8.ValidString(text) { // a character that was cut
				text = text[:len(text)-1]
			}
			if v := Views(text); len(v) > 0 {
				b.Fatalf("a view of clean text: via %s", v[0].Via)
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				Views(text)
			}
		})
	}
}
