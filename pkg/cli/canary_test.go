package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// canary is the password of all tests that run the program, and canaryWord what is
// left of it in whatever form it is quoted. Every token of the simulator begins
// with tokenWord. None of them may show in anything that the program prints or
// writes.
const (
	canaryWord = "c4n4ryPa55w0rd"
	canary     = canaryWord + ` +/&"<é\`
	tokenWord  = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
)

// spellings are the forms in which a word may show, by name.
func spellings(word string) map[string]string {
	all := map[string]string{"plain": word, "hex": hex.EncodeToString([]byte(word)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(word))),
		"decimal bytes": strings.Trim(fmt.Sprint([]byte(word)), "[]")}
	for name, form := range map[string]string{"spaced hex": "%02x ", "escaped bytes": `\x%02x`, "URL": "%%%02X", "url": "%%%02x", "JSON": `\u%04x`,
		"HTML": "&#%d;", "HTML in hex": "&#x%x;", "JSON of bytes": "%d,", "a list of bytes": "%d, ", "Go bytes": "0x%02x, ", "octal": `\%03o`} {
		var b strings.Builder
		for _, c := range []byte(word) {
			fmt.Fprintf(&b, form, c)
		}
		all[name] = strings.TrimRight(b.String(), ", ")
	}
	for offset := range 3 { // in base64 a text looks in three ways, by where it begins
		for name, coding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
			text := coding.EncodeToString(append(make([]byte, offset), word...))
			all[fmt.Sprint(name, " from ", offset)] = text[(offset*8+5)/6 : (offset+len(word))*8/6]
		}
	}
	return all
}

// needles are all spellings of all secrets.
var needles = func() map[string][]byte {
	all := map[string][]byte{}
	for what, word := range map[string]string{"password": canaryWord, "token": tokenWord} {
		for form, text := range spellings(word) {
			all["the "+what+" in "+form] = []byte(text)
		}
	}
	return all
}()

// leaks are the secrets that show in a text.
func leaks(text []byte) (found []string) {
	for what, needle := range needles {
		if bytes.Contains(text, needle) {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	return found
}

// leaksBelow are the secrets that show in the files of a folder, or in their names,
// except in files that are named. The token may stand, in plain, in the one file
// that --token-cache keeps for an account.
func leaksBelow(dir string, except ...string) (found []string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || slices.Contains(except, d.Name()) {
			return nil
		}
		text := []byte(strings.TrimPrefix(path, dir) + "\n")
		if d.Type().IsRegular() {
			data, _ := os.ReadFile(path)
			text = append(text, data...)
		}
		kept := d.Name() == tokenFile && filepath.Base(filepath.Dir(filepath.Dir(path))) == "accounts"
		for _, what := range leaks(text) {
			if kept && what == "the token in plain" {
				continue
			}
			found = append(found, what+" shows in "+path)
		}
		return nil
	})
	return found
}

// passwordFile is the one file that a script may write the password to.
const passwordFile = "pw"

// watched is a test of a script, of which everything that its programs print is
// searched for secrets.
type watched struct{ *testing.T }

// Verbose keeps all of what the programs print.
func (watched) Verbose() bool { return true }

// Run runs a script.
func (w watched) Run(name string, do func(testscript.T)) {
	w.T.Run(name, func(t *testing.T) { do(watched{t}) })
}

// Log searches what a script printed, and shows what a person needs of it. The
// variables that it began with are no output.
func (w watched) Log(args ...any) {
	w.Helper()
	var printed []string
	text := fmt.Sprint(args...)
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "CANARY") && !strings.HasPrefix(line, "SFTCTL_PASSWORD=") {
			printed = append(printed, line)
		}
	}
	for _, what := range leaks([]byte(strings.Join(printed, ""))) {
		w.Errorf("%s was printed", what)
	}
	if w.Failed() || testing.Verbose() {
		w.T.Log(text)
	}
}

// carry has a script use the canary, and searches all files that it leaves.
func carry(env *testscript.Env) {
	env.Setenv("CANARY", canary)
	env.Setenv("CANARY_WORD", canaryWord)
	env.Setenv("SFTCTL_PASSWORD", canary)
	env.Defer(func() {
		for _, what := range leaksBelow(env.WorkDir, passwordFile) {
			env.T().(watched).Errorf("%s", what)
		}
	})
}

// What is looked for is found, however it is written and whatever is around it.
func TestLeaksAreFound(t *testing.T) {
	quoted, err := json.Marshal(map[string]any{"text": canary, "bytes": []byte(canary)})
	if err != nil {
		t.Fatal(err)
	}
	login := fmt.Sprintf(`{"username":"ann","password":%q}`, canary)
	for name, text := range map[string]string{
		"plain": canary, "%q": fmt.Sprintf("%q", canary), "%x": fmt.Sprintf("%x", canary), "%X": fmt.Sprintf("%X", canary), "% x": fmt.Sprintf("% x", canary),
		"%d": fmt.Sprintf("%d", []byte(canary)), "%v": fmt.Sprintf("%v", []byte(canary)), "%#v": fmt.Sprintf("%#v", []byte(canary)), "JSON": string(quoted),
		"a query": url.QueryEscape(canary), "a path": url.PathEscape(canary), "a URL": (&url.URL{Scheme: "http", User: url.UserPassword("ann", canary), Host: "h"}).String(),
		"HTML": html.EscapeString(canary), "basic": base64.StdEncoding.EncodeToString([]byte("ann:" + canary)), "a body": base64.URLEncoding.EncodeToString([]byte(login)),
		"another body": base64.StdEncoding.EncodeToString([]byte(" " + login)), "a third": base64.StdEncoding.EncodeToString([]byte("  " + login)),
		"a token": "Bearer " + tokenWord + ".e30.x", "a token in hex": hex.EncodeToString([]byte("X" + tokenWord)),
	} {
		if len(leaks([]byte("before "+text+" after"))) == 0 {
			t.Errorf("%s: it is not found in %q", name, text)
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.log"), text)
		write(t, filepath.Join(dir, passwordFile), text)
		if found := leaksBelow(dir, passwordFile); len(found) == 0 || strings.Contains(found[0], passwordFile) {
			t.Errorf("%s: got %v", name, found)
		}
	}
	for path, want := range map[string]int{"accounts/a/" + tokenFile: 1, "accounts/a/journal": 2, "accounts/a/runs/" + tokenFile: 2, tokenFile: 2} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, path), canaryWord+" "+tokenWord)
		if found := leaksBelow(dir); len(found) != want {
			t.Errorf("%s: got %v, want %d", path, found, want)
		}
	}
	for word, form := range needles {
		if len(form) < 14 {
			t.Errorf("%s: %q is too short to mean anything", word, form)
		}
	}
	if found := leaks([]byte("sftctl: create: HTTP 502 c4n4ry " + strings.Repeat("0123456789abcdef", 100))); len(found) > 0 {
		t.Errorf("got %v in what has no secret", found)
	}
}
