package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// nastyRun is a run of the nasty plan in which everything went wrong, in the words
// of somebody who means harm.
func nastyRun(t testing.TB) *Run {
	p := nasty(t)
	run := &Run{ID: "RUN", Plan: p, Results: apply.New(p, fleet.Abilities{}), Started: noon, Ended: noon, Tool: hostile[0], Cut: errors.New(hostile[4]), Doubt: errors.New(hostile[2])}
	for i := range run.Results {
		run.Results[i].Outcome, run.Results[i].Err, run.Results[i].Code = fleet.Failed, errors.New(hostile[i%len(hostile)]), hostile[0]
		run.Results[i].ID = fleet.ID(hostile[i%len(hostile)])
	}
	return run
}

// shows calls a test for everything that can be shown, in one form.
func shows(t *testing.T, format string, check func(t *testing.T, out string)) {
	t.Helper()
	run := nastyRun(t)
	for name, write := range map[string]func(io.Writer) error{
		"plan":      func(w io.Writer) error { return WritePlan(w, run.Plan, format, Options{Now: noon}) },
		"full plan": func(w io.Writer) error { return WritePlan(w, run.Plan, format, Options{Full: true, Now: noon}) },
		"run":       func(w io.Writer) error { return run.Write(w, format, Options{}) },
		"full run":  func(w io.Writer) error { return run.Write(w, format, Options{Full: true}) },
	} {
		t.Run(format+" of a "+name, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			for _, r := range out.String() {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%U got through", r)
				}
			}
			check(t, out.String())
		})
	}
}

// wide is at least how many columns a line takes, by a rule of its own.
func wide(line string) int {
	n := 0
	for _, r := range line {
		n++
		if r >= 0x2e80 && (r < 0xff61 || r > 0xff9f) {
			n++
		}
	}
	return n
}

func TestNoLineOfTextIsTooWide(t *testing.T) {
	shows(t, "text", func(t *testing.T, out string) {
		for line := range strings.Lines(out) {
			if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(out, "plan ") && wide(line) > most {
				t.Errorf("%d columns: %s", wide(line), line)
			}
		}
	})
}

// spans are the code spans of a line of Markdown.
func withoutSpans(line string) string {
	var rest strings.Builder
	for {
		start := strings.IndexByte(line, '`')
		if start < 0 {
			return rest.String() + line
		}
		fence := line[start : len(line)-len(strings.TrimLeft(line[start:], "`"))]
		rest.WriteString(line[:start])
		line = line[start+len(fence):]
		end := closing(line, fence)
		if end < 0 {
			return rest.String() + fence + line // it is no span
		}
		line = line[end+len(fence):]
	}
}

// closing is where a run of exactly the fence's backticks begins.
func closing(line, fence string) int {
	for at := 0; at < len(line); {
		i := strings.IndexByte(line[at:], '`')
		if i < 0 {
			return -1
		}
		at += i
		n := len(line[at:]) - len(strings.TrimLeft(line[at:], "`"))
		if n == len(fence) {
			return at
		}
		at += n
	}
	return -1
}

// Outside code spans Markdown has our own words only.
func TestMarkdownIsHarmless(t *testing.T) {
	ours := regexp.MustCompile(`^[-A-Za-z0-9 .,:;…–→()*#/!|>]*$`)
	shows(t, "markdown", func(t *testing.T, out string) {
		for line := range strings.Lines(out) {
			rest := withoutSpans(strings.TrimSuffix(line, "\n"))
			if !ours.MatchString(rest) || strings.Contains(rest, "evil") || strings.Contains(rest, "everyone") || strings.Contains(rest, "script>") {
				t.Errorf("got %q\nof %s", rest, line)
			}
			if strings.HasPrefix(line, "|") && strings.ContainsAny(line, "`<") {
				t.Errorf("a table with words from outside: %s", line)
			}
		}
	})
}

// Every tag of a page is one of the template's own, as it stands there.
func TestHTMLIsHarmless(t *testing.T) {
	tag := regexp.MustCompile(`<[^>]*>`)
	own := map[string]bool{`<span class="sign">`: true, `<span class="sign bad">`: true, `<span class="sign good">`: true}
	for _, text := range tag.FindAllString(pageText, -1) {
		own[text] = true
	}
	shows(t, "html", func(t *testing.T, out string) {
		for _, text := range tag.FindAllString(out, -1) {
			if !own[text] {
				t.Errorf("a tag that is not ours: %s", text)
			}
		}
		if strings.Count(out, "<script") > 0 || strings.Count(out, "</style>") != 1 {
			t.Error("the page has more in it than the template")
		}
	})
}

// A page asks for nothing from anywhere.
func TestHTMLNeedsNoNetwork(t *testing.T) {
	for _, word := range []string{"src=", "href=", "url(", "@import", "<script", "<link", "<img", "http:", "https:"} {
		if strings.Contains(pageText, word) {
			t.Errorf("the page has %s", word)
		}
	}
}

// JSON says the names to the letter, save bytes that are no text.
func TestJSONIsWhole(t *testing.T) {
	shows(t, "json", func(t *testing.T, out string) {
		if !json.Valid([]byte(out)) {
			t.Fatal("it is no JSON")
		}
	})
	p := nasty(t)
	var out bytes.Buffer
	var got struct {
		plan.Header
		Tasks []plan.Task `json:"tasks"`
	}
	if err := errors.Join(WritePlan(&out, p, "json", Options{}), json.Unmarshal(out.Bytes(), &got)); err != nil || len(got.Tasks) != len(p.Tasks) {
		t.Fatalf("got %d tasks, %v, want %d", len(got.Tasks), err, len(p.Tasks))
	}
	for i := range p.Tasks {
		if want := strings.ToValidUTF8(p.Tasks[i].Label(), "\ufffd"); strings.ToValidUTF8(got.Tasks[i].Label(), "") != want && !strings.Contains(want, "\ufffd") {
			t.Errorf("got %q, want %q", got.Tasks[i].Label(), want)
		}
	}
}

// A run's rows are those of results.csv, in order.
func TestJSONOfARun(t *testing.T) {
	run := aRun()
	golden(t, "run.json", func(w io.Writer) error { return run.Write(w, "json", Options{}) })
	golden(t, "run.md", func(w io.Writer) error { return run.Write(w, "markdown", Options{}) })
	golden(t, "run.html", func(w io.Writer) error { return run.Write(w, "html", Options{}) })
	golden(t, "run-full.txt", func(w io.Writer) error { return run.Write(w, "text", Options{Full: true}) })
}

func TestAnUnknownFormIsAnError(t *testing.T) {
	run := aRun()
	for _, err := range []error{run.Write(io.Discard, "pdf", Options{}), WritePlan(io.Discard, run.Plan, "pdf", Options{})} {
		if err == nil || !strings.Contains(err.Error(), "text, json, markdown or html") {
			t.Errorf("got %v", err)
		}
	}
}
