package cli

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
)

// A platform whose listing says neither state nor SIM of an endpoint can be worked
// on all the same, as far as the stock says both.
func TestAListingWithoutStates(t *testing.T) {
	sim := simulator.New(simulator.WithBareListing())
	server := httptest.NewServer(sim)
	defer server.Close()
	dir := t.TempDir()
	do := func(args ...string) (int, string) {
		t.Helper()
		var out, talk bytes.Buffer
		values := map[string]string{"SFTCTL_STATE_DIR": dir + "/state", "SFTCTL_REPORTS": dir + "/reports", "SFTCTL_PLANS": dir, "SFTCTL_RATE": "0", "HOME": dir,
			"SFTCTL_URL": server.URL, "SFTCTL_USERNAME": "ann", "SFTCTL_PASSWORD": "pw", "SFTCTL_DIALECT": "collection", "SFTCTL_YES": "true"}
		code := Main(t.Context(), Env{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &talk,
			Getenv: func(name string) (string, bool) { value, ok := values[name]; return value, ok }})
		return code, out.String() + talk.String()
	}
	const row = ",100234,PDP_12,1201,"
	head := "endpointName,planId,apnGroupId,roamingProfileId,iccid,state\n"
	path := write(t, filepath.Join(dir, "f.csv"), head+"m-1"+row+"8932042000001234562,active\nm-2"+row+"8932042000001234570,pre-active\n")
	if code, out := do("apply", path); code != 0 || !strings.Contains(out, "2 done") {
		t.Fatalf("apply: got code %d\n%s", code, out)
	}
	if code, out := do("drift", path); code != 0 || !strings.Contains(out, "nothing to do") {
		t.Errorf("drift: got code %d\n%s", code, out)
	}
	// No row names a SIM: the stock is read for the states.
	path = write(t, path, "endpointName,state\nm-1,suspended\nm-2,pre-active\n")
	if code, out := do("apply", "--max-suspends", "1", path); code != 0 || !strings.Contains(out, "1 done, 1 unchanged") {
		t.Errorf("suspend: got code %d\n%s", code, out)
	}
	for _, e := range sim.Endpoints() {
		if (e.Status == fleet.StatusSuspended) != (e.Name == "m-1") {
			t.Errorf("got %+v", e)
		}
	}
	if code, out := do("get", "endpoints", "--format", "csv"); code != 0 || !strings.Contains(out, "m-1,100234,PDP_12,1201,8932042000001234562,Suspended\n") {
		t.Errorf("get: got code %d\n%s", code, out)
	}
	// Nothing tells the state of an endpoint without a SIM.
	sim.AddEndpoint(fleet.Endpoint{Fields: fleet.Fields{Name: "m-3"}})
	path = write(t, path, "endpointName,state\nm-3,pre-active\n")
	if code, out := do("drift", path); code != 2 || !strings.Contains(out, "does not report its status") {
		t.Errorf("without a SIM: got code %d\n%s", code, out)
	}
}
