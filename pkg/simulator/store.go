package simulator

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
)

// endpoint is one endpoint of the platform. A record never changes: a newer
// one takes its place, so that readers of an old state may keep it.
type endpoint struct {
	fleet.Endpoint
	seq       uint64 // order of creation
	created   time.Time
	activated time.Time // zero until the first activation
	extras
}

// extras are what the collection adds to an endpoint.
type extras struct {
	Addons      []addon `json:"addons,omitempty"` // never changed in place
	AddonsSoFar int     `json:"addonsSoFar,omitempty"`
}

// addon is an add-on plan of an endpoint.
type addon struct {
	UniqueID fleet.ID `json:"uniqueId"`
	PlanID   fleet.ID `json:"planId"`
}

// card is one SIM of the stock; like an endpoint it is replaced, not changed.
type card struct {
	index    int // its place in the stock
	iccid    fleet.ICCID
	product  fleet.ID
	status   fleet.SIMStatus
	endpoint fleet.ID // empty while it is free
}

// store is the fleet at one time.
type store struct {
	endpoints map[fleet.ID]*endpoint
	order     []*endpoint    // by seq
	cards     []*card        // in the order of the stock
	byICCID   map[string]int // place of a card by the key of its number
}

func newStore() *store {
	return &store{endpoints: map[fleet.ID]*endpoint{}, byICCID: map[string]int{}}
}

func (st *store) clone() *store {
	return &store{maps.Clone(st.endpoints), slices.Clone(st.order), slices.Clone(st.cards), maps.Clone(st.byICCID)}
}

func (st *store) card(iccid fleet.ICCID) *card {
	if i, ok := st.byICCID[iccid.Key()]; ok {
		return st.cards[i]
	}
	return nil
}

// change is what one piece of work does to the fleet. Nil parts change
// nothing.
type change struct {
	endpoint *endpoint // new, or in place of the one with its id
	removed  *endpoint
	card     *card
	billed   fleet.ID
}

func (st *store) apply(ch change) {
	if ch.endpoint != nil {
		st.put(ch.endpoint)
	}
	if ch.removed != nil {
		st.remove(ch.removed)
	}
	if ch.card != nil {
		st.putCard(ch.card)
	}
}

func (st *store) put(e *endpoint) {
	st.endpoints[e.ID] = e
	if n := len(st.order); n == 0 || st.order[n-1].seq < e.seq {
		st.order = append(st.order, e)
		return
	}
	at, found := st.place(e.seq)
	if found {
		st.order[at] = e
		return
	}
	st.order = slices.Insert(st.order, at, e)
}

func (st *store) remove(e *endpoint) {
	delete(st.endpoints, e.ID)
	if at, found := st.place(e.seq); found {
		st.order = slices.Delete(st.order, at, at+1)
	}
}

func (st *store) place(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(st.order, seq, func(e *endpoint, seq uint64) int { return cmp.Compare(e.seq, seq) })
}

func (st *store) putCard(k *card) {
	if k.index == len(st.cards) {
		st.cards = append(st.cards, k)
		st.byICCID[k.iccid.Key()] = k.index
		return
	}
	st.cards[k.index] = k
}

// lagged is a change that reads show later.
type lagged struct {
	at     time.Time
	change change
}

// commit makes a change at a time that is not before that of the last one.
func (s *Simulator) commit(ch change, at time.Time) {
	s.live.apply(ch)
	if ch.billed != "" {
		s.bills[ch.billed]++
	}
	if ch.removed != nil {
		s.gone[ch.removed.ID] = ch.removed.Name
	}
	if s.seen != s.live {
		s.lagging = append(s.lagging, lagged{at.Add(s.set.lag), ch})
	}
}

// job is work that changes the fleet.
type job struct {
	call  *call
	at    time.Time
	done  bool
	reply reply
	of    *Entry // the request whose rest it is, nil for a call of its own
}

// schedule gives a call its work. Work that is to be done at a later time is
// done then even if nobody waits for it.
func (s *Simulator) schedule(c *call, now time.Time, wait time.Duration) {
	t := effects[c.effect]
	if !c.route.op.Mutates() {
		return
	}
	c.job = &job{call: c, at: now}
	switch {
	case t.work == never:
		c.job.done = true
		return
	case t.work == later:
		c.job.at = now.Add(c.delay)
	default:
		c.job.at = now.Add(max(0, wait))
	}
	if !c.job.at.After(now) {
		s.run(c.job, now)
		return
	}
	s.enqueue(c.job)
}

func (s *Simulator) enqueue(j *job) {
	at, _ := slices.BinarySearchFunc(s.due, j, func(a, b *job) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1 // behind those of the same time
	})
	s.due = slices.Insert(s.due, at, j)
}

// settle does the work that has come due and lets reads see what they may. It
// returns the time that it took for now.
func (s *Simulator) settle() time.Time {
	now := time.Now().UTC()
	for len(s.due) > 0 && !s.due[0].at.After(now) {
		j := s.due[0]
		s.due = slices.Delete(s.due, 0, 1)
		s.run(j, j.at)
	}
	n := 0
	for n < len(s.lagging) && !s.lagging[n].at.After(now) {
		s.seen.apply(s.lagging[n].change)
		n++
	}
	s.lagging = slices.Delete(s.lagging, 0, n)
	return now
}

func (s *Simulator) run(j *job, at time.Time) {
	if j.done {
		return
	}
	j.done = true
	c := j.call
	reply, ch := s.work(c, at)
	j.reply = reply
	if c.entry.EndpointID = reply.echo; reply.echo == "" {
		c.entry.EndpointID = c.info.EndpointID
	}
	if reply.outer != "0" || c.effect == LyingSuccess {
		return
	}
	s.commit(ch, at)
	c.entry.Applied, c.entry.AppliedAt = true, at
	if j.of != nil {
		j.of.Also, j.of.AlsoAt = strings.TrimLeft(j.of.Also+" "+c.route.op.String(), " "), at
		return
	}
	s.along(c, at)
	if c.effect == Duplicate {
		_, again := s.work(c, at)
		s.commit(again, at)
	}
}
