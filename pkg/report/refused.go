package report

import (
	"regexp"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// particular is what tells one row's message from another's: names, ids and
// card numbers, but not the platform's codes.
var particular = regexp.MustCompile(`"[^"]*"|[0-9]{6,}`)

// refusal is one thing that is not done.
type refusal struct {
	task *plan.Task
	text string
	kind string // the text without what is the row's own
}

// refused are the section of what is not done, by reason.
func (d details) refused() section {
	tasks := d.pick(func(t *plan.Task) bool { return len(t.Refused) > 0 })
	if len(tasks) == 0 {
		return section{}
	}
	s := section{Title: "refused: " + fleet.Count(len(tasks), "row")}
	if d.opts.Full {
		s.Singles = d.singles(tasks)
		return s
	}
	groups, singles := apart(alike(reasonsOf(tasks), func(r refusal) string { return r.kind }))
	names := refusals.names
	for _, g := range groups[:min(len(groups), refusals.groups)] {
		s.Groups = append(s.Groups, group(g, &names))
	}
	s.Singles = d.singles(tasksOf(singles[:min(len(singles), refusals.singles)]))
	s.More = leftOut(groups[len(s.Groups):], len(singles)-refusals.singles)
	return s
}

func reasonsOf(tasks []*plan.Task) []refusal {
	var all []refusal
	for _, t := range tasks {
		for _, text := range t.Refused {
			all = append(all, refusal{t, text, particular.ReplaceAllString(text, "…")})
		}
	}
	return all
}

// tasksOf are the tasks of refusals, each once.
func tasksOf(all []refusal) []*plan.Task {
	var tasks []*plan.Task
	for _, r := range all {
		if len(tasks) == 0 || tasks[len(tasks)-1] != r.task {
			tasks = append(tasks, r.task)
		}
	}
	return tasks
}

// group is an entry for rows that are refused for one reason. Where the rows differ
// in what it says, one of them is an example.
func group(g []refusal, names *int) entry {
	e := entry{Sign: "!", Count: fleet.Count(len(g), "row"), Text: fleet.Printable(g[0].text)}
	tasks, differ := make([]*plan.Task, len(g)), false
	for i, r := range g {
		tasks[i] = r.task
		differ = differ || r.text != g[0].text
	}
	if differ {
		e.Text = fleet.Printable(g[0].kind)
		e.Example = shown(tasks[0].Label()).String() + ": " + fleet.Printable(g[0].text)
	}
	e.list(tasks, names)
	return e
}
