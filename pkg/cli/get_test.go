package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

// Where endpoints do not say which card they have, the cards say it.
func TestGetOnADocumentedPlatform(t *testing.T) {
	d, url := newDocumented(t, "8932042000001234562", "8932042000001234570")
	d.rows = []map[string]string{{"endpointId": "5001", "endpointName": "m", "planId": "100234", "status": "ACTIVE"}}
	d.cards[0]["endPointId"], d.cards[0]["simAttachStatus"] = "5001", "ATTACHED"
	d.cards[1]["simAttachStatus"] = "ATTACHED" // and does not say to what
	dir := t.TempDir()
	remote := []string{"--format", "csv", "--simulate=false", "--url", url, "--username", "ann", "--password-file", write(t, filepath.Join(dir, "pw"), "right\n")}
	for table, want := range map[string]string{
		"endpoints": "\n5001,m,100234,,,,8932042000001234562,Active\n",
		"sims":      "\n8932042000001234562,MFF2,5001,m,Ready To Activate,yes\n8932042000001234570,MFF2,,,Ready To Activate,yes\n",
		"plans":     "planId,plan\n100234,Gold\n", "service-profiles": "\nSP_1249,Data\n", "sim-products": "\n7,MFF2\n",
	} {
		code, out, talk := at(t, dir, "", append([]string{"get", table}, remote...)...)
		if code != 0 || !strings.HasSuffix(out, want) {
			t.Errorf("%s: got code %d, %s%s, want %s", table, code, out, talk, want)
		}
	}
	if code, out, _ := at(t, dir, "", append([]string{"get", "apn-groups"}, remote...)...); code != 8 || out != "" {
		t.Errorf("a look-up that is not there: got code %d, %s", code, out)
	}
}

func TestTablesAreCompleted(t *testing.T) {
	if code, out, _ := at(t, t.TempDir(), "", "__complete", "get", "s"); code != 0 || out != "sims\nservice-profiles\nsim-products\n:4\n" {
		t.Errorf("got code %d, %q", code, out)
	}
}
