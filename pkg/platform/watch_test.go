package platform

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Who looks what is wrong sends each request once.
func TestOnce(t *testing.T) {
	for name, a := range map[string]answer{"lost": {err: errors.New("lost")}, "throttled": {status: 429}, "busy": {status: 503}, "unsent": {err: errors.New("refused"), unsent: true}} {
		for path, count := range map[string]int{"/api/login": 1, probed: 1} {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(func(at string, _ int) answer {
					if at == path {
						return a
					}
					return answer{}
				})
				c := client(t, s, func(o *Options) { o.Once = true })
				_, err := c.Ask(context.Background(), wire.EndpointInfo{}, fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: 1})
				if !errors.Is(err, fleet.ErrUnreachable) || s.counts[path] != count || s.counts["/api/login"] != 1 {
					t.Errorf("%s at %s: got %v, %v", name, path, s.counts, err)
				}
			})
		}
	}
}

// A token that is refused is not renewed, and none is got by a second login.
func TestAskDoesNotRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, _ int) answer {
			switch path {
			case probed:
				return answer{status: 401}
			case "/api/RefreshToken":
				return answer{status: 200, body: envelope("1", "401", "")}
			}
			return answer{}
		})
		c := client(t, s, func(o *Options) { o.Once = true })
		ask := func() error {
			_, err := c.Ask(context.Background(), wire.EndpointInfo{}, fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: 1})
			return err
		}
		if err := ask(); wire.ClassOf(err) != wire.Unauthorized || s.counts[probed] != 1 || s.counts["/api/RefreshToken"] != 0 {
			t.Errorf("got %v, %v", s.counts, err)
		}
		time.Sleep(assumedLife)
		if err := ask(); !errors.Is(err, fleet.ErrLogin) || s.counts["/api/login"] != 1 {
			t.Errorf("after its end: got %v, %v", s.counts, err)
		}
	})
}

// What is told of a request has nothing that travelled in it.
func TestWatch(t *testing.T) {
	const canary = "c4n4ry+/Pa55"
	var seen []Seen
	echo := "token-1"
	s := newScript(func(path string, n int) answer {
		header := http.Header{"X-Request-Id": {"r-1"}, "Date": {"Tue, 24 Nov 2026 02:08:20 GMT"}}
		switch {
		case path == "/api/login":
			return answer{}
		case n == 2:
			header.Set("X-Request-Id", echo)
		case n == 3:
			return answer{status: 200, body: "<p>" + strings.Repeat("x", 70) + echo + canary}
		}
		return answer{status: 200, header: header, body: envelope("1", "1359", "")}
	})
	c := client(t, s, func(o *Options) {
		o.Password, o.Watch = NewSecret(canary), func(one Seen) { seen = append(seen, one) }
	})
	q := fleet.Query{List: fleet.SIMs, ICCID: "8932042000001234562", Page: 2, PerPage: 3}
	var errs []error
	for range 3 {
		_, err := c.Ask(t.Context(), wire.EndpointInfo{}, q)
		errs = append(errs, err)
	}
	if len(seen) != 4 || seen[0].Path != "/api/login" || seen[0].Sent != -1 || seen[0].ID != "" {
		t.Fatalf("got %+v", seen)
	}
	if got := seen[1]; got.Query != "iccid=…&page=2&perPage=3" || got.Status != 200 || got.ID != "r-1" || got.Clock.Second() != 20 || got.Received == 0 || got.At.IsZero() {
		t.Errorf("got %+v", got)
	}
	if all := fmt.Sprintf("%+v", seen) + fmt.Sprint(errs); strings.Contains(all, echo) || strings.Contains(all, canary[:3]) || strings.Contains(all, string(q.ICCID)) || errs[2] == nil {
		t.Errorf("got %s", all)
	}
}

func TestMask(t *testing.T) {
	const canary = `p"ä+/ ?&s<s\w`
	quoted, _ := json.Marshal(canary)
	for name, form := range map[string]string{
		"plain": canary, "json": string(quoted), "go": fmt.Sprintf("%+q", canary), "query": url.QueryEscape(canary), "path": url.PathEscape(canary), "hex": fmt.Sprintf("%x", canary), "HEX": fmt.Sprintf("%X", canary),
		"base64": base64.StdEncoding.EncodeToString([]byte(canary)), "base64 of URLs": base64.URLEncoding.EncodeToString([]byte(canary)),
	} {
		if got := NewSecret(canary).Mask("<" + form + ">"); strings.Trim(got, `<=">`) != masked {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := NewSecret("a").Mask("banana"); got != "banana" {
		t.Errorf("a short secret: got %s", got)
	}
}
