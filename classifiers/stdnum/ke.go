package stdnum

var kePIN = &Format{
	Name: "ke.pin", Type: "KE_PIN",
	Title: "PIN that the Kenya Revenue Authority gives to people (A) and firms (P); it has no published check.",
	Of:    Either, Clean: " -",
	Shapes: []string{"a999999999A", "p999999999A"},
	Words:  []string{"kra", "kra pin", "pin", "pin no", "pin number", "tax pin", "taxpayer", "kenya revenue"},
	Strong: 1, Sample: "A004827315K", Check: func(s string) bool { return gzFits(s, "a999999999A") || gzFits(s, "p999999999A") },
}
