package plan

import (
	"fmt"

	"sftctl/pkg/fleet"
)

// listed is what the rows of all files name in any way: none of it is an orphan.
type listed struct {
	names  map[string]bool
	ids    map[fleet.ID]bool
	iccids map[string]bool
}

func listedBy(specs []fleet.Spec) listed {
	l := listed{map[string]bool{}, map[fleet.ID]bool{}, map[string]bool{}}
	for i := range specs {
		s := &specs[i]
		l.names[fleet.NameKey(s.Name)] = true
		if s.PreviousName != "" {
			l.names[fleet.NameKey(s.PreviousName)] = true
		}
		if s.ID != "" {
			l.ids[s.ID] = true
		}
		if s.ICCID != "" {
			l.iccids[s.ICCID.Key()] = true
		}
	}
	return l
}

func (l listed) has(e *fleet.Endpoint) bool {
	return l.ids[e.ID] || l.names[fleet.NameKey(e.Name)] || e.ICCID != "" && l.iccids[e.ICCID.Key()]
}

// orphans plans what the files' policies say about live endpoints in their
// scope that no row names.
func (b *builder) orphans(want *fleet.Fleet) []Task {
	var tasks []Task
	var rows listed
	for _, policy := range want.Policies {
		if policy.Orphans == fleet.OrphansIgnore {
			continue
		}
		if rows.names == nil {
			rows = listedBy(want.Specs)
		}
		for i := range b.have.Endpoints {
			live := &b.have.Endpoints[i]
			if policy.Owns(live.Name) && !rows.has(live) {
				tasks = append(tasks, b.orphan(policy, live))
			}
		}
	}
	return tasks
}

// bareOrphans are those of some endpoints that will be orphans to be deleted once
// they have given up their SIM: no row names anything else of them.
func bareOrphans(want *fleet.Fleet, releasing []Task) map[*fleet.Endpoint]bool {
	if len(releasing) == 0 {
		return nil
	}
	rows, bare := listedBy(want.Specs), map[*fleet.Endpoint]bool{}
	rows.iccids = nil
	for _, policy := range want.Policies {
		for i := range releasing {
			if live := releasing[i].Before; policy.Orphans == fleet.OrphansDelete && policy.Owns(live.Name) && !rows.has(live) {
				bare[live] = true
			}
		}
	}
	return bare
}

func (b *builder) orphan(policy fleet.Policy, live *fleet.Endpoint) (t Task) {
	defer func() { b.block(&t) }()
	t = Task{Before: live, Note: fmt.Sprintf("in the scope of %s, and no file lists it", fleet.Printable(policy.File))}
	switch policy.Orphans {
	case fleet.OrphansDelete:
		b.remove(&t, "orphans are to be deleted")
	case fleet.OrphansSuspend:
		if live.Status == fleet.StatusActive {
			b.state(&t, situation{want: fleet.StateSuspended, status: live.Status, hasSIM: true})
		} else if why := rest(live); why != "" {
			t.Note += "; " + why
		}
	}
	return t
}

// rest says why an endpoint needs no suspending; empty where it does, or where its
// status does not say.
func rest(live *fleet.Endpoint) string {
	switch {
	case live.Status.Meets(fleet.StateSuspended):
		return "it is suspended already"
	case live.Status.Meets(fleet.StatePreActive):
		return fmt.Sprintf("it is %s, so there is nothing to suspend", live.Status)
	}
	return ""
}
