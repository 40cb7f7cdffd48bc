package policies

import (
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds on what is remembered. Facts with more types of findings are rare and
// large, and evaluated each time.
const (
	answerLimit      = 256 // inputs
	answerTypes      = 16  // types of findings in one
	answerPrincipals = 32  // groups of the principal in one
)

// answers remembers what the policies said of an input. A policy has nothing
// but its input and files that never change in a [Set], so the same input has
// the same answer; and as the input holds only what the policies refer to, most
// requests repeat an earlier one. Errors are not remembered. It is safe for
// concurrent use.
type answers struct {
	mu    sync.RWMutex
	known map[int]answer // by hash of the input; guarded by mu
}

type answer struct {
	input ast.Value // compared: a hash may collide
	said  []said    // never written
}

func (a *answers) get(input ast.Value) ([]said, bool) {
	a.mu.RLock()
	e, ok := a.known[input.Hash()]
	a.mu.RUnlock()
	if !ok || !ast.ValueEqual(e.input, input) {
		return nil, false
	}
	return e.said, true
}

func (a *answers) put(f *proxy.Facts, input ast.Value, all []said) {
	if len(f.Findings.Types) > answerTypes || len(f.Findings.Groups) > answerTypes || len(f.Principal.Groups) > answerPrincipals {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= answerLimit {
		a.known = make(map[int]answer, answerLimit)
	}
	a.known[input.Hash()] = answer{input, all}
}
