package cli

import (
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

// A variable that is nearly one of ours is taken for a slip of the hand; what a
// cluster makes for services of our name is not, nor are all flags by their names.
func TestMisspeltVariables(t *testing.T) {
	root := newRoot(Env{})
	told := func(variables ...string) string {
		return fleet.Message(misspelt(Env{Environ: func() []string { return variables }}, root))
	}
	for slip, meant := range map[string]string{
		"SFTCTL_MAXDELETES": "SFTCTL_MAX_DELETES", "SFTCTL_max_deletes": "SFTCTL_MAX_DELETES", "SFTCTL_SIMULATED": "SFTCTL_SIMULATE",
		"SFTCTL_USER_NAME": "SFTCTL_USERNAME", "SFTCTL_PASSWROD": "SFTCTL_PASSWORD",
	} {
		if got := told(slip + "=secret"); !strings.Contains(got, slip+": ") || !strings.Contains(got, meant+"?") || strings.Contains(got, "secret") {
			t.Errorf("%s: got %s, want %s named", slip, got, meant)
		}
	}
	others := []string{"SFTCTL_MAX_DELETE=", "SFTCTL_=1", "SFTCTLMAXDELETE=1", "=SFTCTL_MAXDELETES", "SFTCTL_SOURCE=1", "SFTCTL_DATE=1", "SFTCTL_URI=1", "SFTCTL_STATE=1"}
	for _, name := range flagNames(root) {
		others = append(others, envName(name)+"=1")
	}
	for _, service := range []string{"", "METRICS_", "SIMULATOR_"} {
		for _, of := range []string{"SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP", "PORT_8080_TCP_PROTO", "PORT_8080_TCP_PORT", "PORT_8080_TCP_ADDR"} {
			others = append(others, "SFTCTL_"+service+of+"=1")
		}
	}
	if got := told(others...); got != "" {
		t.Errorf("got %s", got)
	}
}
