package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
)

func newUndo(env Env) *cobra.Command {
	var o pastOptions
	cmd := &cobra.Command{
		Use:               "undo RUN",
		Short:             "Plan the way back from what a run did, and save the plan; what is not undone is named; nothing is changed",
		Args:              oneRun,
		ValidArgsFunction: someRun(env, anyRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUndo(cmd.Context(), env, o, args[0])
		},
	}
	o.bind(cmd)
	return cmd
}

func runUndo(ctx context.Context, env Env, o pastOptions, id string) error {
	s, old, err := o.past(env, id)
	if err != nil {
		return err
	}
	s.remark(env, old)
	back := apply.Undo(old.plan, old.results)
	if back.Unknown > 0 {
		say(env.Stderr, "not undone: %d unknown, because nobody knows yet what was applied; sftctl resume %s settles them, undo the run again then", back.Unknown, id)
	}
	var p *plan.Plan
	if len(back.Fleet.Specs) > 0 {
		if p, back, err = s.planBack(ctx, env, back, o.limits); err != nil {
			return err
		}
	}
	return o.showBack(env, id, p, back)
}

// planBack plans the way back, as far as live is still as the run left it.
func (s *session) planBack(ctx context.Context, env Env, back *apply.Inverse, limits plan.Limits) (*plan.Plan, *apply.Inverse, error) {
	p, err := s.planPast(ctx, env, back.Fleet, limits, func(l look) *fleet.Fleet {
		back = back.Since(l.have)
		return back.Fleet
	})
	return p, back, err
}

// showBack saves and prints the plan, if there is anything to plan, and names what
// it does not undo.
func (o *pastOptions) showBack(env Env, id string, p *plan.Plan, back *apply.Inverse) error {
	var shown error
	if len(back.Fleet.Specs) > 0 {
		shown = o.show(env, p)
	} else {
		say(env.Stderr, "run %s has nothing to undo, or nothing of it that can be taken back", id)
	}
	if err := printed(report.LeftText(env.Stdout, back.Left, o.looks.options(env))); err != nil {
		return errors.Join(shown, err)
	}
	return shown
}
