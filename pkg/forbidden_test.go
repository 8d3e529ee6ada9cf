package pkg

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// forbidden is what stands nowhere in the program, and why.
var forbidden = []struct{ text, why string }{
	{`InsecureSkipVerify`, "nobody but the platform gets the password"},
	{`\bhttp\.(Get|Post|PostForm|Head|DefaultClient|DefaultTransport|Client)\b`, "these have no deadline, or follow redirects"},
	{`"net/http/(httputil|pprof|cookiejar)"|"expvar"`, "these show requests, or listen"},
	{`"os/exec"|"plugin"|syscall\.(Exec|ForkExec)\b`, "nothing is run"},
	{`(?m)^\s*(import )?"log"$|\bslog\.(New|Info|Warn|Error|Debug|Log)\b`, "the one log takes what is said, without cards"},
	{`\bos\.Std(out|err)\b`, "what is printed goes through the environment"},
	{`\bos\.(WriteFile|Create)\b`, "files are private, and replaced whole"},
	{`"unsafe"|"math/rand"`, "not needed"},
}

// excepted are the places where it may.
var excepted = map[string]bool{
	`cli/password.go "os/exec"`: true, // the command that prints a password, by its arguments
	"cli/log.go slog.New":       true, // that one
	"cli/cli.go os.Stdout":      true, "cli/cli.go os.Stderr": true,
}

func TestWhatIsForbiddenStandsNowhere(t *testing.T) {
	n := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		for _, f := range forbidden {
			for _, found := range regexp.MustCompile(f.text).FindAllString(string(data), -1) {
				if !excepted[filepath.ToSlash(path)+" "+found] {
					t.Errorf("%s has %s: %s", path, found, f.why)
				}
			}
		}
		return nil
	})
	if err != nil || n < 50 {
		t.Errorf("got %v after %d files", err, n)
	}
}
