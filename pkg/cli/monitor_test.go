package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"sftctl/pkg/events"
)

// hooks are the web hooks of scripts, the latest of each.
var hooks sync.Map

// webHook keeps what is posted to it.
type webHook struct {
	mu       sync.Mutex
	bodies   [][]byte
	logins   []string // such as ann:secret, empty where nobody logged in
	statuses []int
	hangs    chan struct{} // nil where it answers
	came     string        // a file that says that somebody waits
}

// hook NAME [STATUS...|hang] opens a web hook at $HOOK, which gives the answers in
// turn, the last of them for ever, or none.
func openHook(ts *testscript.TestScript, _ bool, args []string) {
	h := &webHook{}
	if len(args) == 2 && args[1] == "hang" {
		h.hangs, h.came, args = make(chan struct{}), ts.MkAbs(args[0]+".came"), args[:1]
	}
	for _, arg := range args[1:] {
		status, err := strconv.Atoi(arg)
		ts.Check(err)
		h.statuses = append(h.statuses, status)
	}
	server := httptest.NewServer(h)
	ts.Defer(func() {
		if h.hangs != nil { // who waits for an answer gets it, or the server waits for them
			close(h.hangs)
		}
		server.Close()
	})
	ts.Setenv("HOOK", server.URL)
	ts.Setenv("HOOKED", args[0])
	hooks.Store(ts.MkAbs(args[0]), h)
}

func (h *webHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	user, password, _ := r.BasicAuth()
	h.bodies, h.logins = append(h.bodies, body), append(h.logins, user+":"+password)
	if h.hangs != nil {
		h.mu.Unlock()
		_ = os.WriteFile(h.came, nil, 0o600) // a script that waits for it fails without it
		<-h.hangs
		h.mu.Lock()
	}
	w.Header().Set("Location", "/elsewhere") // followed by nobody
	if len(h.statuses) > 0 {
		w.WriteHeader(h.statuses[min(len(h.bodies), len(h.statuses))-1])
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// posted N [PATH=VALUE...] holds how often the web hook was called, and what came
// last: =~ is for a part of the value.
func wasPosted(ts *testscript.TestScript, _ bool, args []string) {
	kept, _ := hooks.Load(ts.MkAbs(ts.Getenv("HOOKED")))
	h := kept.(*webHook)
	h.mu.Lock()
	defer h.mu.Unlock()
	if args[0] != strconv.Itoa(len(h.bodies)) {
		ts.Fatalf("got %d posts, want %s", len(h.bodies), args[0])
	}
	last := h.bodies[len(h.bodies)-1]
	if want := ts.Getenv("HOOKLOGIN"); want != "" && want != h.logins[len(h.logins)-1] {
		ts.Fatalf("got login %s, want %s", h.logins[len(h.logins)-1], want)
	}
	ts.Check(os.WriteFile(ts.MkAbs(fmt.Sprintf("%s-%d.json", ts.Getenv("HOOKED"), len(h.bodies))), last, 0o600))
	line := `{"event":"summary","at":"2026-01-01T00:00:00Z","summary":` + string(last) + `}`
	if err := validLine(line); err != nil {
		ts.Fatalf("%s\n%v", line, err)
	}
	var doc any
	ts.Check(json.Unmarshal(last, &doc))
	for _, want := range args[1:] {
		path, value, _ := strings.Cut(want, "=")
		got := fmt.Sprint(inside(doc, strings.Split(strings.TrimPrefix(path, "."), ".")))
		if part, in := strings.CutPrefix(value, "~"); in && !strings.Contains(got, part) || !in && got != value {
			ts.Fatalf("got %s, want %s, in\n%s", got, want, last)
		}
	}
}

// inside is what a document has at a path, nil for nothing.
func inside(doc any, path []string) any {
	for _, step := range path {
		switch d := doc.(type) {
		case map[string]any:
			doc = d[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(d) {
				return nil
			}
			doc = d[i]
		default:
			return nil
		}
	}
	return doc
}

// eventSchema is what every line of --events has to be.
var eventSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	var text bytes.Buffer
	if err := events.WriteSchema(&text); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(&text)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("events.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("events.json")
})

func validLine(line string) error {
	s, err := eventSchema()
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// events FILE KIND... holds the events of a file to what the schema allows and to
// their kinds: such as plan or 3*step:done, in no order but for the first and the
// last; a last * stands for any others.
func holdEvents(ts *testscript.TestScript, _ bool, args []string) {
	got := map[string]int{}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	for i, line := range lines {
		if err := validLine(line); err != nil {
			ts.Fatalf("%s\n%v", line, err)
		}
		var e struct{ Event, State, Outcome string }
		ts.Check(json.Unmarshal([]byte(line), &e))
		if (e.Event == "stream") != (i == 0) || (e.Event == "summary") != (i == len(lines)-1) {
			ts.Fatalf("line %d of %d is %s", i+1, len(lines), line)
		}
		kind := e.Event
		if detail := e.State + e.Outcome; detail != "" {
			kind += ":" + detail
		}
		got[kind]++
	}
	any := false
	for _, want := range args[1:] {
		n, kind, many := strings.Cut(want, "*")
		switch {
		case want == "*":
			any = true
			continue
		case !many:
			n, kind = "1", want
		}
		if strconv.Itoa(got[kind]) != n {
			ts.Fatalf("got %d %s, want %s", got[kind], kind, n)
		}
		delete(got, kind)
	}
	if len(got) > 0 && !any {
		ts.Fatalf("got besides %v", got)
	}
}

// valueOf is the value of the one sample whose name and labels are as said, other
// labels aside; empty when there is none.
func valueOf(ts *testscript.TestScript, file, want string) string {
	name, labels, _ := strings.Cut(strings.TrimSuffix(want, "}"), "{")
	found := ""
	for _, line := range strings.Split(ts.ReadFile(file), "\n") {
		series, value, _ := strings.Cut(line, "} ")
		if strings.HasPrefix(series, name+"{") && strings.Contains(series, labels) {
			if found != "" {
				ts.Fatalf("%s: more than one sample of %s", file, want)
			}
			found = value
		}
	}
	return found
}

// sample FILE METRIC VALUE holds a metric to a value.
func holdSample(ts *testscript.TestScript, neg bool, args []string) {
	if got := valueOf(ts, args[0], args[1]); neg || got != args[2] {
		ts.Fatalf("got %s, want %s", got, args[2])
	}
}

// nosample FILE METRIC holds that there is none.
func holdNoSample(ts *testscript.TestScript, _ bool, args []string) {
	if got := valueOf(ts, args[0], args[1]); got != "" {
		ts.Fatalf("got %s, want none", got)
	}
}

// same METRIC FILE FILE holds that it is the same in both.
func holdSame(ts *testscript.TestScript, _ bool, args []string) {
	a, b := valueOf(ts, args[1], args[0]), valueOf(ts, args[2], args[0])
	if a == "" || a != b {
		ts.Fatalf("got %q and %q", a, b)
	}
}
