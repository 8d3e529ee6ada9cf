package events

import (
	"sync"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// Recorder turns what a run's journal is told into events. Its methods may be used
// by several goroutines.
type Recorder struct {
	run   string
	tasks []*plan.Task
	over  []apply.Completed // before the run begins
	emit  func(Event)

	mu    sync.Mutex
	ids   []fleet.ID
	last  []journal.Intent // of each task
	doubt []bool           // whether nobody knows what the task's last call did
	told  []fleet.Outcome  // of each row, as it was told last, or was before the run
}

// NewRecorder tells what is done of a run, whose results are as they are before it
// begins or goes on.
func NewRecorder(run string, results []apply.Result, emit func(Event)) *Recorder {
	n := len(results)
	r := &Recorder{run: run, emit: emit, tasks: make([]*plan.Task, n), ids: make([]fleet.ID, n), last: make([]journal.Intent, n), doubt: make([]bool, n), told: make([]fleet.Outcome, n)}
	for i := range results {
		r.tasks[i], r.ids[i], r.doubt[i] = results[i].Task, results[i].ID, results[i].Open()
		r.told[i] = results[i].Outcome
		if results[i].Finished() && results[i].Outcome == fleet.Refused {
			r.over = append(r.over, apply.Completed{Task: i, Result: &results[i]})
		}
	}
	return r
}

// Begin tells of the rows that the planner refused as a whole: the run has nothing to
// do with them.
func (r *Recorder) Begin() {
	for _, c := range r.over {
		r.Ended(c)
	}
}

// Saw takes in a record of the journal, in its order for each task.
func (r *Recorder) Saw(record journal.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch rec := record.(type) {
	case journal.Intent:
		r.intent(rec)
	case journal.Outcome:
		r.outcome(rec)
	case journal.Finding:
		r.finding(rec)
	}
}

func (r *Recorder) intent(i journal.Intent) {
	r.last[i.Task] = i
	r.emit(Step{Subject: r.subject(i.Task), State: Started, Steps: parts(i, ""), Attempt: i.Attempt})
}

// states are those that an answer can give a step.
var states = map[fleet.Outcome]State{fleet.Done: Done, fleet.Failed: Failed, fleet.Unknown: Unknown, fleet.NotAttempted: NotAttempted}

func (r *Recorder) outcome(o journal.Outcome) {
	if o.ID != "" {
		r.ids[o.Task] = o.ID
	}
	r.doubt[o.Task] = o.Outcome == fleet.Unknown
	i := r.last[o.Task]
	if i.Attempt == 0 || i.Call != o.Call { // nothing was about to leave
		return
	}
	r.emit(Step{Subject: r.subject(o.Task), State: states[o.Outcome], Steps: parts(i, o.Outcome.String()), Attempt: o.Attempt,
		Seconds: o.Took.Round(time.Millisecond).Seconds(), Code: o.Code, Error: o.Err})
}

// finding tells of what settles a doubt; the other findings end a task, which its
// row says.
func (r *Recorder) finding(f journal.Finding) {
	if f.ID != "" {
		r.ids[f.Task] = f.ID
	}
	if !r.doubt[f.Task] {
		return
	}
	steps := make([]Part, len(f.Steps))
	open := false
	for i, o := range f.Steps {
		steps[i] = Part{r.tasks[f.Task].Steps[i].Action, o.String()}
		open = open || o == fleet.Unknown
	}
	if r.doubt[f.Task] = open; !open {
		r.emit(Step{Subject: r.subject(f.Task), State: Settled, Steps: steps, Error: f.Err})
	}
}

// Ended takes in a task with which the run is through.
func (r *Recorder) Ended(c apply.Completed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.row(c)
}

// Revise tells of the rows that came to something else than was told: what a listing
// after the run shows, and what was stale before it began. It is for when nothing
// else changes the results any more.
func (r *Recorder) Revise(results []apply.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range results {
		if o := results[i].Outcome; o != r.told[i] && o != fleet.Unchanged {
			r.row(apply.Completed{Task: i, Result: &results[i]})
		}
	}
}

func (r *Recorder) row(c apply.Completed) {
	r.told[c.Task] = c.Result.Outcome
	if c.Result.ID != "" {
		r.ids[c.Task] = c.Result.ID
	}
	row := Row{Subject: r.subject(c.Task), Outcome: c.Result.Outcome, Steps: []Part{}, Calls: c.Result.Attempts}
	for _, s := range c.Result.Steps {
		row.Steps = append(row.Steps, Part{s.Action, s.Outcome.String()})
	}
	if c.Result.Err != nil {
		row.Error = c.Result.Err.Error()
	}
	r.emit(row)
}

func (r *Recorder) subject(task int) Subject {
	t := r.tasks[task]
	s := Subject{Run: r.run, Task: task, Name: t.Label(), ID: r.ids[task]}
	if t.Spec != nil {
		s.File, s.Line = t.Spec.Origin.File, t.Spec.Origin.Line
	}
	return s
}

// parts are the steps that a call does.
func parts(i journal.Intent, outcome string) []Part {
	steps := []Part{{i.Action, outcome}}
	if i.Links {
		steps = append(steps, Part{fleet.Link, outcome})
	}
	if i.Starts {
		steps = append(steps, Part{fleet.Activate, outcome})
	}
	return steps
}
