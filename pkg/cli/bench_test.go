package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/journal"
	"sftctl/pkg/manifest"
	"sftctl/pkg/plan"
)

var (
	heyBinary    = flag.String("hey", "", "the plain load generator to be compared with")
	sftctlBinary = flag.String("sftctl", "", "the program to be measured")
)

// BenchmarkOnboard onboards the 11,008 sites on a simulator in a process of its
// own, over loopback HTTP and without a rate, and sends as many plain creates
// to it with hey over 64 connections in the same run. The metrics: wall-s is
// the whole command, the simulator's start and end with it; POST/s counts from the first to the last mutation by the
// simulator's log; ratio is POST/s over hey's.
func BenchmarkOnboard(b *testing.B) {
	if *heyBinary == "" || *sftctlBinary == "" {
		b.Skip("needs -hey and -sftctl: make bench gives both")
	}
	for b.Loop() {
		plain := plainRate(b)
		wall, posts := onboardRate(b)
		b.ReportMetric(wall.Seconds(), "wall-s")
		b.ReportMetric(posts, "POST/s")
		b.ReportMetric(plain, "hey-POST/s")
		b.ReportMetric(posts/plain, "ratio")
	}
}

// BenchmarkPaced creates 200 endpoints at 200 calls a second on a simulator that
// takes 10 ms for each call. The metric bound is the time from the first to the
// last mutation over 1.03 × calls ÷ rate + 3 × latency: at most 1.
func BenchmarkPaced(b *testing.B) {
	if *sftctlBinary == "" {
		b.Skip("needs -sftctl: make bench gives it")
	}
	const rows, perSecond = 200, 200
	var csv strings.Builder
	csv.WriteString("endpointName,planId,serviceProfileId,simProductId\n")
	for i := range rows {
		csv.WriteString("m-" + strconv.Itoa(i) + ",100234,SP_1249,7\n")
	}
	for b.Loop() {
		dir := b.TempDir()
		file := filepath.Join(dir, "fleet.csv")
		if err := os.WriteFile(file, []byte(csv.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		log := onboard(b, dir, file, "200 done", strconv.Itoa(perSecond), "--latency", "10ms")
		took := rows / mutationRate(b, log, rows)
		b.ReportMetric(took/(1.03*rows/perSecond+3*0.010), "bound")
	}
}

// BenchmarkJournal does the plan of the 11,008 sites without a rate on a
// simulator in a process of its own, with a journal on the disk of the temporary
// directory and without any, five times each by turns. The metric cost is the
// median time with it over the median time without it, less 1: at most 0.15.
func BenchmarkJournal(b *testing.B) {
	if *sftctlBinary == "" {
		b.Skip("needs -sftctl: make bench gives it")
	}
	for b.Loop() {
		var with, without []float64
		for range 5 {
			without = append(without, journalled(b, false))
			with = append(with, journalled(b, true))
		}
		slices.Sort(with)
		slices.Sort(without)
		b.ReportMetric(with[2], "with-s")
		b.ReportMetric(without[2], "without-s")
		b.ReportMetric(with[2]/without[2]-1, "cost")
	}
}

// journalled is how many seconds the calls of a run took.
func journalled(b *testing.B, kept bool) float64 {
	b.Helper()
	url, stop := serve(b)
	defer stop()
	var o connection
	o.bind(&cobra.Command{})
	o.url, o.username, o.rate, o.stateDir = url, "ann", 0, b.TempDir()
	o.callTimeout, o.grace, o.maxOutage, o.settle = time.Minute, time.Second, time.Minute, time.Second
	s, err := o.open(Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) (string, bool) { return "secret", true }})
	if err != nil {
		b.Fatal(err)
	}
	want, _, err := manifest.Read([]string{filepath.Join(top, "samples", "navaids.yaml")}, manifest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	p, l, err := s.planFiles(b.Context(), quiet, want, terms{limits: plan.Unlimited})
	if err != nil {
		b.Fatal(err)
	}
	w := &work{plan: p, want: want, look: l, results: apply.New(p, s.client.Abilities())}
	opts := apply.Options{Workers: s.workers, Settling: s.settling, Journal: forgetful{}}
	if kept {
		if _, err := s.begin(quiet, w); err != nil {
			b.Fatal(err)
		}
		opts.Journal = w.journal
	}
	began := time.Now()
	if err := apply.Run(b.Context(), p, w.results, s.client, opts); err != nil {
		b.Fatal(err)
	}
	if kept {
		if err := w.journal.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began).Seconds()
}

// serve starts a simulator and returns its address and what ends it.
func serve(b *testing.B, args ...string) (string, func()) {
	b.Helper()
	stock, err := filepath.Abs(filepath.Join(top, "samples", "navaids-full.json"))
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(*sftctlBinary, append([]string{"simulator", "--listen", "127.0.0.1:0", "--stock", stock}, args...)...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(url), func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait() // it ends by the signal, and says so with its code
	}
}

const mutations = 33024

func plainRate(b *testing.B) float64 {
	b.Helper()
	url, stop := serve(b)
	defer stop()
	out, err := exec.Command(*heyBinary, "-n", strconv.Itoa(mutations), "-c", "64", "-m", "POST", "-T", "application/json",
		"-H", "X-Authorization: Bearer "+login(b, url), "-H", "X-Requested-With: XMLHttpRequest",
		"-d", `{"endpointInfo":{"endpointName":"x","planId":"100234","serviceProfileId":"SP_1249","simProductId":"7","apnGroupId":"PDP_12"}}`,
		url+"/api/createEndpoint").Output()
	if err != nil {
		b.Fatal(err)
	}
	found := regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`).FindSubmatch(out)
	if found == nil || !bytes.Contains(out, []byte("[200]	"+strconv.Itoa(mutations)+" responses")) {
		b.Fatalf("hey: %s", out)
	}
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return rate
}

func login(b *testing.B, url string) string {
	b.Helper()
	resp, err := http.Post(url+"/api/login", "application/json", strings.NewReader(`{"username":"a","password":"b"}`))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	var tokens struct{ AccessToken string }
	if err := json.NewDecoder(resp.Body).Decode(&tokens); err != nil {
		b.Fatal(err)
	}
	return tokens.AccessToken
}

func onboardRate(b *testing.B) (time.Duration, float64) {
	b.Helper()
	start := time.Now()
	log := onboard(b, b.TempDir(), filepath.Join(top, "samples", "navaids.yaml"), "11,008 done", "0")
	return time.Since(start), mutationRate(b, log, mutations)
}

// onboard applies a file on a simulator of its own, and returns the log of that.
func onboard(b *testing.B, dir, file, says, rate string, simulator ...string) string {
	b.Helper()
	log := filepath.Join(dir, "log")
	url, stop := serve(b, append(simulator, "--log", log)...)
	cmd := exec.Command(*sftctlBinary, "apply", "--url", url, "--username", "ann", "--yes", "--rate", rate, "--reports", dir, file)
	cmd.Env = append(os.Environ(), "SFTCTL_PASSWORD="+canary, "SFTCTL_STATE_DIR="+dir)
	out, err := cmd.CombinedOutput()
	stop()
	if err != nil || !bytes.Contains(out, []byte(says)) {
		b.Fatalf("%v: %s", err, out)
	}
	return log
}

// mutationRate reads the simulator's log: mutations a second.
func mutationRate(b *testing.B, log string, want int) float64 {
	b.Helper()
	f, err := os.Open(log)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var first, last time.Time
	n := 0
	for d := json.NewDecoder(f); ; {
		var entry struct {
			At      time.Time
			Applied bool
		}
		if err := d.Decode(&entry); err == io.EOF {
			break
		} else if err != nil {
			b.Fatal(err)
		}
		if !entry.Applied {
			continue
		}
		if n++; n == 1 {
			first = entry.At
		}
		last = entry.At
	}
	if n != want {
		b.Fatalf("got %d mutations, want %d", n, want)
	}
	return float64(n) / last.Sub(first).Seconds()
}

// forgetful is a journal that keeps nothing, for comparison.
type forgetful struct{}

func (forgetful) Intent(journal.Intent) error { return nil }
func (forgetful) Outcome(journal.Outcome)     {}
func (forgetful) Finding(journal.Finding)     {}
