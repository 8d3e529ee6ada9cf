package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"sftctl/pkg/fleet"
)

// speed is how long the platform took for one kind of call: percentiles of those
// that it answered.
type speed struct {
	Action   string
	Answered string
	Lost     string // calls without an answer, whose time says nothing
	Times    []string
	Line     span // from half of the calls to the slowest
	Box      span // from half of them to nine of ten
	Tick     float64
}

// span is a stretch of a drawing that is 100 wide.
type span struct{ X, Width float64 }

// percents are the percentiles that are shown; the last is the slowest.
var percents = [...]int{50, 90, 99, 100}

// speeds are those of all kinds of calls that were made.
func (r *Run) speeds() []speed {
	took, lost := map[fleet.Action][]time.Duration{}, map[fleet.Action]int{}
	for a := range r.answers() {
		switch a.Outcome {
		case fleet.Done, fleet.Failed:
			took[a.Action] = append(took[a.Action], a.Took)
		case fleet.Unknown:
			lost[a.Action]++
		}
	}
	slowest := time.Duration(0)
	for _, all := range took {
		slices.Sort(all)
		slowest = max(slowest, all[len(all)-1])
	}
	var speeds []speed
	for _, action := range fleet.Actions {
		if len(took[action])+lost[action] > 0 {
			s := speed{Action: action.String(), Answered: fleet.Number(len(took[action])), Lost: fleet.Number(lost[action])}
			s.measure(took[action], slowest)
			speeds = append(speeds, s)
		}
	}
	return speeds
}

// measure takes the percentiles of sorted times.
func (s *speed) measure(took []time.Duration, slowest time.Duration) {
	var at [len(percents)]float64
	for i, percent := range percents {
		if len(took) == 0 {
			s.Times = append(s.Times, "–")
			continue
		}
		d := percentile(took, percent)
		s.Times, at[i] = append(s.Times, brief(d)), along(d, slowest)
	}
	s.Line, s.Box, s.Tick = span{at[0], at[3] - at[0]}, span{at[0], max(at[1]-at[0], 1)}, at[2]
}

// percentile is the least of sorted times that a share of them does not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// fastest is where the drawing begins: calls take from milliseconds to minutes.
const fastest = 10 * time.Millisecond

// along is how far a time is on the way to the slowest, by orders of magnitude.
func along(d, slowest time.Duration) float64 {
	if d <= fastest || slowest <= fastest {
		return 0
	}
	return 98 * math.Log(float64(d)/float64(fastest)) / math.Log(float64(slowest)/float64(fastest))
}

// brief is a time with about three digits.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
