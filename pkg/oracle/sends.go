package oracle

import "time"

// errand is what is sent more than once only for a reason: a call for an
// endpoint, or for the name of one to be.
type errand struct {
	subject
	action string
	path   string // one dialect modifies by two calls
}

func errandOf(e *entry) errand {
	r := errand{subject: e.subject(), action: e.action}
	if e.Op == opModify {
		r.path = e.Path
	}
	return r
}

// checkResends looks at every call that was executed twice in a row for one
// endpoint (I6, I7).
func (j *judge) checkResends() {
	last := map[errand]*entry{}
	for _, e := range j.history.calls {
		if e.turnedAway() {
			continue
		}
		key := errandOf(e)
		if first := last[key]; first != nil {
			j.checkResend(first, e)
		}
		last[key] = e
	}
}

func (j *judge) checkResend(a, b *entry) {
	if a.refused() || j.undone(a, b) {
		return
	}
	if a.accepted() {
		j.report("I6", "%s was sent again after success: the same was done at %s (request %d)", b, clock(a.AppliedAt), a.Seq)
		return
	}
	first := j.readAfter(a, b, a.At)
	switch twice := a.Op == opCreate || a.Op == opActivate; {
	case !twice && first == nil:
		j.report("I6", "%s was sent again %s after request %d, and no read began at least %s after that", b, b.At.Sub(a.At), a.Seq, j.Settle)
	case twice && first == nil:
		j.report("I7", "%s was sent again %s after request %d, and of the two reads that it takes there is none", b, b.At.Sub(a.At), a.Seq)
	case twice && j.readAfter(a, b, first.At) == nil:
		j.report("I7", "%s was sent again %s after request %d, and of the two reads that it takes there is one (request %d)", b, b.At.Sub(a.At), a.Seq, first.Seq)
	}
}

// slack is what a clock and a wire may take from S.
const slack = 50 * time.Millisecond

// readAfter is the first read before b that shows a's endpoint and began at
// least S after a time.
func (j *judge) readAfter(a, b *entry, since time.Time) *entry {
	for _, r := range j.history.reads {
		if r.Seq >= b.Seq {
			return nil
		}
		if r.Seq > a.Seq && r.At.Sub(since) >= j.Settle-slack && r.shows(a.EndpointID) {
			return r
		}
	}
	return nil
}

// undoers are the operations after which another may be needed once more.
var undoers = map[string]map[string]bool{
	opCreate:    {opDelete: true, opModify: true}, // gone, or under another name
	opLink:      {opDelink: true},
	opDelink:    {opLink: true},
	opActivate:  {opDelink: true, opLink: true, opLifecycle: true},
	opLifecycle: {opActivate: true, opDelink: true, opLink: true},
}

// undone says whether something happened between two calls that makes the
// second a new one: another call that undoes the first, or a change from
// outside.
func (j *judge) undone(a, b *entry) bool {
	if j.touched(a.EndpointID, a.At, time.Time{}) {
		return true // b may be older than the last change, and yet follow one
	}
	for _, e := range j.history.others[a.EndpointID] {
		undoes := undoers[a.Op][e.Op] || a.Op == opLifecycle && e.Op == opLifecycle && e.action != a.action
		if undoes && e.appliedBy(b.At) && e.AppliedAt.After(a.At) && e != b {
			return true
		}
	}
	return false
}
