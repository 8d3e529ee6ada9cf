package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"sftctl/pkg/report"
)

// topic is something that is true of all commands; sftctl help prints it.
type topic struct {
	name, short string
	before      string // what is said first
	entries     []entry
}

// entry is a thing, and what there is to say about it.
type entry struct{ name, about string }

var topics = []topic{
	{"exit-codes", "What the exit codes mean", "Each command exits with one number; any number that is not listed is a failure too.", []entry{
		{"0", "done, or nothing to do"},
		{"1", "an error that is of no other kind"},
		{"2", "live differs (drift, or --detailed-exitcode)"},
		{"3", "the run ended, and some rows failed, were stale, refused or not attempted; failed.csv of its report has them, ready to be corrected and fed back"},
		{"4", "nobody knows of some rows whether they were applied; sftctl resume finds out, and so does the next apply or reconcile"},
		{"5", "a guard refused the plan, or it is stale, used up, or for another account; nothing was done"},
		{"6", "stopped on purpose, by --halt-after, --max-duration or because nobody approved; sftctl resume goes on with what was begun"},
		{"7", "the platform refused the login, or gives no permission; a refused password is not tried again without --login-again"},
		{"8", "the platform was not reached for too long, or did not list everything; the next run tries again"},
		{"11", "another run holds the account; it is named"},
		{"64", "bad usage: an unknown flag, a missing argument, a contradiction"},
		{"65", "the input is invalid; every problem is named, and nothing was done"},
		{"70", "an internal error; what was begun is in the journal"},
		{"74", "a local file could not be read or written"},
		{"129, 130, 143", "stopped by a hang-up, an interrupt, a SIGTERM; sftctl resume goes on"},
	}},
	{"environment", "Which variables are read", "A flag on the command line goes before the environment, which goes before the configuration.", []entry{
		{"SFTCTL_...", "every flag, by its name: --max-deletes is SFTCTL_MAX_DELETES; lists of values are not split, and a name that is nearly one of these is an error"},
		{"SFTCTL_PASSWORD", "the password; no flag holds it, since arguments are visible to everybody"},
		{"HOME", "the user's folder; without it, and without the next two, neither configuration nor state is looked for"},
		{"XDG_CONFIG_HOME", "the folder of sftctl/config.yaml (default $HOME/.config)"},
		{"XDG_STATE_HOME", "the folder of sftctl, the state directory (default $HOME/.local/state)"},
		{"NO_COLOR", "if it is not empty, nothing is coloured unless --color always says so"},
		{"CLICOLOR_FORCE", "if it is neither empty nor 0, all is coloured unless NO_COLOR or --color says otherwise"},
		{"TERM", "dumb is a terminal without colours"},
		{"HTTPS_PROXY, NO_PROXY", "the proxy through which the platform is reached, which is named then, and the hosts that need none"},
		{"SSL_CERT_FILE, SSL_CERT_DIR", "where the system keeps the authorities that may vouch for the platform (Linux)"},
	}},
	{"results", "What the columns of results.csv mean", "A row of results.csv has the columns of the file that it comes from, as they were, and these. Where files have different columns, or are YAML, the fields stand under their own names. A plan ignores columns that begin with an underscore, so any of it can be fed back.", []entry{
		{"_outcome", "the worst of what became of its steps: unknown, failed, stale, refused, not-attempted, done or unchanged"},
		{"_steps", "what became of each step, such as create=done link=failed activate=not-attempted"},
		{"_endpointId", "the id of the endpoint, also of one that was just made"},
		{"_verified", "true if a listing after the run showed it as wanted"},
		{"_error", "what was wrong, or why it is not done"},
		{"_resultCode", "the platform's code for the last answer"},
		{"_attempts", "calls that were made for it"},
		{"_started, _durationMs", "when its first call left (UTC), and milliseconds from then until the last answer"},
		{"_file, _line", "where it stands"},
		{"_origin", "file, or orphan for a live endpoint that no file lists"},
		{"_run", "the run"},
	}},
	{"files", "Where things are kept", "The state directory is --state-dir, else sftctl in $XDG_STATE_HOME. It must be on a local disk: locks do not hold on a network file system. Everything in it is for its owner only.", []entry{
		{"$XDG_CONFIG_HOME/sftctl/config.yaml", "flags by their names, and profiles; --config names another file"},
		{"STATE/accounts/ACCOUNT/lock", "held by the one run that may change the account; its text says who"},
		{"STATE/accounts/ACCOUNT/slots", "the pace, which all programs of the account on this machine share"},
		{"STATE/accounts/ACCOUNT/known", "the endpoints that runs were about"},
		{"STATE/accounts/ACCOUNT/runs/RUN/journal", "what was intended, durably before it was sent, and what came of it"},
		{"STATE/accounts/ACCOUNT/runs/RUN/plan", "the plan that the run does"},
		{"STATE/accounts/ACCOUNT/used/*", "the plans that were used up, each once"},
		{"STATE/accounts/ACCOUNT/token", "the access token, with --token-cache only"},
		{"STATE/refused-logins.json", "logins that the platform refused, without their passwords"},
		{"STATE/simulator/*.json", "the platforms of --simulate; remove the folder to begin anew"},
		{"PLANS/PLAN.plan", "saved plans; PLANS is --plans, plans by default"},
		{"REPORTS/RUN/results.csv", "every row in its order, and what became of it; REPORTS is --reports, reports by default"},
		{"REPORTS/RUN/failed.csv", "the rows that are not done, as a file to plan again"},
		{"REPORTS/RUN/summary.json", "the numbers, for programs"},
		{"REPORTS/RUN/report.html", "the run for a browser, or a refused plan"},
		{"REPORTS/RUN/report.md", "the same for a pull request or a ticket"},
		{"REPORTS/PLAN/refused.plan", "a plan that a guard refused"},
	}},
}

// command is a topic as cobra has them: a command that does nothing.
func (t topic) command() *cobra.Command {
	return &cobra.Command{Use: t.name, Short: t.short, Long: t.text()}
}

// text is the topic for a terminal.
func (t topic) text() string {
	var out strings.Builder
	for _, line := range report.Fold(t.before, textWidth) {
		out.WriteString(line + "\n")
	}
	for _, e := range t.entries {
		out.WriteString("\n  " + e.name + "\n")
		for _, line := range report.Fold(e.about, textWidth-6) {
			out.WriteString("      " + line + "\n")
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

const textWidth = 80
