package cli

import (
	"context"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
)

func newRetry(env Env) *cobra.Command {
	var o pastOptions
	cmd := &cobra.Command{
		Use:               "retry RUN",
		Short:             "Plan the rows of a run anew that failed, were stale or not attempted, and save the plan; nothing is changed",
		Args:              oneRun,
		ValidArgsFunction: someRun(env, anyRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRetry(cmd.Context(), env, o, args[0])
		},
	}
	o.bind(cmd)
	return cmd
}

func runRetry(ctx context.Context, env Env, o pastOptions, id string) error {
	s, old, err := o.past(env, id)
	if err != nil {
		return err
	}
	again := apply.Retry(old.plan, old.results)
	s.remark(env, old)
	leftOut(env, id, again)
	if len(again.Fleet.Specs) == 0 {
		say(env.Stderr, "run %s has nothing to retry: no row failed, was stale or was not attempted", id)
		return nil
	}
	p, err := s.planPast(ctx, env, again.Fleet, o.limits, func(l look) *fleet.Fleet {
		if n := again.Keep(l.have); n > 0 {
			say(env.Stderr, "%s would take a SIM from an endpoint that another row of the run lists, and may not", fleet.Count(n, "row"))
		}
		return again.Fleet
	})
	if err != nil {
		return err
	}
	return o.show(env, p)
}

// leftOut says what of a run is not retried although it is not done.
func leftOut(env Env, id string, again *apply.Again) {
	if again.Unknown > 0 {
		say(env.Stderr, "not retried: %d unknown, because nobody knows yet whether they were applied; sftctl resume %s settles them", again.Unknown, id)
	}
	if again.Refused > 0 {
		say(env.Stderr, "not retried: %d refused, because the same rows would be refused again; correct the file and plan it", again.Refused)
	}
	if again.Orphans > 0 {
		say(env.Stderr, "not retried: %s, because no row lists them; plan the files again", fleet.Count(again.Orphans, "orphan"))
	}
}
