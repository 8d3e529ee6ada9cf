package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
)

// payloads are what somebody would write into a name to be believed by a person or
// a terminal: colours, titles, clipboards, lines over other lines, text that runs
// backwards or does not show.
func payloads() (all []string) {
	for _, text := range []string{"\x1b[2J", "\x1b[1A\x1b[2Kdone", "\x1b]0;title\a", "\x1b]52;c;cm0gLXJm\a", "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
		"\x1bP$q\"p\x1b\\", "\x1b_x\x1b\\", "\x1b(0", "\x1bc", "\x9b31m", "\u009b31m", "\u009d0;x\u009c", "\u0085", "a\rdone", "\b\b\b", "\x7f", "\x00", "\a", "\v", "\f", "\x0e", "\x1a",
		"\u202e", "\u202d", "\u2066", "\u2067", "\u2069", "\u200e", "\u061c", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u2028", "\u2029", "\U000e0041", "\U000e0001",
		"\ufff9", "\u180e", "\ue000", "\U0010ffff", "\u3164\u0600"} {
		if strings.ToValidUTF8(text, "") == text {
			all = append(all, text)
		}
	}
	return all
}

// control is what stands in a text that a terminal would act on, or that would not
// show.
func control(text string) (found []string) {
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			found = append(found, fmt.Sprintf("%U in %q", r, text[max(0, i-20):min(len(text), i+20)]))
		}
	}
	return found
}

// bar is a state of the progress bar, or its end, as far as all of it shows.
var bar = regexp.MustCompile(`\r[\pL\pN\pP\pS ]*\([0-9]+/[0-9]+\)[\pL\pN\pP\pS ]*|\r *\r`)

// hostileWorld is a simulated platform on which everything that has a name has a
// nasty one, and a file that wants the like.
func hostileWorld(t *testing.T, dir string) {
	stock := simulator.BuiltInStock()
	var csv strings.Builder
	csv.WriteString("endpointName,planId,serviceProfileId,simProductId,iccid,state\n")
	cards := simulator.Range("893204200000123400", 90, "7")
	stock.SIMs = cards
	for i, text := range payloads() {
		name := fmt.Sprintf("m-%d%s", i, text)
		stock.Endpoints = append(stock.Endpoints, fleet.Endpoint{ID: fleet.ID(fmt.Sprint(5000 + i)), Status: fleet.ParseStatus("Pre-Active"),
			Fields: fleet.Fields{Name: name, PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7"}})
		fmt.Fprintf(&csv, "m-%d,100234,SP_1249,7,%s,active\n", i, cards[i].ICCID)
	}
	sim := simulator.New(simulator.WithStock(stock))
	if err := saveSimulator(filepath.Join(dir, "state", "simulator", "built-in.json"), sim); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "f.csv"), csv.String())
	write(t, filepath.Join(dir, "f.yaml"), "apiVersion: sftctl/v1\nkind: Fleet\nscope: [\"m-*\"]\norphans: delete\ndefaults: {planId: \"100234\", serviceProfileId: SP_1249, simProductId: \"7\"}\nendpoints:\n- {endpointName: m-x}\n")
}

// Whatever the platform calls things, no command writes to the terminal what it
// would act on.
func TestHostileNamesAreEscaped(t *testing.T) {
	dir := t.TempDir()
	hostileWorld(t, dir)
	// A file of data has the names as they are; nothing is lost in it.
	if _, out, _ := at(t, dir, "", "export"); !strings.Contains(out, "\u202e") {
		t.Errorf("got an export without the names: %s", out)
	}
	run := func(args ...string) string {
		t.Helper()
		_, out, talk := at(t, dir, "no\n", args...)
		talk = bar.ReplaceAllString(talk, "")
		for _, found := range control(out + talk) {
			t.Errorf("%s: %s", strings.Join(args, " "), found)
		}
		return out + talk
	}
	plan, f, y := filepath.Join(dir, "saved.plan"), filepath.Join(dir, "f.csv"), filepath.Join(dir, "f.yaml")
	seen := run("plan", "-o", plan, "--max-deletes", "100", "--full", y)
	for _, format := range []string{"text", "json", "markdown", "html"} {
		seen += run("show", "--full", "--format", format, plan)
		seen += run("get", "endpoints", "--format", map[string]string{"text": "text", "json": "json"}[format]+map[string]string{"markdown": "text", "html": "text"}[format])
	}
	run("plan", "--plans", dir, f)
	run("drift", y)
	run("apply", "--max-deletes", "100", y)
	run("validate", y)
	run("apply", "--yes", "--reports", filepath.Join(dir, "reports"), "--max-deletes", "100", plan)
	histories, _ := filepath.Glob(filepath.Join(dir, "reports", "*"))
	if len(histories) != 1 || strings.Count(seen, `\x1b`) < 10 {
		t.Fatalf("got %d reports, and %d escapes", len(histories), strings.Count(seen, `\x1b`))
	}
	id := filepath.Base(histories[0])
	for _, format := range []string{"text", "json", "markdown", "html"} {
		run("show", "--full", "--format", format, id)
	}
	run("runs")
	run("runs", "show", id, "--reports", filepath.Join(dir, "again"))
	run("resume")
	run("retry", id)
	run("undo", "--plans", dir, id)
	for _, name := range []string{"summary.json"} {
		data, err := os.ReadFile(filepath.Join(histories[0], name))
		if err != nil {
			t.Error(err)
		}
		for _, found := range control(string(data)) {
			t.Errorf("%s: %s", name, found)
		}
	}
}

// The names of a file are as little trusted.
func TestHostileFilesAreEscaped(t *testing.T) {
	dir := t.TempDir()
	for i, text := range payloads() {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string]string{
			"name.csv":   "endpointName,planId,serviceProfileId,simProductId\n\"m" + text + "\",100234,SP_1249,7\n",
			"column.csv": "endpointName,\"x" + text + "\"\nm,1\n",
			"value.csv":  "endpointName,state,iccid\nm,\"x" + text + "\",\"8" + text + "\"\n",
			"key.yaml":   "apiVersion: sftctl/v1\nkind: Fleet\n" + string(quoted) + ": 1\n",
			"name.yaml":  "apiVersion: sftctl/v1\nkind: Fleet\nendpoints:\n- {endpointName: " + string(quoted) + ", group: " + string(quoted) + "}\n",
			"file.yaml":  "apiVersion: sftctl/v1\nkind: Fleet\ninclude:\n- file: " + string(quoted) + "\n",
			"x.plan":     text,
		} {
			path := write(t, filepath.Join(dir, name), data)
			for _, args := range [][]string{{"validate", path}, {"plan", "--plans", dir, path}, {"show", path}, {"show", text}, {"validate", text}, {"plan", "--profile", text, path}, {"plan", "--" + text, path}, {text}, {"get", text}, {"plan", "--target", "[" + text, path}} {
				_, out, talk := at(t, dir, "", args...)
				for _, found := range control(out + talk) {
					t.Errorf("payload %d, %s %s: %s", i, args[0], name, found)
				}
			}
		}
	}
}
