package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that the page about security rests on is there.
func TestSecurityNamesTests(t *testing.T) {
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	files, _ := filepath.Glob("../../pkg/*/*_test.go")
	top, _ := filepath.Glob("../../pkg/*_test.go")
	for _, file := range append(files, top...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(data)
	}
	named := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+(/\w+)?`).FindAllString(string(page), -1)
	for _, name := range named {
		test, script, _ := strings.Cut(name, "/")
		if !strings.Contains(code.String(), "func "+test+"(") {
			t.Errorf("there is no %s", test)
		}
		if _, err := os.Stat("testdata/script/" + script + ".txtar"); script != "" && err != nil {
			t.Error(err)
		}
	}
	if len(named) < 30 {
		t.Errorf("got %d tests", len(named))
	}
}

// Nobody but this machine reaches the simulator.
func TestTheSimulatorServesLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "10.0.0.1:0", "192.168.0.1:0", "example.com:0", "localhost.example.com:0", "127.0.0.1.nip.io:0", "x"} {
		if l, err := listenLoopback(t.Context(), address); err == nil {
			_ = l.Close()
			t.Errorf("%s is served", address)
		}
	}
	l, err := listenLoopback(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
