package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// forbid makes a platform refuse endpoint calls as it does those of a reseller.
func forbid(sim *simulator.Simulator, ops ...wire.Op) {
	var faults []simulator.Fault
	for _, op := range ops {
		faults = append(faults, simulator.Fault{Op: op, Effect: simulator.Forbidden})
	}
	sim.SetFaults(faults...)
}

// mutatingOps are all operations that change something.
func mutatingOps() (ops []wire.Op) {
	for _, op := range wire.Ops() {
		if op.Mutates() {
			ops = append(ops, op)
		}
	}
	return ops
}

// Every command that lists or changes endpoints says why a reseller may not, and what
// to do, and exits 7.
func TestAResellerIsToldWhy(t *testing.T) {
	for _, dialect := range wire.DialectNames() {
		t.Run(dialect, func(t *testing.T) {
			p := withPlatform(t, 3, nil)
			csv := write(t, filepath.Join(p.dir, "f.csv"), "endpointName,planId\nm-0,100300\nm-1,100300\nm-2,100300\n")
			plan, reports := filepath.Join(p.dir, "f.plan"), filepath.Join(p.dir, "reports")
			run := func(args ...string) (int, string) {
				args = append(args, "--url", p.url, "--dialect", dialect)
				code, out, talk := in(t, p.dir, "", map[string]string{"SFTCTL_PASSWORD": canary, "SFTCTL_PARALLELISM": "1"}, args...)
				return code, out + talk
			}
			if code, talk := run("plan", "-o", plan, csv); code != 0 {
				t.Fatalf("got code %d, %s", code, talk)
			}
			// A run that is stopped in the middle leaves something to resume, retry and undo.
			p.sim.SetFaults(simulator.Fault{Op: wire.OpModify, Effect: simulator.Forbidden, From: 1, Row: "m-1"})
			code, talk := run("apply", "--yes", "--reports", reports, csv)
			wantExplained(t, "apply", code, talk, "name the enterprise to act as with --target-account")
			runs, err := os.ReadDir(reports)
			if err != nil || len(runs) != 1 {
				t.Fatalf("got %v, %v, want one run", runs, err)
			}
			id := runs[0].Name()
			forbid(p.sim, append(mutatingOps(), wire.OpEndpoints)...)
			for _, args := range [][]string{
				{"get", "endpoints"}, {"export"}, {"plan", "-o", plan + "2", csv}, {"drift", csv}, {"apply", "--yes", "--reports", reports, csv},
				{"apply", "--reports", reports, plan}, {"reconcile", "--reports", reports, csv}, {"resume", "--reports", reports, id}, {"retry", id}, {"undo", id},
			} {
				code, talk := run(args...)
				wantExplained(t, args[0], code, talk, "name the enterprise to act as with --target-account")
				p.wantNoSecret(talk)
			}
			code, talk = run("get", "endpoints", "--target-account", "7001")
			if code != 7 || !strings.Contains(talk, "10117") {
				t.Errorf("got code %d, %s", code, talk)
			}
			if _, err := os.Stat(plan + "2"); err == nil {
				t.Error("a plan was saved")
			}
		})
	}
}

func wantExplained(t *testing.T, command string, code int, talk, advice string) {
	t.Helper()
	if code != 7 || !strings.Contains(talk, "Authorisation Failure") || strings.Count(talk, "\nhint: endpoint calls are for enterprise accounts (documented)") != 1 || !strings.Contains(talk, advice) {
		t.Errorf("%s: got code %d, want 7 and %s\n%s", command, code, advice, talk)
	}
}

// Nothing of the above is said of what a reseller may do, and each refusal of a login is
// told with its own way out.
func TestAResellersLogin(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []simulator.Option
		args []string
		code int
		says string
		own  bool // the password is remembered as refused
	}{
		"acting":         {opts: []simulator.Option{simulator.WithAccount(simulator.Reseller), simulator.WithTargetAccounts("7001")}, args: []string{"--target-account", "7001"}},
		"by itself":      {opts: []simulator.Option{simulator.WithAccount(simulator.Reseller)}, code: 7, says: "hint: endpoint calls are for enterprise accounts (documented). This may be a reseller's: name"},
		"reseller again": {opts: []simulator.Option{simulator.WithAccount(simulator.Reseller), simulator.WithFaults(simulator.Fault{Op: wire.OpEndpoints, Effect: simulator.Forbidden})}, args: []string{"--target-account", "7001"}, code: 7, says: `is "7001", which --target-account names, one, or a reseller again?`},
		"wrong target":   {opts: []simulator.Option{simulator.WithAccount(simulator.Reseller), simulator.WithTargetAccounts("7001")}, args: []string{"--target-account", "8"}, code: 7, says: `hint: correct --target-account, which is "8"`},
		"not a reseller": {args: []string{"--target-account", "7001"}, code: 7, says: "an enterprise's own user has none"},
		"wrong password": {opts: []simulator.Option{simulator.WithCredentials("ann", "other")}, code: 7, says: "hint: correct user name and password. This one is remembered", own: true},
		"blocked":        {opts: []simulator.Option{simulator.WithFaults(simulator.Fault{Op: wire.OpLogin, Effect: simulator.LoginBlocked})}, code: 7, says: "hint: the platform blocked the user after refused logins: have the password reset", own: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := withPlatform(t, 1, nil, tt.opts...)
			get := func() (int, string) {
				code, out, talk := in(t, p.dir, "", map[string]string{"SFTCTL_PASSWORD": canary}, append([]string{"get", "endpoints", "--url", p.url}, tt.args...)...)
				p.wantNoSecret(out + talk)
				return code, talk
			}
			code, talk := get()
			if code != tt.code || !strings.Contains(talk, tt.says) || (tt.code == 0) != (talk == "") {
				t.Errorf("got code %d, %s, want %d, %s", code, talk, tt.code, tt.says)
			}
			_, again := get()
			if refused := strings.Contains(again, "was refused with this password before"); refused != tt.own || refused && strings.Contains(again, "hint:") {
				t.Errorf("the next time: got %s", again)
			}
		})
	}
}
