package index

import "strings"

// Text fields: each has any number of values, kept as codes of a dictionary.
const (
	textAction = iota
	textApp
	textAsked
	textBoundary
	textCode
	textDialect
	textDid
	textDomain
	textGroup
	textInspected
	textJurisdiction
	textKind
	textLikelihood
	textMode
	textModel
	textOperation
	textPolicy
	textPool
	textProvider
	textReason
	textRevision
	textRole
	textRule
	textSent
	textSeverity
	textShadow
	textStatus
	textSuspect
	textTeam
	textType
	textWay
	textWhy
	textWould
	textCount
)

// Number fields: each has one value or none.
const (
	numBytes = iota
	numDuration
	numFound
	numMasked
	numOpaque
	numTokens
	numTTFB
	numUninspected
	numCount
)

// Key fields: each has one value or none, which hardly any other event shares.
const (
	keyID = iota
	keyDecision
	keyTrace
	keyCount
)

// class says how the values of a field are kept and asked for.
type class uint8

const (
	classText class = iota
	classNumber
	classKey
	classTime
)

// side says which half of an exchange has a field.
type side uint8

const (
	sideNone     side = iota // of every event: asking for it joins nothing
	sideDecision             // of the decision
	sideOutcome              // of the outcome
	sideEither               // of both: asking for it joins if something of a decision is asked for too
)

// field is what can be asked of an event.
type field struct {
	name, doc string
	class     class
	id        int // among those of its class
	side      side
}

// fields lists what can be asked for, in the order of their names.
func fields() []field {
	return []field{
		{"action", "what was done with a request: allow, mask, reroute, deny", classText, textAction, sideDecision},
		{"app", "application that asked", classText, textApp, sideDecision},
		{"asked", "pool asked for", classText, textAsked, sideDecision},
		{"boundary", "internal or external: the pool that a request went to", classText, textBoundary, sideDecision},
		{"bytes", "length of the request's body", classNumber, numBytes, sideDecision},
		{"code", "code of a refusal; why something else was done", classText, textCode, sideDecision},
		{"decision", "id of the decision that an outcome belongs to", classKey, keyDecision, sideNone},
		{"dialect", "dialect of the request", classText, textDialect, sideDecision},
		{"did", "what was done by an event that is no decision: start, reload, search, reveal, erase and so on; of connections passed, refused", classText, textDid, sideNone},
		{"domain", "registrable domain of connections that passed", classText, textDomain, sideNone},
		{"duration_ms", "time until the answer's end", classNumber, numDuration, sideOutcome},
		{"found", "how much was found, of every likelihood", classNumber, numFound, sideDecision},
		{"group", "group of a finding", classText, textGroup, sideDecision},
		{"id", "id of the event", classKey, keyID, sideNone},
		{"inspected", "whether the answer was: yes, no", classText, textInspected, sideOutcome},
		{"jurisdiction", "of the pool that a request went to", classText, textJurisdiction, sideDecision},
		{"kind", "kind of event: decision, outcome, admin, gap, access and so on", classText, textKind, sideNone},
		{"likelihood", "likelihood of a finding", classText, textLikelihood, sideDecision},
		{"masked", "how many findings were replaced", classNumber, numMasked, sideDecision},
		{"mode", "enforce or observe", classText, textMode, sideDecision},
		{"model", "model asked for or sent on", classText, textModel, sideDecision},
		{"opaque", "how many parts could not be read as text", classNumber, numOpaque, sideDecision},
		{"operation", "operation of the request", classText, textOperation, sideDecision},
		{"policy", "policy of a reason", classText, textPolicy, sideDecision},
		{"pool", "pool that a request went to", classText, textPool, sideDecision},
		{"provider", "provider to whom connections seemed to go", classText, textProvider, sideNone},
		{"reason", "why an outcome is not known or an answer was not inspected", classText, textReason, sideOutcome},
		{"revision", "revision of the policies that decided", classText, textRevision, sideDecision},
		{"role", "role in which a finding stood", classText, textRole, sideDecision},
		{"rule", "rule of a reason", classText, textRule, sideDecision},
		{"sent", "whether a byte went upstream: yes, no, unknown", classText, textSent, sideOutcome},
		{"severity", "the greatest of what was found: none, low, medium, high, critical", classText, textSeverity, sideDecision},
		{"shadow", "what a candidate of the policies would have done", classText, textShadow, sideDecision},
		{"status", "HTTP status that the client got", classText, textStatus, sideEither},
		{"suspect", "what the name of connections is taken for: known_api, known_app, look_alike, unknown", classText, textSuspect, sideNone},
		{"team", "team of the application", classText, textTeam, sideDecision},
		{"time", "time of the event", classTime, 0, sideNone},
		{"tokens", "estimate of the prompt's length", classNumber, numTokens, sideDecision},
		{"trace", "W3C trace id", classKey, keyTrace, sideDecision},
		{"ttfb_ms", "time until the answer's first byte", classNumber, numTTFB, sideOutcome},
		{"type", "type of a finding", classText, textType, sideDecision},
		{"uninspected", "how many texts could not be inspected", classNumber, numUninspected, sideDecision},
		{"way", "in which way connections came that no decision covers: proxy, redirect", classText, textWay, sideNone},
		{"why", "why connections passed or were refused: default, rule, suspect, look_alike and so on", classText, textWhy, sideNone},
		{"would", "in observe mode: what would have been done", classText, textWould, sideDecision},
	}
}

// Bounds of time are terms as well.
const (
	wordSince = "since"
	wordUntil = "until"
)

// Fields describes what a query can ask for, one "name: meaning" each, sorted.
func Fields() []string {
	out := make([]string, 0, len(fields()))
	for _, f := range fields() {
		out = append(out, f.name+": "+f.doc)
	}
	return out
}

// FacetFields names the fields that have facets, sorted.
func FacetFields() []string {
	var out []string
	for _, f := range fields() {
		if f.class == classText {
			out = append(out, f.name)
		}
	}
	return out
}

// lookupField finds a field by its name.
func lookupField(name string) (field, bool) {
	for _, f := range fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// nearest gives the field whose name is most like a word, or nothing where none
// is like it.
func nearest(word string) string {
	best, name := max(len(word)/3, 1)+1, "" // with more letters apart it is another word
	for _, n := range append(fieldNames(), wordSince, wordUntil) {
		d := distance(strings.ToLower(word), n)
		if len(word) > 2 && strings.HasPrefix(n, strings.ToLower(word)) {
			d = 1
		}
		if d < best {
			best, name = d, n
		}
	}
	return name
}

// distance is the number of letters to put in, take out or change (Levenshtein).
func distance(a, b string) int {
	const longest = 32
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var row [longest + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func fieldNames() []string {
	var names []string
	for _, f := range fields() {
		names = append(names, f.name)
	}
	return names
}
