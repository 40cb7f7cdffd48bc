package proxy_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/ostiary/ostiary/proxy"
)

// canary is content that may come out nowhere.
const canary = "canary-7f3a-4111"

type exported struct {
	T proxy.Text
	P *proxy.Text
}

type hidden struct {
	t    proxy.Text
	p    *proxy.Text
	list []proxy.Text
	m    map[string]proxy.Text
	in   struct{ deep [1]proxy.Text }
}

func holders() map[string]any {
	t := proxy.NewText(canary)
	s := canary
	at := proxy.TextAt(&s)
	h := hidden{t: t, p: &t, list: []proxy.Text{t, at}, m: map[string]proxy.Text{"k": t}}
	h.in.deep[0] = at
	return map[string]any{
		"value": t, "pointer": &t, "at": at, "exported": exported{t, &t}, "exported pointer": &exported{t, &t},
		"hidden": h, "hidden pointer": &h, "slice": []proxy.Text{t}, "map": map[string]proxy.Text{"k": t},
		"any": []any{t, &t}, "error": fmt.Errorf("wrapped: %v", t), "nested": struct{ a, b any }{t, &h},
		"segment": proxy.Segment{Text: t, Key: t}, "head": proxy.Head{Path: t, Header: []proxy.Field{{Name: "x", Value: t}}},
		"prompt":   &proxy.Prompt{Segments: []proxy.Segment{{Text: t}}, Tools: []proxy.Text{t}, Model: t},
		"exchange": proxy.Exchange{Head: proxy.Head{Path: t}, Route: proxy.Route{Path: t}},
		"forward":  &proxy.Forward{Path: t}, "array": [2]proxy.Text{t, t}, "func": func() proxy.Text { return t },
	}
}

func clean(t *testing.T, how, out string) {
	t.Helper()
	for _, form := range []string{canary, "63616e617279", "Y2FuYXJ5", "99 97 110 97 114 121", "0x63, 0x61"} {
		if strings.Contains(strings.ToLower(out), strings.ToLower(form)) {
			t.Errorf("%s shows the content", how)
		}
	}
}

func TestTextIsPrintedByNoVerb(t *testing.T) {
	flags := []string{"", "+", "#", "-", " ", "0", "+#", "40.3", "q#"}
	n := 0
	for name, v := range holders() {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspwz" {
			for _, f := range flags {
				format := "%" + f + string(verb)
				clean(t, name+" by "+format, fmt.Sprintf(format, v))
				n++
			}
		}
		clean(t, name+" by Print", fmt.Sprint(v))
		clean(t, name+" by Println", fmt.Sprintln(v, v))
		clean(t, name+" as an error's argument", fmt.Errorf("x: %v %+v %#v", v, v, v).Error())
	}
	t.Logf("%d combinations of holder and verb", n)
}

func TestTextIsLoggedByNoHandler(t *testing.T) {
	for name, v := range holders() {
		var b bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			l := slog.New(h)
			l.Info("m", "k", v)
			l.With("w", v).WithGroup("g").Error("m", slog.Any("k", v), slog.Group("h", "x", v))
			l.Info("m", v)
		}
		clean(t, name+" by slog", b.String())
		if b.Len() == 0 {
			t.Error("nothing was logged: the test is blind")
		}
	}
}

func TestTextIsMarshalledByNoEncoder(t *testing.T) {
	for name, v := range holders() {
		if name == "func" {
			continue // no encoder takes a function
		}
		j, _ := json.Marshal(v)
		clean(t, name+" by encoding/json", string(j))
		x, _ := xml.Marshal(v)
		clean(t, name+" by encoding/xml", string(x))
		var g bytes.Buffer
		_ = gob.NewEncoder(&g).Encode(v)
		clean(t, name+" by encoding/gob", g.String())
		y, _ := yaml.Marshal(v)
		clean(t, name+" by a YAML encoder", string(y))
	}
	if _, err := json.Marshal(exported{T: proxy.NewText("x")}); !errors.Is(err, proxy.ErrContent) {
		t.Errorf("json.Marshal of a struct with a Text: %v, want ErrContent: a silent blank would hide the mistake", err)
	}
}

func TestTextReveals(t *testing.T) {
	s := "abc"
	if proxy.NewText(s).Reveal() != s || proxy.TextAt(&s).Reveal() != s || (proxy.Text{}).Reveal() != "" || proxy.NewText(s).Len() != 3 {
		t.Error("Reveal does not give what was put in")
	}
}
