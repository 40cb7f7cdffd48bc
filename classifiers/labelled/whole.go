package labelled

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

// judgeWhole looks at the name of the segment's field, and at what is not ASCII:
// labels and titles in other scripts.
func judgeWhole(s *classifiers.Scan, c classifiers.Candidate) {
	if s.Key != "" && c.Start == 0 {
		judgeKey(s)
	}
	t := s.Text
	for i := nextHigh(t, c.Start, c.End); i < c.End; i = nextHigh(t, i, c.End) {
		r, n := utf8.DecodeRuneInString(t[i:])
		switch {
		case r < 0x250:
			i = latin(s, i, n)
		case r >= 0x3005 && r <= 0x9FFF:
			i = asian(s, i, n)
		case r >= 0x900 && r < 0x980:
			i = hindi(s, i, n)
		default:
			i += n
		}
	}
}

// nextHigh gives the first byte from i that is not ASCII, end where there is none.
func nextHigh(t string, i, end int) int {
	const high = 0x8080808080808080
	for i+8 <= end {
		x := uint64(t[i]) | uint64(t[i+1])<<8 | uint64(t[i+2])<<16 | uint64(t[i+3])<<24 | uint64(t[i+4])<<32 | uint64(t[i+5])<<40 | uint64(t[i+6])<<48 | uint64(t[i+7])<<56
		if x&high != 0 {
			break
		}
		i += 8
	}
	for i < end && t[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// judgeKey judges a whole segment by the name of its field.
func judgeKey(s *classifiers.Scan) {
	k := s.Key
	if len(k) > 64 || len(s.Text) > 80 {
		return
	}
	l := labelBefore(k, len(k))
	by := byField
	switch {
	case l.class&strongName != 0:
	case l.class&nameWord != 0:
		by = byName
	case l.class&(role|header|lister) != 0:
		by = byRole
	default:
		if !s.KeyHas(wideKeys) {
			return
		}
	}
	t := s.Text
	if run := hanRun(t, 0); run == len(t) && run >= 6 && run <= 24 {
		if by == byField || surname(t) > 0 {
			s.Find(classifiers.Found{End: len(t), Type: &personType, Likelihood: proxy.Likely, Rule: "field"})
		}
		return
	}
	n, ok := nameAt(t, 0, style{small: true, comma: true})
	if !ok || strings.Trim(t[n.end:], " .") != "" {
		return
	}
	if w := lexicon.Read(t, n.start); w.Class&placeholder != 0 && n.parts == 1 {
		return
	}
	report(s, n, by)
}

// wideKeys are names of fields in scripts that the labels' words do not cover.
var wideKeys = classifiers.NewCue("氏名", "名前", "姓名", "お名前", "患者名", "顧客名", "担当者", "联系人", "客户姓名", "नाम", "이름", "성명")

// latin looks at the word of Latin letters around the character at i: whether a
// phrase or title begins with it. It gives where to go on.
func latin(s *classifiers.Scan, i, n int) int {
	t := s.Text
	if _, m := words.Letter(t, i); m == 0 {
		return i + n
	}
	start := i
	for k := 0; k < words.MaxWord && start > 0 && words.IsLetter(t[start-1]); k++ {
		start--
	}
	end := i + n
	for k := 0; k < words.MaxWord; k++ {
		_, m := words.Letter(t, end)
		if m == 0 {
			break
		}
		end += m
	}
	if start > 0 && (words.IsDigit(t[start-1]) || t[start-1] == '_') {
		return end
	}
	if i-start < 3 {
		var key [2 + utf8.UTFMax]byte
		k := 0
		for j := start; j < i; j++ {
			key[k] = words.Lower(t[j])
			k++
		}
		r, _ := utf8.DecodeRuneInString(t[i:])
		k += utf8.EncodeRune(key[k:], lowerLatin(r))
		for _, p := range strange[string(key[:k])] {
			follow(s, start, p)
		}
	}
	w := lexicon.Read(t, start)
	possessive(t, &w)
	if w.Class&role != 0 {
		follow(s, start, phrase{text: strings.ToLower(t[w.Start:w.End]), by: byPlain})
	}
	// Bey, Hanım: behind the name.
	if w.Class&after != 0 && w.Capital && words.At(t, start-1) == ' ' {
		if m, ok := nameBefore(t, start); ok {
			report(s, m, byTitle)
		}
	}
	return end
}

func lowerLatin(r rune) rune {
	switch {
	case r == 'İ':
		return 'i'
	case 0xC0 <= r && r < 0xDF && r != 0xD7:
		return r + 0x20
	case 0x100 <= r && r < 0x138, 0x14A <= r && r < 0x178:
		return r | 1
	case 0x139 <= r && r < 0x149, 0x179 <= r && r < 0x17F:
		return r + r&1
	}
	return r
}

// hindiWords come before a name in Devanagari.
var hindiWords = []struct {
	text string
	by   cause
}{
	{"श्रीमती", byTitle}, {"श्री", byTitle}, {"कुमारी", byTitle}, {"डॉ", byTitle}, {"डॉक्टर", byTitle}, {"मरीज़", byPlain}, {"मरीज", byPlain}, {"रोगी", byPlain}, {"ग्राहक", byPlain}, {"आवेदक", byPlain},
	{"मेरा नाम", byIntro}, {"नाम", byPlain}, {"प्रिय", byGreeting},
}

// hindi looks at a word in Devanagari. It gives where to go on.
func hindi(s *classifiers.Scan, i, n int) int {
	t := s.Text
	if i > 0 {
		if r, _ := utf8.DecodeLastRuneInString(t[:i]); r >= 0x900 && r < 0x980 {
			return i + n
		}
	}
	w := lexicon.Read(t, i)
	if w.End == w.Start {
		return i + n
	}
	for _, h := range hindiWords {
		if !strings.HasPrefix(t[i:], h.text) {
			continue
		}
		p := i + len(h.text)
		if r, _ := utf8.DecodeRuneInString(t[min(p, len(t)):]); r >= 0x900 && r < 0x980 {
			continue // a longer word
		}
		for n := 0; n < 3 && (words.At(t, p) == ' ' || words.At(t, p) == ':' || words.At(t, p) == '.' || words.At(t, p) == '-'); n++ {
			p++
		}
		if m, ok := nameAt(t, p, style{}); ok {
			// What follows a name in a sentence are words of the same script: two.
			by := h.by
			if m.full > 2 && caseless(t, words.Word{Start: m.start, End: m.end}) > 0 {
				m = firstWords(t, m, 2)
			}
			if by == byPlain && m.parts == 1 && m.known == 0 {
				continue
			}
			report(s, m, by)
		}
		return p
	}
	if t[w.Start:w.End] == "मैं" {
		// मैं … हूँ: I am …, with a name of two words or three.
		const reach = 90
		p := w.End + words.Blanks(t, w.End)
		if k := strings.Index(t[p:min(len(t), p+reach)], " हूँ"); k > 0 {
			if m, ok := nameAt(t, p, style{}); ok && m.full >= 2 {
				m.end = min(m.end, p+k)
				if m.end == p+k && strings.Count(t[p:m.end], " ") <= 2 && m.known > 0 {
					report(s, m, byIntro)
				}
			}
		}
	}
	// जी: behind the name.
	if t[w.Start:w.End] == "जी" && words.At(t, i-1) == ' ' {
		if v := lexicon.ReadBack(t, i-1); v.End > v.Start {
			s.Find(classifiers.Found{Start: v.Start, End: v.End, Type: &personType, Likelihood: proxy.Likely, Rule: "title"})
		}
	}
	return w.End
}

// firstWords cuts a name to its first words.
func firstWords(t string, n name, count int) name {
	p := n.start
	for k := 0; k < count; k++ {
		w := lexicon.Read(t, p)
		if w.End == w.Start {
			break
		}
		n.end = w.End
		p = w.End + words.Blanks(t, w.End)
	}
	n.parts, n.full = count, count
	return n
}

// hanLabels come before a name in Chinese or Japanese. Those that are sure need
// no surname behind.
var hanLabels = []struct {
	text string
	sure bool
}{
	{"お客様名", true}, {"患者氏名", true}, {"氏名", true}, {"お名前", true}, {"名前は", true}, {"名前", true}, {"患者名", true}, {"顧客名", true}, {"担当者", false}, {"担当", false}, {"届出人は", true}, {"届出人", false},
	{"配偶者", false}, {"申請者", false}, {"契約者", false}, {"被保険者", false}, {"保護者", false}, {"連絡先", false}, {"出席者", false}, {"出席", false}, {"参加者", false}, {"依頼人", false}, {"差出人", false}, {"宛先", false},
	{"客户经理", false}, {"客户姓名", true}, {"患者姓名", true}, {"姓名", true}, {"名字是", true}, {"名字叫", true}, {"我叫", true}, {"我是", false}, {"叫做", false}, {"名叫", true}, {"紧急联系人", false}, {"联系人", false}, {"收件人", false}, {"收货人", false},
	{"寄件人", false}, {"申请人", false}, {"投保人", false}, {"被保险人", false}, {"经办人", false}, {"负责人", false}, {"法定代表人", false}, {"持卡人", false}, {"户主", false}, {"客户", false}, {"患者", false}, {"病人", false}, {"用户", false},
	{"同事", false}, {"同学", false}, {"甲方", false}, {"乙方", false}, {"员工", false}, {"学生", false}, {"家长", false}, {"原告", false}, {"被告", false}, {"证人", false}, {"司机", false}, {"乘客", false}, {"房东", false}, {"租客", false},
	{"给", false}, {"帮我给", false}, {"丈夫", false}, {"妻子", false}, {"儿子", false}, {"女儿", false}, {"父亲", false}, {"母亲", false}, {"社員", false}, {"お客様", false},
}

// hanByFirst are the labels by their first character.
var hanByFirst = func() map[rune][]int {
	m := map[rune][]int{}
	for i, l := range hanLabels {
		r, _ := utf8.DecodeRuneInString(l.text)
		m[r] = append(m[r], i)
	}
	return m
}()

// surnames are frequent surnames of one character, of China (most frequent
// hundred and some), for names without a surer label.
const surnames = `王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文` +
	`庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明沙伏岑习胥保和蔺` +
	`陳張劉楊趙黃吳孫鄭謝韓馮許蕭鄧呂蘇盧蔣葉閻鍾羅賈鄒陸龍萬錢湯賴龔龐蘭顏嚴溫`

// compounds are surnames of two characters.
const compounds = `欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 歐陽 諸葛`

// surname gives the length of the surname that t begins with, 0 where it is none.
func surname(t string) int {
	if len(t) >= 6 && strings.Contains(compounds, t[:6]) {
		return 6
	}
	r, n := utf8.DecodeRuneInString(t)
	if r >= 0x4E00 && strings.ContainsRune(surnames, r) {
		return n
	}
	return 0
}

// hanRun gives the number of bytes of Han and kana characters at i.
func hanRun(t string, i int) int {
	n := 0
	for i+n < len(t) && n < 36 {
		r, m := utf8.DecodeRuneInString(t[i+n:])
		if !(r >= 0x4E00 && r <= 0x9FFF || r >= 0x3041 && r <= 0x30FF && r != '・' || r == '々') {
			break
		}
		n += m
	}
	return n
}

// honorifics stand behind a name.
var honorifics = []string{"様", "さん", "先生", "氏", "女士", "小姐", "老师", "经理", "医生", "さま", "君", "殿", "同志", "部長", "課長"}

// asian looks at a character of Chinese or Japanese. It gives where to go on.
func asian(s *classifiers.Scan, i, n int) int {
	t := s.Text
	r, _ := utf8.DecodeRuneInString(t[i:])
	for _, k := range hanByFirst[r] {
		l := hanLabels[k]
		if !strings.HasPrefix(t[i:], l.text) {
			continue
		}
		if end := hanName(s, i+len(l.text), l.sure); end > 0 {
			return end
		}
		return i + len(l.text)
	}
	if r == '私' && strings.HasPrefix(t[i:], "私は") {
		p := i + len("私は")
		if end := hanName(s, p, false); end == 0 {
			if run := hanRun(t, p); run > 6 {
				if k := strings.Index(t[p:p+run], "と申"); k >= 6 && k <= 18 {
					s.Find(classifiers.Found{Start: p, End: p + k, Type: &personType, Likelihood: proxy.Likely, Rule: "introduction"})
				}
			}
		}
		return p
	}
	if r == 'と' {
		selfNamed(s, i)
	}
	switch r {
	case '様', 'さ', '先', '氏', '女', '小', '老', '经', '医', '殿', '君', '同', '部', '課':
		for _, h := range honorifics {
			if strings.HasPrefix(t[i:], h) {
				honoured(s, i, h)
				return i + len(h)
			}
		}
	}
	return i + n
}

// selfNamed reports the name before と申します or と言います that begins at i: up to
// two runs of characters with a space between them, behind a stop or a break.
func selfNamed(s *classifiers.Scan, i int) {
	const most = 21 // bytes: seven characters
	t := s.Text
	if !words.Begins(t[i:], "と申し", "と申す", "といいます", "と言います") {
		return
	}
	start, spaces := i, 0
	for start > 0 && i-start <= most {
		r, n := utf8.DecodeLastRuneInString(t[:start])
		if (r == ' ' || r == '　') && spaces == 0 && start < i {
			spaces++
		} else if !(r >= 0x4E00 && r <= 0x9FFF || r == '々' || r >= 0x30A1 && r <= 0x30FA || r == 'ー') {
			break
		}
		start -= n
	}
	name := strings.TrimLeft(t[start:i], " \u3000")
	if len(name) < 6 || len(name) > most || strings.Contains(name, "会社") || strings.Contains(name, "株式") || noName(name) {
		return
	}
	s.Find(classifiers.Found{Start: i - len(name), End: i, Type: &personType, Likelihood: proxy.Likely, Rule: "introduction"})
}

// hanName reads the name behind a label that ends at p. It gives its end, 0 where
// there is none.
func hanName(s *classifiers.Scan, p int, sure bool) int {
	t := s.Text
	colon := false
	for n := 0; n < 4; n++ {
		switch {
		case words.At(t, p) == '(' || strings.HasPrefix(t[min(p, len(t)):], "（"):
			k := strings.IndexAny(t[p:min(len(t), p+30)], ")）")
			if k < 0 {
				return 0
			}
			_, m := utf8.DecodeRuneInString(t[p+k:])
			p += k + m
		case words.At(t, p) == ':', words.At(t, p) == '=':
			colon = true
			p++
		case words.At(t, p) == ' ', words.At(t, p) == '"', words.At(t, p) == '\t':
			colon = true
			p++
		case strings.HasPrefix(t[min(p, len(t)):], "："), strings.HasPrefix(t[min(p, len(t)):], "　"), strings.HasPrefix(t[min(p, len(t)):], "「"):
			colon = colon || strings.HasPrefix(t[p:], "：")
			p += 3
		}
	}
	end, level := hanNameAt(t, p, hanLabel{sure, colon})
	if end == 0 {
		return 0
	}
	s.Find(classifiers.Found{Start: p, End: end, Type: &personType, Likelihood: level, Rule: "field"})
	// Further names of a list: 山田太郎、鈴木花子
	for n := 0; n < maxList && colon && strings.HasPrefix(t[end:], "、"); n++ {
		p = end + 3
		e, level := hanNameAt(t, p, hanLabel{sure, colon})
		if e == 0 {
			break
		}
		s.Find(classifiers.Found{Start: p, End: e, Type: &personType, Likelihood: level, Rule: "list"})
		end = e
	}
	return end
}

// hanLabel is what stands before a name: a label that is surely one of persons,
// a colon or a space behind it.
type hanLabel struct{ sure, colon bool }

// hanNameAt reads a name at p: a run of characters up to punctuation or a word
// that no name has.
func hanNameAt(t string, p int, l hanLabel) (int, proxy.Likelihood) {
	run := hanRun(t, p)
	if run == 0 {
		return 0, 0
	}
	text := t[p : p+run]
	for _, x := range [...]string{"和", "及", "与", "、", "或", "と"} {
		if !l.colon && strings.HasPrefix(text, x) && surname(text) == 0 || x == "和" && strings.HasPrefix(text, x) {
			return 0, 0 // another label follows
		}
	}
	for _, x := range [...]string{"公司", "会社", "集团", "银行", "医院", "大学", "有限", "中心", "学校", "株式", "病院", "銀行"} {
		if strings.Contains(text, x) {
			return 0, 0
		}
	}
	// 山本 太一: a space between the names.
	if run <= 6 && words.At(t, p+run) == ' ' || strings.HasPrefix(t[p+run:], "　") && run <= 9 {
		sp := 1
		if words.At(t, p+run) != ' ' {
			sp = 3
		}
		if more := hanRun(t, p+run+sp); more >= 3 && more <= 12 && l.colon {
			cut := cutName(t[p+run+sp : p+run+sp+more])
			if cut > 0 && cut <= 9 {
				return p + run + sp + cut, proxy.Likely
			}
		}
	}
	cut := cutName(text)
	chinese := surname(text)
	kana := strings.IndexFunc(text[:cut], func(r rune) bool { return r >= 0x3041 && r <= 0x30FF }) >= 0
	switch {
	case cut < 6 || noName(text[:cut]):
		return 0, 0
	case cut <= 12 && chinese > 0 && cut <= 9 && !kana:
		return p + cut, proxy.Likely
	case cut <= 15 && (l.sure || l.colon):
		return p + cut, proxy.Likely
	case chinese > 0 && cut > 9:
		// No word that ends the name: three characters.
		return p + chinese + 6, proxy.Possible
	}
	return 0, 0
}

// cutName gives the length of what of a run can be a name: up to a particle or
// verb, or a title.
func cutName(run string) int {
	for i, r := range run {
		if i < 6 {
			if i >= 3 && (r == 'さ' || r == '様' || r == 'の' || r == 'は' || r == '的') {
				return i
			}
			continue
		}
		switch r {
		case '的', '是', '在', '写', '要', '说', '有', '与', '了', '把', '去', '反', '已', '将', '于', '电', '手', '身', '男', '女', '来', '因', '申', '住', '年', '投', '想', '问', '和', '给', '被', '请', '对', '到',
			'は', 'が', 'を', 'に', 'の', 'で', 'と', 'へ', 'も', '様', '氏', '殿', 'さ', '（', '先', '君':
			return i
		}
	}
	return len(run)
}

// noName reports whether a run is a word of forms rather than a name.
func noName(w string) bool {
	r, _ := utf8.DecodeRuneInString(w)
	for _, k := range hanByFirst[r] {
		if strings.HasPrefix(w, hanLabels[k].text) && utf8.RuneCountInString(hanLabels[k].text) > 1 {
			return true
		}
	}
	for _, x := range [...]string{"年齢", "年龄", "性別", "性别", "電話", "生年", "出生", "日付", "日期", "身份", "密码", "密碼", "未填", "不明", "未知", "服务", "名称", "公司", "会社", "部门", "信息", "資料", "情報", "番号", "电话", "地址", "住所", "用户", "客户", "无", "なし", "匿名", "経理", "数据", "管理", "端", "界面", "体验", "需求", "先", "様", "者", "我们", "他们", "大家", "自己", "老师们"} {
		if strings.HasPrefix(w, x) || strings.Contains(w, "番号") || strings.Contains(w, "号码") {
			return true
		}
	}
	return false
}

// honoured reports the name before an honorific that begins at i.
func honoured(s *classifiers.Scan, i int, h string) {
	t := s.Text
	limit := 5
	start := i
	kana := false
	for n := 0; n < limit && start > 0; n++ {
		r, m := utf8.DecodeLastRuneInString(t[:start])
		if !(r >= 0x4E00 && r <= 0x9FFF || r == '々' || r >= 0x30A1 && r <= 0x30FA || r == 'ー') {
			break
		}
		kana = kana || r >= 0x30A1 && r <= 0x30FF
		start -= m
	}
	text := t[start:i]
	chinese := h == "女士" || h == "小姐" || h == "老师" || h == "经理" || h == "医生" || h == "同志"
	if h == "先生" {
		// Both languages have it: Japanese is never far from a kana.
		chinese = !strings.ContainsFunc(t[max(0, lastRune(t, max(1, i-90))):min(len(t), i+90)], func(r rune) bool { return r >= 0x3041 && r <= 0x30FA })
	}
	if chinese {
		// The surname and up to two characters before the title.
		for k := start; k < i; {
			_, m := utf8.DecodeRuneInString(t[k:])
			if l := surname(t[k:]); l > 0 && i-k <= l+6 {
				s.Find(classifiers.Found{Start: k, End: i, Type: &personType, Likelihood: proxy.Likely, Rule: "title"})
				return
			}
			k += m
		}
		return
	}
	if len(text) < 3 || start > 0 && text == "" {
		return
	}
	prev, _ := utf8.DecodeLastRuneInString(t[:start])
	first, m := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	next, _ := utf8.DecodeRuneInString(t[i+len(h):])
	switch {
	case prev == 'お' || prev == 'ご' || first == '皆' || strings.ContainsRune("客仕模同異多有各神王何者業員店屋娘息奥孫父母姉兄妹弟御貴両某摂華彼無俺赤嬢若", last) && len(text) <= 6 && h != "氏":
		return
	case h == "氏" && (len(text) < 6 || strings.ContainsRune("両某摂華彼無源平", last) && len(text) == 3 || next == '名'):
		return
	case h == "様" && (strings.ContainsRune("々子式", next) || len(text) < 6 && !kana):
		return
	case (h == "君" || h == "殿" || h == "部長" || h == "課長") && len(text) < 6:
		return
	case m == len(text) && h != "さん":
		return
	case len(text) >= 15 && !kana:
		return // five characters: more than a name, mostly
	}
	if strings.Contains(text, "会社") || strings.Contains(text, "株式") {
		return
	}
	s.Find(classifiers.Found{Start: start, End: i, Type: &personType, Likelihood: proxy.Likely, Rule: "title"})
}
