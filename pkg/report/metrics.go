package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sftctl/pkg/fleet"
)

const lastSuccess = "sftctl_last_success_timestamp_seconds"

// WriteMetrics writes what a command came to in Prometheus' text format, for the
// textfile collector of its node exporter. What commands before wrote into the same
// place tells when each last went well, which is kept; nil where there is nothing.
func (e *Ending) WriteMetrics(w io.Writer, before io.Reader) error {
	m := metrics{labels: []string{"account", e.Account, "command", e.Command}}
	m.one("sftctl_last_run_timestamp_seconds", "When the command last ended.", seconds(e.Ended))
	if lines := e.successes(before, m.labels); len(lines) > 0 {
		m.head(lastSuccess, "When the command last ended as it should (exit code 0, or 2 where it was asked whether something differs).")
		m.text.WriteString(strings.Join(lines, "\n") + "\n")
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
	_, err := io.WriteString(w, m.text.String())
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

// successes are when each command last went well, as lines: this one's, and what
// the file before says of others, and of this one where it went wrong.
func (e *Ending) successes(before io.Reader, own []string) (lines []string) {
	mine := series(lastSuccess, own) + " "
	if e.OK() {
		lines = append(lines, mine+number(seconds(e.Ended)))
	}
	if before == nil {
		return lines
	}
	for old := bufio.NewScanner(before); old.Scan(); {
		line := old.Text()
		if _, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64); err != nil || !strings.HasPrefix(line, lastSuccess+"{") {
			continue
		}
		if !e.OK() || !strings.HasPrefix(line, mine) {
			lines = append(lines, line)
		}
	}
	return lines
}

// metrics is a file of samples.
type metrics struct {
	text   strings.Builder
	labels []string // of all samples: name, value, name, value
}

// one writes a metric that has one sample.
func (m *metrics) one(name, help string, value float64) {
	m.head(name, help)
	m.sample(name, number(value))
}

func (m *metrics) head(name, help string) {
	fmt.Fprintf(&m.text, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

func (m *metrics) sample(name, value string, labels ...string) {
	fmt.Fprintf(&m.text, "%s %s\n", series(name, append(m.labels[:len(m.labels):len(m.labels)], labels...)), value)
}

// escapes are those of a label's value.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func series(name string, labels []string) string {
	var parts []string
	for i := 0; i < len(labels); i += 2 {
		parts = append(parts, labels[i]+`="`+escapes.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))+`"`)
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
