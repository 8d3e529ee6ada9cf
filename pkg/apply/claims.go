package apply

import (
	"fmt"
	"slices"
	"sync"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// claims are the tasks that wait for a step of another one: it gives up the SIM,
// or the name, that they need.
type claims struct {
	mu      sync.Mutex
	given   map[plan.Place]bool // steps that others wait for, and whether they are done
	ended   map[int]bool        // tasks that others wait for and that nobody works on any more
	waiting map[int][]int       // by the task that they wait for
}

// claimed finds what a plan's tasks claim of each other.
func claimed(results []Result) *claims {
	c := &claims{given: map[plan.Place]bool{}, ended: map[int]bool{}, waiting: map[int][]int{}}
	for i := range results {
		for _, s := range results[i].Task.Steps {
			if s.After != nil {
				c.given[*s.After] = results[s.After.Task].Steps[s.After.Step].Outcome == fleet.Done
				c.ended[s.After.Task] = results[s.After.Task].Finished()
			}
		}
	}
	return c
}

// claim is the step that the task's next call waits for, nil when it waits for
// none.
func (r *Result) claim() *plan.Place {
	call := r.calls[r.done]
	for i := call.First; i < call.End; i++ {
		if after := r.Task.Steps[i].After; after != nil {
			return after
		}
	}
	return nil
}

// wait says how a claim stands: given, or to be waited for. Whoever waits is woken
// when that changes. Both are false when nothing will come of it any more.
func (c *claims) wait(task int, at plan.Place) (given, waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given[at] || c.ended[at.Task] {
		return c.given[at], false
	}
	c.waiting[at.Task] = append(c.waiting[at.Task], task)
	return false, true
}

// claimed says whether others wait for a task, or will.
func (c *claims) claimed(task int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, claimed := c.ended[task]
	return claimed
}

// note takes in how a task stands, and returns those that waited for it.
func (c *claims) note(task int, res *Result, ended bool) (woken []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, claimed := c.ended[task]; !claimed {
		return nil
	}
	c.ended[task] = ended
	for i := range res.Steps {
		at := plan.Place{Task: task, Step: i}
		if _, claimed := c.given[at]; claimed {
			c.given[at] = res.Steps[i].Outcome == fleet.Done
		}
	}
	woken = c.waiting[task]
	delete(c.waiting, task)
	return woken
}

// clear says whether the task's next call waits for no other task. If it does, the
// task is put aside until it need not, and the other one is begun if nobody has:
// what is given up should be taken soon.
func (r *runner) clear(task int) (clear, aside bool) {
	res := &r.results[task]
	at := res.claim()
	if at == nil {
		return true, false
	}
	given, waits := r.claims.wait(task, *at)
	switch {
	case given:
		return true, false
	case waits && r.promote(task, at.Task):
		return false, true
	case waits: // the run ends, and neither has begun
		return false, false
	}
	giver := &r.results[at.Task]
	r.leave(task, fmt.Sprintf("not begun: %s waits for %s of %s, which was not done", res.calls[res.done].Action, giver.Steps[at.Step].Action, fleet.Quote(giver.Task.Label())))
	return false, false
}

// promote begins a task that another one waits for, unless somebody has it. It is
// false when nothing new is begun any more.
func (r *runner) promote(waiting, task int) bool {
	res := &r.results[waiting]
	if r.ending.Load() != nil && !res.begun() && !r.queue.isTaken(task) {
		r.claims.forget(waiting, task)
		return false
	}
	if r.queue.take(task) {
		r.queue.enter()
		r.queue.again(task)
	}
	return true
}

// wake lets those go on that waited for a task, which has changed or ended.
func (r *runner) wake(task int, ended bool) {
	for _, waiting := range r.claims.note(task, &r.results[task], ended) {
		r.queue.again(waiting)
	}
}

// Unfinished says whether something of a run is left to be done or to be found
// out.
func Unfinished(results []Result) bool {
	for i := range results {
		if unfinished(results, i) {
			return true
		}
	}
	return false
}

// unfinished says so of a task. One that waits for what never comes is finished.
// What is waited for comes before in the order of the plan's steps, which has no
// circles, so this ends.
func unfinished(results []Result, i int) bool {
	res := &results[i]
	if !res.goesOn() {
		return res.Open() || res.doubted()
	}
	at := res.claim()
	return at == nil || results[at.Task].Steps[at.Step].Outcome == fleet.Done || unfinished(results, at.Task)
}

// forget takes a task from those that wait for another one.
func (c *claims) forget(waiting, task int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[task] = slices.DeleteFunc(c.waiting[task], func(t int) bool { return t == waiting })
}
