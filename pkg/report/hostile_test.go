package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
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

// ownTags are the tags of the template, where an action stands for words of ours.
func ownTags() []*regexp.Regexp {
	var own []*regexp.Regexp
	for _, text := range regexp.MustCompile(`<[^>]*>`).FindAllString(pageText, -1) {
		pattern := ""
		for i, part := range regexp.MustCompile(`\{\{if.*\{\{end\}\}|\{\{.*?\}\}`).Split(text, -1) {
			if i > 0 {
				pattern += `[-A-Za-z0-9 .,:;&#/+=%]*`
			}
			pattern += regexp.QuoteMeta(part)
		}
		own = append(own, regexp.MustCompile("^"+pattern+"$"))
	}
	return own
}

// cut takes a part out of a page, which must be in it once.
func cut(t *testing.T, page, begin, end string) (rest, part string) {
	t.Helper()
	before, after, found := strings.Cut(page, begin)
	part, after, closed := strings.Cut(after, end)
	if !found || !closed || strings.Contains(after, begin) {
		t.Fatalf("want %s…%s once", begin, end)
	}
	return before + begin + end + after, part
}

const dataTag = `<script type="application/json" id="data">`

// Every tag of a page is one of the template's own, and what is the page's own is
// there to the letter.
func TestHTMLIsHarmless(t *testing.T) {
	own := ownTags()
	shows(t, "html", func(t *testing.T, out string) {
		out, data := cut(t, out, dataTag, "</script>")
		out, script := cut(t, out, "<script>", "</script>")
		out, style := cut(t, out, "<style>", "</style>")
		if strings.ContainsAny(data, "<>&\u2028\u2029") || !json.Valid([]byte(data)) {
			t.Errorf("the data is not safe in a script element, or no JSON: %.200s", data)
		}
		for _, part := range []struct{ name, got, want string }{{"script", script, pageScript}, {"style", style, pageStyle}} {
			if part.got != part.want || !strings.Contains(html.UnescapeString(out), part.name+"-src "+digest(part.got)) {
				t.Errorf("the %s is not the page's own, or the policy does not say so", part.name)
			}
		}
		for _, text := range regexp.MustCompile(`<[^>]*>`).FindAllString(out, -1) {
			if !slices.ContainsFunc(own, func(tag *regexp.Regexp) bool { return tag.MatchString(text) }) {
				t.Errorf("a tag that is not ours: %s", text)
			}
		}
	})
}

// Names reach the script of a page as they are shown elsewhere.
func TestTheDataOfAPageHasEveryRow(t *testing.T) {
	run := nastyRun(t)
	var data struct {
		Rows  [][]any
		Files []string
		Lines [][3]string
		Kinds []rowKind
	}
	if err := json.Unmarshal([]byte(run.rowTable(Options{}).Data()), &data); err != nil || len(data.Rows) != len(run.Results) {
		t.Fatalf("got %d rows, %v, want %d", len(data.Rows), err, len(run.Results))
	}
	for i, row := range data.Rows {
		res := &run.Results[i]
		got := []any{data.Kinds[int(row[0].(float64))].What, "", row[3], row[4] == 1.0, row[5], data.Lines[int(row[6].(float64))][2]}
		if file := int(row[1].(float64)); file >= 0 {
			got[1] = fmt.Sprintf("%s:%v", data.Files[file], row[2])
		}
		want := []any{res.Outcome.String(), place(res.Task), shown(res.Task.Label()).Text, shown(res.Task.Label()).Odd, fleet.Printable(string(res.ID)), fleet.Printable(oneLine(res.Err.Error()))}
		if !slices.Equal(got, want) {
			t.Errorf("row %d: got %q, want %q", i, got, want)
		}
	}
}

// A page asks for nothing from anywhere, and its script makes no elements from texts.
func TestHTMLNeedsNoNetwork(t *testing.T) {
	for _, word := range []string{"src=", "href=", "url(", "@import", "<link", "<img", "http:", "https:", "fetch", "XMLHttp", "WebSocket", "import(", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "location", "</script", "<!--"} {
		if strings.Contains(strings.ReplaceAll(pageText, "</script>", "")+pageStyle+pageScript, word) {
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
