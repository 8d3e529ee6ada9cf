package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The rules are of the form that Prometheus takes, and are about numbers that a run
// really leaves, with the labels that it gives them.
func TestDeployAlertsAreAboutWhatThereIs(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(deployFile(t, "prometheus/alerts.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	left := metricsOfANight(t)
	rules := 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			rules++
			if rule.Alert == "" || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%+v: want a name, a severity, a summary and a description", rule)
			}
			for _, m := range regexp.MustCompile(`\b(sftctl_\w+)(\{[^}]*)?`).FindAllStringSubmatch(rule.Expr, -1) {
				if !leaves(left, m[1], strings.TrimPrefix(m[2], "{")) {
					t.Errorf("%s: a run leaves no %s in\n%s", rule.Alert, m[0], left)
				}
			}
		}
	}
	if rules < 6 {
		t.Errorf("got %d rules", rules)
	}
	if !strings.Contains(deployFile(t, "prometheus/alerts.yaml"), "sftctl_drift_rows") {
		t.Error("no rule is about what differs and stays so, which no exit code tells")
	}
}

// leaves says whether there is a sample of a metric with all of some labels.
func leaves(metrics, name, labels string) bool {
	for line := range strings.Lines(metrics) {
		has := strings.HasPrefix(line, name+`{account="acme",command="reconcile",platform="`)
		for _, label := range strings.Split(labels, ",") {
			has = has && strings.Contains(line, label)
		}
		if has {
			return true
		}
	}
	return false
}

// metricsOfANight is what a run leaves for Prometheus.
func metricsOfANight(t *testing.T) string {
	t.Helper()
	h := newHost(t)
	h.install()
	h.put("/etc/sftctl/fleet.yaml", twoOf("meter"), 0o644)
	words := strings.Fields(program + " reconcile --config /etc/sftctl/config.yaml --reports /var/lib/sftctl/reports --metrics-file /var/lib/sftctl/m.prom /etc/sftctl/fleet.yaml")
	if code, out := h.exec(nil, h.movedAll(words)...); code != 0 {
		t.Fatalf("got exit code %d\n%s", code, out)
	}
	data, err := os.ReadFile(h.path("/var/lib/sftctl/m.prom"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The rules tell when they should, and not before.
func TestDeployAlertsTell(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("there is no promtool here: apt-get install prometheus")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "alerts.yaml"), deployFile(t, "prometheus/alerts.yaml"))
	tests, err := os.ReadFile("testdata/deploy/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "alerts_test.yaml"), string(tests))
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.Command("promtool", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
