package fold

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// class is what a character that is not ASCII is for folding.
type class uint8

const (
	// other ends a token: characters of scripts that have no look-alikes of
	// Latin ones, punctuation, pictures.
	other class = iota
	// latin is a letter that is as it should be: é, ß.
	latin
	// foreign is a letter of a script that has look-alikes, and none itself.
	foreign
	// lookalike is a letter of another script that looks like a Latin one.
	lookalike
	// solid is a letter or digit in another dress: full-width, mathematical,
	// of another script's digits.
	solid
	// soft is one that stands in honest text too: superscripts, circled ones.
	soft
	// point is punctuation: dashes, blanks, dots, the sign @.
	point
	// hidden is not seen: zero-width, bidi controls, soft hyphens, selectors.
	hidden
	// overlay is a mark that strikes through or encloses what is before it.
	overlay
	// accent is another combining mark.
	accent
	// tag is a character of the block of tags, which is not seen and spells
	// ASCII.
	tag
	// numeral is a digit of Chinese and Japanese, which is a word too.
	numeral
)

// entry is a character's class and what it reads as.
type entry struct {
	class class
	to    byte
}

// page holds the entries of 256 characters.
type page [256]entry

// pages is the table of all characters, empty where nothing folds.
type pages [0x110000 >> 8]*page

func (p *pages) set(r rune, c class, to byte) {
	at := &p[r>>8]
	if *at == nil {
		*at = new(page)
	}
	(*at)[r&0xFF] = entry{c, to}
}

func (p *pages) get(r rune) entry {
	if at := p[r>>8]; at != nil {
		return at[r&0xFF]
	}
	return entry{}
}

// lookalikes pairs letters with the Latin letter that they are drawn like in
// usual fonts (the facts of Unicode Technical Standard 39, chosen for letters
// that words are disguised with).
const lookalikes = `
	аaеeоoрpсcуyхxѕsіiјjԁdԛqԝwһhӏlкkгrѵvԍgАAВBЕEКKМMНHОOРPСCТTУYХXЅSІIЈJԚQԜWѴVӀlҮYҺhԌGЗ3
	ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXαaοoνvρpιiκkυuγyτtχxωwϲcϳjϹCϺMͿJ
	օoոnսuցgհhզqյjքpռnՕOՏSԼLՍUյjіi
	ᎠDᎡRᎢTᎥiᎩYᎪAᎫJᎬEᎳWᎷMᎻHᎽYᏀGᏃZᏎ4ᏏbᏒRᏔWᏕSᏙVᏚSᏞLᏟCᏢPᏦKᏧdᏴBᏳG
	ıiȷjɑaɡgɩiʋvſsᴀaʙbᴄcᴅdᴇeꜰfɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpǫqʀrꜱsᴛtᴜuᴠvᴡwʏyᴢz`

// points are the signs of punctuation in another dress.
const points = "＠@﹫@．.。.｡.․.﹒.‧.－-‐-‑-‒-–-—-―-−-﹣-⁃-＿_﹎_＋+﹢+／/⁄/∕/（(）)：:︓:＃#％%"

// table is made when the first character that is not ASCII is seen.
var table = sync.OnceValue(func() *pages {
	p := new(pages)
	for r := rune(0x80); r < 0x2000; r++ {
		switch {
		case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee):
			if unicode.IsLetter(r) {
				p.set(r, foreign, 0)
			}
		case unicode.Is(unicode.Latin, r):
			p.set(r, latin, 0)
		}
	}
	for r := rune(0xA640); r < 0xA6A0; r++ {
		p.set(r, foreign, 0)
	}
	var from rune
	for _, r := range lookalikes {
		switch {
		case r > 0x7F:
			from = r
		case from != 0:
			p.set(from, lookalike, byte(r))
			from = 0
		}
	}
	// Digits of other scripts come in tens, in order.
	for _, rs := range unicode.Nd.R16 {
		for r := rune(rs.Lo); r <= rune(rs.Hi); r++ {
			p.set(r, solid, '0'+byte((r-rune(rs.Lo))%10))
		}
	}
	for _, rs := range unicode.Nd.R32 {
		for r := rune(rs.Lo); r <= rune(rs.Hi); r++ {
			p.set(r, solid, '0'+byte((r-rune(rs.Lo))%10))
		}
	}
	compatible := func(lo, hi rune, c class) {
		for r := lo; r <= hi; r++ {
			if s := norm.NFKC.String(string(r)); len(s) == 1 && s[0] > ' ' {
				p.set(r, c, s[0])
			}
		}
	}
	compatible(0xFF10, 0xFF19, solid)
	compatible(0xFF21, 0xFF3A, solid)
	compatible(0xFF41, 0xFF5A, solid)
	compatible(0x1D400, 0x1D7FF, solid)
	compatible(0x2100, 0x214F, soft)
	compatible(0x2070, 0x209C, soft)
	compatible(0x00AA, 0x00BA, soft)
	compatible(0x1D2C, 0x1D6A, soft)
	compatible(0x2460, 0x2473, soft)
	compatible(0x24B6, 0x24EA, soft)
	compatible(0x1F130, 0x1F149, soft)
	for r := rune(0); r < 26; r++ {
		p.set(0x1F150+r, soft, 'A'+byte(r)) // white on black, in a circle
		p.set(0x1F170+r, soft, 'A'+byte(r)) // and in a square
	}
	for r := rune(0); r < 9; r++ {
		p.set(0x2776+r, soft, '1'+byte(r))
		p.set(0x2780+r, soft, '1'+byte(r))
		p.set(0x278A+r, soft, '1'+byte(r))
		p.set(0x2474+r, soft, '1'+byte(r)) // in parentheses
		p.set(0x2488+r, soft, '1'+byte(r)) // with a full stop
		p.set(0x24F5+r, soft, '1'+byte(r))
	}
	p.set(0x24FF, soft, '0')
	from = 0
	for _, r := range points {
		switch {
		case from != 0:
			p.set(from, point, byte(r))
			from = 0
		default:
			from = r
		}
	}
	for _, r := range []rune{0xA0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x202F, 0x205F, 0x3000} {
		p.set(r, point, ' ')
	}
	for _, r := range []rune{0xB7, 0x2022, 0x30FB, 0x22C5, 0x2027} {
		p.set(r, point, '*') // a dot in the middle: joins digits as * does
	}
	hide := func(lo, hi rune) {
		for r := lo; r <= hi; r++ {
			p.set(r, hidden, 0)
		}
	}
	hide(0xAD, 0xAD)
	hide(0x034F, 0x034F)
	hide(0x061C, 0x061C)
	hide(0x115F, 0x1160)
	hide(0x17B4, 0x17B5)
	hide(0x180B, 0x180F)
	hide(0x200B, 0x200F)
	hide(0x202A, 0x202E)
	hide(0x2060, 0x206F)
	hide(0x20E3, 0x20E3)
	hide(0x3164, 0x3164)
	hide(0xFE00, 0xFE0F)
	hide(0xFEFF, 0xFEFF)
	hide(0xFFA0, 0xFFA0)
	hide(0xFFF9, 0xFFFB)
	hide(0xE0100, 0xE01EF)
	for r := rune(0xE0000); r <= 0xE007F; r++ {
		p.set(r, tag, byte(r&0x7F))
	}
	for r := rune(0x0300); r <= 0x036F; r++ {
		if r != 0x034F {
			p.set(r, accent, 0)
		}
	}
	for r := rune(0x0334); r <= 0x0338; r++ {
		p.set(r, overlay, 0)
	}
	for r := rune(0x20D0); r <= 0x20F0; r++ {
		if r != 0x20E3 {
			p.set(r, overlay, 0)
		}
	}
	p.set(0x0488, overlay, 0)
	p.set(0x0489, overlay, 0)
	for i, digits := range []string{"〇零○", "一壹幺", "二贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"} {
		for _, r := range digits {
			p.set(r, numeral, '0'+byte(i))
		}
	}
	return p
})

// asciiToken tells the ASCII characters that tokens are made of: of addresses,
// numbers and words.
var asciiToken = func() (t [256]bool) {
	for c := 0; c < 0x80; c++ {
		t[c] = alnum(byte(c)) || strings.IndexByte("._%+-'@()/:", byte(c)) >= 0
	}
	return t
}()

func alnum(b byte) bool { return letter(b) || digit(b) }
func letter(b byte) bool {
	b |= 0x20
	return 'a' <= b && b <= 'z'
}
func digit(b byte) bool { return '0' <= b && b <= '9' }
