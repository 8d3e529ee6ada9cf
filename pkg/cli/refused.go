package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
)

// refusedFiles are what is kept of a plan that a guard refused, where the run would
// have reported: nobody may have seen what was printed.
func refusedFiles(p *plan.Plan) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"refused.plan": p.Write,
		"report.html":  func(to io.Writer) error { return report.WritePlan(to, p, "html", report.Options{}) },
		"report.md":    func(to io.Writer) error { return report.WritePlan(to, p, "markdown", report.Options{}) },
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

// forgetRefused removes the refused plans of the account that are older.
func (s *session) forgetRefused(reports string, before time.Time) (removed int, failed error) {
	entries, err := os.ReadDir(reports)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	names := append(sortedKeys(refusedFiles(nil)), "summary.json")
	for _, e := range entries {
		dir := filepath.Join(reports, e.Name())
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
	if _, err := os.Lstat(filepath.Join(dir, "refused.plan")); err != nil {
		return false
	}
	data, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	var of struct {
		BaseURL, Account string
		Ended            time.Time
	}
	return err == nil && json.Unmarshal(data, &of) == nil && of.BaseURL == s.baseURL && of.Account == s.account && of.Ended.Before(before) && !of.Ended.IsZero()
}

// holdsOnly says whether a folder holds no other files than some, and nothing else.
func holdsOnly(dir string, names []string) bool {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return false
	}
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return !slices.Contains(names, e.Name()) || !e.Type().IsRegular()
	})
}

// removeFolder removes a folder that holds some files only.
func removeFolder(dir string, names []string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fleet.Kind(fleet.ErrIO, err)
		}
	}
	return fleet.Kind(fleet.ErrIO, os.Remove(dir))
}
