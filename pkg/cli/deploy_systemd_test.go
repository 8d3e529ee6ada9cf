package cli

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	serviceFile = "systemd/sftctl-reconcile@.service"
	timerFile   = "systemd/sftctl-reconcile@.timer"
)

// unit reads a unit of systemd for an instance: what is given several times is a
// list.
func unit(t *testing.T, name, instance string) map[string][]string {
	t.Helper()
	settings, section := map[string][]string{}, ""
	for line := range strings.Lines(strings.ReplaceAll(deployFile(t, name), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case !ok:
			t.Fatalf("%s: got %q, want KEY=VALUE", name, line)
		default:
			key = section + "." + key
			settings[key] = append(settings[key], strings.NewReplacer("%%", "%", "%i", instance).Replace(value))
		}
	}
	return settings
}

// once is a setting that stands once.
func once(t *testing.T, settings map[string][]string, key string) string {
	t.Helper()
	if len(settings[key]) != 1 {
		t.Fatalf("%s: got %q, want it once", key, settings[key])
	}
	return settings[key][0]
}

// timespan is a time as systemd writes it.
func timespan(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(strings.NewReplacer("min", "m", "sec", "s").Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// service is the line of a unit, and the environment that it gets.
func (h *host) service(instance string) (settings map[string][]string, words, env []string) {
	h.Helper()
	settings = unit(h.T, serviceFile, instance)
	env = []string{"HOME=" + h.path("/var/lib/sftctl"), "LOGNAME=sftctl", "USER=sftctl", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
	if data, err := os.ReadFile(h.path(strings.TrimPrefix(once(h.T, settings, "Service.EnvironmentFile"), "-"))); err == nil {
		env = append(env, strings.Fields(string(data))...)
	}
	return settings, strings.Fields(once(h.T, settings, "Service.ExecStart")), env
}

func TestDeployService(t *testing.T) {
	t.Parallel()
	h := newHost(t, reseller...)
	h.install()
	told := &webHook{}
	hook := httptest.NewServer(told)
	defer hook.Close()
	h.put("/etc/sftctl/north.env", "SFTCTL_NOTIFY="+hook.URL+"\n", 0o600)
	for _, instance := range []string{"north", "south"} {
		h.put("/etc/sftctl/"+instance+".yaml", twoOf(instance), 0o644)
		settings, words, env := h.service(instance)
		h.nights(nightly(t, words), 2, func() (int, string) {
			return h.exec(env, append([]string{"sh", "-c", "umask " + once(t, settings, "Service.UMask") + ` && exec "$@"`, "sh"}, h.movedAll(words)...)...)
		})
	}
	if len(told.bodies) != 1 {
		t.Errorf("the web hook of one account was told %d times, want once: of the night that changed something", len(told.bodies))
	}
	if accounts, _ := filepath.Glob(h.path("/var/lib/sftctl/state/accounts/*")); len(accounts) != 2 {
		t.Errorf("got %v, want one for each instance", accounts)
	}
}

func TestDeployServiceStopsInTime(t *testing.T) {
	settings := unit(t, serviceFile, "north")
	if got, want := timespan(t, once(t, settings, "Service.TimeoutStopSec")), shortestStop(t); got < want {
		t.Errorf("got TimeoutStopSec %s, want at least %s", got, want)
	}
	for key, want := range map[string]string{"Type": "oneshot", "KillSignal": "SIGTERM", "SuccessExitStatus": "143", "Restart": "no", "TimeoutStartSec": "infinity",
		"User": "sftctl", "StateDirectory": "sftctl", "StateDirectoryMode": "0700", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "PrivateTmp": "yes"} {
		if got := once(t, settings, "Service."+key); got != want {
			t.Errorf("got %s=%s, want %s", key, got, want)
		}
	}
	if len(settings["Service.LoadCredential"]) > 0 {
		t.Error("a credential of systemd has mode 0440 for a user, and is refused")
	}
	timer := unit(t, timerFile, "north")
	if at := once(t, timer, "Timer.OnCalendar"); !regexp.MustCompile(`^\*-\*-\* \d\d:\d[1-9]:00 UTC$`).MatchString(at) {
		t.Errorf("got OnCalendar %s, want one of every night in UTC, off the full hour", at)
	}
	if got := once(t, timer, "Timer.Persistent") + once(t, timer, "Install.WantedBy"); got != "truetimers.target" || len(timer["Timer.Unit"]) > 0 {
		t.Errorf("got %v", timer)
	}
	if timespan(t, once(t, timer, "Timer.RandomizedDelaySec")) == 0 {
		t.Error("all instances start at once")
	}
}

// analyze runs systemd-analyze.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze here: apt-get install systemd")
	}
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	return string(out), err
}

// installed are the units in a folder, with a program that is there in the place of
// the one that is not.
func installed(t *testing.T) (service, timer string) {
	t.Helper()
	dir := t.TempDir()
	stand, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	service, timer = filepath.Join(dir, filepath.Base(serviceFile)), filepath.Join(dir, filepath.Base(timerFile))
	write(t, service, strings.ReplaceAll(deployFile(t, serviceFile), program, stand))
	write(t, timer, deployFile(t, timerFile))
	return service, timer
}

func TestDeployUnitsAreTakenBySystemd(t *testing.T) {
	service, timer := installed(t)
	if out, err := analyze(t, "verify", service, timer); err != nil || out != "" { // it tells of keys that it does not know, and exits 0
		t.Errorf("%v\n%s", err, out)
	}
	// 14 here; other versions of systemd count a little differently.
	if out, err := analyze(t, "security", "--no-pager", "--offline=yes", "--threshold=20", service); err != nil {
		t.Errorf("it may do too much: %v\n%s", err, out)
	}
	if out, err := analyze(t, "calendar", once(t, unit(t, timerFile, "north"), "Timer.OnCalendar")); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The program needs no more than its unit lets it do. Nobody can confine it here as
// systemd does, so it is watched.
func TestDeployServiceDoesNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	if why := tracing(); why != "" {
		t.Skip(why)
	}
	h := newHost(t, reseller...)
	h.install()
	h.put("/etc/sftctl/north.yaml", twoOf("north"), 0o644)
	settings, words, env := h.service("north")
	trace := filepath.Join(t.TempDir(), "trace")
	if code, out := h.exec(env, append([]string{"strace", "-f", "-qq", "-o", trace}, h.movedAll(words)...)...); code != 0 {
		t.Fatalf("got exit code %d\n%s", code, out)
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	mayWrite := append([]string{"/var/lib/" + once(t, settings, "Service.StateDirectory")}, strings.TrimPrefix(once(t, settings, "Service.ReadWritePaths"), "-"))
	calls := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		m := regexp.MustCompile(`^\d+ +(\w+)\((.*)`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		calls[m[1]] = true
		for _, what := range h.beyond(settings, mayWrite, m[1], m[2]) {
			t.Errorf("%s: %s", what, line)
		}
	}
	if len(calls) < 20 || !calls["fsync"] || !calls["connect"] {
		t.Fatalf("got only %d kinds of calls", len(calls))
	}
	filtered(t, settings["Service.SystemCallFilter"], calls)
}

// beyond is what a call to the kernel does that the unit forbids.
func (h *host) beyond(settings map[string][]string, mayWrite []string, call, args string) (all []string) {
	family := regexp.MustCompile(`^(AF_\w+)`).FindString(args)
	if call == "socket" && !slices.Contains(strings.Fields(once(h.T, settings, "Service.RestrictAddressFamilies")), family) {
		all = append(all, "RestrictAddressFamilies=")
	}
	if strings.Contains(args, "PROT_WRITE|PROT_EXEC") {
		all = append(all, "MemoryDenyWriteExecute=")
	}
	changes := slices.Contains([]string{"mkdirat", "mkdir", "renameat", "renameat2", "rename", "unlinkat", "unlink", "fchmodat", "chmod", "linkat", "symlinkat"}, call)
	if !changes && !regexp.MustCompile(`O_(WRONLY|RDWR|CREAT)`).MatchString(args) {
		return all
	}
	for _, m := range regexp.MustCompile(`"(/[^"]*)"`).FindAllStringSubmatch(args, -1) {
		within := func(dir string) bool { return strings.HasPrefix(m[1]+"/", h.path(dir)+"/") }
		if !slices.ContainsFunc(mayWrite, within) && m[1] != "/dev/null" {
			all = append(all, "ProtectSystem=strict")
		}
	}
	return all
}

// filtered holds calls to a filter, in the order of its lines.
func filtered(t *testing.T, filter []string, calls map[string]bool) {
	t.Helper()
	allowed := map[string]bool{}
	for _, line := range filter {
		not := strings.HasPrefix(line, "~")
		for _, name := range strings.Fields(strings.TrimPrefix(line, "~")) {
			for _, call := range callsOf(t, name) {
				allowed[call] = !not
			}
		}
	}
	for call := range calls {
		if !allowed[call] {
			t.Errorf("the program calls %s, and the filter does not let it", call)
		}
	}
}

// callsOf are the calls of a group of systemd's, and of the groups in it.
func callsOf(t *testing.T, name string) (calls []string) {
	t.Helper()
	if !strings.HasPrefix(name, "@") {
		return []string{name}
	}
	out, err := analyze(t, "syscall-filter", "--no-pager", name)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range strings.Split(out, "\n")[1:] {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			calls = append(calls, callsOf(t, line)...)
		}
	}
	return calls
}
