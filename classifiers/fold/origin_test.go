package fold

import (
	"strings"
	"testing"
)

// What a view says of a place leads back to the bytes that say it.
func TestOrigin(t *testing.T) {
	for _, c := range []struct{ text, what, want string }{
		{"mail jane%40acme.io now", "jane@acme.io", "jane%40acme.io"},
		{"mail jane%40acme.io now", "@", "%40"},
		{"mail jane%40acme.io now", "acme", "acme"},
		{"mail jane&#x40;acme.io now", "@acme", "&#x40;acme"},
		{`"M\u00fcller"`, "ü", `\u00fc`},
		{"x amFuZS5kb2VAYWNtZS5pbyBpcyBoZXJl y", "jane.doe@acme.io", "amFuZS5kb2VAYWNtZS5pbyBpcyBoZXJl"},
		{"x YW1GdVpTNWtiMlZBWVdOdFpTNXBieUJwY3lCb1pYSmw= y", "doe", "YW1GdVpTNWtiMlZBWVdOdFpTNXBieUJwY3lCb1pYSmw="},
		{"id 6a616e652e646f654061636d652e696f.", "jane", "6a616e652e646f654061636d652e696f"},
		{"ssn 536\u200b-22-8765 ok", "536-22-8765", "536\u200b-22-8765"},
		{"ssn 5 3 6 - 2 2 - 8 7 6 5 ok", "536-22-8765", "5 3 6 - 2 2 - 8 7 6 5"},
		{"ssn 5 3 6 - 2 2 - 8 7 6 5 ok", "22", "2 2"},
		{"hall dot malik at proton dot me; x", "hall.malik@proton.me", "hall dot malik at proton dot me"},
		{"call four one five, eight six seven, five three oh nine!", "415-867-5309", "four one five, eight six seven, five three oh nine"},
		{"電話は０３－３５８０－３３１１です", "03-3580-3311", "０３－３５８０－３３１１"},
		{"jane%2540acme.io", "@", "%2540"},
	} {
		views := Views(c.text)
		if len(views) != 1 {
			t.Errorf("%q: %d views", c.text, len(views))
			continue
		}
		v := &views[0]
		i := strings.Index(v.Text, c.what)
		if i < 0 {
			t.Errorf("%q reads %q", c.text, v.Text)
			continue
		}
		from, to := v.Origin(i, i+len(c.what))
		if got := c.text[from:to]; got != c.want {
			t.Errorf("%q in %q stands for %q, want %q", c.what, v.Text, got, c.want)
		}
		if changed := c.what != c.want; v.Changed(i, i+len(c.what)) != changed {
			t.Errorf("%q in %q: changed is not %v", c.what, v.Text, changed)
		}
	}
}

// A long text has a view of what is changed and the context around, not more,
// and what is far apart has views of its own.
func TestWindows(t *testing.T) {
	gap := strings.Repeat(prose, 8)
	text := gap + "write to jane%40acme.io soon\n" + gap + "or to john%40acme.io\n" + gap
	views := Views(text)
	if len(views) != 2 {
		t.Fatalf("%d views", len(views))
	}
	for i, name := range []string{"jane@acme.io", "john@acme.io"} {
		v := &views[i]
		at := strings.Index(v.Text, name)
		if at+len("jane") < around || len(v.Text)-at < around || len(v.Text) > 4*around {
			t.Errorf("view %d: %d bytes, changed at %d", i, len(v.Text), at)
		}
		from, to := v.Origin(at, at+len(name))
		if text[from:to] != strings.Replace(name, "@", "%40", 1) {
			t.Errorf("view %d stands for %q", i, text[from:to])
		}
	}
}
