package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// nameKey is the form in which names are compared. Names that differ only in
// their Unicode form are one name to the client; this package cannot tell.
func nameKey(name string) string { return strings.TrimSpace(name) }

// simKey is the form in which card numbers are compared: digits only, and
// without a last digit that is the check digit of the nineteen before it.
func simKey(iccid string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, iccid)
	if len(digits) == 20 && digits[19] == checkDigit(digits[:19]) {
		return digits[:19]
	}
	return digits
}

func checkDigit(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

func sameSIM(a, b string) bool { return simKey(a) == simKey(b) }

// key is what tells rows apart in a report.
func (r *Row) key() string { return rowKey(r.Name, r.ID, r.ICCID) }

func rowKey(name, id, iccid string) string {
	switch {
	case nameKey(name) != "":
		return nameKey(name)
	case id != "":
		return "endpoint " + id
	}
	return "SIM " + simKey(iccid)
}

func (r *Row) wantsSIM() bool { return r.ICCID != "" && r.ICCID != Clear }

// unmet says what of an endpoint is not as the row wants it, empty when all is.
// A nil endpoint is one that does not exist.
func (r *Row) unmet(e *Endpoint) string {
	switch {
	case r.State == "absent" && e == nil:
		return ""
	case r.State == "absent":
		return "it is live, want absent"
	case e == nil:
		return "it is not live"
	}
	for _, f := range []struct{ name, want, have string }{
		{"endpointName", nameKey(r.Name), nameKey(e.Name)}, {"planId", r.PlanID, e.PlanID}, {"apnGroupId", r.APNGroupID, e.APNGroupID},
	} {
		if f.want != "" && f.want != f.have && !(f.name == "endpointName" && !plainText(f.want+f.have)) {
			return fmt.Sprintf("its %s is %q, want %q", f.name, f.have, f.want)
		}
	}
	return r.unmetState(e)
}

func (r *Row) unmetState(e *Endpoint) string {
	switch {
	case r.ICCID == Clear && e.ICCID != "", r.wantsSIM() && !sameSIM(r.ICCID, e.ICCID):
		return fmt.Sprintf("its SIM is %q, want %q", e.ICCID, r.ICCID)
	case !meets(e.Status, r.State):
		return fmt.Sprintf("its status is %q, want %q", e.Status, r.State)
	}
	return ""
}

func plainText(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e }) }

func meets(status, want string) bool {
	switch want {
	case "active":
		return status == "Active"
	case "suspended":
		return status == "Suspended"
	case "pre-active":
		return status == "Pre-Active" || status == "Hold"
	}
	return true
}

// Unmet says which rows the fleet at the end does not meet, and in what: empty
// when another plan would have nothing to do for a row. Orphans are not looked
// at.
func Unmet(e Evidence) []string {
	j := newJudge(e)
	var texts []string
	for i := range j.Rows {
		row := &j.Rows[i]
		if why := row.unmet(j.endpointOf(row)); why != "" {
			texts = append(texts, row.key()+": "+why)
		}
	}
	return texts
}

// endpointOf finds the live endpoint that a row means, nil when there is none.
func (j *judge) endpointOf(row *Row) *Endpoint {
	var named, formerly *Endpoint
	for i := range j.Live {
		e := &j.Live[i]
		switch {
		case row.ID != "":
			if e.ID == row.ID {
				return e
			}
		case j.byICCID() && row.wantsSIM() && sameSIM(row.ICCID, e.ICCID):
			return e
		case row.Name != "" && nameKey(row.Name) == nameKey(e.Name):
			named = e
		case row.Previous != "" && nameKey(row.Previous) == nameKey(e.Name):
			formerly = e
		}
	}
	if named != nil {
		return named
	}
	return formerly
}

func (j *judge) byICCID() bool { return j.Key == "iccid" }

// claim is what the manifest says of one endpoint.
type claim struct {
	known     bool   // there was such an endpoint
	rows      []*Row // those that mean it
	orphan    bool   // in scope, and in no row
	protected bool
}

// claimOn finds what the manifest says of the endpoint that a call is about. It
// goes by every name that the endpoint is known to have had, so that it is
// rather too lenient than too strict.
func (j *judge) claimOn(e *entry) claim {
	names, iccids := j.namesOf(e)
	c := claim{known: len(names) > 1 || j.foreign(e.EndpointID)}
	listed := false
	for i := range j.Rows {
		row := &j.Rows[i]
		if j.means(row, e.EndpointID, names, iccids) {
			c.rows = append(c.rows, row)
		}
		listed = listed || lists(row, e.EndpointID, names, iccids)
	}
	for _, row := range c.rows {
		names = append(names, nameKey(row.Name))
	}
	c.protected = slices.ContainsFunc(j.Protect, func(name string) bool { return slices.Contains(names, nameKey(name)) })
	c.orphan = !listed && j.Scope != "" && strings.HasPrefix(e.Row, j.Scope)
	return c
}

// namesOf are the names and the cards that the endpoint of a call is known to
// have had; the first name is the one that it had then.
func (j *judge) namesOf(e *entry) (names, iccids []string) {
	names = []string{nameKey(e.Row)}
	for _, known := range []*Endpoint{j.before[e.EndpointID], j.live[e.EndpointID]} {
		if known != nil {
			names, iccids = append(names, nameKey(known.Name)), append(iccids, simKey(known.ICCID))
		}
	}
	if made := j.history.made[e.EndpointID]; made != nil {
		names = append(names, nameKey(made.Row))
	}
	return names, slices.DeleteFunc(iccids, func(key string) bool { return key == "" })
}

func (j *judge) means(row *Row, id string, names, iccids []string) bool {
	switch {
	case row.ID != "":
		return row.ID == id
	case j.byICCID() && row.wantsSIM() && slices.Contains(iccids, simKey(row.ICCID)):
		return true
	}
	return row.Name != "" && slices.Contains(names, nameKey(row.Name)) ||
		row.Previous != "" && slices.Contains(names, nameKey(row.Previous))
}

// lists says whether a row names the endpoint in any way, so that it is no
// orphan.
func lists(row *Row, id string, names, iccids []string) bool {
	return row.ID == id || row.wantsSIM() && slices.Contains(iccids, simKey(row.ICCID)) ||
		row.Name != "" && slices.Contains(names, nameKey(row.Name)) ||
		row.Previous != "" && slices.Contains(names, nameKey(row.Previous))
}

// wanted says whether any of the rows that mean the endpoint has one of the
// states.
func (c *claim) wanted(states ...string) bool {
	return slices.ContainsFunc(c.rows, func(row *Row) bool { return slices.Contains(states, row.State) })
}
