package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A wrong address at which something answers looks like a platform in trouble, or like a
// wrong password: the question is asked that nobody asks himself then.
func TestIsThisThePlatform(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		code   int
		says   string
	}{
		"a page":          {200, "<html>welcome</html>", 8, "Is this the platform (--url)?"},
		"nothing":         {200, "", 8, "Is this the platform (--url)?"},
		"no such method":  {501, "<html>unsupported</html>", 8, "Is this the platform (--url)?"},
		"another place":   {302, "", 8, "is --url right?"},
		"no such page":    {404, "<html>not found</html>", 7, "is --url right?"},
		"another program": {200, `{"status":"up"}`, 7, "is --url right?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			for _, command := range [][]string{{"get", "plans"}, {"doctor"}} {
				args := append(command, "--url", server.URL, "--max-outage", "1ms")
				code, out, talk := in(t, t.TempDir(), "", map[string]string{"SFTCTL_PASSWORD": canary, "SFTCTL_USERNAME": "ann"}, args...)
				if code != tt.code || !strings.Contains(out+talk, "the answer is no pair of tokens") || strings.Count(out+talk, tt.says) != 1 {
					t.Errorf("%s: got code %d, want %d and %q once\n%s%s", command[0], code, tt.code, tt.says, out, talk)
				}
			}
		})
	}
}
