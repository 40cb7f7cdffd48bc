package pools

import (
	"regexp"
	"slices"
	"strings"
)

// Expressions of names. Each is a part of a row of [Hosts.Matches].
const (
	exprLabel = `[a-z0-9_-]{1,63}`
	exprLast  = `[a-z][a-z0-9-]{0,62}`
	exprPlain = `[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?` // a label as hostLabels takes them
	exprAny   = `[a-z0-9_.-]*`
	// exprCloud is region as an expression.
	exprCloud = `[a-z]+(?:-[a-z0-9]+){1,3}`
)

// patternExpr makes an expression of a governed pattern, or of one of the list.
func patternExpr(pattern string) string {
	out := regexp.QuoteMeta(pattern)
	out = strings.ReplaceAll(out, `\{region\}`, exprCloud)
	return strings.ReplaceAll(out, `\*`, `[a-z0-9-]+`)
}

// suspectMatches are the rows for names that neither are governed nor have a rule.
// They follow [Providers.Suspect] for a server's name.
func suspectMatches(l *Providers) []HostMatch {
	var out []HostMatch
	refuse := func(why, label, expr string) {
		out = append(out, HostMatch{Expr: expr, Passage: PassageRefused, Why: why, Label: label})
	}
	for _, p := range l.list {
		for _, host := range slices.Concat(p.Hosts, p.Apps) {
			refuse(WhySuspect, p.Name, patternExpr(host))
		}
	}
	// Strong words beside hints, in either order, then strong words beside .ai.
	strong, hint := `(?:`+strings.Join(tellingWords, "|")+`)[0-9]*`, `(?:`+strings.Join(hintingWords, "|")+`)[0-9]*`
	begin, between, end := `(?:`+exprAny+`[.-])?`, `(?:[.-]`+exprAny+`)?[.-]`, `(?:-[a-z0-9_-]*)?\.`+exprAny
	refuse(WhySuspect, "", begin+strong+between+hint+end)
	refuse(WhySuspect, "", begin+hint+between+strong+end)
	refuse(WhySuspect, "", begin+strong+`(?:-[a-z0-9_-]*)?\.(?:`+exprAny+`\.)?ai`)
	refuse(WhyLookAlike, "", `(?:`+exprAny+`\.)?xn--`+exprAny+`\.`+exprAny)
	// What lies below a provider's own domain looks like it with right.
	var owned []string
	for _, in := range []map[string][]pattern{l.hosts, l.apps} {
		for end := range in {
			owned = append(owned, end)
		}
	}
	slices.Sort(owned)
	for _, end := range slices.Compact(owned) {
		out = append(out, HostMatch{Expr: `(?:` + exprPlain + `\.)*` + regexp.QuoteMeta(end), Passage: PassagePassed, Why: WhyDefault, Label: "*." + end})
	}
	for _, word := range l.words {
		for _, expr := range lookAlikeExprs(word) {
			refuse(WhyLookAlike, l.ownerOf(word), expr)
		}
	}
	return append(out, HostMatch{Expr: `(?:` + exprLabel + `\.)+` + exprLast, Passage: PassagePassed, Why: WhyDefault, Label: "*"})
}

// lookAlikeExprs are expressions for names that lookAlike takes for a word's
// owner, but for internationalised ones.
func lookAlikeExprs(word string) []string {
	rest := `\.` + exprAny
	// The word between hyphens, with digits for letters.
	out := []string{`(?:` + exprAny + `[.-])?` + spelled(word) + `(?:-[a-z0-9_-]*)?` + rest}
	// A whole label with at least one such digit, where i and l are one.
	var whole []string
	for i := range len(word) {
		if digit := digitsFor(word[i], true); digit != "" {
			whole = append(whole, alikeSpelled(word[:i])+`[`+digit+`]`+alikeSpelled(word[i+1:]))
		}
	}
	if len(whole) > 0 {
		out = append(out, `(?:`+exprAny+`\.)?(?:`+strings.Join(whole, "|")+`)`+rest)
	}
	if len(word) < leastStroke {
		return out
	}
	// What was registered, one stroke beside the word.
	const one = `[a-z0-9_-]`
	var strokes []string
	for i := range len(word) {
		strokes = append(strokes, spelled(word[:i])+one+`?`+spelled(word[i+1:]), spelled(word[:i])+one+spelled(word[i:]))
		if i+1 < len(word) {
			strokes = append(strokes, spelled(word[:i])+spelled(word[i+1:i+2])+spelled(word[i:i+1])+spelled(word[i+2:]))
		}
	}
	strokes = append(strokes, spelled(word)+one)
	return append(out, `(?:`+exprAny+`\.)?(?:`+strings.Join(strokes, "|")+`)\.`+exprLast)
}

// spelled is an expression for a word whose letters may be digits that look like
// them.
func spelled(word string) string {
	var b strings.Builder
	for i := range len(word) {
		if digits := digitsFor(word[i], false); digits != "" {
			b.WriteString(`[` + word[i:i+1] + digits + `]`)
			continue
		}
		b.WriteString(regexp.QuoteMeta(word[i : i+1]))
	}
	return b.String()
}

// alikeSpelled is spelled, with i and l as one letter.
func alikeSpelled(word string) string {
	var b strings.Builder
	for i := range len(word) {
		if word[i] == 'i' || word[i] == 'l' {
			b.WriteString(`[il1]`)
			continue
		}
		b.WriteString(spelled(word[i : i+1]))
	}
	return b.String()
}

// digitsFor gives the digits that look like a letter; with one, those that look
// like i or l look like the other.
func digitsFor(letter byte, one bool) string {
	if one && letter == 'i' {
		letter = 'l'
	}
	var out []byte
	for digit := byte('0'); digit <= '9'; digit++ {
		if to, ok := confusable[rune(digit)]; ok && to == rune(letter) {
			out = append(out, digit)
		}
	}
	return string(out)
}
