package proxy

// Verdict is what the policies say of one request. The zero Verdict denies.
type Verdict struct {
	Action Action
	// Pools are the pools that the policies permit, in the order of the
	// configuration. It is only read where Constrained is true; otherwise no
	// rule spoke of pools.
	Pools       []string
	Constrained bool
	Masks       []MaskRule
	Code        string // of a denial; empty means data_policy_denied
	Reasons     []Reason
	Revision    string       // of the policies that decided
	Granted     bool         // a grant lifted a rule
	Notify      []string     // whom to tell, sorted
	Shadow      *WouldRecord // what a candidate says of the same facts; it never acts
}

// MaskRule says what is to be replaced before a request leaves.
type MaskRule struct {
	Types      []string // types of findings
	Groups     []string // or groups
	Always     bool     // in-house too, not only across the boundary
	Reversible bool
}

// Reason is one contribution of a rule to a verdict. It holds no content.
// File is the policy's file as loaded, Line the rule's line.
type Reason struct {
	Action  Action `json:"action"` // what the rule asks for; "warn", "notify", or "observe" where its policy only observes
	Code    string `json:"code,omitempty"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"` // for the caller
	Policy  string `json:"policy"`  // package name below ostiary.policies
	Rule    string `json:"rule"`
	Title   string `json:"title"`
}
