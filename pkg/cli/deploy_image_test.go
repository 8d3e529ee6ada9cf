package cli

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sftctl/pkg/simulator"
)

// instruction is a line of a Dockerfile.
type instruction struct{ name, text string }

// stages are the stages of the Dockerfile, each from its FROM on.
func stages(t *testing.T) (all [][]instruction) {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(deployFile(t, "Dockerfile"), "")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "":
			continue
		case name == "FROM":
			all = append(all, nil)
		case !slices.Contains([]string{"WORKDIR", "COPY", "RUN", "ENV", "USER", "STOPSIGNAL", "ENTRYPOINT"}, name):
			t.Fatalf("got %s in the Dockerfile, which this test does not know", name)
		}
		all[len(all)-1] = append(all[len(all)-1], instruction{name, strings.TrimSpace(rest)})
	}
	if len(all) != 2 {
		t.Fatalf("got %d stages, want one that builds and one that is the image", len(all))
	}
	return all
}

// said are the texts of an instruction in a stage.
func said(stage []instruction, name string) (texts []string) {
	for _, i := range stage {
		if i.name == name {
			texts = append(texts, i.text)
		}
	}
	return texts
}

// saidOnce is the text of an instruction that stands once.
func saidOnce(t *testing.T, stage []instruction, name string) string {
	t.Helper()
	texts := said(stage, name)
	if len(texts) != 1 {
		t.Fatalf("got %s %q, want it once", name, texts)
	}
	return texts[0]
}

// entrypoint are the words that a container begins with.
func entrypoint(t *testing.T) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(saidOnce(t, stages(t)[1], "ENTRYPOINT")), &words); err != nil {
		t.Fatalf("ENTRYPOINT: %v: a shell would keep the signals to itself", err)
	}
	return words
}

// imageUser is the user of the image, by number.
func imageUser(t *testing.T) (uid, gid int64) {
	t.Helper()
	user := saidOnce(t, stages(t)[1], "USER")
	m := regexp.MustCompile(`^([1-9]\d*):([1-9]\d*)$`).FindStringSubmatch(user)
	if m == nil {
		t.Fatalf("got USER %s, want two numbers that are not 0: the image has no names, and a cluster must see that it is not root", user)
	}
	uid, _ = strconv.ParseInt(m[1], 10, 64)
	gid, _ = strconv.ParseInt(m[2], 10, 64)
	return uid, gid
}

func TestDeployImage(t *testing.T) {
	build, image := stages(t)[0], stages(t)[1]
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.(\d+)$`).FindStringSubmatch(string(mod))
	from := regexp.MustCompile(`^golang:(\d+\.\d+)\.(\d+)-\w+ AS build$`).FindStringSubmatch(saidOnce(t, build, "FROM"))
	if from == nil || from[1] != wanted[1] {
		t.Fatalf("got %v, want golang:%s.N, as go.mod has it", said(build, "FROM"), wanted[1])
	}
	if have, want := numeral(t, from[2]), numeral(t, wanted[2]); have < want {
		t.Errorf("got go %s.%d, want at least %s.%d", from[1], have, wanted[1], want)
	}
	if got := saidOnce(t, image, "FROM"); got != "scratch" {
		t.Errorf("got an image from %s", got)
	}
	if got := saidOnce(t, image, "STOPSIGNAL"); got != "SIGTERM" {
		t.Errorf("got STOPSIGNAL %s, want SIGTERM", got)
	}
	if got := entrypoint(t); !slices.Equal(got, []string{program}) {
		t.Errorf("got ENTRYPOINT %q, want %s", got, program)
	}
}

func numeral(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// imageRoot does what the Dockerfile does, without Docker: it takes what is copied,
// runs what is run, and makes a root directory of what the last stage has.
func imageRoot(t *testing.T) string {
	t.Helper()
	build, root := t.TempDir(), t.TempDir()
	dir := "/"
	for _, i := range stages(t)[0] {
		switch words := strings.Fields(i.text); i.name {
		case "WORKDIR":
			dir = i.text
		case "COPY":
			into := filepath.Join(build, dir, words[len(words)-1])
			for _, what := range words[:len(words)-1] {
				checkedOut(t, what, into)
			}
		case "RUN":
			ran(t, filepath.Join(build, dir), strings.ReplaceAll(regexp.MustCompile(`--mount=\S+ *`).ReplaceAllString(i.text, ""), "/out", build+"/out"))
		}
	}
	for _, text := range said(stages(t)[1], "COPY") {
		words := strings.Fields(text)
		if len(words) != 3 || words[0] != "--from=build" {
			t.Fatalf("got COPY %s, want one file from the other stage", text)
		}
		fillRoot(t, build, words[1], filepath.Join(root, words[2]))
	}
	return root
}

// checkedOut copies a file, or what is in a folder, of the checkout.
func checkedOut(t *testing.T, what, into string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(top, what))
	switch {
	case err != nil:
	case info.IsDir():
		err = os.CopyFS(into, os.DirFS(filepath.Join(top, what)))
	default:
		var data []byte
		if data, err = os.ReadFile(filepath.Join(top, what)); err == nil {
			err = errors.Join(os.MkdirAll(into, 0o755), os.WriteFile(filepath.Join(into, filepath.Base(what)), data, 0o644))
		}
	}
	if err != nil {
		t.Fatalf("COPY %s: %v", what, err)
	}
}

func ran(t *testing.T, dir, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// fillRoot copies a file of the stage that builds; the authorities are those of the
// base image, in the place of which stands nothing yet.
func fillRoot(t *testing.T, build, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(build, from))
	if strings.HasPrefix(from, "/etc/ssl/") {
		data, err = nil, nil
	}
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o755)); err != nil {
		t.Fatal(err)
	}
}

// container runs an image's program as the image's user, where there is nothing but
// the image and the volumes.
type container struct {
	*testing.T
	root  string
	env   []string
	enter []string // what makes all but the volume read-only, and the program the first of its processes; empty where that is not possible
}

// readOnly is a root directory that nobody can write, but for the volume.
const readOnly = `mount --bind "$0" "$0" && mount --bind "$0/var/lib/sftctl" "$0/var/lib/sftctl" && mount -o remount,ro,bind "$0" && exec "$@"`

func newContainer(t *testing.T) *container {
	t.Helper()
	c := &container{T: t, root: imageRoot(t)}
	for _, text := range said(stages(t)[1], "ENV") {
		c.env = append(c.env, strings.Fields(text)...)
	}
	if err := exec.Command("unshare", "--mount", "--pid", "--kill-child", "true").Run(); err == nil {
		c.enter = []string{"unshare", "--mount", "--pid", "--kill-child", "sh", "-c", readOnly, c.root}
	} else {
		t.Log("nothing can be mounted here: what is not a volume belongs to root, and can be written by nobody else")
	}
	uid, gid := imageUser(t)
	if err := errors.Join(os.MkdirAll(filepath.Join(c.root, "etc/sftctl"), 0o755), os.MkdirAll(filepath.Join(c.root, "var/lib/sftctl"), 0o755), os.Chmod(c.root, 0o555)); err != nil {
		t.Fatal(err)
	}
	c.enter = append(c.enter, "chroot", fmt.Sprintf("--userspec=%d:%d", uid, gid), "--groups=", c.root)
	return c
}

// mount makes the volume writable to the group, as a cluster does.
func (c *container) mount() {
	c.Helper()
	_, gid := imageUser(c.T)
	volume := filepath.Join(c.root, "var/lib/sftctl")
	if err := errors.Join(os.Chown(volume, 0, int(gid)), os.Chmod(volume, os.ModeSetgid|0o775)); err != nil {
		c.Fatal(err)
	}
}

// command is the image's program in the container.
func (c *container) command(env []string, args ...string) (*exec.Cmd, *talk) {
	words := slices.Concat(c.enter, entrypoint(c.T), args)
	cmd, out := exec.CommandContext(c.Context(), words[0], words[1:]...), &talk{}
	cmd.Env = slices.Concat([]string{"PATH=" + os.Getenv("PATH")}, c.env, env)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// wants runs the program and holds its exit code, and what it says, to what is wanted.
func (c *container) wants(code int, text string, env []string, args ...string) {
	c.Helper()
	cmd, out := c.command(env, args...)
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code || !out.has(text) {
		c.Errorf("%s: got exit code %d, want %d and %q\n%s", strings.Join(args, " "), got, code, text, out)
	}
}

func (c *container) put(path, text string) {
	c.Helper()
	if err := os.WriteFile(filepath.Join(c.root, path), []byte(text), 0o644); err != nil {
		c.Fatal(err)
	}
}

// The image works for a user without a name, with nothing to write to but the
// volume, and does nothing without one.
func TestDeployImageRuns(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("only root of a Linux can run a program where there is nothing but the image")
	}
	c := newContainer(t)
	static(t, c.root+program)
	c.wants(0, "sftctl", nil, "version")
	c.put("etc/sftctl/fleet.yaml", twoOf("meter"))
	night := []string{"reconcile", "--simulate", "--rate", "0", "--keep", "90d", "/etc/sftctl/fleet.yaml"}
	c.wants(74, "/var/lib/sftctl", nil, night...)
	c.mount()
	c.wants(0, ": 2 done", nil, night...)
	c.wants(0, ": 2 unchanged", nil, night...)
	if made, _ := filepath.Glob(filepath.Join(c.root, "var/lib/sftctl/*")); len(made) != 2 {
		t.Errorf("got %v, want state and reports", made)
	}
	c.trusts(t)
	c.stops(t)
}

// static demands a program that needs nothing of the system, built without the
// paths of whoever built it.
func static(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	libraries, err := f.ImportedLibraries()
	dynamic := slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if err != nil || dynamic || len(libraries) > 0 {
		t.Errorf("got a program that wants %v, %v, want a static one", libraries, err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		t.Errorf("got %v", settings)
	}
}

// trusts demands that the program finds whom to trust where the image has it.
func (c *container) trusts(t *testing.T) {
	server := httptest.NewUnstartedServer(simulator.New())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of those who do not trust it
	server.StartTLS()
	defer server.Close()
	env := []string{"SFTCTL_URL=" + server.URL, "SFTCTL_USERNAME=ann", "SFTCTL_PASSWORD=" + canary}
	c.wants(8, "certificate", env, "get", "plans", "--max-outage", "1s")
	authorities := ""
	for _, text := range said(stages(t)[1], "COPY") {
		if words := strings.Fields(text); strings.HasPrefix(words[1], "/etc/ssl/") {
			authorities = words[2]
		}
	}
	c.put(authorities, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	c.wants(0, "IoT Basic", env, "get", "plans")
}

// stops demands that a SIGTERM reaches the program, which then ends in good order.
func (c *container) stops(t *testing.T) {
	sim := simulator.New(slowCalls)
	server := httptest.NewServer(sim)
	defer server.Close()
	c.put("etc/sftctl/many.csv", "endpointName,planId,serviceProfileId,simProductId\n"+manyRows(40))
	cmd, out := c.command([]string{"SFTCTL_URL=" + server.URL, "SFTCTL_USERNAME=ann", "SFTCTL_PASSWORD=" + canary, "SFTCTL_RATE=10", "SFTCTL_PARALLELISM=4"},
		"reconcile", "--reports", "/var/lib/sftctl/stopped", "/etc/sftctl/many.csv")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := poll("it works", func() bool { return len(sim.Endpoints()) > 2 })
	if err == nil {
		err = syscall.Kill(inner(cmd.Process.Pid), syscall.SIGTERM)
	} else {
		_ = cmd.Process.Kill()
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); err != nil || code != 143 || !out.has("stopped by SIGTERM") {
		t.Errorf("got %v and exit code %d, want 143\n%s", err, code, out)
	}
	results, _ := filepath.Glob(filepath.Join(c.root, "var/lib/sftctl/stopped/*/results.csv"))
	if len(results) != 1 {
		t.Fatalf("got reports %v, want one", results)
	}
	if data, err := os.ReadFile(results[0]); err != nil || strings.Count(string(data), "\n") != 41 || strings.Contains(string(data), "unknown") {
		t.Errorf("got %v and results\n%s", err, data)
	}
}

func manyRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "m-%d,100234,SP_1249,7\n", i)
	}
	return b.String()
}

// inner is the process that a chain of others ends in, each of which waits for the
// next.
func inner(pid int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var child int
	if n, _ := fmt.Sscan(string(data), &child); n == 1 {
		return inner(child)
	}
	return pid
}
