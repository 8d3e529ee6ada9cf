package report

import (
	"fmt"
	"io"
	"strings"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
)

const firstNames = 5

// LeftText writes for a person what of a run is not undone, by what the run did
// and why that stays: how often, and which endpoints, the first of them or all.
func LeftText(w io.Writer, left []apply.Left, opts Options) error {
	out := newPrinter(w, opts)
	if len(left) > 0 {
		out.in(bold, func() { out.line("not undone:") })
	}
	for _, group := range groups(left) {
		out.left(group)
	}
	return out.end()
}

// groups puts together what is left for the same reason, numbers and names left
// out, in the order of the run.
func groups(left []apply.Left) (all [][]apply.Left) {
	place := map[string]int{}
	for _, l := range left {
		key := l.Action.String() + particular.ReplaceAllString(l.Why, "…")
		at, seen := place[key]
		if !seen {
			at = len(all)
			place[key], all = at, append(all, nil)
		}
		all[at] = append(all[at], l)
	}
	return all
}

func (p *printer) left(group []apply.Left) {
	why := group[0].Why
	for _, l := range group {
		if l.Why != why {
			why = particular.ReplaceAllString(why, "…")
		}
	}
	p.para("  %s %s: %s", fleet.Number(len(group)), group[0].Action, fleet.Printable(why))
	var names []string
	for i, l := range group {
		if i == firstNames && !p.opts.Full {
			names = append(names, fmt.Sprintf("and %s more (--full lists all)", fleet.Number(len(group)-i)))
			break
		}
		names = append(names, fmt.Sprintf("%s (%s)", fleet.Printable(l.Task.Label()), fleet.Printable(string(l.ID))))
	}
	p.para("    %s", strings.Join(names, ", "))
}
