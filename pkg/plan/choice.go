package plan

import (
	"fmt"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// Choice says which rows a plan is for. It chooses among the tasks of the whole
// difference: what is not chosen is no orphan, and no orphan is acted on. The zero
// Choice chooses all.
type Choice struct {
	Target  []fleet.Glob `json:"target,omitempty"`  // names that are meant; none means all
	Exclude []fleet.Glob `json:"exclude,omitempty"` // names that are not
	Listed  []string     `json:"listed,omitempty"`  // names, ids or ICCIDs that are meant, one by one
	Limit   int          `json:"limit,omitempty"`   // the most tasks with steps, in the order of the files; 0 is no limit
	LeftOut int          `json:"leftOut,omitempty"` // rows that were not chosen
}

// Any says whether anything is chosen at all.
func (c *Choice) Any() bool {
	return c != nil && (len(c.Target) > 0 || len(c.Exclude) > 0 || len(c.Listed) > 0 || c.Limit > 0)
}

// String is the choice in the words of the flags.
func (c *Choice) String() string {
	var parts []string
	for _, g := range c.Target {
		parts = append(parts, "--target "+string(g))
	}
	for _, g := range c.Exclude {
		parts = append(parts, "--exclude "+string(g))
	}
	if n := len(c.Listed); n > 0 {
		parts = append(parts, fmt.Sprintf("--target-file with %s", fleet.Count(n, "name")))
	}
	if c.Limit > 0 {
		parts = append(parts, fmt.Sprintf("--limit %d", c.Limit))
	}
	return strings.Join(parts, ", ")
}

// chooser applies a choice to the tasks of rows, and of endpoints that give
// something up to rows.
type chooser struct {
	*builder
	listed map[string]bool // what of Listed was found
	fits   []bool          // rows that the names choose
	chosen []bool
	room   int // for tasks with steps; negative is no limit
}

// choose leaves the chosen tasks. The error is an ErrUsage that names what chooses
// nothing: a slip of the pen must not look like a fleet that is as it should be.
func (b *builder) choose() error {
	c := &chooser{b, map[string]bool{}, make([]bool, len(b.tasks)), make([]bool, len(b.tasks)), b.opts.Choice.Limit}
	if c.room == 0 {
		c.room = -1
	}
	for _, text := range b.opts.Choice.Listed {
		c.listed[key(text)] = false
	}
	choice := b.opts.Choice
	target, exclude := make([]int, len(choice.Target)), make([]int, len(choice.Exclude))
	for i := range b.tasks[:b.rows] {
		t := &b.tasks[i]
		excluded := matches(choice.Exclude, t.Label(), exclude)
		targeted := matches(choice.Target, t.Label(), target)
		named := c.named(t)
		all := len(choice.Target) == 0 && len(choice.Listed) == 0
		c.fits[i] = (all || targeted || named) && !excluded
	}
	if err := c.missed(target, exclude); err != nil {
		return err
	}
	for i := range b.tasks[:b.rows] {
		c.take(i)
	}
	for i := range b.tasks[:b.rows] {
		if spec := c.tasks[i].Spec; c.chosen[i] && spec.Relink && !c.relinks(i) {
			keeps := *spec // a row that is not chosen must not become an endpoint outside the files
			keeps.Relink, c.tasks[i].Spec = false, &keeps
		}
	}
	b.compact(func(i int) bool { return c.chosen[i] })
	return nil
}

// key is equal for all forms of a name, and of a SIM's number: with its check digit
// and without.
func key(text string) string {
	if card, err := fleet.ParseICCID(text); err == nil {
		return card.Key()
	}
	return fleet.NameKey(text)
}

// matches says whether some pattern matches a name, and counts for each.
func matches(globs []fleet.Glob, name string, hits []int) bool {
	any := false
	for i, g := range globs {
		if g.Match(name) {
			hits[i]++
			any = true
		}
	}
	return any
}

// named says whether a row is one of the list.
func (c *chooser) named(t *Task) bool {
	if len(c.listed) == 0 {
		return false
	}
	named := false
	for _, text := range t.known() {
		if _, ok := c.listed[key(text)]; ok && text != "" {
			c.listed[key(text)], named = true, true
		}
	}
	return named
}

// known is all that a person may call a task's endpoint.
func (t *Task) known() []string {
	texts := []string{t.Label()}
	if s := t.Spec; s != nil {
		texts = append(texts, s.Name, string(s.ID), string(s.ICCID))
	}
	if e := t.Before; e != nil {
		texts = append(texts, e.Name, string(e.ID), string(e.ICCID))
	}
	return texts
}

// missed is the error of what chooses no row.
func (c *chooser) missed(target, exclude []int) error {
	var missed []string
	add := func(flag string, globs []fleet.Glob, hits []int) {
		for i, n := range hits {
			if n == 0 {
				missed = append(missed, flag+" "+fleet.Quote(string(globs[i])))
			}
		}
	}
	add("--target", c.opts.Choice.Target, target)
	add("--exclude", c.opts.Choice.Exclude, exclude)
	for _, text := range c.opts.Choice.Listed {
		if !c.listed[key(text)] {
			missed = append(missed, fleet.Quote(text)+" of --target-file")
		}
	}
	if len(missed) == 0 {
		return nil
	}
	more := ""
	if n := len(missed); n > 10 {
		missed, more = missed[:10], fmt.Sprintf(", and %d more", n-10)
	}
	return fleet.Kind(fleet.ErrUsage, fmt.Errorf("no row of the files matches %s%s; nothing was planned", strings.Join(missed, ", "), more))
}

// take chooses a task together with those that it waits for, if there is room for
// them. One that waits for a row which the names do not choose is refused.
func (c *chooser) take(i int) {
	if !c.fits[i] || c.chosen[i] {
		return
	}
	group, alien := c.group(i, nil)
	if most := c.opts.Choice.Limit; alien >= 0 {
		c.refuse(i, "it waits for what %s gives up, and that row is not chosen, or is refused", fleet.Quote(c.tasks[alien].Label()))
		group = nil
	} else if most > 0 && len(group) > most {
		c.refuse(i, "it goes together with others, %d endpoints in all, and --limit %d has no room for them", len(group), most)
		group = nil
	}
	if c.room >= 0 && len(group) > c.room {
		return
	}
	c.chosen[i] = true
	for _, j := range group {
		c.chosen[j] = true
	}
	if c.room >= 0 {
		c.room -= len(group)
	}
}

// refuse takes its steps from a task. What waits for it is refused in its turn.
func (c *chooser) refuse(i int, format string, args ...any) {
	c.tasks[i].Steps = nil
	if i < c.rows {
		c.chosen[i] = true
		c.tasks[i].refuse(format, args...)
	}
}

// group are the tasks with steps that must be done for one: itself, and those that
// it waits for. Alien is one of them that is not done, or -1.
func (c *chooser) group(i int, group []int) (all []int, alien int) {
	if len(c.tasks[i].Steps) == 0 {
		return group, -1
	}
	group, alien = append(group, i), -1
	for _, s := range c.tasks[i].Steps {
		if s.After == nil || alien >= 0 || slices.Contains(group, s.After.Task) {
			continue
		}
		switch j := s.After.Task; {
		case len(c.tasks[j].Steps) == 0, j < c.rows && !c.fits[j]:
			alien = j
		case !c.chosen[j]:
			group, alien = c.group(j, group)
		}
	}
	return group, alien
}

// relinks says whether a task takes a SIM from an endpoint outside the files.
func (c *chooser) relinks(i int) bool {
	return slices.ContainsFunc(c.tasks[i].Steps, func(s Step) bool { return s.After != nil && s.After.Task >= c.rows })
}
