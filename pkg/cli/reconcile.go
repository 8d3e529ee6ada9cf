package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
)

func newReconcile(env Env) *cobra.Command {
	o := applyOptions{yes: true}
	cmd := &cobra.Command{
		Use:               "reconcile FILE...",
		Short:             "Bring live to the files without a question, for cron: the guards decide",
		Args:              someFiles,
		ValidArgsFunction: fleetFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unattended(cmd, args); err != nil {
				return err
			}
			return o.watch(cmd.Context(), env, "reconcile", &o.connection, func(env Env) error {
				return runApply(cmd.Context(), env, "reconcile", o, args)
			})
		},
	}
	o.bind(cmd)
	o.guards.unattended(cmd)
	cmd.Flags().Var(&o.keep, "keep", "remove runs that ended longer ago than this, such as 90d, and their reports, where nothing rests on them any more (0: keep all)")
	return cmd
}

// unattended refuses what does not fit a command that nobody watches: a plan that
// somebody saved some time ago, and reports that land wherever cron stands.
func unattended(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if isPlan(arg) {
			return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s is a saved plan; apply does it, and reconcile plans files anew each time", arg))
		}
	}
	if !cmd.Flags().Changed("reports") {
		return fleet.Kind(fleet.ErrUsage, errors.New("say with --reports DIR where the reports go: cron may stand anywhere"))
	}
	return nil
}
