package cli

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cronJob is a line of a crontab.
type cronJob struct {
	minute, hour int
	command      string
}

// crontab reads a user's crontab as Debian's cron does.
func crontab(t *testing.T, text string) (env []string, jobs []cronJob) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if regexp.MustCompile(`^[A-Z_]+=`).MatchString(line) {
			env = append(env, line)
			continue
		}
		m := regexp.MustCompile(`^(\d+) (\d+) \* \* \* (.*)$`).FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("got %q, want a job of every night", line)
		}
		if regexp.MustCompile(`(^|[^\\])%`).MatchString(m[3]) {
			t.Errorf("got %% in %q: cron ends the command there", m[3])
		}
		minute, _ := strconv.Atoi(m[1])
		hour, _ := strconv.Atoi(m[2])
		jobs = append(jobs, cronJob{minute, hour, strings.ReplaceAll(m[3], `\%`, "%")})
	}
	return env, jobs
}

// Cron runs the line each night. What it prints is mailed: nothing, unless something
// is wrong.
func TestDeployCrontab(t *testing.T) {
	t.Parallel()
	env, jobs := crontab(t, deployFile(t, "crontab"))
	if len(jobs) != 1 || jobs[0].minute == 0 {
		t.Fatalf("got %v, want one job off the full hour", jobs)
	}
	h := newHost(t)
	h.install()
	h.put("/etc/sftctl/fleet.yaml", twoOf("meter"), 0o644)
	env = append(env, "HOME="+h.path("/var/lib/sftctl"), "LOGNAME=sftctl", "PATH=/usr/bin:/bin")
	line := func() (int, string) { return h.exec(env, "/bin/sh", "-c", h.moved(jobs[0].command)) }
	silent := func() (int, string) {
		h.Helper()
		code, mail := line()
		if mail != "" {
			h.Errorf("a night in which all is well is mailed:\n%s", mail)
		}
		return code, mail
	}
	words := strings.Fields(regexp.MustCompile(program + ` [^>]*`).FindString(jobs[0].command))
	h.nights(nightly(t, words), 2, silent)

	h.put("/etc/sftctl/fleet.yaml", twoOf("meter")+"  - {endpointName: meter-1, state: absent}\n", 0o644)
	if _, mail := line(); !strings.HasPrefix(mail, "sftctl reconcile: exit code 65\n") || !strings.Contains(mail, "fleet.yaml:7:") {
		t.Errorf("got mail %q, want the exit code and what is wrong", mail)
	}
	h.put("/etc/sftctl/fleet.yaml", strings.ReplaceAll(twoOf("meter"), "-2}", "-2, state: absent}"), 0o644)
	if _, mail := line(); !strings.HasPrefix(mail, "sftctl reconcile: exit code 5\n") || !strings.Contains(mail, "--max-deletes 1") {
		t.Errorf("got mail %q, want the exit code and the number", mail)
	}
	h.put("/etc/sftctl/fleet.yaml", twoOf("meter"), 0o644)
	silent()
}

func TestDeployCrontabIsTakenByCron(t *testing.T) {
	if _, err := exec.LookPath("crontab"); err != nil {
		t.Skip("there is no crontab here: apt-get install cron")
	}
	out, err := exec.Command("crontab", "-n", filepath.Join(deployed, "crontab")).CombinedOutput()
	if strings.Contains(string(out), "usage:") {
		t.Skip("the crontab of this system does not check: want Debian's")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Wherever the machine is, each night has the hour of the crontab once.
func TestDeployCrontabHasItsHourEachNight(t *testing.T) {
	_, jobs := crontab(t, deployFile(t, "crontab"))
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	zones, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = zones.Close() }()
	odd := func(hour, minute int) (all []string) {
		for _, zone := range zones.File {
			if loc, err := time.LoadLocation(zone.Name); err == nil {
				all = append(all, moves(loc, hour, minute)...)
			}
		}
		return all
	}
	if all := odd(jobs[0].hour, jobs[0].minute); len(all) > 0 {
		t.Errorf("%02d:%02d is not there, or twice, %v", jobs[0].hour, jobs[0].minute, all)
	}
	if all := odd(2, 30); len(all) < 100 {
		t.Errorf("got %d moves of clocks over 02:30: this test sees none", len(all))
	}
}

// moves are the nights of some years in which a zone's clocks go over a time.
func moves(loc *time.Location, hour, minute int) (all []string) {
	for at := time.Date(2025, 1, 1, 0, 0, 0, 0, loc); at.Year() < 2038; {
		_, next := at.ZoneBounds()
		if next.IsZero() {
			break
		}
		_, before := next.Add(-time.Second).Zone()
		_, after := next.Zone()
		from := next.UTC().Add(time.Duration(min(before, after)) * time.Second) // by the clocks of the zone
		to := next.UTC().Add(time.Duration(max(before, after)) * time.Second)
		for _, day := range []time.Time{from, to} {
			if job := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, time.UTC); !job.Before(from) && job.Before(to) {
				all = append(all, fmt.Sprint(loc, " ", day.Format(time.DateOnly)))
				break
			}
		}
		at = next
	}
	return all
}
