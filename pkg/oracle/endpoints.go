package oracle

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// checkNames looks for names that the runs gave to more than one live endpoint
// (I1). An endpoint that no logged call made, such as the platform's own double,
// is nobody's doing.
func (j *judge) checkNames() {
	byName := map[string][]*Endpoint{}
	for i := range j.Live {
		name := nameKey(j.Live[i].Name)
		byName[name] = append(byName[name], &j.Live[i])
	}
	for _, name := range sortedKeys(byName) {
		if bearers := byName[name]; len(bearers) > 1 {
			j.checkBearers(name, bearers)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func (j *judge) checkBearers(name string, bearers []*Endpoint) {
	var ours, old []string
	for _, e := range bearers {
		was := j.before[e.ID]
		switch {
		case j.foreign(e.ID):
		case was != nil && nameKey(was.Name) == name:
			old = append(old, e.ID)
		case j.history.made[e.ID] != nil, was != nil && j.changedBy(e.ID, opModify):
			ours = append(ours, e.ID)
		}
	}
	if len(ours)+min(1, len(old)) > 1 {
		j.report("I1", "%d live endpoints are called %q: %s of the runs%s", len(ours)+len(old), name, j.births(ours), alsoOld(old))
	}
}

// births lists endpoints with the calls that made them.
func (j *judge) births(ids []string) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id + " (renamed)"
		if e := j.history.made[id]; e != nil {
			texts[i] = id + " (asked for at " + clock(e.At) + ", made at " + clock(e.AppliedAt) + ")"
		}
	}
	return strings.Join(texts, ", ")
}

func alsoOld(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ", and " + strings.Join(ids, ", ") + " of before"
}

// changedBy says whether an operation was ever applied to an endpoint.
func (j *judge) changedBy(id, op string) bool {
	return slices.ContainsFunc(j.history.others[id], func(e *entry) bool { return e.Op == op && e.Applied })
}

// checkBills counts activations (I2): one for each endpoint that is new, and
// one for an older endpoint whose row asks for an activation. Hands from outside
// can make one more necessary.
func (j *judge) checkBills() {
	for _, id := range sortedKeys(j.Bills) {
		most, old := 1, j.before[id]
		if old != nil {
			most = j.billsOf(old)
		}
		if j.foreign(id) {
			most++
		}
		bills := j.Bills[id]
		if old != nil {
			bills = min(bills, j.activations(id)) // others may be from before the runs
		}
		if bills > most {
			j.report("I2", "endpoint %s has %d activations billed, want at most %d", id, bills, most)
		}
	}
}

func (j *judge) activations(id string) int {
	n := 0
	for _, e := range j.history.others[id] {
		if e.Applied && (e.Op == opActivate || e.Op == opLifecycle) {
			n++
		}
	}
	return n
}

// billsOf is how many activations the manifest needs of an endpoint that was
// there before.
func (j *judge) billsOf(e *Endpoint) int {
	c := j.claimOn(&entry{EndpointID: e.ID, Row: e.Name})
	for _, row := range c.rows {
		swap := row.wantsSIM() && e.ICCID != "" && !sameSIM(row.ICCID, e.ICCID)
		settled := e.Status == "Active" || e.Status == "Suspended"
		if row.State == "active" && (swap || !settled) || row.State == "" && swap && e.Status == "Active" {
			return 1
		}
	}
	return 0
}

// checkLeave holds every call against what the manifest lets happen to its
// endpoint (I3). What was asked for counts, done or not.
func (j *judge) checkLeave() {
	for _, e := range j.history.calls {
		if e.Op == opCreate {
			continue
		}
		if why := j.forbidden(e); why != "" {
			j.report("I3", "%s: %s", e, why)
		}
	}
	j.checkProtectedNames()
}

func (j *judge) forbidden(e *entry) string {
	if e.EndpointID == "" || e.EndpointID == "0" {
		return "it names no endpoint"
	}
	c := j.claimOn(e)
	hurts := e.Op == opDelete || e.Op == opDelink || e.action == "suspend"
	switch {
	case !c.known:
		return "" // nobody is hurt
	case hurts && c.protected:
		return "it is protected"
	case len(c.rows) == 0 && !c.orphan:
		return "no row names it"
	case !j.permits(&c, e):
		return "the manifest does not ask for it"
	}
	return ""
}

// permits says whether some row, or the policy for orphans, can want a call.
func (j *judge) permits(c *claim, e *entry) bool {
	deletes := c.wanted("absent") || c.orphan && j.Orphans == "delete"
	switch e.Op {
	case opDelete:
		return deletes
	case opDelink:
		return deletes || slices.ContainsFunc(c.rows, func(row *Row) bool { return j.replaces(row, e) })
	case opLifecycle:
		return j.permitsMove(c, e.action)
	case opActivate:
		return c.wanted("active", "")
	case opLink:
		return slices.ContainsFunc(c.rows, (*Row).wantsSIM)
	}
	return len(c.rows) > 0
}

func (j *judge) permitsMove(c *claim, action string) bool {
	suspends := c.wanted("suspended") || c.orphan && j.Orphans == "suspend"
	resumes := c.wanted("active")
	switch action {
	case "suspend":
		return suspends
	case "resume":
		return resumes
	}
	return suspends || resumes
}

// replaces says whether a row wants another SIM than its endpoint has, or none.
// A SIM that the runs linked is the wanted one.
func (j *judge) replaces(row *Row, e *entry) bool {
	if row.ICCID == Clear || row.ICCID != "" && j.foreign(e.EndpointID) {
		return true
	}
	was := j.before[e.EndpointID]
	return row.ICCID != "" && was != nil && was.ICCID != "" && !sameSIM(row.ICCID, was.ICCID)
}

// checkProtectedNames looks for protected endpoints that the runs renamed.
func (j *judge) checkProtectedNames() {
	for i := range j.Before {
		was := &j.Before[i]
		is := j.live[was.ID]
		renamed := is != nil && nameKey(is.Name) != nameKey(was.Name) && j.changedBy(was.ID, opModify) && !j.foreign(was.ID)
		if renamed && slices.Contains(j.Protect, was.Name) {
			j.report("I3", "endpoint %s was renamed from %q to %q, and it is protected", was.ID, was.Name, is.Name)
		}
	}
}

// justBefore is how long a look at an endpoint may lie before a call that hurts
// it: the call may have to wait for its turn.
const justBefore = 4 * time.Minute

// checkLooks demands a look at an endpoint between a change from outside and a
// call that hurts it (I4).
func (j *judge) checkLooks() {
	for _, e := range j.history.calls {
		hurts := e.Op == opDelete || e.Op == opDelink || e.action == "suspend"
		changed, foreign := j.Foreign[e.EndpointID]
		if hurts && foreign && e.At.After(changed) && !j.looked(e, changed) {
			j.report("I4", "%s: it was changed at %s, and was not read since", e, clock(changed))
		}
	}
}

// looked says whether a read shows the endpoint after the change. A look at the
// endpoint itself just before the call counts too, when nothing was sent to it
// between: then the change came in between, and nobody could have known.
func (j *judge) looked(e *entry, changed time.Time) bool {
	for _, r := range j.history.reads {
		if r.Seq > e.Seq {
			break
		}
		fresh := !r.At.Before(changed) && (r.EndpointID == "" || r.shows(e.EndpointID))
		race := r.EndpointID == e.EndpointID && r.shows(e.EndpointID) && e.At.Sub(r.At) <= justBefore && j.quiet(r, e)
		if fresh || race {
			return true
		}
	}
	return false
}

// quiet says whether no other mutating call about the endpoint lies between a
// read and a call.
func (j *judge) quiet(r, e *entry) bool {
	return !slices.ContainsFunc(j.history.others[e.EndpointID], func(x *entry) bool { return x.Seq > r.Seq && x.Seq < e.Seq && !x.turnedAway() })
}
