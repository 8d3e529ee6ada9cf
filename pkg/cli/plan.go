package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"sftctl/pkg/plan"
	"sftctl/pkg/report"
)

type planOptions struct {
	connection
	inputs
	guards
	choosing
	looks
	monitoring
	out      string // where to save the plan, by its id in plans when empty
	plans    string // the folder of plans
	save     bool
	detailed bool // exit 2 when live differs
}

func (o *planOptions) bindShared(cmd *cobra.Command) {
	o.connection.bind(cmd)
	o.inputs.bind(cmd)
	o.inputs.bindEmpty(cmd)
	o.choosing.bind(cmd)
	o.looks.bind(cmd)
}

func newPlan(env Env) *cobra.Command {
	o := planOptions{save: true}
	cmd := &cobra.Command{
		Use:               "plan FILE...",
		Short:             "Show what it takes to bring live to the files, and save it; nothing is changed",
		Args:              someFiles,
		ValidArgsFunction: fleetFiles,
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := o.guards.check(); err != nil {
				return err
			}
			return runPlan(cmd.Context(), env, o, files)
		},
	}
	o.bindShared(cmd)
	o.bindSaved(cmd)
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit 2 when live differs from the files")
	return cmd
}

// bindSaved binds what goes with a plan that is to be applied.
func (o *planOptions) bindSaved(cmd *cobra.Command) {
	o.guards.bind(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "", "save the plan as `FILE` (default by its id in --plans)")
	f.StringVar(&o.plans, "plans", "plans", "`DIR` where plans are saved")
}

func newDrift(env Env) *cobra.Command {
	o := planOptions{detailed: true, guards: guards{limits: plan.Unlimited}} // nothing is done, so nothing is too much
	cmd := &cobra.Command{
		Use:               "drift FILE...",
		Short:             "Say whether live differs from the files: exit 2 when it does, 0 when not",
		Args:              someFiles,
		ValidArgsFunction: fleetFiles,
		RunE: func(cmd *cobra.Command, files []string) error {
			return o.watch(cmd.Context(), env, "drift", &o.connection, func(env Env) error {
				return runPlan(cmd.Context(), env, o, files)
			})
		},
	}
	o.bindShared(cmd)
	o.monitoring.bind(cmd)
	return cmd
}

func runPlan(ctx context.Context, env Env, o planOptions, files []string) error {
	choice, err := o.choosing.choice()
	if err != nil {
		return err
	}
	want, err := o.inputs.read(env, files)
	if err != nil {
		return err
	}
	if o.save {
		if err := checkOut(o.out); err != nil {
			return err
		}
	}
	s, err := o.connection.open(env)
	if err != nil {
		return err
	}
	under, err := s.terms(env, want.Inputs, o.limits, choice)
	if err != nil {
		return err
	}
	p, _, err := s.planFiles(ctx, env, want, under)
	if err := errors.Join(err, s.end(env)); err != nil {
		return err
	}
	s.monitor.planned(p)
	return o.show(env, p)
}

// show saves a plan, if it is to be, and prints it, also where it could not be saved.
func (o *planOptions) show(env Env, p *plan.Plan) error {
	var unsaved error
	if o.save {
		path, err := savePlan(p, o.plans, o.out)
		if unsaved = err; err == nil {
			defer say(env.Stderr, "saved as %s", path)
		}
	}
	err := printed(report.PlanText(env.Stdout, p, o.looks.options(env)))
	if err != nil || unsaved != nil {
		return errors.Join(unsaved, err, guarded(p.Blocked))
	}
	return planError(p, o.detailed)
}

// planError is what a plan comes to as an exit code.
func planError(p *plan.Plan, detailed bool) error {
	if err := guarded(p.Blocked); err != nil {
		return err
	}
	if !detailed {
		return nil
	}
	for i := range p.Tasks {
		if p.Differs(&p.Tasks[i]) {
			return errDiffers
		}
	}
	return nil
}
