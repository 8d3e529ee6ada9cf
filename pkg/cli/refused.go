package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
)

// The files by which a folder of reports is known: a run's, and a refused plan's.
const (
	summaryFile = "summary.json"
	refusedPlan = "refused.plan"
)

// refusedFiles are what is kept of a plan that a guard refused, where the run would
// have reported: nobody may have seen what was printed.
func refusedFiles(p *plan.Plan) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		refusedPlan:   p.Write,
		"report.html": func(to io.Writer) error { return report.WritePlan(to, p, "html", report.Options{}) },
		"report.md":   func(to io.Writer) error { return report.WritePlan(to, p, "markdown", report.Options{}) },
	}
}

// refused keeps a refused plan; summary.json follows when the command is over. That
// it could not be written changes nothing: nothing was done, and the exit code says
// why.
func (s *session) refused(env Env, w *work) {
	dir := filepath.Join(w.reports, w.plan.ID)
	if err := writeReports(w.reports, w.plan.ID, refusedFiles(w.plan)); err != nil {
		say(env.Stderr, "warning: %s", fleet.Printable(fleet.Message(err)))
		return
	}
	say(env.Stderr, "the refused plan is in %s", dir)
	s.monitor.in(dir)
}

// refusedNames are the files of a refused plan; the one by which it is known is the
// last.
func refusedNames() []string {
	return lastly(refusedPlan, append(sortedKeys(refusedFiles(nil)), summaryFile))
}

// lastly puts a name behind the others.
func lastly(last string, names []string) []string {
	return append(slices.DeleteFunc(names, func(name string) bool { return name == last }), last)
}

// forgetRefused removes the refused plans of the account that are older.
func (s *session) forgetRefused(reports string, before time.Time) (removed int, failed error) {
	entries, err := os.ReadDir(reports)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	names := refusedNames()
	for _, e := range entries {
		dir := filepath.Join(reports, e.Name())
		if at, named := journal.Named(e.Name()); named && at.Before(before) && e.IsDir() {
			_ = os.Remove(dir) // a crash may have left it empty; what holds something stays
		}
		if !holdsOnly(dir, names) || !s.refusedBefore(dir, before) {
			continue
		}
		if failed = errors.Join(failed, removeFolder(dir, names)); failed == nil {
			removed++
		}
	}
	return removed, errors.Join(fleet.Kind(fleet.ErrIO, err), failed)
}

// refusedBefore says whether a folder is about a plan of the account that was refused
// before a time.
func (s *session) refusedBefore(dir string, before time.Time) bool {
	if _, err := os.Lstat(filepath.Join(dir, refusedPlan)); err != nil {
		return false
	}
	of, err := summaryIn(dir)
	if errors.Is(err, os.ErrNotExist) { // a crash came before it was written, or while the folder was removed
		of, err = refusalIn(dir)
	}
	return err == nil && of.BaseURL == s.baseURL && of.Account == s.account && of.Ended.Before(before) && !of.Ended.IsZero()
}

// owner is what a folder of reports says whose it is, and of when.
type owner struct {
	Run, BaseURL, Account string
	Ended                 time.Time
}

func summaryIn(dir string) (of owner, err error) {
	data, err := os.ReadFile(filepath.Join(dir, summaryFile))
	if err == nil {
		err = json.Unmarshal(data, &of)
	}
	return of, err
}

// refusalIn is what the refused plan itself says.
func refusalIn(dir string) (owner, error) {
	f, err := os.Open(filepath.Join(dir, refusedPlan))
	if err != nil {
		return owner{}, err
	}
	defer f.Close()
	h, err := plan.ReadHeader(f)
	return owner{BaseURL: h.BaseURL, Account: h.Account, Ended: h.Created}, err
}

// unwhole are the files that a killed process left of some: replaceFile writes them
// aside, under a point, their name and a number.
func unwhole(dir string, names []string) (left []string) {
	for _, path := range pathsIn(dir, ".", "") {
		name := filepath.Base(path)
		if of := strings.TrimRight(name, "0123456789"); of != name && slices.Contains(names, of[1:]) {
			left = append(left, name)
		}
	}
	return left
}

// holdsOnly says whether a folder holds no other files than some, or what a killed
// process left of them.
func holdsOnly(dir string, names []string) bool {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return false
	}
	entries, err := os.ReadDir(dir)
	names = slices.Concat(names, unwhole(dir, names))
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return !slices.Contains(names, e.Name()) || !e.Type().IsRegular()
	})
}

// removeFolder removes a folder that holds some files only. They go in that order:
// while the last is there, the folder is known as ours.
func removeFolder(dir string, names []string) error {
	for _, name := range slices.Concat(unwhole(dir, names), names) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fleet.Kind(fleet.ErrIO, err)
		}
	}
	return fleet.Kind(fleet.ErrIO, os.Remove(dir))
}
