package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// terms are what a plan is made under, besides files and live.
type terms struct {
	limits  plan.Limits
	choice  *plan.Choice
	doubts  []plan.Doubt
	earlier plan.Earlier
	known   map[fleet.ID]bool // nil knows all
}

// terms completes limits and a choice with what earlier runs of the account say.
func (s *session) terms(env Env, inputs []fleet.Input, limits plan.Limits, choice *plan.Choice) (terms, error) {
	histories, err := s.store.Histories()
	if err != nil {
		return terms{}, err
	}
	if ahead := s.ahead(histories); ahead != "" {
		say(env.Stderr, "warning: %s; the plan is held against other runs, as far as there are any", ahead)
	}
	known, err := s.store.Known()
	return terms{limits, choice, s.doubts(histories), apply.Earlier(histories, inputs, s.clock()), known}, err
}

// ahead says which runs are dated after now; empty when none is.
func (s *session) ahead(histories []*journal.History) string {
	var names []string
	for _, h := range apply.Ahead(histories, s.clock()) {
		names = append(names, h.Run)
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("the clock was ahead in run %s, or is behind now (%s): look whether it is right", some(names), s.clock().Wall.UTC().Format(time.RFC3339))
}

// made is how many endpoints there are at least because a run made them.
func made(results []apply.Result) (n int) {
	for i := range results {
		for _, s := range results[i].Steps {
			switch {
			case s.Outcome != fleet.Done:
			case s.Action == fleet.Create:
				n++
			case s.Action == fleet.Delete:
				n--
			}
		}
	}
	return n
}

// choosing are the flags that say which rows are meant.
type choosing struct {
	target, exclude []string
	file            string
	limit           int
}

func (c *choosing) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&c.target, "target", nil, "plan only the rows whose name matches `GLOB` (may be repeated)")
	f.StringArrayVar(&c.exclude, "exclude", nil, "leave out the rows whose name matches `GLOB` (may be repeated)")
	f.StringVar(&c.file, "target-file", "", "plan only the rows whose name, endpointId or iccid is a line of `FILE`")
	f.IntVar(&c.limit, "limit", 0, "plan only the first `N` endpoints that need something (0: all)")
}

// choice is what the flags say; nil when they say nothing.
func (c *choosing) choice() (*plan.Choice, error) {
	choice := &plan.Choice{Target: globs(c.target), Exclude: globs(c.exclude), Limit: c.limit}
	if c.limit < 0 {
		return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--limit: got %d, want a number of endpoints, or 0 for all", c.limit))
	}
	if c.file != "" {
		data, err := os.ReadFile(c.file)
		if err != nil {
			return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--target-file: %w", err))
		}
		if choice.Listed = lines(string(data)); len(choice.Listed) == 0 {
			return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--target-file %s: it names nothing", c.file))
		}
	}
	if !choice.Any() {
		return nil, nil
	}
	return choice, nil
}

// none refuses a choice where a saved plan is applied: the plan is what was
// approved.
func (c *choosing) none() error {
	if choice, err := c.choice(); err != nil || choice != nil {
		return errors.Join(err, fleet.Kind(fleet.ErrUsage, errors.New("a saved plan is applied as it is: make the choice when it is planned")))
	}
	return nil
}

func globs(texts []string) (all []fleet.Glob) {
	for _, text := range texts {
		all = append(all, fleet.Glob(text))
	}
	return all
}

// lines are the lines of a list that say something, each once; a remark begins with #.
func lines(text string) (all []string) {
	seen := map[string]bool{}
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !seen[line] {
			seen[line] = true
			all = append(all, line)
		}
	}
	return all
}
