package cli

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// words is the annotation of a flag that takes one of a few words.
const words = "words"

// offer notes the words of which a flag takes one.
func offer(f *pflag.FlagSet, flag string, of ...string) {
	_ = f.SetAnnotation(flag, words, of) // the error is that there is no such flag
}

// asksToComplete says whether a shell wants the words that a command line may go on
// with.
func asksToComplete(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// complete teaches all commands what their words may be. It is for a shell's
// question only: cobra keeps what it is taught for as long as the process lives.
func complete(env Env, config *configFlags, cmd *cobra.Command) {
	teach := func(f *pflag.Flag) { completeFlag(env, config, cmd, f) }
	cmd.LocalNonPersistentFlags().VisitAll(teach)
	cmd.PersistentFlags().VisitAll(teach)
	if names := cmd.ValidArgsFunction; names != nil {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			_ = config.layer(env, cmd) // what is wrong is said when the command is run
			return names(cmd, args, begun)
		}
	} else if cmd.ValidArgs == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, below := range cmd.Commands() {
		complete(env, config, below)
	}
}

// completeFlag teaches a command what the value of a flag may be: the words that it
// takes, a folder, or a file; all else is for a person to know.
func completeFlag(env Env, config *configFlags, cmd *cobra.Command, f *pflag.Flag) {
	names := cobra.CompletionFunc(cobra.NoFileCompletions)
	value, usage := pflag.UnquoteUsage(f)
	f.Usage = usage // a shell shows it as it is
	switch {
	case f.Annotations[words] != nil:
		names = cobra.FixedCompletions(f.Annotations[words], cobra.ShellCompDirectiveNoFileComp)
	case f.Name == "profile":
		names = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return config.profiles(env), cobra.ShellCompDirectiveNoFileComp
		}
	case value == "DIR":
		names = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case value == "FILE":
		names = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	_ = cmd.RegisterFlagCompletionFunc(f.Name, names) // the error is that it was taught before
}

// fleetFiles completes the files that describe fleets.
func fleetFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml", "csv"}, cobra.ShellCompDirectiveFilterFileExt
}

// manifestFile completes the place of a manifest.
func manifestFile(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// fleetFilesOrPlan completes what apply does.
func fleetFilesOrPlan(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml", "csv", "plan"}, cobra.ShellCompDirectiveFilterFileExt
}

// someRun completes a run of any account, the newest first, that fits.
func someRun(env Env, fits func(storedRun) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return runsLike(env, cmd, begun, fits), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// planOrRun completes what show prints: a run, or a plan where plans are saved; any
// other plan has a path that the shell knows.
func planOrRun(env Env) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if all := append(plansLike(env, begun), runsLike(env, cmd, begun, anyRun)...); len(all) > 0 {
			return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		}
		return []cobra.Completion{"plan"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

const (
	mostOffered = 50 // runs, or plans: nobody reads more
	// impatience is how long whoever pressed a key waits. A run that was not read by
	// then is offered without saying how it ended.
	impatience = 300 * time.Millisecond
)

// plansLike are the newest saved plans whose path begins with a text.
func plansLike(env Env, begun string) (all []cobra.Completion) {
	dir, _ := env.Getenv(envName("plans"))
	for _, path := range slices.Backward(pathsIn(cmp.Or(dir, "plans"), "", ".plan")) {
		if strings.HasPrefix(path, begun) && len(all) < mostOffered {
			all = append(all, cobra.CompletionWithDesc(path, planInBrief(path)))
		}
	}
	return all
}

// planInBrief is what a plan says that it comes to, in a few words.
func planInBrief(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "a plan that cannot be read"
	}
	defer f.Close()
	h, err := plan.ReadHeader(f)
	if err != nil {
		return "a plan that cannot be read"
	}
	text := "plan of account " + fleet.Printable(h.Account) + ", " + fleet.Count(h.Counts.Change, "endpoint") + " to change"
	if len(h.Blocked) > 0 {
		text += ", refused by a guard"
	}
	return text
}

// storedRun is a run as far as it was read.
type storedRun struct {
	id      string
	store   *journal.Store
	history *journal.History // nil where there was no time
}

func anyRun(storedRun) bool { return true }

// leftSomething is for runs that may be resumed, as far as is known.
func leftSomething(r storedRun) bool {
	return r.history == nil || !r.history.Clean() && r.store.SupersededBy(r.history) == ""
}

// runsLike are the newest runs whose id begins with a text.
func runsLike(env Env, cmd *cobra.Command, begun string, fits func(storedRun) bool) (all []cobra.Completion) {
	began := time.Now()
	for _, r := range storedRuns(env, cmd) {
		if !strings.HasPrefix(r.id, begun) || len(all) == mostOffered {
			continue
		}
		if time.Since(began) < impatience {
			r.history, _ = r.store.History(r.id)
		}
		if fits(r) {
			all = append(all, cobra.CompletionWithDesc(r.id, r.inBrief()))
		}
	}
	return all
}

// storedRuns are the runs of all accounts, the newest first. Nothing is made by
// looking.
func storedRuns(env Env, cmd *cobra.Command) (all []storedRun) {
	dir := ""
	if f := cmd.Flags().Lookup("state-dir"); f != nil {
		dir = f.Value.String()
	}
	accounts, _ := journal.Accounts(statePath(env, dir))
	for _, account := range accounts {
		store := journal.Look(account, journal.OS{}, journal.SystemClock)
		ids, _ := store.Runs()
		for _, id := range ids {
			all = append(all, storedRun{id: id, store: store})
		}
	}
	slices.SortStableFunc(all, func(a, b storedRun) int { return strings.Compare(b.id, a.id) })
	return all
}

// inBrief is whose run it is and how it ended, in a few words.
func (r storedRun) inBrief() string {
	h := r.history
	if h == nil {
		return "a run"
	}
	text := "run of account " + fleet.Printable(h.Account)
	switch end, ended := h.Ended(); {
	case h.Running():
		return text + ", running"
	case r.store.SupersededBy(h) != "":
		return text + ", superseded"
	case !ended:
		return text + ", cut off"
	default:
		return text + ", exit " + fleet.Number(end.Exit)
	}
}

// profiles are the names of the configuration's profiles; none where it cannot be
// read, which is said when a command is run.
func (c *configFlags) profiles(env Env) []string {
	if c.file == "" { // a profile may be asked for before the environment was read
		c.file, _ = env.Getenv(envName("config"))
	}
	data, err := os.ReadFile(c.path(env))
	if err != nil {
		return nil
	}
	file, err := decodeConfig(data)
	if err != nil {
		return nil
	}
	return sortedKeys(file.Profiles)
}
