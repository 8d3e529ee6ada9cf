package manifest

import (
	"sort"

	"sftctl/pkg/fleet"
)

// source finds where the rows of a file were written.
type source interface {
	// place is where a field of a row stands; row counts the rows of the
	// source from 0, line is the one that its spec names.
	place(row, line int, f field) place
}

// span is a run of specs from one source.
type span struct {
	source source
	first  int // index of its first spec
	row    int // which row of the source that is
}

// identities are the rows by everything that must be theirs alone.
type identities struct {
	ids, names, iccids map[string]int32
	previous           map[string]int32
	renames            []int32 // the specs that have a previous name
}

func newIdentities() identities {
	return identities{ids: map[string]int32{}, names: map[string]int32{}, iccids: map[string]int32{}, previous: map[string]int32{}}
}

// expect makes room for a number of rows, which saves growing.
func (ids *identities) expect(rows int, withICCID bool) {
	const few = 4096
	if rows > few && len(ids.names) == 0 {
		ids.names = make(map[string]int32, rows)
	}
	if rows > few && len(ids.iccids) == 0 && withICCID {
		ids.iccids = make(map[string]int32, rows)
	}
}

// placeOf is where a field of a spec was written.
func (r *reader) placeOf(spec int, f field) place {
	i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].first > spec }) - 1
	s := r.spans[i]
	return s.source.place(s.row+spec-s.first, r.fleet.Specs[spec].Origin.Line, f)
}

// identify checks that a spec is the only one of its identity.
func (r *reader) identify(i int, id identity) {
	s := &r.fleet.Specs[i]
	if s.ID != "" {
		r.claim(r.ids.ids, string(s.ID), i, endpointID, "endpointId is given twice")
	}
	other, twice := -1, false
	if id.name != "" && id.name != brokenName && !r.twins(i, id.name) {
		other, twice = r.claim(r.ids.names, id.name, i, endpointName, "endpointName is given twice")
	}
	if id.iccid != "" && (s.State != fleet.StateAbsent || s.Key == fleet.ByICCID) {
		if first, ok := r.ids.iccids[id.iccid]; !ok || !twice || int(first) != other {
			r.claim(r.ids.iccids, id.iccid, i, iccid, "iccid is given twice")
		}
	}
	if s.PreviousName != "" && s.PreviousName != brokenName {
		r.ids.renames = append(r.ids.renames, int32(i))
		r.claim(r.ids.previous, fleet.NameKey(s.PreviousName), i, previousName, "previousName is given twice")
	}
}

// twins says whether a spec shares its name with one before it and both are told
// apart by their ids. Names are not unique on the platform (documented), and an
// account that has twins must be able to say so.
func (r *reader) twins(i int, name string) bool {
	first, ok := r.ids.names[name]
	return ok && r.fleet.Specs[i].ID != "" && r.fleet.Specs[first].ID != ""
}

// claim takes a value for a spec, or says who has it.
func (r *reader) claim(taken map[string]int32, value string, i int, f field, what string) (int, bool) {
	first, ok := taken[value]
	if !ok {
		taken[value] = int32(i)
		return i, false
	}
	r.clash(i, int(first), f, f, what, "it in one row only")
	return int(first), true
}

// clash complains about two specs that cannot both be meant, naming both.
func (r *reader) clash(i, first int, f, firstField field, what, want string) {
	got, before := different(textOf(&r.fleet.Specs[i], f), textOf(&r.fleet.Specs[first], firstField))
	if !r.full() {
		want += "; the other is " + r.placeOf(first, firstField).String()
	}
	if got != before {
		want += " with " + before
	}
	r.addLazily(func() place { return r.placeOf(i, f) }, what, got, want)
}

func textOf(s *fleet.Spec, f field) string {
	switch f {
	case endpointID:
		return string(s.ID)
	case iccid:
		return string(s.ICCID)
	case previousName:
		return s.PreviousName
	}
	return s.Name
}

// checkRenames refuses a previous name that another row still bears: both rows
// would be about the same live endpoint.
func (r *reader) checkRenames() {
	for _, i := range r.ids.renames {
		s := &r.fleet.Specs[i]
		if bearer, ok := r.ids.names[fleet.NameKey(s.PreviousName)]; ok && bearer != i {
			r.clash(int(i), int(bearer), previousName, endpointName,
				"previousName is the name of another row", "a name that no row bears any more")
		}
	}
}
