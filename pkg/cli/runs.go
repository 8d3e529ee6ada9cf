package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/report"
)

func newRuns(env Env) *cobra.Command {
	var dir string
	cmd := &cobra.Command{Use: "runs", Short: "What was done when", Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return runList(env, dir) }}
	cmd.PersistentFlags().StringVar(&dir, "state-dir", "", "`DIR` for what outlives a run (default $XDG_STATE_HOME/sftctl)")
	list := &cobra.Command{Use: "list", Short: "List the runs of all accounts, the oldest first; OPEN is how many calls nobody knows about yet", Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return runList(env, dir) }}
	var o showOptions
	show := &cobra.Command{Use: "show RUN", Short: "Print the summary of a run, also while it goes on, and write its reports again", Args: cobra.ExactArgs(1), ValidArgsFunction: someRun(env, anyRun),
		RunE: func(_ *cobra.Command, args []string) error { o.stateDir = dir; return showRun(env, o, args[0]) }}
	o.bindRun(show)
	cmd.AddCommand(list, show)
	return cmd
}

// stores are the accounts of a state directory, to be looked at: nothing is made
// in them.
func stores(env Env, flag string) ([]*journal.Store, error) {
	dir, err := stateDir(env, flag)
	if err != nil {
		return nil, err
	}
	accounts, err := journal.Accounts(dir)
	var all []*journal.Store
	for _, account := range accounts {
		all = append(all, journal.Look(account, journal.OS{}, journal.SystemClock))
	}
	return all, err
}

func runList(env Env, flag string) error {
	all, err := stores(env, flag)
	if err != nil {
		return err
	}
	type line struct {
		*journal.History
		store *journal.Store
	}
	var lines []line
	var problems []error
	for _, store := range all {
		histories, err := store.Histories()
		problems = append(problems, err)
		for _, h := range histories {
			lines = append(lines, line{h, store})
		}
	}
	if len(lines) == 0 && errors.Join(problems...) == nil {
		say(env.Stderr, "no run is known in the state directory %s: is that the right --state-dir?", fleet.Printable(statePath(env, flag)))
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.At.Compare(b.At) })
	out := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "RUN\tACCOUNT\tSTATE\tOPEN")
	for _, h := range lines {
		_, _ = fmt.Fprintf(out, "%s\t%s at %s\t%s\t%d\n", h.Run, fleet.Printable(h.Account), fleet.Printable(h.BaseURL), state(h.store, h.History), len(h.Open()))
	}
	return errors.Join(append(problems, printed(out.Flush()))...)
}

// state says in a few words how a run stands.
func state(store *journal.Store, h *journal.History) string {
	if by := store.SupersededBy(h); by != "" {
		return "superseded by " + by
	}
	if h.Clean() {
		return "finished, exit 0"
	}
	end, ended := h.Ended()
	old, err := recall(store, h, journal.SystemClock())
	switch {
	case err != nil:
		return "cannot be read"
	case h.Running():
		return "running"
	case !ended:
		return "cut off"
	case old.unfinished():
		return fmt.Sprintf("unfinished, exit %d", end.Exit)
	}
	return fmt.Sprintf("finished, exit %d", end.Exit)
}

// findRun looks for a run in all accounts; runs are found wherever one stands.
func findRun(env Env, flag, id string) (*journal.Store, *journal.History, error) {
	all, err := stores(env, flag)
	if err != nil {
		return nil, nil, err
	}
	for _, store := range all {
		h, err := store.History(id)
		if err == nil {
			return store, h, nil
		}
		if !journal.Missing(err) {
			return nil, nil, err
		}
	}
	return nil, nil, fleet.Kind(fleet.ErrInvalid, fmt.Errorf("%s is neither a plan file nor a run; sftctl runs lists the runs", fleet.Quote(id)))
}

// showRun makes the report of a run again from its journal alone.
func showRun(env Env, o showOptions, id string) error {
	if err := o.check(); err != nil {
		return err
	}
	store, h, err := findRun(env, o.stateDir, id)
	if err != nil {
		return err
	}
	old, err := recall(store, h, journal.SystemClock())
	if err != nil {
		return err
	}
	run := old.report()
	run.Over = old.Running() || store.SupersededBy(h) != ""
	if o.reports != "" {
		tidy(filepath.Join(o.reports, run.ID))
		for _, files := range []map[string]func(io.Writer) error{run.Files(), run.Pages()} {
			if err := writeReports(o.reports, run.ID, files); err != nil {
				return err
			}
		}
		say(env.Stderr, "reported in %s", filepath.Join(o.reports, run.ID))
	}
	return printed(run.Write(env.Stdout, o.format, o.looks.options(env)))
}

// report is the run as it reported, or would report if it had ended now.
func (r *ofRun) report() *report.Run {
	reads, settles := r.Effort()
	run := &report.Run{ID: r.Run, Plan: r.plan, Results: r.results, Started: r.At, Reads: reads, Settles: settles,
		Simulated: r.plan.Simulated, Tool: r.Tool()}
	end, ended := r.Ended()
	run.Ended, run.Exit = end.At, end.Exit
	run.Cut, run.Doubt = told(end.Cut), told(end.Doubt)
	if !ended {
		run.Ended = r.LastTime()
		if r.Running() {
			run.Live = r.soFar(time.Now())
		} else {
			run.Cut = errors.New("it was cut off; sftctl resume " + run.ID + " finishes it")
		}
		run.Doubt = errors.New("there was no listing after it yet")
	}
	return run
}

// told is an error as it was written down.
func told(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}
