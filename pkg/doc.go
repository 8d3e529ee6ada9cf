// Package pkg is the way through this library, and has no code of its own.
//
// What a fleet should be and what it is meet in a plan, which is then done:
//
//	manifest.Read ─► *fleet.Fleet ──┐
//	                                ├─ plan.Build ─► *plan.Plan ─► apply.Run ─► []apply.Result ─► report.Run
//	platform ─ inventory.Fetch ─────┘
//
// A program of its own goes through it in this order, and its example does:
//
//  1. manifest.Read reads the files, and platform.New makes a client.
//  2. journal.AccountDir says where the account is kept. Whoever changes something
//     takes its lock with journal.TakeLock, which nobody else then has on this
//     machine, the command included; journal.NewStore opens the runs, and Tidy
//     removes what a crash left. A pace.NewShared of the slots there is paid by all
//     programs of this machine; platform.New without a Purse pays from one of its
//     own.
//  3. Names that stand for ids are looked up: inventory.Needed, FetchCatalogue,
//     Resolve. inventory.Fetch lists what is live, whole or not at all.
//  4. plan.Build makes the difference, told what earlier runs left by apply.Doubts
//     and apply.Earlier. A plan with Blocked is refused by its guards.
//  5. apply.Begin marks the older runs whose place this one takes, then begins its
//     journal. apply.Run sends nothing that the journal does not have first, and
//     apply.Confirm holds what came of it against a new listing.
//  6. report.Run tells of it, and the journal gets the record that apply.Ended
//     makes, last of all: until then the command resumes the run.
//
// For others to use are fleet, manifest, inventory, plan, apply, journal, report,
// platform, simulator and events; of wire its dialects, and of pace its purses and
// slots. All else is the command's. Until 1.0 names in Go may change in a minor
// version, which CHANGELOG.md then says; what files hold has a version of its own.
// docs/library.md says more.
package pkg
