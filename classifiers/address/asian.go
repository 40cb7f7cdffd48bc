package address

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

// regions are the prefectures of Japan and the provinces and municipalities of
// China, by their first two characters.
var regions = func() map[string]string {
	m := map[string]string{}
	for _, r := range strings.Fields(`北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県
		三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県 岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県
		北京市 天津市 上海市 重庆市 河北省 山西省 辽宁省 吉林省 黑龙江省 江苏省 浙江省 安徽省 福建省 江西省 山东省 河南省 湖北省 湖南省 广东省 海南省 四川省 贵州省 云南省 陕西省 甘肃省 青海省 台湾省
		内蒙古自治区 广西壮族自治区 西藏自治区 宁夏回族自治区 新疆维吾尔自治区 香港特别行政区 澳门特别行政区 台北市 新北市 桃園市 台中市 台南市 高雄市 臺北市 臺中市 臺南市`) {
		m[r[:6]] = r
	}
	return m
}()

// Bounds of an address in characters without spaces.
const (
	maxRun      = 40 // characters before its number
	maxBuilding = 12 // characters of the name of a building behind
)

// asian reads a Japanese or Chinese address whose number begins at i, behind a
// character of those scripts. It gives the end, 0 where there is none.
func asian(s *classifiers.Scan, i int) int {
	t := s.Text
	n := run(t, i)
	if n == 0 || n > 5 {
		return 0
	}
	e := i + n
	prev, _ := utf8.DecodeLastRuneInString(t[:i])
	if prev < 0x3005 || prev > 0x9FFF {
		return 0
	}
	var end int
	chinese := false
	switch {
	case words.Begins(t[e:], "号", "號", "弄"):
		if !strings.ContainsRune("路街道巷弄里村镇段坊园園區区胡同衖街", prev) && prev != '条' {
			return 0
		}
		end, chinese = chineseEnd(t, e), true
	case words.Begins(t[e:], "丁目", "番地", "番", "条"), words.At(t, e) == '-' && run(t, e+1) > 0 && run(t, e+1) < 5:
		end = japaneseEnd(t, i)
	default:
		return 0
	}
	if end == 0 {
		return 0
	}
	// What stands before: characters without a space or a comma.
	from := i
	for k := 0; k < maxRun && from > 0; k++ {
		r, m := utf8.DecodeLastRuneInString(t[:from])
		if !(r >= 0x3005 && r <= 0x9FFF && r != '。' && r != '、' && r != '〒') && !(r >= '0' && r <= '9') {
			break
		}
		from -= m
	}
	start, level := begin(t, from, i)
	if start < 0 {
		return 0
	}
	f := classifiers.Found{Start: start, End: end, Type: &streetType, Likelihood: level, Rule: "block_number"}
	if chinese {
		f.Rule = "road_number"
	}
	if p := japaneseCode(t, start); p < start {
		f.Start, f.Likelihood, f.Validator = p, proxy.VeryLikely, "postal_code"
	}
	if f.Likelihood < proxy.VeryLikely && s.Near(addressCue, f.Start, f.End) < classifiers.Far {
		f.Likelihood = max(classifiers.Raise(f.Likelihood, 1), proxy.Likely)
	}
	s.Find(f)
	return end
}

// begin gives where the address before i begins, not before from, and what it
// is worth; -1 where there is none.
func begin(t string, from, i int) (int, proxy.Likelihood) {
	cut := from // behind the last word that leads to an address
	city := -1
	for k := from; k < i; {
		if k+6 <= i {
			if r, ok := regions[t[k:k+6]]; ok && strings.HasPrefix(t[k:], r) {
				return k, proxy.VeryLikely
			}
		}
		r, m := utf8.DecodeRuneInString(t[k:])
		switch r {
		case '在', '到', '住', '址', '往', '于', '至', 'は', 'が', 'に', 'へ', 'を', '是', '寄', '所', '送':
			if city < 0 {
				cut = k + m
			}
		case '市', '区', '區', '县', '縣', '町', '村', '郡', '镇':
			if city < 0 && k-cut >= 6 && k+m < i {
				city = k
			}
		}
		k += m
	}
	switch {
	case city >= 0 && city-cut <= 12:
		return cut, proxy.Likely
	case city >= 0:
		return city - 6, proxy.Possible
	case i-cut >= 6 && i-cut <= 24:
		return cut, proxy.Unlikely
	}
	return -1, 0
}

// japaneseCode gives the start of the postal code before an address that begins
// at i, or i.
func japaneseCode(t string, i int) int {
	p := i
	for n := 0; n < 3; n++ {
		switch {
		case words.At(t, p-1) == ' ', words.At(t, p-1) == '\n':
			p--
		case strings.HasSuffix(t[:p], "\u3000"):
			p -= 3
		}
	}
	if p < 8 || words.At(t, p-5) != '-' || run(t, p-4) != 4 || run(t, p-8) != 3 || words.IsDigit(words.At(t, p-9)) {
		return i
	}
	p -= 8
	if strings.HasSuffix(t[:p], "〒") {
		return p - 3
	}
	if strings.HasSuffix(t[:p], "〒 ") {
		return p - 4
	}
	return p
}

// japaneseEnd reads block and house number, and the building with its room.
func japaneseEnd(t string, i int) int {
	e := i + run(t, i)
	for range 5 {
		p := e
		for _, w := range [...]string{"丁目", "番地の", "番地", "番", "号室", "号", "条", "の", "-", "−", "ー", "‐"} {
			if strings.HasPrefix(t[p:], w) {
				p += len(w)
				break
			}
		}
		if p == e {
			break
		}
		n := run(t, p)
		last, _ := utf8.DecodeLastRuneInString(t[:p])
		joined := last == '-' || last == 'の' || last == '−' || last == 'ー' || last == '‐'
		if n == 0 && joined {
			break
		}
		e = p + n
		if n == 0 {
			break
		}
	}
	return building(t, e)
}

// building reads the name and room of a building that stands at i, up to 号室.
func building(t string, i int) int {
	p := i
	if words.At(t, p) == ' ' {
		p++
	} else if strings.HasPrefix(t[p:], "\u3000") {
		p += 3
	}
	digits := false
	for n := 0; n < maxBuilding+6 && p < len(t); n++ {
		r, m := utf8.DecodeRuneInString(t[p:])
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case digits && words.Begins(t[p:], "号室", "号", "階", "F"):
			if strings.HasPrefix(t[p:], "号室") {
				return p + 6
			}
			return p + m
		case r >= 0x30A0 && r < 0x3100, r >= 0x4E00 && r <= 0x9FFF, r == '-':
		default:
			return i
		}
		p += m
	}
	return i
}

// chineseEnd reads the number of the house and what stands in it: 90号3幢501室.
func chineseEnd(t string, e int) int {
	_, m := utf8.DecodeRuneInString(t[e:])
	e += m
	for range 5 {
		p := e
		if words.At(t, p) == ' ' {
			p++
		}
		k := 0
		for ; k < maxBuilding && p < len(t) && !words.IsDigit(t[p]) && !words.IsLetter(t[p]); k++ {
			r, m := utf8.DecodeRuneInString(t[p:])
			if r < 0x4E00 || r > 0x9FFF {
				break
			}
			p += m
		}
		n := 0
		for n < 5 && (words.IsDigit(words.At(t, p+n)) || 'A' <= words.At(t, p+n) && words.At(t, p+n) <= 'Z') {
			n++
		}
		if n == 0 {
			// 附属楼, 楼: the building itself
			break
		}
		q := p + n
		ok := false
		for _, w := range [...]string{"号楼", "号院", "號樓", "单元", "單元", "栋", "幢", "棟", "座", "楼", "樓", "层", "層", "室", "户", "房", "号", "號", "弄", "门", "之"} {
			if strings.HasPrefix(t[q:], w) {
				q += len(w)
				ok = true
				break
			}
		}
		if !ok && (k > 0 || run(t, p) < 3 || run(t, p) > 4) {
			break
		}
		e = q
		if !ok {
			break
		}
	}
	return e
}

// korean reads a Korean address by road name, whose last word ends in -ro or
// -gil: 서울특별시 강남구 테헤란로 152.
func korean(t string, last words.Word, floor int, f street) (street, bool) {
	f.start = last.Start
	n := 0
	for range 4 {
		p := f.start
		if words.At(t, p-1) != ' ' || p-1 <= floor {
			break
		}
		w := lexicon.ReadBack(t, p-1)
		if w.End == w.Start || !strings.ContainsAny(t[max(w.Start, w.End-3):w.End], "시도군구읍면동") {
			break
		}
		f.start = w.Start
		n++
	}
	f.strength = strong
	return f, n > 0
}
