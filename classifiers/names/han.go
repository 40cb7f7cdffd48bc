package names

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/gazetteer"
	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
	"github.com/ostiary/ostiary/proxy"
)

// Names in Chinese and Japanese characters are told by a known surname and what
// stands around: a title behind, a word for a person before, given names that
// are known or written with characters usual in them, or a field of its own.

// maxRunes bounds the characters of a run that are read at once.
const maxRunes = 96

// The words below are common knowledge of the languages.
var (
	// Titles behind a name, the longer ones first.
	hanTitles = strings.Fields("先生 女士 小姐 太太 老师 老師 医生 醫生 主任 经理 經理 教授 同学 同學 律师 律師 护士 護士 博士 师傅 局长 院长 部长 科长 校长 董事长 总监 总经理 书记 阿姨 叔叔 大夫 同志 法官 警官 夫人 总")
	jaTitles  = strings.Fields("さん 様 さま 氏 君 くん ちゃん 先生 殿 部長 課長 社長 係長 主任 教授 医師 選手 議員 先輩 看護師 弁護士 店長 会長")
	// Words for persons, before a name: surely, and perhaps.
	hanCues = strings.Fields(`姓名 名字 我叫 我是 名叫 叫做 患者 病人 客户 客戶 用户 用戶 顾客 联系人 聯絡人 同事 经理 老师 医生 主任 学生 员工 负责人 收件人 寄件人 发件人 收款人 付款人 申请人 投保人 被保险人 受益人 原告 被告 证人 乙方 甲方
		代表人 持卡人 户名 戶名 借款人 担保人 租客 房东 候选人 应聘者 面试者 教授 律师 儿子 女儿 妻子 丈夫 母亲 父亲 妈妈 爸爸 朋友 邻居 室友 亲爱的 尊敬的 致 签名 记录人 主持人 出席 参会人 抄送 爱人 司机 乘客 家长 会员 先生 女士 小姐 本人`)
	hanWeak = strings.Fields("和 与 與 给 給 帮 幫 由 找 向 请 請 跟 及 问 问问 通知 告诉 提醒 让 昨天 今天 明天 上午 下午 晚上 刚才 上周 本周")
	jaCues  = strings.Fields(`氏名 名前 お名前 患者 患者名 担当 担当者 お客様 お客様名 顧客 顧客名 配偶者 届出人 出席 出席者 欠席 参加者 申請者 申込者 契約者 被保険者 受取人 名義 名義人 宛名 差出人 依頼者 依頼人 保護者 生徒 学生 社員 従業員
		部下 上司 同僚 友人 妻 夫 父 母 息子 娘 兄 弟 姉 妹 原告 被告 証人 代表 代表者 責任者 弁護士 医師 主治医 看護師 予約者 会員 候補者 応募者 記入者 送り主 私は 記録 議長`)
	// Characters that stand behind a name and belong to the sentence.
	hanAfter = "的了是在和与與说說要想于於因为為反住男女将将已被把向对對也都就有来來去到今昨明写寫打发發问問请請会會能可不没沒同及跟给給从從身手电電证證号號先同，。、：；！？,.:;!?）)」』\"'的吗嗎呢吧让讓今天她他它"
	// Characters usual in Chinese given names.
	hanGiven = "伟偉芳娜敏静靜丽麗强強磊军軍洋勇艳艷杰傑涛濤超秀霞平刚剛桂英华華玉兰蘭红紅梅建国國文辉輝力明永健世广志義义兴良海山仁波宁寧贵贵福生龙龍元全国胜勝学學祥才发武新利清飞彬富顺信子昌成康星光天达安岩中茂进有坚和彪博诚先敬震振壮思群豪心邦承乐绍功松善厚庆磊民友裕河哲江浩亮政谦亨奇固之轮翰朗伯宏言若鸣朋斌梁栋维启克伦翔旭鹏泽晨辰士以家致树炎德行时泰盛雄琛钧冠策腾楠榕风航弘惠珠翠雅芝萍燕彩春菊凤鳳洁潔琳素云雲莲蓮真环環雪荣榮爱愛妹香月莺媛瑞凡佳嘉琼桃霜瑜凝晶欣慧巧美姣婉娴瑾颖穎露瑶怡婵雁蓓纨仪荷丹蓉眉君琴蕊薇菁梦夢岚苑婕馨瑗琰韵融园艺咏卿聪澜纯毓悦昭冰爽琬茗羽希欢飘滢馥筠柔竹霭凝晓曉小婷雨宇轩軒涵晴琪璐璇妍诗詩怀懷珊莎锦錦帆淑倩峰鑫阳陽东東俊凯凯波帅帥楠婧莹瑩雷坤林斌玲萌柏萱娟兵宝寶珍喜根长順順洪金银銀花柱贤賢亭彤畅暢宸梓子睿昊然皓轩博雯怡熙钰铭煜诺奕泓彦晖煊"
	// Common words that look like names.
	hanWords = strings.Fields("王国 高兴 高明 文明 平安 安静 安康 和平 金华 高新 方向 万一 成功 成立 成长 时光 时间 黄金 高山 高中 高原 高温 安全 常州 马云山 江山 江海 江河 温和 温柔 白天 白云 白雪 明天 国家 国庆 元旦 元素 石家庄 金融 金山 石油 水平 田园 新华 长春 长江 关心 关于 广东 广州 中国 中心 中华 中山 华东 华北 海南 山东 于是 严重 严格 严肃 方便 方法 平台 项目 任务 应用 单位 金额 周期 周末 经济 全国 全新 全家 安心 余额 马上 高度 高级 高速 连接 时代 党员 公平 公安 公元 公里 公民 公会")
	// Words for firms and authorities: what stands before is their name.
	hanFirms = strings.Fields("公司 集团 集團 有限 银行 銀行 医院 醫院 大学 大學 学院 中学 小学 酒店 商店 超市 工厂 科技 物流 贸易 保险 基金 证券 法院 公安局 派出所 会社 商事 商店 商会 病院 大学 学校 高校 工業 産業 建設 製作所 電機 電力 自動車 不動産 システムズ 株式 役所 区 市 町 村 県 省 路 街 镇 县 駅")
	// Usual Japanese surnames beside those of the gazetteer.
	jaSurnames = strings.Fields(`佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 斉藤 清水 山崎 森 池田 橋本 阿部 石川 山下 中島 石井 小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本 福田 太田
		西村 藤井 金子 岡本 藤原 三浦 中野 中川 原田 松田 竹内 小野 田村 中山 和田 石田 森田 上田 原 内田 柴田 酒井 宮崎 横山 高木 安藤 宮本 大野 小島 谷口 今井 工藤 高田 増田 丸山 杉山 村田 大塚 新井 藤本 小山 平野 河野 上野 野口 武田 松井
		千葉 菅原 岩崎 久保 木下 佐野 野村 松尾 菊地 菊池 杉本 市川 古川 大西 島田 水野 桜井 高野 渡部 吉川 山内 西田 飯田 西川 小松 北村 安田 五十嵐 川口 平田 関 中田 東 久保田 服部 岩田 土屋 川崎 福島 本田 辻 樋口 秋山 田口 永井 山中 中西 吉村 川上
		石原 大橋 松岡 馬場 浜田 森本 星野 矢野 浅野 松下 大島 吉岡 小池 野田 荒木 熊谷 松浦 内藤 黒田 尾崎 大久保 片山 川村 大谷 早川 須藤 望月 荒井 堀 永田 小田 宮田 白石 黒木 今村 奥村 田辺 中尾 土井 小泉 岸 成田`)
)

// hanTable answers for the words above.
type hanTable struct {
	given    map[rune]bool
	after    map[rune]bool
	words    map[string]bool
	surnames map[string]bool
	zh, ja   wordSets
	firms    map[rune][]string // by first character
	ends     map[rune][]string // likewise, of organisations
}

// wordSets are the words around names of a language: cues by their last
// character, titles by their first.
type wordSets struct{ strong, weak, titles map[rune][]string }

func byFirst(words []string) map[rune][]string {
	m := map[rune][]string{}
	for _, w := range words {
		r, _ := utf8.DecodeRuneInString(w)
		m[r] = append(m[r], w)
	}
	return m
}

func byLast(words []string) map[rune][]string {
	m := map[rune][]string{}
	for _, w := range words {
		r, _ := utf8.DecodeLastRuneInString(w)
		m[r] = append(m[r], w)
	}
	return m
}

func makeHan() *hanTable {
	h := &hanTable{
		given: map[rune]bool{}, after: map[rune]bool{}, words: map[string]bool{}, surnames: map[string]bool{},
		zh: wordSets{byLast(hanCues), byLast(hanWeak), byFirst(hanTitles)}, ja: wordSets{byLast(jaCues), nil, byFirst(jaTitles)}, firms: byFirst(hanFirms), ends: byFirst(hanOrgEnds),
	}
	for _, r := range hanGiven {
		h.given[r] = true
	}
	for _, r := range hanAfter {
		h.after[r] = true
	}
	for _, w := range hanWords {
		h.words[w] = true
	}
	for _, w := range jaSurnames {
		h.surnames[w] = true
	}
	return h
}

// run is a run of characters that is being read.
type run struct {
	t      string
	at     [maxRunes + 1]int // bytes
	r      [maxRunes]rune
	n      int
	opens  bool // nothing stands before but a delimiter of fields
	closes bool
}

func (u *run) text(i, j int) string { return u.t[u.at[i]:u.at[j]] }

// han reads a run of characters without spaces.
func (r *reading) han(tok *tagger.Token) {
	var u run
	u.t = r.s.Text
	pos, end := int(tok.Start), int(tok.End)
	japanese := r.japanese
	for u.n < maxRunes && pos < end {
		c, n := utf8.DecodeRuneInString(u.t[pos:])
		u.at[u.n], u.r[u.n] = pos, c
		u.n++
		pos += n
	}
	u.at[u.n] = pos
	u.opens = delimits(u.t, int(tok.Start), -1)
	u.closes = pos == end && delimits(u.t, end, 1)
	r.places(&u)
	for i := 0; i < u.n; {
		if n := r.hanName(&u, i, japanese); n > 0 {
			i += n
			continue
		}
		i++
	}
}

// delimits reports whether what stands before (step -1) or behind i is the
// edge of a field or line.
func delimits(t string, i, step int) bool {
	if step < 0 {
		if i == 0 {
			return true
		}
		r, _ := utf8.DecodeLastRuneInString(t[:i])
		return strings.ContainsRune("\n\t,;|:：，、；\"'“「（( =。*-·/", r)
	}
	if i >= len(t) {
		return true
	}
	r, _ := utf8.DecodeRuneInString(t[i:])
	return strings.ContainsRune("\n\t,;|，、；\"'”」）( （.。<@/·", r)
}

// hanName reports a name that begins with character i of a run and gives its
// length, 0 where there is none.
func (r *reading) hanName(u *run, i int, japanese bool) int {
	if u.r[i] < 0x4E00 {
		return 0 // kana and signs begin no surname of the lists
	}
	tab := han()
	best := 0
	for n := min(3, u.n-i); n >= 1; n-- {
		w := u.text(i, i+n)
		f := gazetteer.Word([]byte(w))
		if f.Surname() > 0 || tab.surnames[w] {
			if japanese || n > 1 && tab.surnames[w] {
				best = r.jaName(u, i, n)
			} else if n <= 2 {
				best = r.zhName(u, i, n)
			}
			if best > 0 {
				return best
			}
		}
	}
	return 0
}

// cue gives the weight of the word before character i: 2 for a word for a
// person, 1 for one that often stands before a name.
func (u *run) cue(i int, sets *wordSets) int {
	before := u.t[max(0, u.at[i]-36):u.at[i]]
	before = strings.TrimRight(before, " :：、,，\t=　「\"“*|-")
	before = strings.TrimSuffix(strings.TrimSuffix(before, "は"), "の")
	last, _ := utf8.DecodeLastRuneInString(before)
	for _, w := range sets.strong[last] {
		if strings.HasSuffix(before, w) {
			return 2
		}
	}
	for _, w := range sets.weak[last] {
		if strings.HasSuffix(before, w) {
			return 1
		}
	}
	return 0
}

// firm reports whether the name of a firm or place goes on at character i.
func (u *run) firm(i int) bool {
	tab := han()
	firms := tab.firms
	for k := i; k < min(u.n, i+firmRunes); k++ {
		for _, w := range firms[u.r[k]] {
			if strings.HasPrefix(u.t[u.at[k]:u.at[u.n]], w) && (k == i || len(w) > 3) {
				return true
			}
		}
		if tab.after[u.r[k]] {
			return false // the sentence goes on
		}
	}
	return false
}

// firmRunes is the number of characters behind a name in which a word for a firm
// is looked for.
const firmRunes = 6

// maxGap is the number of bytes between two names of a list.
const maxGap = 16

// listed reports whether character i follows a name in a list of names.
func (r *reading) listed(u *run, i int) bool {
	gap := u.at[i] - r.lastHan
	if r.lastHan == 0 || gap <= 0 || gap > maxGap {
		return false
	}
	between := strings.TrimSpace(u.t[r.lastHan:u.at[i]])
	between = strings.TrimPrefix(strings.TrimPrefix(between, "(欠席)"), "（欠席）")
	return between == "、" || between == "," || between == "，" || between == "・" || between == "和" || between == "/"
}

// title gives the length in characters of a title at i, 0 where none stands.
func (u *run) title(i int, sets *wordSets) int {
	if u.at[i] >= len(u.t) {
		return 0
	}
	first, _ := utf8.DecodeRuneInString(u.t[u.at[i]:])
	for _, w := range sets.titles[first] {
		if strings.HasPrefix(u.t[u.at[i]:], w) {
			return utf8.RuneCountInString(w)
		}
	}
	return 0
}

func (r *reading) zhName(u *run, i, n int) int {
	tab := han()
	end := i + n
	// Surname and title: 张先生.
	if u.title(end, &tab.zh) > 0 {
		if u.r[i] != '老' {
			return r.report(u, i, end, proxy.Likely, "surname and title")
		}
		return 0
	}
	// Given names of two characters, then of one.
	cue := -1
	for _, g := range []int{2, 1} {
		to := end + g
		if to > u.n {
			continue
		}
		usual := 0
		for k := end; k < to; k++ {
			if tab.given[u.r[k]] {
				usual++
			}
		}
		listed := gazetteer.Word([]byte(u.text(end, to))).Given() > 0
		if usual < g && !listed && g == 2 && tab.after[u.r[to-1]] {
			continue // the second character belongs to the sentence
		}
		if tab.words[u.text(i, to)] || g == 2 && tab.words[u.text(i, to-1)] && !(i == 0 && r.listed(u, i)) {
			continue
		}
		if g == 2 && usual == 1 && !listed && tab.given[u.r[end]] && to < u.n && !tab.after[u.r[to]] {
			continue // one character is a name, the other begins a word
		}
		last := to == u.n && u.closes
		follows := to < u.n && tab.after[u.r[to]] || to == u.n
		titled := u.title(to, &tab.zh) > 0
		if g == 2 || cue < 0 {
			cue = u.cue(i, &tab.zh)
		}
		if i == 0 && r.listed(u, i) {
			cue = 2
		}
		alone := i == 0 && u.opens && last
		if usual == 0 && !listed && !titled && cue == 0 || u.firm(to) {
			continue
		}
		switch {
		case titled && (usual > 0 || listed || cue > 0 || i == 0):
			return r.report(u, i, to, proxy.Likely, "name and title")
		case cue == 2 && g == 2 && usual < 2 && !listed && tab.given[u.r[end]] && to < u.n:
			continue
		case cue == 2 && (usual == g || listed || follows || i == 0):
			return r.report(u, i, to, proxy.Likely, "name behind a word for a person")
		case g == 2 && (usual == 2 || listed) && (follows || i == 0 || cue > 0 || last):
			return r.report(u, i, to, proxy.Likely, "surname and usual given name")
		case alone && usual == g:
			return r.report(u, i, to, proxy.Likely, "name in a field")
		case cue == 1 && usual == g && follows:
			return r.report(u, i, to, proxy.Likely, "name behind a preposition")
		case g == 1 && (usual == 1 || listed) && (i == 0 && u.opens) && follows:
			return r.report(u, i, to, proxy.Possible, "short name")
		}
	}
	return 0
}

// kanji reports whether a character can be part of a Japanese given name.
func kanji(r rune) bool { return r >= 0x4E00 && r < 0xA000 || r == '々' || r == 'ヶ' }

func (r *reading) jaName(u *run, i, n int) int {
	tab := han()
	end := i + n
	cue := u.cue(i, &tab.ja)
	if i == 0 && r.listed(u, i) {
		cue = 2
	}
	if k := u.title(end, &tab.ja); k > 0 {
		// 関 is a surname and 関先生 one; 林君 too. One character needs more.
		if n > 1 || cue > 0 || i == 0 {
			return r.report(u, i, end, proxy.Likely, "surname and title")
		}
	}
	// A given name that is known, longest first; a space may stand between.
	from := end
	if end == u.n {
		rest := u.t[u.at[u.n]:]
		gap := 0
		switch {
		case strings.HasPrefix(rest, " "):
			gap = 1
		case strings.HasPrefix(rest, "　"):
			gap = 3
		}
		if gap > 0 && (i == 0 || cue > 0) && (n > 1 || cue > 0) {
			at := u.at[u.n] + gap
			var k [4]int
			c := 0
			for pos := at; c < 4 && pos < len(u.t); c++ {
				ch, size := utf8.DecodeRuneInString(u.t[pos:])
				if !kanji(ch) && !(ch >= 0x3041 && ch < 0x30FF) {
					break
				}
				pos += size
				k[c] = pos
			}
			for g := min(3, c); g >= 1; g-- {
				if f := gazetteer.Word([]byte(u.t[at:k[g-1]])); f.Given() > 0 || g == c && c <= 3 && (c == 2 || cue > 0) {
					r.hanFind(u.at[i], k[g-1], proxy.Likely, "surname and given name")
					return u.n - i
				}
			}
		}
	}
	if n == 1 && cue == 0 && i > 0 || u.firm(end) {
		return 0
	}
	for g := min(3, u.n-from); g >= 1; g-- {
		w := u.text(from, from+g)
		if gazetteer.Word([]byte(w)).Given() > 0 && (g > 1 || cue > 0 || u.title(from+g, &tab.ja) > 0) {
			return r.report(u, i, from+g, proxy.Likely, "surname and given name")
		}
	}
	for g := 1; g <= min(2, u.n-from) && kanji(u.r[from+g-1]); g++ {
		if u.title(from+g, &tab.ja) > 0 && !u.firm(from) {
			return r.report(u, i, from+g, proxy.Likely, "name and title")
		}
	}
	for g := min(3, u.n-from); g >= 1; g-- {
		ok := true
		for k := from; k < from+g; k++ {
			ok = ok && kanji(u.r[k]) && u.title(k, &tab.ja) == 0
		}
		if !ok || u.firm(from+g) || u.firm(from) {
			continue
		}
		ends := from+g == u.n || !kanji(u.r[from+g])
		switch {
		case g == 2 && ends && (cue > 0 || i == 0 && u.opens && from+g == u.n && n > 1):
			return r.report(u, i, from+g, proxy.Likely, "name in a field")
		case g != 2 && ends && cue > 0 && (n > 1 || g > 1 && i == 0):
			return r.report(u, i, from+g, proxy.Likely, "name behind a word for a person")
		}
	}
	if n == 1 && i == 0 && u.opens && end < u.n && strings.ContainsRune("にとへ", u.r[end]) && gazetteer.Word([]byte(u.text(i, end))).Surname() == 3 {
		return r.report(u, i, end, proxy.Likely, "surname before a particle")
	}
	if cue > 0 && n > 1 && (end == u.n || !kanji(u.r[end])) {
		return r.report(u, i, end, proxy.Likely, "surname behind a word for a person")
	}
	if n > 1 && i == 0 && strings.HasPrefix(u.t[u.at[end]:], "です") && gazetteer.Word([]byte(u.text(i, end))).Place() == 0 {
		return r.report(u, i, end, proxy.Likely, "surname before a particle")
	}
	// A surname before a particle, in a text in which it may be a place as well.
	if n > 1 && end < u.n && strings.ContainsRune("はがにとへもを", u.r[end]) && gazetteer.Word([]byte(u.text(i, end))).Place() == 0 && (i == 0 || !kanji(u.r[i-1])) {
		return r.report(u, i, end, proxy.Likely, "surname before a particle")
	}
	return 0
}

func (r *reading) report(u *run, i, j int, level proxy.Likelihood, rule string) int {
	r.hanFind(u.at[i], u.at[j], level, rule)
	return j - i
}

func (r *reading) hanFind(from, to int, level proxy.Likelihood, rule string) {
	r.lastHan = to
	r.s.Find(classifiers.Found{Start: from, End: to, Type: person, Likelihood: level, Rule: rule, Validator: "surname"})
}
