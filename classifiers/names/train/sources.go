package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
)

// example is a text with the names in it.
type example struct {
	text  string
	marks []mark
	lang  string
}

// mark is a name in a text, in bytes.
type mark struct {
	from, to int
	tag      tagger.Tag // a B tag
}

// labels maps the labels of the sets to tags; others are no names.
var labels = map[string]tagger.Tag{
	"person": tagger.BPerson, "per": tagger.BPerson, "politician": tagger.BPerson, "writer": tagger.BPerson, "scientist": tagger.BPerson,
	"researcher": tagger.BPerson, "musicalartist": tagger.BPerson,
	"location": tagger.BLocation, "loc": tagger.BLocation, "country": tagger.BLocation, "gpe": tagger.BLocation, "fac": tagger.BLocation,
	"org": tagger.BOrganization, "corporation": tagger.BOrganization, "group": tagger.BOrganization, "organisation": tagger.BOrganization,
	"organization": tagger.BOrganization, "university": tagger.BOrganization, "politicalparty": tagger.BOrganization, "band": tagger.BOrganization,
}

// builder joins the tokens of a set to text, as they would be written.
type builder struct {
	b     strings.Builder
	marks []mark
	last  string
}

func (b *builder) add(word, label string) {
	if b.b.Len() > 0 && !joins(b.last, word) {
		b.b.WriteByte(' ')
	}
	at := b.b.Len()
	b.b.WriteString(word)
	b.last = word
	kind, name, ok := strings.Cut(label, "-")
	if !ok {
		return
	}
	tag, known := labels[strings.ToLower(name)]
	if !known {
		return
	}
	n := len(b.marks)
	if kind == "I" && n > 0 && b.marks[n-1].tag == tag && at-b.marks[n-1].to <= 1 {
		b.marks[n-1].to = b.b.Len()
		return
	}
	b.marks = append(b.marks, mark{at, b.b.Len(), tag})
}

// joins reports whether no space stands between two tokens.
func joins(before, word string) bool {
	if before == "@" || before == "#" || before == "(" || before == "[" || before == "$" {
		return true
	}
	switch word {
	case ".", ",", ":", ";", "!", "?", ")", "]", "'s", "n't", "'m", "'re", "'ve", "'ll", "'d", "’s", "%", "...":
		return true
	}
	return false
}

func (b *builder) done() example {
	e := example{text: b.b.String(), marks: b.marks, lang: "en"}
	*b = builder{}
	return e
}

// conll reads a file of tokens, one a line, the label in the last column.
func conll(b []byte, relabel func(word, label string) string) []example {
	var out []example
	var s builder
	prev := ""
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		f := strings.FieldsFunc(sc.Text(), func(r rune) bool { return r == '\t' || r == ' ' })
		if len(f) < 2 || strings.HasPrefix(f[0], "-DOCSTART") {
			if s.b.Len() > 0 {
				out = append(out, s.done())
			}
			prev = ""
			continue
		}
		label := f[len(f)-1]
		if relabel != nil {
			label = relabel(f[0], label)
		}
		// In one set handles are names: @ and what follows.
		if f[0] == "@" || prev == "@" {
			label = "O"
		}
		prev = f[0]
		s.add(f[0], label)
	}
	if s.b.Len() > 0 {
		out = append(out, s.done())
	}
	return out
}

func conllFile(path string, relabel func(word, label string) string) ([]example, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := conll(b, relabel)
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no sentences", path)
	}
	return out, nil
}

// filings relabels the parties of contracts, which are no names.
func filings(word, label string) string {
	if w := strings.ToLower(word); w == "borrower" || w == "lender" || w == "bank" || w == "company" || w == "agent" {
		return "O"
	}
	return label
}

// litbank reads the novels: only mentions that begin with a capital are names.
func litbank(path string) (map[string][]example, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	out := map[string][]example{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(h.Name, ".tsv") {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		out[h.Name] = novel(b)
	}
}

func novel(b []byte) []example {
	var out []example
	var words []string
	var layers [][]string
	flush := func() {
		if len(words) == 0 {
			return
		}
		label := make([]string, len(words))
		// The innermost mention that is a name counts.
		for k := 4; k >= 0; k-- {
			for i := 0; i < len(words); i++ {
				if len(layers[i]) <= k || !strings.HasPrefix(layers[i][k], "B-") || label[i] != "" {
					continue
				}
				typ := layers[i][k][2:]
				j := i + 1
				for j < len(words) && len(layers[j]) > k && layers[j][k] == "I-"+typ {
					j++
				}
				from := i
				for from < j && titles[strings.ToLower(strings.TrimSuffix(words[from], "."))] {
					from++
				}
				named := from < j
				for m := from; m < j; m++ {
					r, _ := utf8.DecodeRuneInString(words[m])
					low := strings.ToLower(words[m])
					if !unicode.IsUpper(r) && !particles[low] || low == "the" || low == "my" || low == "his" || low == "i" {
						named = false
					}
				}
				if !named || typ == "VEH" {
					continue
				}
				for m := from; m < j; m++ {
					label[m] = "I-" + typ
				}
				label[from] = "B-" + typ
			}
		}
		var s builder
		for i, w := range words {
			s.add(w, label[i])
		}
		out = append(out, s.done())
		words, layers = words[:0], layers[:0]
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if len(f) < 2 || f[0] == "" {
			flush()
			continue
		}
		words = append(words, f[0])
		layers = append(layers, f[1:])
	}
	flush()
	return out
}

// titles stand before a name and are no part of it.
var titles = set(`mr mrs ms miss mx dr prof professor sir madam lady lord dame rev reverend st saint captain capt colonel col major general gen lieutenant lt sergeant sgt president senator sen governor
	judge justice king queen prince princess duke duchess count countess baron baroness father mother sister brother uncle aunt master mistress mme mlle m monsieur madame herr frau señor señora don doña signor signora
	teacher director manager doctor nurse chef coach chief officer boss engineer lawyer attorney secretary assistant supervisor minister chairman mayor auntie grandma grandpa granny mum dad mom team leader
	old xiao lao landlord host colleague friend neighbor classmate student dean principal foreman inspector detective agent pastor bishop pope emperor empress`)

var particles = set(`de da do dos das di del della der den des du la le las los van von vom zu zur ter ten te af av bin ben ibn al el y e of the`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// jsonl calls f with every line of a packed file.
func jsonl[T any](path string, f func(T)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	d := json.NewDecoder(z)
	for {
		var v T
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		f(v)
	}
}

// runeOffsets gives the byte of each code point, and the end.
func runeOffsets(s string) []int {
	out := make([]int, 0, len(s)+1)
	for i := range s {
		out = append(out, i)
	}
	return append(out, len(s))
}

// lifebench reads the records of one person. Titles are within its names.
func lifebench(path string) ([]example, error) {
	type record struct {
		Text  string `json:"data_to_answer"`
		Spans []struct {
			Start, End int
			Type       string
		} `json:"pii_spans"`
	}
	var out []example
	seen := map[uint64]bool{}
	err := jsonl(path, func(r record) {
		e := example{text: r.Text, lang: "en"}
		at := runeOffsets(r.Text)
		for _, s := range r.Spans {
			tag, ok := labels[strings.ToLower(s.Type)]
			if !ok || s.End >= len(at) {
				continue
			}
			from, to := at[s.Start], at[s.End]
			if tag == tagger.BPerson {
				from = skipTitles(r.Text, from, to)
				if from == to {
					continue
				}
			}
			e.marks = append(e.marks, mark{from, to, tag})
		}
		// Records of one person quote the same notes again and again.
		for _, p := range paragraphs(e) {
			h := fnv.New64a()
			h.Write([]byte(p.text))
			if !seen[h.Sum64()] {
				seen[h.Sum64()] = true
				out = append(out, p)
			}
		}
	})
	return out, err
}

// skipTitles gives where a name begins behind its titles, and to where it is none.
func skipTitles(t string, from, to int) int {
	for from < to {
		w := t[from:to]
		i := strings.IndexByte(w, ' ')
		if i < 0 {
			i = len(w)
		}
		r, _ := utf8.DecodeRuneInString(w)
		word := strings.ToLower(strings.TrimSuffix(w[:i], "."))
		if !titles[word] && (unicode.IsUpper(r) || r > 0x2E80) {
			return from
		}
		from = min(to, from+i+1)
	}
	return to
}

// paragraphs cuts a text at empty lines.
func paragraphs(e example) []example {
	var out []example
	from := 0
	for from < len(e.text) {
		to := len(e.text)
		if i := strings.Index(e.text[from:], "\n\n"); i >= 0 {
			to = from + i + 2
		}
		out = append(out, cut(e, from, to))
		from = to
	}
	return out
}

func cut(e example, from, to int) example {
	p := example{text: e.text[from:to], lang: e.lang}
	for _, m := range e.marks {
		if m.from >= from && m.to <= to {
			p.marks = append(p.marks, mark{m.from - from, m.to - from, m.tag})
		}
	}
	return p
}

// held is the share of templates of prompts that is never learnt from.
func held(template string) bool {
	h := fnv.New32a()
	h.Write([]byte(template))
	return h.Sum32()%3 == 0
}

// openKinds are prompts about public persons and firms, whose names are not marked.
var openKinds = []string{"public_figure", "company_news", "ambiguous_names"}

// prompts reads the whole prompts: those to learn from, and those to measure on.
func prompts(path string) (train, test []example, err error) {
	type prompt struct {
		ID, Lang, Kind, Text string
		Spans                []struct {
			Start, End int
			Type       string
		}
	}
	err = jsonl(path, func(p prompt) {
		if slices.Contains(openKinds, p.Kind) || p.Lang == "ja" || p.Lang == "zh" {
			return
		}
		template := p.ID[:max(0, strings.LastIndexByte(p.ID, '-'))]
		e := example{text: p.Text, lang: p.Lang}
		at := runeOffsets(p.Text)
		for _, s := range p.Spans {
			if tag, ok := labels[strings.ToLower(s.Type)]; ok && s.End < len(at) {
				e.marks = append(e.marks, mark{at[s.Start], at[s.End], tag})
			}
		}
		if held(template) {
			test = append(test, e)
			return
		}
		if len(e.text) < 6000 {
			train = append(train, e)
		}
	})
	return train, test, err
}

// readAll reads the sets: those to learn from by name, and those to measure on.
func readAll(data string) (train, test map[string][]example, err error) {
	train, test = map[string][]example{}, map[string][]example{}
	names := filepath.Join(data, "names")
	fail := func(e error) {
		if err == nil {
			err = e
		}
	}
	file := func(relabel func(string, string) string, path ...string) []example {
		out, e := conllFile(filepath.Join(append([]string{names}, path...)...), relabel)
		if e != nil {
			fail(e)
		}
		return out
	}
	train["wnut17"] = file(nil, "wnut17", "wnut17train.conll")
	test["wnut17 dev"] = file(nil, "wnut17", "emerging.dev.conll")
	for _, f := range []string{"a", "b", "f", "g"} {
		train["btc"] = append(train["btc"], file(nil, "btc", f+".conll")...)
	}
	for _, d := range []string{"ai", "literature", "music", "politics", "science"} {
		train["crossner"] = append(train["crossner"], file(nil, "crossner", d, "train.txt")...)
		test["crossner dev"] = append(test["crossner dev"], file(nil, "crossner", d, "dev.txt")...)
		test["crossner "+d] = file(nil, "crossner", d, "dev.txt")
	}
	train["sec-filings"] = file(filings, "sec-filings", "train", "FIN5.txt")
	novels, e := litbank(filepath.Join(names, "litbank", "litbank-tsv.tgz"))
	if e != nil {
		fail(e)
	}
	for i, n := range sorted(novels) {
		if i%10 == 7 {
			test["litbank part"] = append(test["litbank part"], novels[n]...)
		} else {
			train["litbank"] = append(train["litbank"], novels[n]...)
		}
	}
	users, e := filepath.Glob(filepath.Join(names, "lifebench", "*.jsonl.gz"))
	if e != nil || len(users) == 0 {
		fail(fmt.Errorf("lifebench: %d users (%w)", len(users), e))
	}
	slices.Sort(users)
	for _, u := range users {
		ex, e := lifebench(u)
		if e != nil {
			fail(e)
		}
		if strings.HasPrefix(filepath.Base(u), "yinhao") {
			test["lifebench user"] = ex
			continue
		}
		train["lifebench"] = append(train["lifebench"], ex...)
	}
	learnt, kept, e := prompts(filepath.Join(data, "prompts", "prompts.jsonl.gz"))
	if e != nil {
		fail(e)
	}
	train["prompts"], test["prompts held"] = learnt, kept
	return train, test, err
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
