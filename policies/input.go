package policies

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// pair is a member of an object.
type pair = [2]*ast.Term

// The keys of Facts, made once: terms are never written.
var (
	kApplication  = ast.InternedTerm("application")
	kAsserted     = ast.InternedTerm("asserted")
	kAtLeast      = ast.InternedTerm("at_least")
	kAvailable    = ast.InternedTerm("available")
	kBody         = ast.InternedTerm("body")
	kBoundary     = ast.InternedTerm("boundary")
	kBudget       = ast.InternedTerm("budget")
	kBytes        = ast.InternedTerm("bytes")
	kChosenBy     = ast.InternedTerm("chosen_by")
	kContext      = ast.InternedTerm("context")
	kConversation = ast.InternedTerm("conversation")
	kCount        = ast.InternedTerm("count")
	kDestination  = ast.InternedTerm("destination")
	kDialect      = ast.InternedTerm("dialect")
	kDialects     = ast.InternedTerm("dialects")
	kFindings     = ast.InternedTerm("findings")
	kGroups       = ast.InternedTerm("groups")
	kHour         = ast.InternedTerm("hour")
	kJurisdiction = ast.InternedTerm("jurisdiction")
	kKinds        = ast.InternedTerm("kinds")
	kLikely       = ast.InternedTerm("likely")
	kLineage      = ast.InternedTerm("lineage")
	kMethod       = ast.InternedTerm("method")
	kMinute       = ast.InternedTerm("minute")
	kMode         = ast.InternedTerm("mode")
	kModel        = ast.InternedTerm("model")
	kName         = ast.InternedTerm("name")
	kNeeds        = ast.InternedTerm("needs")
	kOpaque       = ast.InternedTerm("opaque")
	kOperation    = ast.InternedTerm("operation")
	kPool         = ast.InternedTerm("pool")
	kPools        = ast.InternedTerm("pools")
	kPossible     = ast.InternedTerm("possible")
	kPrincipal    = ast.InternedTerm("principal")
	kReasons      = ast.InternedTerm("reasons")
	kRequest      = ast.InternedTerm("request")
	kRetention    = ast.InternedTerm("retention")
	kRoles        = ast.InternedTerm("roles")
	kSegments     = ast.InternedTerm("segments")
	kServes       = ast.InternedTerm("serves")
	kSpend        = ast.InternedTerm("spend")
	kState        = ast.InternedTerm("state")
	kStream       = ast.InternedTerm("stream")
	kSynthetic    = ast.InternedTerm("synthetic")
	kTeam         = ast.InternedTerm("team")
	kTime         = ast.InternedTerm("time")
	kTokens       = ast.InternedTerm("tokens")
	kToolKinds    = ast.InternedTerm("tool_kinds")
	kTools        = ast.InternedTerm("tools")
	kTraining     = ast.InternedTerm("training")
	kTypes        = ast.InternedTerm("types")
	kUninspected  = ast.InternedTerm("uninspected")
	kUnix         = ast.InternedTerm("unix")
	kUnlikely     = ast.InternedTerm("unlikely")
	kVersion      = ast.InternedTerm("version")
	kVeryLikely   = ast.InternedTerm("very_likely")
	kVeryUnlikely = ast.InternedTerm("very_unlikely")
	kWeekday      = ast.InternedTerm("weekday")
)

// factsValue gives Facts as OPA's own value. A round trip through JSON costs
// several times as much. Lists that are nil are empty lists, as in the record.
func factsValue(f *proxy.Facts) ast.Value {
	pools := make([]*ast.Term, len(f.Pools))
	for i := range f.Pools {
		p := &f.Pools[i]
		pools[i] = ast.ObjectTerm(
			pair{kAvailable, str(p.Available)}, pair{kBoundary, str(p.Boundary)}, pair{kContext, num(p.Context)},
			pair{kDialects, strs(p.Dialects)}, pair{kJurisdiction, str(p.Jurisdiction)}, pair{kName, str(p.Name)},
			pair{kRetention, str(p.Retention)}, pair{kServes, ast.InternedTerm(p.Serves)}, pair{kTraining, str(p.Training)},
		)
	}
	d, p, r, t := &f.Destination, &f.Principal, &f.Request, &f.Time
	return ast.NewObject(
		pair{kConversation, ast.ObjectTerm(pair{kLineage, str(f.Conversation.Lineage)})},
		pair{kDestination, ast.ObjectTerm(
			pair{kBoundary, str(d.Boundary)}, pair{kChosenBy, str(d.ChosenBy)},
			pair{kJurisdiction, str(d.Jurisdiction)}, pair{kPool, str(d.Pool)},
		)},
		pair{kFindings, ast.ObjectTerm(pair{kGroups, tallies(f.Findings.Groups)}, pair{kTypes, tallies(f.Findings.Types)})},
		pair{kMode, str(string(f.Mode))},
		pair{kOpaque, ast.ObjectTerm(pair{kBytes, num(f.Opaque.Bytes)}, pair{kCount, num(f.Opaque.Count)}, pair{kKinds, counts(f.Opaque.Kinds)})},
		pair{kPools, ast.ArrayTerm(pools...)},
		pair{kPrincipal, ast.ObjectTerm(
			pair{kApplication, str(p.Application)}, pair{kAsserted, str(p.Asserted)}, pair{kGroups, strs(p.Groups)},
			pair{kMethod, str(p.Method)}, pair{kTeam, str(p.Team)},
		)},
		pair{kRequest, ast.ObjectTerm(
			pair{kBody, str(r.Body)}, pair{kBytes, num(r.Bytes)}, pair{kDialect, str(r.Dialect)}, pair{kMethod, str(r.Method)},
			pair{kModel, str(r.Model)}, pair{kNeeds, strs(r.Needs)}, pair{kOperation, str(r.Operation)}, pair{kSegments, num(r.Segments)},
			pair{kStream, ast.InternedTerm(r.Stream)}, pair{kTokens, num(r.Tokens)}, pair{kToolKinds, strs(r.ToolKinds)}, pair{kTools, num(r.Tools)},
		)},
		pair{kSpend, ast.ObjectTerm(pair{kBudget, str(f.Spend.Budget)})},
		pair{kState, strs(f.State)},
		pair{kTime, ast.ObjectTerm(
			pair{kHour, num(t.Hour)}, pair{kMinute, num(t.Minute)}, pair{kUnix, ast.InternedTerm(t.Unix)}, pair{kWeekday, str(t.Weekday)},
		)},
		pair{kUninspected, ast.ObjectTerm(pair{kCount, num(f.Uninspected.Count)}, pair{kReasons, counts(f.Uninspected.Reasons)})},
		pair{kVersion, num(f.Version)},
	)
}

func tallies(m map[string]proxy.Tally) *ast.Term {
	list := make([]pair, 0, len(m))
	for name, t := range m {
		roles := make([]pair, 0, len(t.Roles))
		for role, l := range t.Roles {
			roles = append(roles, pair{str(role), levels(&l)})
		}
		list = append(list, pair{str(name), ast.ObjectTerm(
			pair{kAtLeast, levels(&t.AtLeast)}, pair{kCount, num(t.Count)}, pair{kGroups, strs(t.Groups)},
			pair{kRoles, ast.ObjectTerm(roles...)}, pair{kSynthetic, num(t.Synthetic)},
		)})
	}
	return ast.ObjectTerm(list...)
}

func levels(l *proxy.Levels) *ast.Term {
	return ast.ObjectTerm(
		pair{kLikely, num(l.Likely)}, pair{kPossible, num(l.Possible)}, pair{kUnlikely, num(l.Unlikely)},
		pair{kVeryLikely, num(l.VeryLikely)}, pair{kVeryUnlikely, num(l.VeryUnlikely)},
	)
}

func counts(m map[string]int) *ast.Term {
	list := make([]pair, 0, len(m))
	for k, n := range m {
		list = append(list, pair{str(k), num(n)})
	}
	return ast.ObjectTerm(list...)
}

func str(s string) *ast.Term { return ast.InternedTerm(s) }

func num(n int) *ast.Term { return ast.InternedTerm(n) }

func strs(list []string) *ast.Term {
	if len(list) == 0 {
		return ast.InternedEmptyArray
	}
	terms := make([]*ast.Term, len(list))
	for i, s := range list {
		terms[i] = str(s)
	}
	return ast.ArrayTerm(terms...)
}
