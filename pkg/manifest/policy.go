package manifest

import (
	"sftctl/pkg/fleet"
)

// head is what a top-level file says of itself.
type head struct {
	at        place // the file
	key       fleet.Key
	keyAt     place
	account   string
	accountAt place
	scope     []scope
	orphans   fleet.Orphans
}

// scope is a pattern with its place.
type scope struct {
	glob fleet.Glob
	at   place
}

func (h head) policy() fleet.Policy {
	p := fleet.Policy{File: h.at.file.name, Orphans: h.orphans}
	for _, s := range h.scope {
		p.Scope = append(p.Scope, s.glob)
	}
	return p
}

// keyPlace is where the key is said, the file itself where it is not.
func (h head) keyPlace() place {
	if h.keyAt.line > 0 {
		return h.keyAt
	}
	return h.at
}

// checkPolicies compares what the files of a run say of themselves.
func (r *reader) checkPolicies() {
	for i, h := range r.heads {
		for _, before := range r.heads[:i] {
			r.checkScopes(before, h)
		}
		if i > 0 && h.key != r.heads[0].key {
			r.add(h.keyPlace(), "the files of a run have different keys", h.key.String(),
				r.heads[0].key.String()+" as in "+r.heads[0].keyPlace().String()+"; for a CSV say --key")
		}
		r.checkAccount(h)
	}
}

func (r *reader) checkAccount(h head) {
	if h.account == "" {
		return
	}
	if r.fleet.Account == "" {
		r.fleet.Account = h.account
		return
	}
	if h.account == r.fleet.Account {
		return
	}
	for _, first := range r.heads {
		if first.account == r.fleet.Account {
			r.add(h.accountAt, "the files of a run are for different accounts", fleet.Quote(h.account),
				fleet.Quote(first.account)+" as in "+first.accountAt.String())
			return
		}
	}
}

// checkScopes refuses two files that own the same names.
func (r *reader) checkScopes(a, b head) {
	for _, mine := range b.scope {
		for _, other := range a.scope {
			if mine.glob.Overlap(other.glob) {
				r.add(mine.at, "two files own the same names", fleet.Quote(string(mine.glob)),
					"a scope apart from "+fleet.Quote(string(other.glob))+" in "+other.at.String())
			}
		}
	}
}
