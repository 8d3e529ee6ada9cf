package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sftctl/pkg/fleet"
)

const lastSuccess = "sftctl_last_success_timestamp_seconds"

// WriteMetrics writes what a command came to in Prometheus' text format, for the
// textfile collector of its node exporter. Of what stands in the same place before,
// nil where there is nothing, is kept what other commands, accounts and platforms told,
// and when this command last went well.
func (e *Ending) WriteMetrics(w io.Writer, before io.Reader) error {
	m := metrics{labels: []string{"account", e.Account, "command", e.Command, "platform", e.Platform}, help: map[string]string{}, lines: map[string][]string{}, told: map[string]bool{}}
	old := readSamples(before)
	m.one("sftctl_last_run_timestamp_seconds", "When the command last ended.", seconds(e.Ended))
	if at := e.lastSuccess(old); at != "" {
		m.head(lastSuccess, "When the command last ended as it should (exit code 0, or 2 where it was asked whether something differs), with all rows.")
		m.sample(lastSuccess, at)
	}
	m.one("sftctl_last_run_exit_code", "Exit code of the last run.", float64(e.Exit))
	m.one("sftctl_last_run_duration_seconds", "How long the last run took.", e.Ended.Sub(e.Started).Seconds())
	e.rows(&m)
	m.head("sftctl_last_run_calls", "Requests of the last run: mutations, reads that settle what is unknown, and other reads.")
	for _, c := range []struct {
		kind  string
		count int64
	}{{"mutation", e.Calls.Mutations}, {"settle", e.Calls.Settles}, {"read", e.Calls.Reads - e.Calls.Settles}} {
		m.sample("sftctl_last_run_calls", number(float64(c.count)), "kind", c.kind)
	}
	m.one("sftctl_last_run_throttled_answers", "Requests of the last run that were refused because there were too many.", float64(e.Calls.Throttled))
	if e.Unknowns >= 0 {
		m.one("sftctl_open_unknowns", "Calls of which nobody knows whether they were applied.", float64(e.Unknowns))
	}
	for _, s := range old {
		if !e.replaces(s) {
			m.head(s.name, s.help)
			m.add(s.name, s.labels, s.value)
		}
	}
	_, err := io.WriteString(w, m.String())
	return err
}

// IsMetrics says whether text is what WriteMetrics writes.
func IsMetrics(text []byte) bool { return bytes.HasPrefix(text, []byte("# HELP sftctl_")) }

// rows tells of those of the last run, as far as it got there.
func (e *Ending) rows(m *metrics) {
	if drift := e.Drift(); drift >= 0 {
		m.one("sftctl_drift_rows", "Rows and orphans that were not as they should be when the last run looked, before it did anything about it.", float64(drift))
	}
	if e.Run == nil {
		return
	}
	counts := e.Run.Count()
	m.head("sftctl_rows", "Rows and orphans of the last run by outcome.")
	for _, o := range fleet.Outcomes {
		m.sample("sftctl_rows", number(float64(counts[o])), "outcome", o.String())
	}
}

// lastSuccess is when the command last went well, as a sample's value: now, or what
// the file before says; empty where it never did. That some rows that somebody chose
// went well says nothing of the fleet.
func (e *Ending) lastSuccess(before []sample) string {
	if e.OK() && (e.Plan == nil || !e.Plan.Choice.Any()) {
		return number(seconds(e.Ended))
	}
	for _, s := range before {
		if s.name == lastSuccess && e.replaces(s) {
			return s.value
		}
	}
	return ""
}

// replaces says whether a sample is told anew by this ending: it is of the same
// command, account and platform. Where one of these is not said, the command did not
// get as far as to know it, and the sample would be told for ever.
func (e *Ending) replaces(s sample) bool {
	return s.command == escaped(e.Command) && (s.account == escaped(e.Account) || s.account == "") && (s.platform == escaped(e.Platform) || s.platform == "")
}

// sample is one line of a file of metrics, its labels as they are written there.
type sample struct {
	name, help                         string
	account, command, platform, labels string
	value                              string
}

const labelValue = `"((?:[^"\\]|\\[\\"n])*)"`

var sampleLine = regexp.MustCompile(`^(sftctl_\w+)(\{account=` + labelValue + `,command=` + labelValue + `(?:,platform=` + labelValue + `)?(?:,\w+=` + labelValue + `)*\}) ([-+.0-9eE]+)$`)

// readSamples reads what WriteMetrics wrote, and passes over all else.
func readSamples(from io.Reader) (samples []sample) {
	if from == nil {
		return nil
	}
	help := map[string]string{}
	for lines := bufio.NewScanner(from); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "# HELP "); ok {
			name, text, _ := strings.Cut(text, " ")
			help[name] = text
		}
		if s, ok := readSample(lines.Text()); ok {
			s.help = help[s.name]
			samples = append(samples, s)
		}
	}
	return samples
}

// readSample reads a line. It is strict, because one line that is no sample costs the
// exporter the whole file.
func readSample(line string) (s sample, ok bool) {
	m := sampleLine.FindStringSubmatch(line)
	if m == nil || !utf8.ValidString(line) {
		return s, false
	}
	s = sample{name: m[1], labels: m[2], account: m[3], command: m[4], platform: m[5], value: m[len(m)-1]}
	_, err := strconv.ParseFloat(s.value, 64)
	return s, err == nil
}

// metrics are the samples of a file, by metric in the order in which they are written.
type metrics struct {
	labels []string // of all samples of the command: name, value, name, value
	names  []string
	help   map[string]string
	lines  map[string][]string
	told   map[string]bool // samples that are there, by name and labels
}

// one writes a metric that has one sample.
func (m *metrics) one(name, help string, value float64) {
	m.head(name, help)
	m.sample(name, number(value))
}

func (m *metrics) head(name, help string) {
	if _, ok := m.help[name]; !ok {
		m.names = append(m.names, name)
		m.help[name] = help
	}
}

func (m *metrics) sample(name, value string, labels ...string) {
	m.add(name, braced(append(m.labels[:len(m.labels):len(m.labels)], labels...)), value)
}

// add adds a sample once: a second one would cost the exporter the whole file.
func (m *metrics) add(name, labels, value string) {
	if series := name + labels; !m.told[series] {
		m.told[series] = true
		m.lines[name] = append(m.lines[name], series+" "+value+"\n")
	}
}

// String is the file.
func (m *metrics) String() string {
	var text strings.Builder
	for _, name := range m.names {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s gauge\n%s", name, m.help[name], name, strings.Join(m.lines[name], ""))
	}
	return text.String()
}

// escapes are those of a label's value.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func escaped(value string) string {
	return escapes.Replace(strings.ToValidUTF8(value, "\uFFFD"))
}

// braced are labels as they stand behind a metric's name.
func braced(labels []string) string {
	var parts []string
	for i := 0; i < len(labels); i += 2 {
		parts = append(parts, labels[i]+`="`+escaped(labels[i+1])+`"`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
