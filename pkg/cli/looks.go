package cli

import (
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/report"
)

// looks are how what a command prints for a person looks.
type looks struct {
	full  bool
	color when
}

func (l *looks) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&l.full, "full", false, "list everything one by one, not just the first and what is alike")
	l.bindColor(cmd)
}

func (l *looks) bindColor(cmd *cobra.Command) {
	l.color = "auto"
	cmd.Flags().Var(&l.color, "color", "colours: always, never, or auto: on a terminal, unless NO_COLOR is set")
	offer(cmd.Flags(), "color", whens...)
}

// options are how it looks at this moment.
func (l *looks) options(env Env) report.Options {
	return report.Options{Full: l.full, Now: time.Now(), Color: l.color.colored(env), Folded: env.Screen}
}

// summary is how the end of a run looks: all of it is in its reports.
func (l *looks) summary(env Env) report.Options {
	o := l.options(env)
	o.Full = false
	return o
}

// when is when colours are printed.
type when string

var whens = []string{"auto", "always", "never"}

// String is the word for a flag.
func (w *when) String() string { return string(*w) }

// Type is what a flag's help calls the word.
func (w *when) Type() string { return "WHEN" }

// Set takes the word of a flag.
func (w *when) Set(text string) error {
	if !slices.Contains(whens, text) {
		return errors.New("got " + fleet.Quote(text) + ", want " + fleet.Alternatives(whens))
	}
	*w = when(text)
	return nil
}

// colored says whether colours are printed: as the flag has it, else as the
// variables that many programs know, else on a terminal that shows them.
func (w when) colored(env Env) bool {
	set := func(name, but string) bool {
		text, ok := env.Getenv(name)
		return ok && text != "" && text != but
	}
	switch {
	case w == "always" || w == "never":
		return w == "always"
	case set("NO_COLOR", ""):
		return false
	case set("CLICOLOR_FORCE", "0"):
		return true
	}
	term, _ := env.Getenv("TERM")
	return env.Screen && term != "dumb"
}
