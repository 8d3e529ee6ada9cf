package platform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
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

// A platform that says a secret back is quoted without it.
func TestASecretThatIsEchoedDoesNotPrint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const said = "password pw-c4n4ry and Bearer token-1 are bad"
		s := newScript(func(path string, _ int) answer {
			switch path {
			case "/api/login":
				return answer{}
			case "/api/QueryRatePlan":
				return answer{status: 200, body: "pw-c4n4ry token-1"}
			}
			return answer{status: 200, body: envelope("1", "token-1", said)}
		})
		c := client(t, s, func(o *Options) { o.Password = NewSecret("pw-c4n4ry") })
		reply := c.Do(t.Context(), calls[wire.OpActivate], nothing)
		_, endpoints := c.Page(t.Context(), fleet.Query{List: fleet.Endpoints, Page: 1})
		_, plans := c.Page(t.Context(), fleet.Query{List: fleet.RatePlans, Page: 1})
		for _, text := range []string{fmt.Sprint(reply.Err), reply.Code, fmt.Sprint(endpoints), fmt.Sprint(plans)} {
			if strings.Contains(text, "c4n4ry") || strings.Contains(text, "token-1") || !strings.Contains(text, masked) {
				t.Errorf("got %q", text)
			}
		}
	})
}
