package cli

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logged is what a log has of what is said, without the times.
func logged(t *testing.T, l logFlags, said ...string) string {
	t.Helper()
	var out bytes.Buffer
	s := &speaker{to: &out}
	l.begin(Env{Stderr: s}, false)
	for _, text := range said {
		if n, err := io.WriteString(s, text); n != len(text) || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
	}
	s.end()
	return regexp.MustCompile(`"?time"?[=:]("[^"]*"|\S*)[ ,]`).ReplaceAllString(out.String(), "")
}

// Of a card a log has only what tells it apart, however it is written and whatever
// it stands beside.
func TestLogsHaveNoCards(t *testing.T) {
	const card = "8932042000001234562"
	for name, text := range map[string]string{
		"alone": card, "20 digits": card + "0", "17 digits": card[:17], "21 digits": card + "01", "padded": card + "F", "of others": "19" + card[2:],
		"in a file's name": "sims_" + card + ".csv", "behind letters": "meter" + card, "with dashes": "8932-0420-0000-1234-562", "with spaces": "8932 0420 0000 1234 562",
		"with hard spaces": "8932\u00a00420\u00a00000\u00a01234\u00a0562", "behind a tab": "row\t" + card, "behind NUL": "\x00" + card, "on the next line": "the plan\n" + card + " (new)\n" + card,
		"in quotation marks": `"` + card + `"`, "by its name": "iccid=" + card,
	} {
		for _, format := range logFormats {
			got := logged(t, logFlags{format: logFormat(format)}, text+"\n")
			if digits := regexp.MustCompile(`[0-9][0-9 \x{a0}-]{8,}[0-9]`).FindString(got); digits != "" || !strings.Contains(got, "…") {
				t.Errorf("%s, %s: got %s", name, format, got)
			}
			if got := logged(t, logFlags{format: logFormat(format), verbose: true}, text+"\n"); strings.Contains(got, "…") {
				t.Errorf("%s, %s, verbose: got %s", name, format, got)
			}
		}
	}
	for _, text := range []string{"20261129T053803Z-998x", "2026-11-29 05:38 UTC", "100000001, 100000002", "11,008 rows", "12345678901234"} {
		if got := logged(t, logFlags{format: "text"}, text+"\n"); !strings.Contains(got, text) {
			t.Errorf("got %s, want %s in it", got, text)
		}
	}
}

// A message that comes in parts is one, and what is cut in between has no card.
func TestLogsHaveWholeMessages(t *testing.T) {
	got := logged(t, logFlags{format: "json"}, "sftctl: x 89320420", "00001234562\nmore\n", "\n", "warning: second\n", "the end")
	want := `{"level":"ERROR","msg":"x …34562","more":"more"}` + "\n" + `{"level":"WARN","msg":"second"}` + "\n" + `{"level":"INFO","msg":"the end"}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Whoever does not read a log holds nobody up, and at the end a few seconds only.
func TestLogsHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		s := &speaker{to: to}
		(&logFlags{format: "json"}).begin(Env{Stderr: s}, false)
		began := time.Now()
		for range 10_000 {
			_, _ = io.WriteString(s, "a message\n")
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("got held up for %s", took)
		}
		if s.end(); time.Since(began) != atLast {
			t.Errorf("got %s at the end, want %s", time.Since(began), atLast)
		}
		_ = from.Close()
	})
}
