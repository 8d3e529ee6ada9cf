package pkg_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/manifest"
	"sftctl/pkg/pace"
	"sftctl/pkg/plan"
	"sftctl/pkg/platform"
	"sftctl/pkg/report"
	"sftctl/pkg/simulator"
)

const tool = "meters 1.0" // for the record, wherever there is one

// service keeps the fleet of one account as files say.
type service struct {
	client  *platform.Client
	store   *journal.Store
	dir     string // of the account
	reports string
	url     string
	account string
	rate    float64 // calls per second; 0 is no limit
}

// connect sets a service up; it sends nothing.
func connect(url, account, password, state, reports string, rate float64) (*service, error) {
	dir := journal.AccountDir(state, url, account)
	store, err := journal.NewStore(dir, journal.OS{}, journal.SystemClock)
	if err != nil {
		return nil, err
	}
	slots, err := pace.OpenSlots(filepath.Join(dir, "slots"))
	if err != nil {
		return nil, err
	}
	client, err := platform.New(platform.Options{BaseURL: url, Username: account,
		Password: platform.NewSecret(password), Purse: pace.NewShared(rate, slots)})
	return &service{client, store, dir, reports, url, account, rate}, err
}

// reconcile brings the account to what files say, and returns the run. It has the
// account to itself meanwhile.
func (s *service) reconcile(ctx context.Context, limits plan.Limits, files ...string) (run *report.Run, err error) {
	want, _, err := manifest.Read(files, manifest.Options{})
	if err != nil {
		return nil, err
	}
	lock, err := journal.TakeLock(s.dir, tool)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := s.store.Tidy(); err != nil {
		return nil, err
	}
	p, opts, err := s.plan(ctx, want, limits)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, p, opts)
}

// plan lists what is live and makes the difference.
func (s *service) plan(ctx context.Context, want *fleet.Fleet, limits plan.Limits) (*plan.Plan, plan.Options, error) {
	lacks := s.client.Abilities().Lacks
	names, err := inventory.FetchCatalogue(ctx, s.client, inventory.Needed(want.Specs, lacks), inventory.Options{})
	if err != nil {
		return nil, plan.Options{}, err
	}
	if err := names.Resolve(want.Specs, lacks); err != nil {
		return nil, plan.Options{}, err
	}
	runs, err := s.store.Histories()
	if err != nil {
		return nil, plan.Options{}, err
	}
	now := time.Now().UTC()
	have, err := s.list(ctx, want)
	if err != nil {
		return nil, plan.Options{}, err
	}
	opts := plan.Options{ID: journal.NewID(now), Created: now, Tool: tool, BaseURL: s.url, Account: s.account,
		Abilities: s.client.Abilities(), Limits: limits, Rate: s.rate, Products: names.Products(),
		Doubts:  apply.Doubts(runs, journal.SystemClock(), apply.DefaultWindow),
		Earlier: apply.Earlier(runs, want.Inputs, journal.SystemClock())}
	p, err := plan.Build(want, have, opts)
	return p, opts, err
}

func (s *service) list(ctx context.Context, want *fleet.Fleet) (*inventory.Inventory, error) {
	return inventory.Fetch(ctx, s.client, inventory.Options{SIMs: inventory.NeedsSIMs(want.Specs), Fill: true})
}

// do does a plan, checks it and reports it. What went wrong with a row is in its
// result.
func (s *service) do(ctx context.Context, p *plan.Plan, opts plan.Options) (*report.Run, error) {
	live := 0
	look := func(ctx context.Context) (*plan.Plan, *inventory.Inventory, error) {
		have, err := s.list(ctx, p.Fleet())
		if err != nil {
			return nil, nil, err
		}
		live = len(have.Endpoints)
		after := opts
		after.Doubts, after.Choice, after.Earlier = nil, nil, plan.Earlier{}
		now, err := plan.Build(p.Fleet(), have, after)
		return now, have, err
	}
	run := &report.Run{ID: journal.NewID(time.Now()), Plan: p, Results: apply.New(p, s.client.Abilities()), Started: time.Now().UTC(), Tool: tool}
	kept, err := apply.Begin(s.store, p, apply.Beginning{Run: run.ID, At: run.Started,
		Opened: journal.Opened{Command: "reconcile", Tool: tool}, Abilities: platform.AbilitiesOf})
	if err != nil {
		return nil, err
	}
	settling := apply.Settling{Rate: s.rate, Patience: time.Hour}
	run.Cut = apply.Run(ctx, p, run.Results, s.client, apply.Options{Journal: kept, Settling: settling,
		Workers: apply.Workers(s.rate, 3*time.Minute), Halt: apply.Halt{Percent: 5, Least: 20}})
	run.Doubt = apply.Confirm(ctx, p, run.Results, look, apply.Options{Journal: kept, Settling: settling})
	end := apply.Ended(run.Results, run.Cut, run.Doubt)
	end.Live = live
	run.Ended, run.Exit = end.At, end.Exit
	reported := save(run, filepath.Join(s.reports, run.ID)) // before the end: until then the run is resumed
	return run, errors.Join(run.Cut, run.Doubt, reported, kept.End(end), kept.Close())
}

// save writes the reports of a run into a folder.
func save(run *report.Run, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, write := range run.Files() {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := errors.Join(write(file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// A service reads a manifest, does what is missing, and finds nothing to do when it
// looks again.
func Example() {
	server := httptest.NewServer(simulator.New())
	defer server.Close()
	dir, err := os.MkdirTemp("", "meters")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "fleet.yaml")
	err = os.WriteFile(file, []byte(`apiVersion: sftctl/v1
kind: Fleet
defaults: {plan: IoT Basic, serviceProfileId: SP_1249, simProductId: "7", state: active}
endpoints:
  - {endpointName: meter-0001, iccid: "8932042000001234000"}
  - {endpointName: meter-0002, iccid: auto}
  - {endpointName: meter-0003, state: pre-active}
`), 0o600)
	if err != nil {
		log.Fatal(err)
	}
	s, err := connect(server.URL, "ann", "secret", filepath.Join(dir, "state"), filepath.Join(dir, "reports"), 0) // platform.DefaultRate, but for a simulator
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		run, err := s.reconcile(context.Background(), plan.Limits{Activations: 10}, file)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d to change, %d calls, exit %d\n", run.Plan.Counts.Change, run.Mutations(), run.Exit)
		for _, r := range run.Results {
			fmt.Println(r.Task.Label(), r.Outcome, r.Steps)
		}
	}
	// Output:
	// 3 to change, 7 calls, exit 0
	// meter-0001 done [{create done} {link done} {activate done}]
	// meter-0002 done [{create done} {link done} {activate done}]
	// meter-0003 done [{create done}]
	// 0 to change, 0 calls, exit 0
	// meter-0001 unchanged []
	// meter-0002 unchanged []
	// meter-0003 unchanged []
}
