package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftctl/pkg/crashfs"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

// over is a run that sent something, and ended with all of it verified.
func over(t *testing.T, s *journal.Store, run, plan string) {
	t.Helper()
	j := ran(t, s, run, plan, 1)
	j.Outcome(journal.Outcome{Outcome: fleet.Done, Sends: 1})
	if err := errors.Join(j.End(journal.End{Verified: true}), j.Close()); err != nil {
		t.Fatal(err)
	}
}

// stays checks that a run may not be forgotten, and is as it was.
func stays(t *testing.T, s *journal.Store, run, plan, why string) {
	t.Helper()
	err := s.Forget(run)
	if !errors.Is(err, fleet.ErrPlan) || !strings.Contains(err.Error(), why) {
		t.Errorf("forgetting %s: got %v, want an ErrPlan with %q", run, err, why)
	}
	if by, err := s.UsedBy(plan); by != run || err != nil {
		t.Errorf("its plan was used by %q, %v, want %q", by, err, run)
	}
}

func TestForgottenRunsLeaveTheirPlanUsed(t *testing.T) {
	disk := crashfs.New()
	s := store(t, disk)
	over(t, s, r1, "p1")
	over(t, s, r2, "p2")
	if err := s.Forget(r1); err != nil {
		t.Fatal(err)
	}
	if by, err := s.UsedBy("p1"); by != "" || !errors.Is(err, fleet.ErrPlan) || !strings.Contains(err.Error(), "used by run "+r1) {
		t.Errorf("its plan: got %q, %v, want an ErrPlan that names its run", by, err)
	}
	if runs, err := s.Runs(); !slices.Equal(runs, []string{r2}) || err != nil {
		t.Errorf("got runs %v, %v", runs, err)
	}
	if all, err := s.Histories(); len(all) != 1 || err != nil { // it is not missed
		t.Errorf("got %d histories, %v", len(all), err)
	}
	again := ran(t, s, r3, "p1", 0)
	if err := again.Intent(journal.Intent{}); !errors.Is(err, fleet.ErrIO) || !strings.Contains(err.Error(), r1) {
		t.Errorf("another run of its plan: got %v, want a refusal that names its run", err)
	}
	_ = again.Close()
	if err := s.Forget(r1); !journal.Missing(err) {
		t.Errorf("once more: got %v", err)
	}
}

func TestWhatCountsIsNotForgotten(t *testing.T) {
	disk := crashfs.New()
	s := store(t, disk)
	if err := ran(t, s, r1, "p1", 2).Close(); err != nil {
		t.Fatal(err)
	}
	stays(t, s, r1, "p1", "2 calls of it in doubt")
	j := ran(t, s, r2, "p2", 1)
	j.Outcome(journal.Outcome{Outcome: fleet.Done})
	if err := errors.Join(j.End(journal.End{}), j.Close()); err != nil {
		t.Fatal(err)
	}
	stays(t, s, r2, "p2", "nobody verified")
	for _, other := range []string{"..", "", "used"} {
		if err := s.Forget(other); err == nil {
			t.Errorf("%q: got no error", other)
		}
	}
}

func TestAFolderWithOtherFilesStays(t *testing.T) {
	state := t.TempDir()
	s, err := journal.NewStore(state, journal.OS{}, journal.SystemClock)
	if err != nil {
		t.Fatal(err)
	}
	over(t, s, r1, "p1")
	notes := filepath.Join(state, "runs", r1, "notes.txt")
	if err := os.WriteFile(notes, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stays(t, s, r1, "p1", notes+" is not a file of a run")
	if err := os.Remove(notes); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(r1); err != nil {
		t.Error(err)
	}
}

// Wherever a crash comes, the run is there whole or gone, and its plan is used.
func TestForgettingSurvivesCrashes(t *testing.T) {
	for _, power := range []bool{false, true} {
		for at := 1; ; at++ {
			disk := crashfs.New()
			s := store(t, disk)
			over(t, s, r1, "p1")
			over(t, s, r2, "p2")
			disk.CrashAt(at, nil)
			crashed := s.Forget(r1) != nil
			if !disk.Dead() {
				if crashed || at < 5 {
					t.Fatalf("it took %d operations", at)
				}
				break
			}
			disk.Reboot(power, uint64(at))
			keptOrGone(t, disk, at)
		}
	}
}

func keptOrGone(t *testing.T, disk *crashfs.Disk, at int) {
	t.Helper()
	s := store(t, disk)
	tidy(t, s, disk)
	all, err := s.Histories()
	if err != nil || len(all) == 0 || all[len(all)-1].Run != r2 {
		t.Fatalf("at %d: got %d histories, %v", at, len(all), err)
	}
	if by, err := s.UsedBy("p1"); by != r1 && !errors.Is(err, fleet.ErrPlan) {
		t.Fatalf("at %d: the plan was used by %q, %v", at, by, err)
	}
	for _, h := range all {
		readsAgain(t, s, h)
	}
	if err := s.Forget(r1); err != nil && !journal.Missing(err) {
		t.Fatalf("at %d: once more: %v", at, err)
	}
	tidy(t, s, disk)
	if runs, _ := s.Runs(); !slices.Equal(runs, []string{r2}) {
		t.Fatalf("at %d: got runs %v", at, runs)
	}
}
