package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sftctl/pkg/fleet"
)

// in runs the program in a directory of its own, with an environment.
func in(t *testing.T, dir, stdin string, environ map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out bytes.Buffer
	var errs talk
	env := Env{Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Getenv: func(name string) (string, bool) {
		if value, ok := environ[name]; ok {
			return value, true
		}
		value, ok := map[string]string{"SFTCTL_STATE_DIR": dir + "/state", "HOME": dir, "SFTCTL_USERNAME": "ann", "SFTCTL_RATE": "0"}[name]
		return value, ok
	}}
	code = Main(context.Background(), env)
	return code, out.String(), errs.String()
}

func TestThePasswordComesInOneWay(t *testing.T) {
	_, url := newDocumented(t)
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "pw"), "right\n")
	wide := write(t, filepath.Join(dir, "wide"), "right\n")
	if err := os.Chmod(wide, 0o640); err != nil {
		t.Fatal(err)
	}
	config := func(name, text string) []string {
		return []string{"--config", write(t, filepath.Join(dir, name), text)}
	}
	open := config("open.yaml", "password-command: [cat, "+file+"]")
	if err := os.Chmod(open[1], 0o620); err != nil {
		t.Fatal(err)
	}
	big := write(t, filepath.Join(dir, "big"), strings.Repeat("x", longestPassword+1))
	command := func(words ...string) (args []string) {
		for _, word := range words {
			args = append(args, "--password-command", word)
		}
		return args
	}
	tests := map[string]struct {
		environ string
		stdin   string
		args    []string
		code    int
		says    string
	}{
		"environment":          {environ: "right"},
		"environment, a line":  {environ: "right\n"},
		"environment, lines":   {environ: "right\nwrong", code: 64, says: "SFTCTL_PASSWORD: there are 2 lines"},
		"file":                 {args: []string{"--password-file", file}},
		"stdin":                {stdin: "right\r\n", args: []string{"--password-stdin"}},
		"command":              {args: command("cat", file)},
		"list in the file":     {args: config("list.yaml", "password-command: [cat, "+file+"]")},
		"profile's own way":    {args: append(config("profile.yaml", "password-file: gone\nprofiles: {a: {password-command: [cat, "+file+"]}}"), "--profile", "a")},
		"what it says":         {args: command("sh", "-c", "echo unlocked >&2; cat "+file), says: "unlocked\n"},
		"none":                 {code: 64, says: "no password: set SFTCTL_PASSWORD"},
		"two":                  {environ: "right", args: []string{"--password-file", file}, code: 64, says: "comes in 2 ways, want one: SFTCTL_PASSWORD and --password-file"},
		"three":                {args: append(config("both.yaml", "password-file: "+file+"\npassword-stdin: true"), command("cat", file)...), code: 64, says: "3 ways"},
		"wide file":            {args: []string{"--password-file", wide}, code: 64, says: "mode is 0640, want 0600"},
		"empty stdin":          {stdin: "\n", args: []string{"--password-stdin"}, code: 64, says: "--password-stdin: it is empty"},
		"two lines":            {stdin: "right\nwrong\n", args: []string{"--password-stdin"}, code: 64, says: "there are 2 lines, want the password alone"},
		"too much":             {args: command("cat", big), code: 64, says: "more than 4096 bytes"},
		"failing command":      {args: command("sh", "-c", "echo right; echo locked >&2; exit 3"), code: 64, says: "locked\nsftctl: --password-command: \"sh\": exit status 3"},
		"no such command":      {args: command("no-such-program"), code: 64, says: "no-such-program"},
		"a shell's line":       {args: command("cat " + file), code: 64, says: "without a shell"},
		"a silent command":     {args: command("true"), code: 64, says: "--password-command: it is empty"},
		"others may write it":  {args: open, code: 64, says: "others may write the file (mode is 0620)"},
		"a list for one value": {environ: "right", args: config("many.yaml", "listing: [paged, unpaged]"), code: 64, says: "listing: got a list, want one value"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"get", "plans", "--url", url}, tt.args...)
			code, out, talk := in(t, dir, tt.stdin, map[string]string{"SFTCTL_PASSWORD": tt.environ}, args...)
			if code != tt.code || !strings.Contains(talk, tt.says) || (code == 0) != strings.Contains(out, "Gold") {
				t.Errorf("got code %d, %s%s, want %d, %s", code, out, talk, tt.code, tt.says)
			}
			if strings.Contains(out+talk, "right") {
				t.Errorf("the password shows: %s%s", out, talk)
			}
		})
	}
}

// A command that does not end is not waited for, even when it leaves a child that
// holds its output.
func TestAPasswordCommandThatHangs(t *testing.T) {
	began := time.Now()
	_, err := fromCommand(Env{Stderr: new(talk)}, []string{"sh", "-c", "sleep 20; true"}, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), `"sh" did not end within 50ms`) || time.Since(began) > 10*time.Second {
		t.Errorf("after %s: got %v", time.Since(began), err)
	}
}

// A terminal is no place to type a password where it shows; a file is read to its
// end.
func TestThePasswordFromAFileAsStandardInput(t *testing.T) {
	f, err := os.Open(write(t, filepath.Join(t.TempDir(), "pw"), "right\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := fromStdin(f); got != "right" || err != nil {
		t.Errorf("got %v", fleet.Kind(fleet.ErrUsage, err))
	}
}

// --debug has a line for each request, and nothing that was in it.
func TestDebug(t *testing.T) {
	_, url := newDocumented(t)
	code, out, talk := in(t, t.TempDir(), "", map[string]string{"SFTCTL_PASSWORD": "right"}, "get", "plans", "--debug", "--url", url)
	lines := strings.Split(strings.TrimSpace(talk), "\n")
	if code != 0 || len(lines) != 4 || !strings.Contains(out, "Gold") {
		t.Fatalf("got code %d, %s%s", code, out, talk)
	}
	for i, want := range []string{" POST /api/login HTTP 200 sent=", " GET /api/QueryRatePlan?page=1&perPage=250 HTTP 200 sent=0 received="} {
		if !strings.HasPrefix(lines[i], "debug: 20") || !strings.Contains(lines[i], want) || !strings.Contains(lines[i], " took=") {
			t.Errorf("got %s, want %s", lines[i], want)
		}
	}
}
