package proxy

// FactsVersion is the version of the [Facts] document. Versions only add.
const FactsVersion = 1

// Unknown stands in Facts wherever something is not known. It is never absent
// and never empty, so that a rule can ask for it. Other stands in Facts, events,
// metrics and spans for a name that a client chose and no configuration lists.
const Unknown, Other = "unknown", "other"

// Facts is everything that a policy may know of a request, and all that it is
// decided on: closed, bounded, without content and without person. It is
// recorded whole, so that a decision can be replayed exactly. Numbers are
// integers below 2^53.
//
// The fields of this and the other recorded structs stand in the order of their
// JSON names, so that what encoding/json writes is canonical (RFC 8785).
type Facts struct {
	Conversation ConversationFacts `json:"conversation"`
	Destination  DestinationFacts  `json:"destination"`
	Findings     FindingFacts      `json:"findings"`
	Grant        GrantFacts        `json:"grant"`
	Labels       LabelFacts        `json:"labels"`
	Mode         Mode              `json:"mode"`
	Opaque       OpaqueFacts       `json:"opaque"`
	Pools        []PoolFacts       `json:"pools"`
	Principal    PrincipalFacts    `json:"principal"`
	Request      RequestFacts      `json:"request"`
	Spend        SpendFacts        `json:"spend"`
	State        []string          `json:"state"` // kinds of references to state at a provider
	Time         TimeFacts         `json:"time"`
	Uninspected  UninspectedFacts  `json:"uninspected"`
	Version      int               `json:"version"`
}

// ConversationFacts says what earlier turns were. Lineage is not derived yet:
// unknown.
type ConversationFacts struct {
	Bucket  int    `json:"bucket"` // 0 to 99, the same for all turns, by a keyed hash of the first one
	Lineage string `json:"lineage"`
}

// DestinationFacts is the pool that the request would go to if no rule spoke.
// Every field is "unknown" where no pool of the caller's serves the request.
type DestinationFacts struct {
	Boundary     string `json:"boundary"`
	ChosenBy     string `json:"chosen_by"` // path, host, model, dialect, none
	Jurisdiction string `json:"jurisdiction"`
	Pool         string `json:"pool"`
}

// FindingFacts counts what was found, by type and by group.
type FindingFacts struct {
	Groups map[string]Tally `json:"groups"`
	Types  map[string]Tally `json:"types"`
}

// Tally counts the findings of one type or group.
type Tally struct {
	AtLeast   Levels            `json:"at_least"`  // without synthetic ones
	Count     int               `json:"count"`     // at_least.likely, the usual question
	Groups    []string          `json:"groups"`    // of a type, sorted; of a group, its own name
	Roles     map[string]Levels `json:"roles"`     // the same by role, without synthetic ones
	Synthetic int               `json:"synthetic"` // published test values, at likely and above
}

// Levels counts findings of that likelihood or a higher one.
type Levels struct {
	Likely       int `json:"likely"`
	Possible     int `json:"possible"`
	Unlikely     int `json:"unlikely"`
	VeryLikely   int `json:"very_likely"`
	VeryUnlikely int `json:"very_unlikely"`
}

// GrantFacts is what was said and given to lift rules for this request.
type GrantFacts struct {
	Approved      string   `json:"approved"`      // by a second person: yes, no
	ID            string   `json:"id"`            // of a valid grant, or "none"
	Justification string   `json:"justification"` // a configured word, "other" for any other text, "none"
	Lifts         []string `json:"lifts"`         // rules, as POLICY.RULE, that a valid grant names
}

// LabelFacts says how much the request is to be protected.
type LabelFacts struct {
	Classification string `json:"classification"` // of the caller's data, as configured
	Severity       string `json:"severity"`       // the greatest of what was found at likely and above: none, low, medium, high, critical
}

// OpaqueFacts counts the parts that cannot be read as text.
type OpaqueFacts struct {
	Bytes int            `json:"bytes"`
	Count int            `json:"count"`
	Kinds map[string]int `json:"kinds"`
}

// PoolFacts is a pool that the caller may use, in the order of the
// configuration.
type PoolFacts struct {
	Abilities    []string   `json:"abilities"` // tools, images, audio, files, json that it is known to have; sorted
	Available    string     `json:"available"` // yes, no, unknown
	Boundary     string     `json:"boundary"`
	Context      int        `json:"context"` // tokens, 0 where not stated
	Dialects     []string   `json:"dialects"`
	Health       string     `json:"health"`       // whether it answered lately: yes, no, unknown
	Jurisdiction string     `json:"jurisdiction"` // "unknown" where not stated
	Labels       []string   `json:"labels"`       // configured words; sorted
	Name         string     `json:"name"`
	Price        PriceFacts `json:"price"`
	Retention    string     `json:"retention"`
	Serves       bool       `json:"serves"` // offers the operation in the dialect of the request
	Training     string     `json:"training"`
}

// PriceFacts is what a million tokens cost, in millionths of the currency's unit.
type PriceFacts struct {
	Currency string `json:"currency"` // "unknown" where no price is stated
	Input    int    `json:"input"`
	Output   int    `json:"output"`
}

// PrincipalFacts is who asks, by configured names only.
type PrincipalFacts struct {
	Application string   `json:"application"` // configured name or "unknown"
	Asserted    string   `json:"asserted"`    // what the client merely says: a configured name, "other", "unknown"
	Groups      []string `json:"groups"`
	Method      string   `json:"method"` // certificate, token, proxy, key, kubernetes, local; peer where nothing was proved
	Team        string   `json:"team"`
}

// RequestFacts is what is asked.
type RequestFacts struct {
	Body      string   `json:"body"` // inspected, none
	Bytes     int      `json:"bytes"`
	Dialect   string   `json:"dialect"`
	Method    string   `json:"method"` // GET, POST … or "other"
	Model     string   `json:"model"`  // a configured name or "other"; "unknown" where the request names none
	Needs     []string `json:"needs"`  // tools, images, audio, files, json; sorted
	Operation string   `json:"operation"`
	Segments  int      `json:"segments"`
	Stream    bool     `json:"stream"`
	Tokens    int      `json:"tokens"` // estimate of the prompt's length
	ToolKinds []string `json:"tool_kinds"`
	Tools     int      `json:"tools"` // how many tools are declared
	Way       string   `json:"way"`   // base, proxy, redirect: whether the client knows of Ostiary
}

// SpendFacts says what was spent. Not counted yet: unknown.
type SpendFacts struct {
	Budget string `json:"budget"`
}

// TimeFacts is when the request was received, in UTC, and whether that is within
// the configured office hours.
type TimeFacts struct {
	Hour    int    `json:"hour"`
	Minute  int    `json:"minute"`
	Office  string `json:"office"` // yes, no; "unknown" where no hours are configured
	Unix    int64  `json:"unix"`
	Weekday string `json:"weekday"` // monday … sunday
}

// UninspectedFacts counts what could not be inspected although it is text.
type UninspectedFacts struct {
	Count   int            `json:"count"`
	Reasons map[string]int `json:"reasons"`
}
