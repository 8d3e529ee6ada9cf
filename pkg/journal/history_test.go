package journal

import (
	"fmt"
	"testing"
	"time"

	"sftctl/pkg/fleet"
)

func TestAnIntentIsNeverOlderThanTrue(t *testing.T) {
	const age = 10 * time.Minute
	up := func(d time.Duration) time.Duration { return 5*time.Hour + d }
	tests := []struct {
		name string
		boot string
		now  Moment
		want time.Duration
	}{
		{"clocks agree", "b", Moment{noon.Add(age), "b", up(age)}, age - upStep},
		{"wall forward an hour", "b", Moment{noon.Add(age + time.Hour), "b", up(age)}, age - upStep},
		{"wall forward ten years", "b", Moment{noon.AddDate(10, 0, 0), "b", up(age)}, age - upStep},
		{"wall back two minutes", "b", Moment{noon.Add(age - 2*time.Minute), "b", up(age)}, age - 2*time.Minute},
		{"wall back an hour", "b", Moment{noon.Add(age - time.Hour), "b", up(age)}, 0},
		{"wall back ten years", "b", Moment{noon.AddDate(-10, 0, 0), "b", up(age)}, 0},
		{"another zone", "b", Moment{noon.Add(age).In(time.FixedZone("", 7200)), "b", up(age)}, age - upStep},
		{"up went back", "b", Moment{noon.Add(age), "b", up(-time.Minute)}, 0},
		{"up of a container is forward", "b", Moment{noon.Add(age), "b", up(age + time.Hour)}, age},
		{"booted since", "b", Moment{noon.Add(age), "c", up(age)}, 0},
		{"no boot id when written", "", Moment{noon.Add(age), "c", up(age)}, 0},
		{"no boot id now", "b", Moment{noon.Add(age), "", up(age)}, 0},
		{"never a boot id", "", Moment{noon.Add(age), "", up(age)}, 0},
		{"at once", "b", Moment{noon, "b", up(0)}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Intent{At: noon, Up: up(0), Boot: test.boot}.Age(test.now)
			if got != test.want || got > age {
				t.Errorf("got %s, want %s, at most %s", got, test.want, age)
			}
		})
	}
}

func TestSystemClockGoesOn(t *testing.T) {
	a, b := SystemClock(), SystemClock()
	if a.Boot != b.Boot || b.Up < a.Up || b.Wall.Before(a.Wall) || a.Boot != "" && a.Up == 0 {
		t.Errorf("got %+v, then %+v", a, b)
	}
}

func TestOpenAreTheTasksOfWhichNobodyKnows(t *testing.T) {
	intent := func(task, call int) Record { return Intent{Task: task, Call: call} }
	outcome := func(task int, o fleet.Outcome) Record { return Outcome{Task: task, Outcome: o} }
	tests := []struct {
		name    string
		records []Record
		want    string
	}{
		{"nothing was sent", nil, "[]"},
		{"bare intent", []Record{intent(3, 0)}, "[3.0]"},
		{"done", []Record{intent(3, 0), outcome(3, fleet.Done)}, "[]"},
		{"failed", []Record{intent(3, 0), outcome(3, fleet.Failed)}, "[]"},
		{"unknown", []Record{intent(3, 0), outcome(3, fleet.Unknown)}, "[3.0]"},
		{"done, then the next", []Record{intent(3, 0), outcome(3, fleet.Done), intent(3, 1)}, "[3.1]"},
		{"unknown, then again", []Record{intent(3, 0), outcome(3, fleet.Unknown), intent(3, 0), outcome(3, fleet.Done)}, "[]"},
		{"in the order of first intents", []Record{intent(5, 0), intent(3, 0), intent(4, 0), intent(5, 1)}, "[5.1 3.0 4.0]"},
		{"an outcome of another", []Record{intent(5, 0), intent(3, 0), outcome(5, fleet.Done)}, "[3.0]"},
		{"settled", []Record{intent(3, 0), Finding{Task: 3, Steps: []fleet.Outcome{fleet.Done, fleet.NotAttempted}}}, "[]"},
		{"not settled", []Record{intent(3, 0), Finding{Task: 3, Steps: []fleet.Outcome{fleet.Done, fleet.Unknown}}}, "[3.0]"},
		{"done and does not show", []Record{intent(3, 0), outcome(3, fleet.Done), Finding{Task: 3, Steps: []fleet.Outcome{fleet.Unknown}}}, "[3.0]"},
		{"found without an intent", []Record{Finding{Task: 3, Steps: []fleet.Outcome{fleet.Unknown}}}, "[]"},
		{"a process ended", []Record{intent(3, 0), End{}, Opened{}}, "[3.0]"},
	}
	for _, test := range tests {
		got := []string{}
		for _, i := range (&History{Records: test.records}).Open() {
			got = append(got, fmt.Sprintf("%d.%d", i.Task, i.Call))
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}

func TestHowARunStands(t *testing.T) {
	tests := []struct {
		name    string
		records []Record
		want    string // begun, ended, exit
	}{
		{"header only", nil, "false false 0"},
		{"opened", []Record{Opened{}}, "false false 0"},
		{"sent something", []Record{Opened{}, Intent{}}, "true false 0"},
		{"found something", []Record{Opened{}, Finding{}, Outcome{}}, "false false 0"},
		{"ended", []Record{Opened{}, Intent{}, End{Exit: 3}}, "true true 3"},
		{"ended, a late outcome", []Record{Opened{}, End{Exit: 3}, Outcome{}}, "false true 3"},
		{"ended twice", []Record{Opened{}, End{Exit: 3}, Opened{}, End{Exit: 4}}, "false true 4"},
		{"ended, then killed", []Record{Opened{}, End{Exit: 3}, Opened{}}, "false false 0"},
		{"superseded", []Record{Opened{}, Superseded{By: "r2"}, Opened{}}, "false false 0"},
	}
	for _, test := range tests {
		h := &History{Records: test.records}
		end, ended := h.Ended()
		if got := fmt.Sprintf("%v %v %d", h.Begun(), ended, end.Exit); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}
