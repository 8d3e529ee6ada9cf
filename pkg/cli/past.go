package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// pastOptions are those of the commands that make a plan from a run of the past.
type pastOptions struct{ planOptions }

func (o *pastOptions) bind(cmd *cobra.Command) {
	o.save = true
	o.connection.bind(cmd)
	o.bindSaved(cmd)
	o.looks.bind(cmd)
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit 2 when live differs from what the plan is for")
}

// oneRun asks for a run.
func oneRun(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) != 1:
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s takes one run, got %d arguments; sftctl runs lists the runs", cmd.CommandPath(), len(args)))
	case isPlan(args[0]):
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s takes a run, and %s is a saved plan; sftctl runs lists the runs", cmd.CommandPath(), args[0]))
	}
	return nil
}

// past sets a connection up and makes a run of its account again from what was
// kept of it.
func (o *pastOptions) past(env Env, id string) (*session, *ofRun, error) {
	if err := errors.Join(o.guards.check(), checkOut(o.out)); err != nil {
		return nil, nil, err
	}
	s, err := o.connection.open(env)
	if err != nil {
		return nil, nil, err
	}
	_, h, err := findRun(env, o.stateDir, id)
	if err == nil {
		err = s.owned("run "+h.Run, h.Account, h.BaseURL, h.Dialect)
	}
	if err != nil {
		return nil, nil, err
	}
	old, err := s.recall(h)
	return s, old, err
}

// remark says what somebody should know before he plans from a run that may not
// be the last word.
func (s *session) remark(env Env, old *ofRun) {
	switch by := s.store.SupersededBy(old.History); {
	case by != "":
		say(env.Stderr, "run %s is superseded by run %s, which worked on some of the same endpoints, names or SIMs since; look closely at the plan", old.Run, by)
	case old.Running():
		say(env.Stderr, "run %s still goes on: the plan is about how it stands now", old.Run)
	case !old.Clean() && old.unfinished():
		say(env.Stderr, "run %s is not finished: sftctl resume %s goes on with it; the plan is made all the same", old.Run, old.Run)
	}
}

// planPast plans a fleet that was made from a run, with what a look at live says
// about it.
func (s *session) planPast(ctx context.Context, env Env, want *fleet.Fleet, limits plan.Limits, adjust func(look) *fleet.Fleet) (*plan.Plan, error) {
	under, err := s.terms(env, want.Inputs, limits, nil)
	if err != nil {
		return nil, err
	}
	hint(env, "reading what is live …")
	l, err := s.look(ctx, want)
	if err != nil {
		return nil, err
	}
	p, err := s.build(adjust(l), l, under)
	return p, errors.Join(err, s.end(env))
}
