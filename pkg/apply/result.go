package apply

import (
	"errors"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// StepResult is what became of one step.
type StepResult struct {
	Action  fleet.Action
	Outcome fleet.Outcome
}

// Answer is what came of one call when it was made. What reading found out later
// is in the steps only.
type Answer struct {
	Action  fleet.Action
	Outcome fleet.Outcome
	Sends   int       // requests: several when the platform throttled, or wanted a new token
	Started time.Time // of the last of them
	Took    time.Duration
}

// Result is what became of one task. It changes only by the records of a
// journal, so that it can be made again from them.
type Result struct {
	Task     *plan.Task
	Steps    []StepResult
	Outcome  fleet.Outcome
	Flaw     fleet.Outcome // failed or stale when something is wrong besides the steps
	ID       fleet.ID      // the endpoint's id, as far as it is known
	Verified bool          // a listing made after the run shows what was wanted
	Err      error         // why it is not done
	Code     string        // the platform's code of the last call
	Attempts int           // requests that left this machine for it
	Started  time.Time
	Duration time.Duration // from the first call to the end of the last
	Answers  []Answer      // to its calls, in order; those that never left are not among them

	calls    []fleet.Call // that its steps take
	done     int          // calls that are done
	tries    int          // attempts of the call after those
	sent     time.Time    // when its request was written, at the latest
	loose    int          // intents without an outcome
	looked   time.Time    // when it was last read before it is hurt
	rechecks int          // how often a call was prepared again
}

// Ended is the last record of a run by its results, why it was cut short and why
// they could not be verified, nil where it was not and they were. Its Exit is that of
// the command where nothing but the rows counts: 0 only when all of them are done or
// unchanged and verified, 4 when one is unknown, else 3, or 1. Live, Reads and
// Settles are for the caller to fill in.
func Ended(results []Result, cut, doubt error) journal.End {
	worst := fleet.Unchanged
	for i := range results {
		worst = fleet.Worse(worst, results[i].Outcome)
	}
	end := journal.End{At: time.Now().UTC(), Verified: doubt == nil, Cut: fleet.Message(cut), Doubt: fleet.Message(doubt)}
	switch {
	case worst == fleet.Unknown:
		end.Exit = 4
	case cut != nil || doubt != nil:
		end.Exit = 1
	case worst != fleet.Done && worst != fleet.Unchanged:
		end.Exit = 3
	}
	return end
}

// planned is the result of a task before anything was done.
func planned(t *plan.Task, abilities fleet.Abilities) Result {
	r := Result{Task: t}
	if t.Before != nil {
		r.ID = t.Before.ID
	}
	for _, s := range t.Steps {
		r.Steps = append(r.Steps, StepResult{Action: s.Action})
	}
	if len(t.Steps) > 0 {
		r.calls = abilities.Calls(t.Changes())
	}
	r.sum()
	return r
}

// sum makes the outcome of the task from its steps, its flaw and its refusals.
func (r *Result) sum() {
	out := fleet.Unchanged
	for _, s := range r.Steps {
		out = fleet.Worse(out, s.Outcome)
	}
	if len(r.Task.Refused) > 0 {
		out = fleet.Worse(out, fleet.Refused)
	}
	if r.Flaw != fleet.NotAttempted {
		out = fleet.Worse(out, r.Flaw)
	}
	r.Outcome = out
	if r.Outcome == fleet.Refused && r.Err == nil {
		r.Err = errors.Join(refusals(r.Task)...)
	}
}

func refusals(t *plan.Task) []error {
	var errs []error
	for _, text := range t.Refused {
		errs = append(errs, errors.New(text))
	}
	return errs
}

// intent books that a request is about to leave. Until more is known, the steps
// that it covers are unknown.
func (r *Result) intent(i journal.Intent, written time.Time) {
	r.tries, r.sent = i.Attempt, written
	r.loose++
	r.book(i.Call, fleet.Unknown)
}

// outcome books what came of a call.
func (r *Result) outcome(o journal.Outcome) {
	if r.Started.IsZero() {
		r.Started = o.Started
	}
	if !o.Started.IsZero() {
		r.Duration = o.Started.Add(o.Took).Sub(r.Started)
	}
	r.Attempts += o.Sends
	r.loose = 0
	r.answered(o)
	if o.Code != "" {
		r.Code = o.Code
	}
	if o.ID != "" {
		r.ID = o.ID
	}
	if o.Outcome == fleet.NotAttempted {
		r.tries = o.Attempt - 1 // it was not executed, which is no attempt
	}
	if o.Outcome == fleet.Done {
		r.Err = nil
	}
	r.book(o.Call, o.Outcome)
	r.explain(o.Err)
	r.sum()
}

// answered keeps what came of a call that left.
func (r *Result) answered(o journal.Outcome) {
	if o.Sends == 0 {
		return
	}
	if r.Answers == nil {
		r.Answers = make([]Answer, 0, len(r.calls))
	}
	r.Answers = append(r.Answers, Answer{r.calls[o.Call].Action, o.Outcome, o.Sends, o.Started, o.Took})
}

// book notes what came of a call on the steps that it covers.
func (r *Result) book(call int, outcome fleet.Outcome) {
	for i := r.calls[call].First; i < r.calls[call].End; i++ {
		r.Steps[i].Outcome = outcome
	}
	if outcome == fleet.Done {
		r.advance(call + 1)
	}
}

// advance notes how many calls are done.
func (r *Result) advance(done int) { r.done, r.tries = done, 0 }

// finding books how the task was found to stand.
func (r *Result) finding(f journal.Finding) {
	for i, o := range f.Steps {
		r.Steps[i].Outcome = o
	}
	r.Attempts += r.loose
	r.loose = 0
	r.Flaw = f.Flaw
	if f.ID != "" {
		r.ID = f.ID
	}
	r.split()
	for r.done < len(r.calls) && r.pending() == fleet.Done {
		r.advance(r.done + 1)
	}
	r.Err = nil
	r.explain(f.Err)
	r.sum()
}

// split takes the next call apart when only some of its steps are done: what is
// left of them is made, or found out, by itself.
func (r *Result) split() {
	if r.done == len(r.calls) {
		return
	}
	c := r.calls[r.done]
	if c.End-c.First == 1 || r.Steps[c.First].Outcome != fleet.Done || r.pending() == fleet.Done {
		return
	}
	apart := fleet.Abilities{}.Calls(r.Task.Changes()[c.First:c.End])
	for i := range apart {
		apart[i].First, apart[i].End = apart[i].First+c.First, apart[i].End+c.First
	}
	r.calls = slices.Concat(r.calls[:r.done], apart, r.calls[r.done+1:])
}

// unclear are the steps of which nobody knows whether the last request did them.
func (r *Result) unclear() (first, end int) {
	if r.done == len(r.calls) {
		return 0, 0
	}
	first = r.calls[r.done].First
	for end = first; end < len(r.Steps) && r.Steps[end].Outcome == fleet.Unknown; end++ {
	}
	return first, end
}

// pending is the outcome of the steps of the call that comes next, as far as it was
// tried; done when there is none.
func (r *Result) pending() fleet.Outcome {
	out := fleet.Done
	if r.done < len(r.calls) {
		for i := r.calls[r.done].First; i < r.calls[r.done].End; i++ {
			out = fleet.Worse(out, r.Steps[i].Outcome)
		}
	}
	return out
}

// behind is the worst outcome of the steps before the next call: done, unless the
// listing after the run did not show what was acknowledged.
func (r *Result) behind() fleet.Outcome {
	out, end := fleet.Done, len(r.Steps)
	if r.done < len(r.calls) {
		end = r.calls[r.done].First
	}
	for _, s := range r.Steps[:end] {
		out = fleet.Worse(out, s.Outcome)
	}
	return out
}

// End books that a listing after the run shows all that is done or unchanged.
func (r *Result) End(e journal.End) {
	r.Verified = e.Verified && (r.Outcome == fleet.Done || r.Outcome == fleet.Unchanged)
}

// explain keeps why the task is not done. The text is kept as a journal keeps
// it.
func (r *Result) explain(text string) {
	if text != "" {
		r.Err = errors.New(strings.ToValidUTF8(text, "�"))
	}
}

// stands is the finding of how the task stands now.
func (r *Result) stands(task int) journal.Finding {
	f := journal.Finding{Task: task, Flaw: r.Flaw, ID: r.ID}
	for _, s := range r.Steps {
		f.Steps = append(f.Steps, s.Outcome)
	}
	if r.Err != nil {
		f.Err = r.Err.Error()
	}
	return f
}

// goesOn says whether the task has calls that may still be made: none of those
// that failed, and none behind what failed or is in doubt.
func (r *Result) goesOn() bool { return r.halfway() && r.behind() == fleet.Done }

// doubted says whether the task would go on if a listing showed what was
// acknowledged.
func (r *Result) doubted() bool { return r.halfway() && r.behind() == fleet.Unknown }

// halfway says whether a call comes next that nobody tried, for all that is known
// of it.
func (r *Result) halfway() bool {
	return r.pending() == fleet.NotAttempted && r.Flaw == fleet.NotAttempted
}

// begun says whether a call of the task was made, or tried.
func (r *Result) begun() bool { return r.done > 0 || r.tries > 0 }

// Finished says whether nothing of the task is left to be done or to be found
// out by this run.
func (r *Result) Finished() bool { return !r.Open() && !r.goesOn() }

// CallsLeft is how many mutating calls the task takes until it is done, where none
// has to be sent again.
func (r *Result) CallsLeft() int { return len(r.calls) - r.done }

// Open says whether nobody knows what the last call of the task did.
func (r *Result) Open() bool { return r.pending() == fleet.Unknown }
