package apply

import "sync"

// queue hands out tasks: first those that can go on after their last call was
// settled, then new ones. It is over when nobody works on a task any more and
// none is left.
type queue struct {
	mu     sync.Mutex
	taken  []bool        // tasks that somebody has taken up
	ready  []int         // of them, those that can go on
	busy   int           // taken up and not ended
	bell   chan struct{} // rings when something changed
	closed bool
}

func newQueue(tasks int) *queue {
	return &queue{taken: make([]bool, tasks), bell: make(chan struct{}, 1)}
}

// next waits for a task; it is false when there will be none. Fresh gives a new
// one if there is one.
func (q *queue) next(fresh func() (int, bool)) (int, bool) {
	for {
		if task, ok := q.pop(); ok {
			return task, true
		}
		if task, ok := fresh(); ok {
			q.enter()
			return task, true
		}
		if q.over() {
			return 0, false
		}
		<-q.bell
	}
}

func (q *queue) pop() (int, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.ready) == 0 {
		return 0, false
	}
	task := q.ready[0]
	q.ready = q.ready[1:]
	return task, true
}

func (q *queue) over() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || q.busy == 0 && len(q.ready) == 0
}

// take takes a task for the one who asks first.
func (q *queue) take(task int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.taken[task]
	q.taken[task] = true
	return !taken
}

// enter counts a task as worked on.
func (q *queue) enter() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy++
}

// again lets a task go on when it is its turn.
func (q *queue) again(task int) {
	q.mu.Lock()
	q.ready = append(q.ready, task)
	q.mu.Unlock()
	q.ring()
}

// leave ends a task.
func (q *queue) leave() {
	q.mu.Lock()
	q.busy--
	q.mu.Unlock()
	q.ring()
}

// close gives out no more tasks, and waits for none.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ring()
}

func (q *queue) ring() {
	select {
	case q.bell <- struct{}{}:
	default:
	}
}

// isTaken says whether somebody has taken a task up.
func (q *queue) isTaken(task int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken[task]
}
