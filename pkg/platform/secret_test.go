package platform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestASecretDoesNotPrint(t *testing.T) {
	const canary = "c4n4ry-Pa55"
	type config struct {
		Public  Secret
		private Secret
		Pointer *Secret
	}
	secret := NewSecret(canary)
	c := config{secret, secret, &secret}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+verb+verb, secret, c, &c)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", secret, "config", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret, "config", c)
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := out.String() + log.String() + string(data)
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprint([]byte(canary))} {
		if strings.Contains(all, form) {
			t.Errorf("the secret shows as %q in %s", form, all)
		}
	}
	var revealed string
	secret.Reveal(func(text string) { revealed = text })
	if revealed != canary || secret.Empty() || !(Secret{}).Empty() {
		t.Errorf("the secret does not hold what was put in")
	}
}
