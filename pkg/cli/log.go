package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/events"
	"sftctl/pkg/fleet"
	"sftctl/pkg/report"
)

// logFlags say whether what the program says is a log.
type logFlags struct {
	format  logFormat
	verbose bool
}

func (l *logFlags) bind(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.Var(&l.format, "log-format", "write what is said on standard error as a log, each message a record: text (key=value) or json")
	offer(f, "log-format", logFormats...)
	f.BoolVar(&l.verbose, "verbose", false, "log every step and row too, and whole ICCIDs (with --log-format)")
}

// logFormat is the form of a log; empty when there is none.
type logFormat string

var logFormats = []string{"text", "json"}

// String is the word for a flag.
func (l *logFormat) String() string { return string(*l) }

// Type is what a flag's help calls the word.
func (l *logFormat) Type() string { return "FORMAT" }

// Set takes the word of a flag.
func (l *logFormat) Set(text string) error {
	if !slices.Contains(logFormats, text) {
		return errors.New("got " + fleet.Quote(text) + ", want " + fleet.Alternatives(logFormats))
	}
	*l = logFormat(text)
	return nil
}

// speaker is where the program speaks: to a person as it is, or into a log, where
// each message is a record. All that is said goes through it, so nothing gets past
// the log.
type speaker struct {
	to io.Writer

	mu    sync.Mutex
	log   *slog.Logger // nil: to a person
	queue *events.Queue
	begun []byte // a line that goes on
}

// logger is the log of an environment, nil where a person is spoken to.
func logger(env Env) *slog.Logger {
	t, ok := env.Stderr.(*speaker)
	if !ok {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.log
}

// begin makes a log of what is said from here on.
func (l *logFlags) begin(env Env, debug bool) {
	t, ok := env.Stderr.(*speaker)
	if !ok || l.format == "" {
		return
	}
	options := &slog.HandlerOptions{ReplaceAttr: l.harmless}
	if l.verbose || debug {
		options.Level = slog.LevelDebug
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = events.NewQueue(t.to) // whoever collects logs must not hold up a call
	var handler slog.Handler = slog.NewTextHandler(t.queue, options)
	if l.format == "json" {
		handler = slog.NewJSONHandler(t.queue, options)
	}
	t.log = slog.New(handler)
}

// end writes what is left of a log.
func (t *speaker) end() {
	t.mu.Lock()
	log, rest := t.log, t.begun
	t.begun = nil
	t.mu.Unlock()
	if log == nil {
		return
	}
	tell(log, string(rest))
	_ = t.queue.Close(atLast) // there is nobody else to be told
}

// card is what could be an ICCID, or most of one, however it is written and whatever
// it stands beside.
var card = regexp.MustCompile(`[0-9](?:[ \x{a0}-]?[0-9]){14,}[Ff]?`)

// maskCards leaves of cards only what tells them apart.
func maskCards(text string) string {
	return card.ReplaceAllStringFunc(text, func(id string) string {
		digits := strings.NewReplacer(" ", "", "\u00a0", "", "-", "").Replace(id)
		return "…" + digits[len(digits)-5:]
	})
}

// harmless makes of what a record says what may be kept in a log: nothing that
// does not print, and of cards only what tells them apart.
func (l *logFlags) harmless(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindString {
		return a
	}
	text := a.Value.String()
	if text == "" {
		return slog.Attr{} // which is left out
	}
	if !l.verbose { // before it is escaped: what is written in the place of a character has digits
		text = maskCards(text)
	}
	return slog.String(a.Key, fleet.Printable(text))
}

// levels are those of messages that say what they are.
var levels = []struct {
	prefix string
	level  slog.Level
}{{"sftctl: ", slog.LevelError}, {"warning: ", slog.LevelWarn}, {"hint: ", slog.LevelInfo}, {"debug: ", slog.LevelDebug}}

// Write takes one message, or several lines of one, or a part of them: what does not
// end with its line goes on.
func (t *speaker) Write(text []byte) (int, error) {
	t.mu.Lock()
	log := t.log
	if log == nil {
		t.mu.Unlock()
		return t.to.Write(text)
	}
	whole := append(t.begun, text...)
	end := bytes.LastIndexByte(whole, '\n') + 1
	t.begun = bytes.Clone(whole[end:])
	t.mu.Unlock()
	tell(log, string(whole[:end]))
	return len(text), nil
}

// tell makes a record of a message.
func tell(log *slog.Logger, text string) {
	message, more, _ := strings.Cut(strings.Trim(text, "\n"), "\n")
	if message == "" {
		return
	}
	level := slog.LevelInfo
	for _, l := range levels {
		if rest, found := strings.CutPrefix(message, l.prefix); found {
			level, message = l.level, rest
			break
		}
	}
	var attrs []slog.Attr
	if more != "" {
		attrs = append(attrs, slog.String("more", more))
	}
	log.LogAttrs(context.Background(), level, message, attrs...)
}

// record is an event in a log: what goes well is there only for who wants it all.
func record(log *slog.Logger, e events.Event) {
	level, message, attrs := slog.LevelInfo, "", []any(nil)
	switch e := e.(type) {
	case events.Plan:
		message, attrs = "planned", []any{"plan", e.Plan, "account", e.Account, "rows", e.Rows, "change", e.Change, "refused", e.Refused, "calls", e.Calls, "blocked", strings.Join(e.Blocked, "; ")}
	case events.Run:
		message, attrs = "run begins", []any{"run", e.Run, "plan", e.Plan, "resumed", e.Resumed, "tasks", e.Tasks, "calls", e.Calls}
	case events.Step:
		if level = slog.LevelDebug; e.State == events.Failed || e.State == events.Unknown {
			level = slog.LevelWarn
		} else if e.State == events.Settled {
			level = slog.LevelInfo
		}
		message, attrs = "step "+string(e.State), append(about(e.Subject), "steps", wording(e.Steps), "attempt", e.Attempt, "seconds", e.Seconds, "resultCode", e.Code, "error", e.Error)
	case events.Row:
		if level = slog.LevelWarn; e.Outcome == fleet.Done {
			level = slog.LevelDebug
		}
		message, attrs = "row "+e.Outcome.String(), append(about(e.Subject), "steps", wording(e.Steps), "calls", e.Calls, "error", e.Error)
	case events.Progress:
		message, attrs = "progress", []any{"run", e.Run, "done", e.Done, "total", e.Total, "notDone", e.NotDone, "unknown", e.Unknown, "inFlight", e.InFlight,
			"callsLeft", e.Calls, "callsPerSecond", e.Rate, "allowed", e.Allowed}
		if e.Seconds > 0 {
			attrs = append(attrs, "left", time.Duration(e.Seconds*float64(time.Second)).Round(time.Second))
		}
	case events.Summary:
		ending, ok := e.Summary.(*report.Ending)
		if !ok {
			return
		}
		if !ending.OK() {
			level = slog.LevelWarn
		}
		message, attrs = ending.String(), []any{"exit", ending.Exit, "mutations", ending.Calls.Mutations, "reads", ending.Calls.Reads, "throttled", ending.Calls.Throttled}
		for _, n := range []struct {
			name  string
			value int
		}{{"openUnknowns", ending.Unknowns}, {"driftRows", ending.Drift()}} {
			if n.value >= 0 {
				attrs = append(attrs, n.name, n.value)
			}
		}
	default:
		return
	}
	log.Log(context.Background(), level, message, attrs...)
}

func about(s events.Subject) []any {
	return []any{"run", s.Run, "name", s.Name, "endpointId", string(s.ID), "file", s.File, "line", s.Line}
}

// wording is such as create=done link=failed.
func wording(steps []events.Part) string {
	parts := make([]string, len(steps))
	for i, s := range steps {
		parts[i] = s.Action.String()
		if s.Outcome != "" {
			parts[i] += "=" + s.Outcome
		}
	}
	return strings.Join(parts, " ")
}

// logs says whether a stream is a log.
func logs(w io.Writer) bool { return logger(Env{Stderr: w}) != nil }
