package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// at runs the program with a person at the terminal who types an answer.
func at(t *testing.T, dir, answer string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	env := Env{Args: args, Stdin: strings.NewReader(answer), Stdout: &out, Stderr: &talk, Terminal: true,
		Getenv: func(name string) (string, bool) {
			value, ok := map[string]string{"SFTCTL_STATE_DIR": dir + "/state", "SFTCTL_REPORTS": dir + "/reports", "SFTCTL_SIMULATE": "true",
				"SFTCTL_RATE": "0", "HOME": dir}[name]
			return value, ok
		}}
	code = Main(t.Context(), env)
	return code, out.String(), talk.String()
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNothingChangesWithoutAYes(t *testing.T) {
	dir := t.TempDir()
	fleet := write(t, filepath.Join(dir, "f.csv"), "endpointName,planId,serviceProfileId,simProductId,iccid,state\nm-1,100234,SP_1249,7,8932042000001234562,active\nm-2,100234,SP_1249,7,8932042000001234570,active\n")
	for _, answer := range []string{"", "\n", "no\n", "y\n", "YES\n", "2\n"} {
		code, _, talk := at(t, dir, answer, "apply", fleet)
		if code != 6 || !strings.Contains(talk, "2 endpoints of account simulated will change in 6 calls; to go on, type yes: ") || !strings.Contains(talk, "nothing was changed") {
			t.Errorf("%q: got code %d, %s", answer, code, talk)
		}
	}
	if code, out, talk := at(t, dir, "yes\n", "apply", fleet); code != 0 || !strings.Contains(out, "2 done") {
		t.Errorf("yes: got code %d, %s%s", code, out, talk)
	}
	if code, _, talk := at(t, dir, "", "apply", fleet); code != 0 || strings.Contains(talk, "type yes") {
		t.Errorf("nothing to do: got code %d, %s", code, talk)
	}
}

func TestDeletesAskForTheirNumber(t *testing.T) {
	dir := t.TempDir()
	fleet := write(t, filepath.Join(dir, "f.csv"), "endpointName,planId,serviceProfileId,simProductId\nm-1,100234,SP_1249,7\nm-2,100234,SP_1249,7\n")
	gone := write(t, filepath.Join(dir, "gone.csv"), "endpointName,state\nm-1,absent\nm-2,absent\n")
	if code, _, talk := at(t, dir, "yes\n", "apply", fleet); code != 0 {
		t.Fatalf("got code %d, %s", code, talk)
	}
	for answer, want := range map[string]int{"yes\n": 6, "1\n": 6, "22\n": 6} {
		if code, _, talk := at(t, dir, answer, "apply", "--max-deletes", "2", gone); code != want || !strings.Contains(talk, "2 endpoints will be deleted, type that number") {
			t.Errorf("%q: got code %d, %s", answer, code, talk)
		}
	}
	if code, out, _ := at(t, dir, "2\n", "apply", "--max-deletes", "2", gone); code != 0 || !strings.Contains(out, "2 done") {
		t.Errorf("got code %d, %s", code, out)
	}
}
