package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// commandLines are the lines of a page's blocks in sh, continued ones in one.
func commandLines(page string) (lines []string) {
	for _, m := range regexp.MustCompile("(?s)\n```sh\n(.*?)```\n").FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(strings.ReplaceAll(m[1], "\\\n", " ")) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// What the page says to do on a machine is done, but for what only root may do, and
// for a password that is typed: then what a person does on the first night works.
func TestDeployPage(t *testing.T) {
	t.Parallel()
	h := newHost(t, reseller...)
	if err := errors.Join(os.Remove(h.path(program)), os.MkdirAll(h.path("/etc/systemd/system"), 0o755), os.MkdirAll(h.path("/var/lib/prometheus"), 0o755)); err != nil {
		t.Fatal(err)
	}
	real, err := exec.LookPath("sftctl")
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]int{}
	for _, line := range commandLines(deployFile(t, "README.md")) {
		if typed, ok := strings.CutPrefix(line, "install "); ok {
			done["install"]++
			typed = regexp.MustCompile(`-[og] sftctl `).ReplaceAllString(h.moved(typed), "")
			typed = strings.NewReplacer("bin/sftctl ", real+" ", " deploy/", " "+mustAbs(t, deployed)+"/").Replace(typed)
			if code, out := h.exec([]string{"PATH=" + os.Getenv("PATH")}, "sh", "-c", "echo '"+canary+"' | install "+typed); code != 0 {
				t.Fatalf("%s: got exit code %d\n%s", line, code, out)
			}
		}
		if words := strings.Fields(strings.TrimPrefix(line, "sudo -u sftctl ")); words[0] == program {
			if done["run"]++; done["run"] == 1 {
				h.settings(deployFile(t, "config.yaml"))
				h.put("/etc/sftctl/north.yaml", twoOf("north"), 0o644)
			}
			if code, out := h.exec([]string{"HOME=/nonexistent"}, h.movedAll(words)...); code != 0 {
				t.Errorf("%s: got exit code %d\n%s", line, code, out)
			}
		} else if strings.Contains(line, "sftctl reconcile") {
			done["image"]++
			parsed(t, append([]string{program}, strings.Fields(line[strings.Index(line, " reconcile"):])...))
		}
	}
	if done["install"] != 8 || done["run"] != 3 || done["image"] != 1 || h.mutations() != 2 {
		t.Errorf("got %v and %d calls that change something", done, h.mutations())
	}
	for path, want := range map[string]fs.FileMode{"/etc/sftctl/password": 0o600, "/var/lib/sftctl": 0o700, "/etc/sftctl/config.yaml": 0o644} {
		if info, err := os.Stat(h.path(path)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want mode %04o", path, info, err, want)
		}
	}
	h.private("/var/lib/sftctl/state")
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// Whoever stops a container by hand gives it the time that it needs.
func TestDeployPageStopsInTime(t *testing.T) {
	all := regexp.MustCompile(`--(?:stop-timeout|time) (\d+)`).FindAllStringSubmatch(deployFile(t, "Dockerfile")+deployFile(t, "README.md"), -1)
	for _, m := range all {
		if got, want := time.Duration(numeral(t, m[1]))*time.Second, shortestStop(t); got < want {
			t.Errorf("got %s, want at least %s", m[0], want)
		}
	}
	if len(all) < 3 {
		t.Errorf("got %d times, want those of docker stop and docker run", len(all))
	}
}
