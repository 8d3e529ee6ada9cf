package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

const (
	deployed = "../../deploy"
	program  = "/usr/local/bin/sftctl"
	// reporting is what reports and metrics may take at the end of a run, on a disk
	// that is slow.
	reporting = 30 * time.Second
)

// deployFiles are all files of deploy; the tests of this page and those beside it
// know what to do with each.
var deployFiles = []string{"Dockerfile", "README.md", "config.yaml", "crontab", "kubernetes/accounts.yaml", "kubernetes/cronjob.yaml",
	"prometheus/alerts.yaml", "systemd/sftctl-reconcile@.service", "systemd/sftctl-reconcile@.timer"}

func deployFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(deployed, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDeployHasNothingThatIsNotTested(t *testing.T) {
	var found []string
	err := fs.WalkDir(os.DirFS(deployed), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil || !slices.Equal(found, deployFiles) {
		t.Errorf("got %v, %v, want %v", found, err, deployFiles)
	}
}

// Whatever a file of deploy says by way of a variable or a flag is one that the
// program knows: a variable that it does not know is not heard of again.
func TestDeployNamesWhatThereIs(t *testing.T) {
	known := map[string]bool{envName(passwordFlag): true}
	for _, name := range flagNames(newRoot(Env{})) {
		known["--"+name], known[envName(name)] = true, true
	}
	for _, others := range []string{"--build-arg", "--time", "--collector", "--stop-timeout"} { // of docker and the exporter
		known[others] = true
	}
	for _, name := range deployFiles {
		text := deployFile(t, name)
		names := regexp.MustCompile(`\bSFTCTL_[A-Z_]+\b`).FindAllString(text, -1)
		for _, m := range regexp.MustCompile("`(--[a-z][a-z-]+)").FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		for _, what := range names {
			if !known[what] {
				t.Errorf("%s: got %s, which the program does not know", name, what)
			}
		}
	}
}

// parsed is a command line of the program as the program takes it.
func parsed(t *testing.T, words []string) *cobra.Command {
	t.Helper()
	if words[0] != program {
		t.Fatalf("got %s, want %s", words[0], program)
	}
	cmd, rest, err := newRoot(Env{}).Find(words[1:])
	if err == nil {
		err = errors.Join(cmd.ParseFlags(rest), cmd.ValidateArgs(cmd.Flags().Args()))
	}
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(words, " "), err)
	}
	return cmd
}

// nightly is parsed, and holds the line to what a night needs: places that do not
// depend on where it is started.
func nightly(t *testing.T, words []string) *cobra.Command {
	t.Helper()
	cmd := parsed(t, words)
	if cmd.Name() != "reconcile" {
		t.Errorf("got %s, want reconcile", cmd.Name())
	}
	paths := cmd.Flags().Args()
	for _, name := range []string{"config", "reports", "metrics-file"} {
		paths = append(paths, cmd.Flags().Lookup(name).Value.String())
	}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			t.Errorf("%s: got path %q, want an absolute one", strings.Join(words, " "), path)
		}
	}
	if keep := cmd.Flags().Lookup("keep").Value.String(); keep != "90d" {
		t.Errorf("got --keep %s, want 90d", keep)
	}
	return cmd
}

// shortestStop is the least time that whoever stops a run must give it: until its
// calls are answered, everybody is told and the reports are written.
func shortestStop(t *testing.T) time.Duration {
	t.Helper()
	grace, err := parsed(t, []string{program, "reconcile", "f.yaml"}).Flags().GetDuration("grace")
	if err != nil {
		t.Fatal(err)
	}
	return grace + atLast + postHurry + atLast + reporting // the stream, the hook, the log
}

// host is a machine on which somebody did what deploy says: the absolute paths are
// below a folder, and the platform is a simulated one.
type host struct {
	*testing.T
	root string
	url  string
	sim  *simulator.Simulator
}

func newHost(t *testing.T, opts ...simulator.Option) *host {
	t.Helper()
	h := &host{T: t, root: t.TempDir(), sim: simulator.New(append(opts, simulator.WithCredentials("acme", canary))...)}
	server := httptest.NewServer(h.sim)
	t.Cleanup(server.Close)
	h.url = server.URL
	real, err := exec.LookPath("sftctl")
	if err != nil {
		t.Fatal(err)
	}
	h.folder("/usr/local/bin", 0o755)
	if err := os.Symlink(real, h.path(program)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, what := range leaksBelow(h.root, "password", "sftctl") {
			t.Error(what)
		}
	})
	return h
}

// path is where a path of the machine is.
func (h *host) path(path string) string { return filepath.Join(h.root, path) }

// places are where deploy puts things.
var places = regexp.MustCompile(`/(?:usr/local/bin|etc/sftctl|etc/systemd|var/lib)\b`)

// moved is a text with the paths of the machine, and the platform's address, as
// they are here.
func (h *host) moved(text string) string {
	return strings.ReplaceAll(places.ReplaceAllString(text, h.root+"$0"), "https://sft.bics.com", h.url)
}

func (h *host) folder(path string, mode fs.FileMode) {
	h.Helper()
	makeAll(h.T, h.path(path), mode)
}

// put writes a file of the machine, with paths as they are here.
func (h *host) put(path, text string, mode fs.FileMode) {
	h.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(path)), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(h.path(path), []byte(h.moved(text)), mode), os.Chmod(h.path(path), mode)); err != nil {
		h.Fatal(err)
	}
}

// settings puts the configuration into place; a simulated platform needs no pace.
func (h *host) settings(text string) { h.put("/etc/sftctl/config.yaml", text+"\nrate: 1000\n", 0o644) }

// install does what the page says is done on a machine.
func (h *host) install() {
	h.Helper()
	h.settings(deployFile(h.T, "config.yaml"))
	h.put("/etc/sftctl/password", canary+"\n", 0o600)
	h.folder("/var/lib/sftctl", 0o700)
	h.folder("/var/lib/prometheus/node-exporter", 0o755)
}

// twoOf is a manifest of two endpoints.
func twoOf(name string) string {
	return fmt.Sprintf("apiVersion: sftctl/v1\nkind: Fleet\ndefaults: {planId: \"100234\", serviceProfileId: SP_1249, simProductId: \"7\"}\n"+
		"endpoints:\n  - {endpointName: %s-1}\n  - {endpointName: %s-2}\n", name, name)
}

// exec runs a program with the environment that is given and nothing else.
func (h *host) exec(env []string, words ...string) (code int, output string) {
	h.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.root, &out, &out
	cmd.Env = append(slices.Clone(env), "GORACE=atexit_sleep_ms=5")
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		h.Fatal(err)
	}
	for _, what := range leaks(out.Bytes()) {
		h.Errorf("%s was printed", what)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// movedAll are words with the paths as they are here.
func (h *host) movedAll(words []string) (all []string) {
	for _, word := range words {
		all = append(all, h.moved(word))
	}
	return all
}

// mutations is how many calls the platform has seen that change something.
func (h *host) mutations() (n int) {
	for op, seen := range h.sim.Counts() {
		if op.Mutates() {
			n += seen
		}
	}
	return n
}

// logins is how often somebody tried a password.
func (h *host) logins() int { return h.sim.Counts()[wire.OpLogin] }

// nights runs a line twice: the first night makes endpoints, reports and tells what
// came of it, and the second finds nothing to do.
func (h *host) nights(cmd *cobra.Command, makes int, night func() (code int, output string)) {
	h.Helper()
	before := h.mutations()
	for n, want := range []int{makes, 0} {
		code, output := night()
		if got := h.mutations() - before; code != 0 || got != want {
			h.Errorf("night %d: got exit code %d and %d calls that change something, want 0 and %d\n%s", n+1, code, got, want, output)
		}
		before = h.mutations()
		h.left(cmd, n+1, want)
	}
}

// left demands what a night leaves: a report, metrics that others can read, and a
// state that they cannot.
func (h *host) left(cmd *cobra.Command, nights, drift int) {
	h.Helper()
	reports, _ := filepath.Glob(filepath.Join(h.path(cmd.Flags().Lookup("reports").Value.String()), "*", "report.html"))
	if len(reports) != nights {
		h.Errorf("got reports %v, want %d", reports, nights)
	}
	metrics := h.path(cmd.Flags().Lookup("metrics-file").Value.String())
	data, err := os.ReadFile(metrics)
	if err != nil {
		h.Fatal(err)
	}
	for name, want := range map[string]int{"sftctl_last_run_exit_code": 0, "sftctl_drift_rows": drift} {
		if line := regexp.MustCompile(fmt.Sprintf(`(?m)^%s\{.*\} %d$`, name, want)); !line.Match(data) {
			h.Errorf("got no %s %d in\n%s", name, want, data)
		}
	}
	if info, err := os.Stat(metrics); err != nil || info.Mode().Perm() != 0o644 {
		h.Errorf("%s: got %v, %v, want mode 0644", metrics, info.Mode(), err)
	}
	h.private("/var/lib/sftctl/state")
}

// private demands that a folder, and all that is in it, is its owner's alone.
func (h *host) private(path string) {
	h.Helper()
	n := 0
	err := filepath.WalkDir(h.path(path), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n++
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s: got mode %04o, want none for others", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil || n < 5 {
		h.Errorf("%s: got %v after %d files", path, err, n)
	}
}

// reseller is a platform with the accounts that deploy has for an example.
var reseller = []simulator.Option{simulator.WithAccount(simulator.Reseller), simulator.WithTargetAccounts("7001", "7002")}
