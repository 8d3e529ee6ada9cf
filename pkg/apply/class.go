package apply

import (
	"fmt"
	"strings"
	"sync"

	"sftctl/pkg/fleet"
)

// sameFailures is how many calls of a class must fail for one reason before no
// more of it are begun.
const sameFailures = 3

// classes notice when every call with the same catalogue values fails because of
// them: a rate plan was retired, a product is not the account's any more. To go
// on would fail thousands of rows one by one.
type classes struct {
	mu     sync.Mutex
	passed map[class]bool
	failed map[failure]int
	over   map[class]string // with the reason
}

// class is what calls have in common that the catalogue may refuse.
type class struct {
	action                                 fleet.Action
	plan, group, profile, product, roaming fleet.ID
}

type failure struct {
	class
	code, field string
}

func newClasses() *classes {
	return &classes{passed: map[class]bool{}, failed: map[failure]int{}, over: map[class]string{}}
}

// classOf is the class of a call, false when it sets nothing of the catalogue.
func classOf(c fleet.Call) (class, bool) {
	of := class{c.Action, c.Fields.PlanID, c.Fields.APNGroupID, c.Fields.ServiceProfileID, c.Fields.SIMProductID, c.Fields.RoamingProfileID}
	return of, of != class{action: c.Action}
}

// blames finds the catalogue field that a reason speaks of, empty when it speaks
// of none: then it may be about this one row.
func (c class) blames(reason string) string {
	for _, f := range []struct {
		field fleet.Field
		value fleet.ID
	}{{fleet.FieldPlan, c.plan}, {fleet.FieldAPNGroup, c.group}, {fleet.FieldServiceProfile, c.profile}, {fleet.FieldSIMProduct, c.product}, {fleet.FieldRoamingProfile, c.roaming}} {
		if f.value != "" && strings.Contains(strings.ToLower(reason), strings.ToLower(f.field.String())) {
			return f.field.String()
		}
	}
	return ""
}

// stopped says why calls like this one are not begun any more.
func (k *classes) stopped(c fleet.Call) string {
	of, ok := classOf(c)
	if !ok {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.over[of]
}

// note takes in what came of a call.
func (k *classes) note(c fleet.Call, reply fleet.Reply) {
	of, ok := classOf(c)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.passed[of] = k.passed[of] || reply.Outcome == fleet.Done
	if reply.Outcome != fleet.Failed || reply.Err == nil || k.passed[of] {
		return
	}
	field := of.blames(reply.Err.Error())
	if field == "" {
		return
	}
	f := failure{of, reply.Code, field}
	if k.failed[f]++; k.failed[f] == sameFailures {
		k.over[of] = fmt.Sprintf("not begun: every %s with the same %s failed so far, %d times (%v)", c.Action, field, sameFailures, reply.Err)
	}
}
