package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader collects problems while the text is read.
type reader struct {
	*source
	problems []draft
	warnings []draft
}

// draft is a problem without its excerpt: which lines may be shown is only
// known when everything was read.
type draft struct {
	pos             Position
	quiet           bool
	message, remedy string
	keep            string // a word to show all the same
}

func (r *reader) fail(pos Position, quiet bool, message, remedy string) {
	r.problems = append(r.problems, draft{pos: pos, quiet: quiet, message: message, remedy: remedy})
}

// failAt reports a problem with the value of a path that was read.
func (r *reader) failAt(path, message, remedy string) {
	r.fail(r.find(path), false, message, remedy)
}

func (r *reader) warnAt(path, message, remedy string) {
	r.warnings = append(r.warnings, draft{pos: r.find(path), message: message, remedy: remedy})
}

// finish gives drafts their excerpts and puts them into the order of the file.
func (r *reader) finish(drafts []draft) Problems {
	var out Problems
	for _, d := range drafts {
		out = append(out, &Problem{Position: d.pos, Message: d.message, Remedy: d.remedy, Excerpt: r.excerpt(d.pos, d.quiet, d.keep)})
	}
	slices.SortStableFunc(out, func(a, b *Problem) int {
		if a.Position.Line != b.Position.Line {
			return a.Position.Line - b.Position.Line
		}
		return a.Position.Column - b.Position.Column
	})
	return out
}

// hush keeps the lines of a node out of every excerpt: a key may stand there,
// or what is nobody's business.
func (r *reader) hush(nodes ...ast.Node) {
	first, last := 0, 0
	for _, n := range nodes {
		if n == nil {
			continue
		}
		ast.Walk(visit(func(n ast.Node) {
			t := n.GetToken()
			if t == nil || t.Position == nil {
				return
			}
			if first == 0 || t.Position.Line < first {
				first = t.Position.Line
			}
			// A text of several lines counts where it begins or where it
			// ends, by its kind: both sides are hidden.
			span := strings.Count(strings.TrimSpace(t.Origin), "\n") + strings.Count(t.Value, "\n")
			first, last = min(first, max(t.Position.Line-span, 1)), max(last, t.Position.Line+span)
		}), n)
	}
	for l := first; l <= last; l++ {
		r.hushed[l] = true
	}
}

// visit is a function as a visitor of every node.
type visit func(ast.Node)

// Visit implements ast.Visitor.
func (f visit) Visit(n ast.Node) ast.Visitor { f(n); return f }

// tree parses the text. It gives nil for a text without content, and where it
// reports a problem.
func (r *reader) tree(data []byte) (root ast.Node) {
	if len(data) > maxFile {
		r.fail(Position{File: r.name}, false, fmt.Sprintf("the file is larger than %d bytes", maxFile), "lists of words belong in a file of their own: terms: [{name: …, file: …}]")
		return nil
	}
	if !utf8.Valid(data) {
		r.fail(Position{File: r.name}, false, "the file is not UTF-8", "save it as UTF-8")
		return nil
	}
	defer func() { // the YAML module panics on some malformed texts
		if recover() != nil {
			root = nil
			r.fail(Position{File: r.name}, false, "the file is not valid YAML", "")
		}
	}()
	tokens := lexer.Tokenize(strings.Join(r.lines, "\n"))
	if len(tokens) > maxTokens {
		r.fail(r.position(tokens[maxTokens]), true, fmt.Sprintf("the file has more than %d words and signs", maxTokens), "lists of words belong in a file of their own: terms: [{name: …, file: …}]")
		return nil
	}
	if t := tooDeep(tokens); t != nil {
		r.fail(r.position(t), true, "the file nests more deeply than any configuration does", "")
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		pos := Position{File: r.name}
		message := "not valid YAML"
		var e yaml.Error
		if errors.As(err, &e) {
			pos = r.position(e.GetToken())
			// Other messages of the module may quote the text, which may
			// hold a key.
			if plain := e.GetMessage(); slices.Contains(plainMessages, plain) {
				message += ": " + strings.ReplaceAll(plain, "\t", `\t`)
			}
		}
		r.fail(pos, true, message, "check the indentation, the colons and the quotes of this line and of the one above")
		return nil
	}
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if root != nil {
			r.fail(r.position(d.Body.GetToken()), true, "a second document begins here", "write one document: remove the line ---")
			break
		}
		root = d.Body
	}
	return root
}

// plainMessages are constant messages of the YAML module that help to see what
// is wrong.
var plainMessages = []string{
	"value is not allowed in this context", "value is not allowed in this context. map key-value is pre-defined",
	"could not find '[' character corresponding to ']'", "could not find '{' character corresponding to '}'",
	"',' or '}' must be specified", "',' or ']' must be specified", "sequence end token ']' not found",
	"could not find flow mapping end token '}'", "block sequence entries are not allowed in this context",
	"non-map value is specified", "unexpected map key-value pair", "unexpected map key", "unexpected key name",
	"mapping value is not allowed in this context", "found a tab character where an indentation space is expected",
	"could not find end character of double-quoted text", "could not find end character of single-quoted text",
	"found character '\t' that cannot start any token",
}

// tooDeep gives the first token that lies deeper than the parser may recurse.
func tooDeep(tokens token.Tokens) *token.Token {
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
			continue // it may close a long line
		case token.CommentType:
			continue
		}
		if depth > maxDepth || depth <= 0 && t.Position != nil && t.Position.Column > maxLeft {
			return t
		}
	}
	return nil
}

func (r *reader) position(t *token.Token) Position {
	p := Position{File: r.name}
	if t != nil && t.Position != nil {
		p.Line, p.Column = min(t.Position.Line, len(r.lines)), t.Position.Column
	}
	return p
}

// value is one node of the text on its way into the Config.
type value struct {
	r     *reader
	node  ast.Node
	path  string
	quiet bool // it may hold a key, or words that are nobody's business
}

// field is one key of a mapping and what reads its value.
type field struct {
	name string
	read func(value)
}

// pos gives where the value begins. The module's token of a block mapping is
// its first colon.
func (v value) pos() Position {
	switch n := v.node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return v.r.position(n.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return v.r.position(n.Key.GetToken())
	}
	return v.r.position(v.node.GetToken())
}

func (v value) fail(message, remedy string) { v.r.fail(v.pos(), v.quiet, message, remedy) }

// what names the value in messages.
func (v value) what() string {
	if v.path == "" {
		return "the configuration"
	}
	return v.path
}

// quote shows a text that was read where it cannot be a key.
func (v value) quote(s string) string {
	if v.quiet || looksSecret(s) || len(s) > 80 {
		return "the value"
	}
	return strconv.Quote(s)
}

// usable refuses the parts of YAML that are not read.
func (v value) usable() bool {
	switch v.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		v.r.hush(v.node)
		v.fail("anchors, aliases, merge keys and tags are not read", "write the value out")
		return false
	}
	return true
}

// null reports whether nothing stands here.
func (v value) null() bool {
	_, ok := v.node.(*ast.NullNode)
	return ok || v.node == nil
}

// mapping reads the keys of a mapping, each by its field, and gives those that
// were there. An empty value is an empty mapping.
func (v value) mapping(fields ...field) map[string]bool {
	seen := map[string]bool{}
	entries, ok := v.entries()
	if !ok {
		return seen
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	for _, e := range entries {
		key, ok := v.key(e)
		if !ok {
			continue
		}
		i := slices.Index(names, key)
		if i < 0 {
			v.unknown(e, key, names)
			continue
		}
		if seen[key] {
			v.r.fail(v.r.position(e.Key.GetToken()), v.quiet, fmt.Sprintf("%s stands twice in %s", key, v.what()), "remove one of the two")
			continue
		}
		seen[key] = true
		child := value{r: v.r, node: e.Value, path: key, quiet: v.quiet}
		if v.path != "" {
			child.path = v.path + "." + key
		}
		v.r.at[child.path] = v.r.position(e.Key.GetToken())
		if child.node == nil || !child.usable() {
			continue
		}
		if isScalar(child.node) {
			v.r.at[child.path] = child.pos()
		}
		fields[i].read(child)
	}
	return seen
}

func (v value) entries() ([]*ast.MappingValueNode, bool) {
	switch n := v.node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	if v.null() {
		return nil, true
	}
	v.fail(v.what()+" must be a mapping of keys to values", "")
	return nil, false
}

// key gives an entry's key as text.
func (v value) key(e *ast.MappingValueNode) (string, bool) {
	if k, ok := e.Key.(*ast.StringNode); ok {
		return k.Value, true
	}
	k := value{r: v.r, node: e.Key, path: v.path, quiet: v.quiet}
	if k.usable() {
		k.fail("a key of "+v.what()+" is not text", "put it in quotes")
	}
	return "", false
}

// secretNames are what people write where a key would stand in the file.
var secretNames = []string{"value", "key", "api_key", "apikey", "token", "secret", "password", "auth", "authorization", "literal", "inline", "bearer"}

const secretRemedy = "name where it is to be had: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}"

// keyName reports whether a word is one that people give to keys of a
// configuration: letters, without the digits that nearly every secret has.
func keyName(s string) bool {
	return len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
}

func (v value) unknown(e *ast.MappingValueNode, key string, names []string) {
	pos := v.r.position(e.Key.GetToken())
	lower := strings.ToLower(strings.ReplaceAll(key, "-", "_"))
	near := nearest(key, names)
	message, remedy, keep := "unknown key", "known here: "+strings.Join(names, ", "), ""
	isSecret := slices.Contains(secretNames, lower)
	// A key that is near to nothing could itself be what is to be hidden: a
	// secret that was pasted with a line break before it, or with a colon in it.
	if near != "" || isSecret || !v.quiet && keyName(key) {
		message, keep = "unknown key "+strconv.Quote(key), key
	}
	if v.path != "" {
		message += " in " + v.path
	}
	switch {
	case isSecret && v.quiet:
		message, remedy = "a key may not stand in the configuration", secretRemedy
	case isSecret && slices.Contains(names, "credential"):
		remedy = "credential: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}; the key itself may not stand here"
	case near != "":
		remedy = "did you mean " + strconv.Quote(near) + "?"
	}
	v.r.hush(e.Key, e.Value) // what stands under a key that we do not know may be a secret
	v.r.problems = append(v.r.problems, draft{pos, true, message, remedy, keep})
}

// list reads each entry of a sequence. An empty value is an empty list.
func (v value) list(read func(value)) {
	n, ok := v.node.(*ast.SequenceNode)
	if !ok {
		if !v.null() {
			v.fail(v.what()+" must be a list", "write each entry on a line of its own that begins with -, or all of them in [ ]")
		}
		return
	}
	for i, item := range n.Values {
		child := value{r: v.r, node: item, path: fmt.Sprintf("%s[%d]", v.path, i), quiet: v.quiet}
		if item == nil {
			continue
		}
		v.r.at[child.path] = child.pos()
		if child.usable() {
			read(child)
		}
	}
}

func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return true
	}
	return false
}

// text reads a string. It reports false, and why, where there is none.
func (v value) text() (string, bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		if strings.ContainsFunc(n.Value, isControl) {
			v.fail(v.what()+" holds a control character", "")
			return "", false
		}
		if n.Value == "" {
			v.fail(v.what()+" is empty", "leave the key out where nothing is meant")
			return "", false
		}
		return n.Value, true
	case *ast.LiteralNode:
		v.fail(v.what()+" must be one line", "")
	case *ast.NullNode:
		v.fail(v.what()+" has no value", "leave the key out where the default is meant")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		v.fail(v.what()+" must be text", "put it in quotes")
	default:
		v.fail(v.what()+" must be text", "")
	}
	return "", false
}

func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// into reads a string into a place, if check takes it; check gives what the
// string must be, or "".
func (v value) into(to *string, check func(string) string) {
	s, ok := v.text()
	if !ok {
		return
	}
	if check != nil {
		if must := check(s); must != "" {
			v.fail(fmt.Sprintf("%s: %s %s", v.what(), v.quote(s), must), "")
			return
		}
	}
	*to = s
}

// oneOf reads one of a closed set of words.
func (v value) oneOf(to *string, words ...string) {
	s, ok := v.text()
	if !ok {
		return
	}
	if slices.Contains(words, s) {
		*to = s
		return
	}
	remedy := "one of: " + strings.Join(words, ", ")
	if near := nearest(s, words); near != "" && !v.quiet {
		remedy = "did you mean " + strconv.Quote(near) + "? " + remedy
	}
	v.fail(fmt.Sprintf("%s: %s is not known", v.what(), v.quote(s)), remedy)
}

// texts reads a list of strings, each once.
func (v value) texts(to *[]string, check func(string) string) {
	v.list(func(item value) {
		var s string
		item.into(&s, check)
		if s == "" {
			return
		}
		if slices.Contains(*to, s) {
			item.fail(fmt.Sprintf("%s: %s stands twice", v.what(), item.quote(s)), "remove one of the two")
			return
		}
		*to = append(*to, s)
	})
}

// path reads the name of a file or directory and makes it absolute.
func (v value) file(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	if strings.HasPrefix(s, "~") || strings.HasPrefix(s, "$") {
		v.fail(v.what()+": ~ and variables are not expanded", "write the path in full, or relative to the directory of this file")
		return
	}
	*to = v.r.resolve(s)
}

func (v value) boolean(to *bool) {
	if n, ok := v.node.(*ast.BoolNode); ok {
		*to = n.Value
		return
	}
	v.fail(v.what()+" must be true or false", "")
}

// number reads a decimal number of a range.
func (v value) number(to *int, least, most int) {
	n, ok := v.node.(*ast.IntegerNode)
	if ok {
		i, err := strconv.Atoi(n.Token.Value)
		if err == nil && i >= least && i <= most {
			*to = i
			return
		}
	}
	v.fail(fmt.Sprintf("%s must be a whole number from %d to %d", v.what(), least, most), "")
}

// share reads a number from 0 to 1.
func (v value) share(to *float64) {
	switch n := v.node.(type) {
	case *ast.IntegerNode:
		if n.Token.Value == "0" || n.Token.Value == "1" {
			*to = float64(n.Token.Value[0] - '0')
			return
		}
	case *ast.FloatNode:
		if n.Value >= 0 && n.Value <= 1 {
			*to = n.Value
			return
		}
	}
	v.fail(v.what()+" must be a number from 0 to 1", "for example 0.1")
}

// money reads a decimal number as millionths, digit by digit: a float has no 0.1.
func (v value) money(to *int64) {
	s := ""
	switch n := v.node.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		s = n.GetToken().Value
	}
	if m := moneyForm.FindStringSubmatch(s); m != nil {
		*to, _ = strconv.ParseInt(m[1]+(m[2] + "000000")[:6], 10, 64) // 15 digits at most
		return
	}
	v.fail(v.what()+" must be a decimal number of the currency's unit", "for example 2.50; at most six digits behind the point")
}

// units of sizes: IEC 80000-13 for the binary ones.
var units = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1000}, {"KB", 1000}, {"MB", 1000_000}, {"GB", 1000_000_000}, {"B", 1}, {"", 1}}

// size reads a number of bytes, with or without a unit.
func (v value) size(to *int64, least, most int64) {
	s := ""
	switch n := v.node.(type) {
	case *ast.IntegerNode:
		s = n.Token.Value
	case *ast.StringNode:
		s = n.Value
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 63)
		if err != nil || n > math.MaxInt64/uint64(u.bytes) {
			continue
		}
		if size := int64(n) * u.bytes; size >= least && size <= most {
			*to = size
			return
		}
	}
	v.fail(fmt.Sprintf("%s must be a size from %s to %s", v.what(), showSize(least), showSize(most)), "a number with a unit: KiB, MiB, GiB")
}

func showSize(n int64) string {
	for i := 2; i >= 0; i-- {
		if u := units[i]; n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// duration reads a time such as 4s or 500ms.
func (v value) duration(to *time.Duration, least, most time.Duration) {
	if n, ok := v.node.(*ast.StringNode); ok {
		d, err := time.ParseDuration(n.Value)
		if err == nil && d >= least && d <= most {
			*to = d
			return
		}
	}
	v.fail(fmt.Sprintf("%s must be a time from %v to %v", v.what(), least, most), "a number with a unit: 500ms, 4s, 1m")
}
