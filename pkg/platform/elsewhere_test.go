package platform

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// lures are answers that would have a client ask somewhere else; %s is where.
var lures = func() map[string]string {
	all := map[string]string{
		"an upgrade":            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nLocation: %s\r\n\r\n",
		"created elsewhere":     "HTTP/1.1 201 Created\r\nLocation: %s\r\nContent-Length: 2\r\n\r\n{}",
		"a refresh":             "HTTP/1.1 200 OK\r\nRefresh: 0; url=%s\r\nContent-Length: 2\r\n\r\n{}",
		"another service":       "HTTP/1.1 200 OK\r\nAlt-Svc: h2=\"%s\"; ma=3600; persist=1\r\nContent-Length: 2\r\n\r\n{}",
		"a proxy is to be used": "HTTP/1.1 305 Use Proxy\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
		"a proxy wants a login": "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"%s\"\r\nContent-Length: 0\r\n\r\n",
		"another page":          "HTTP/1.1 200 OK\r\nLink: <%s>; rel=\"next\"\r\nContent-Length: 2\r\n\r\n{}",
	}
	for status := 300; status < 309; status++ {
		all[fmt.Sprint(status)] = fmt.Sprintf("HTTP/1.1 %d Elsewhere\r\nLocation: %%s\r\nContent-Length: 0\r\n\r\n", status)
	}
	return all
}()

// lured is a platform that lures those who ask it to another place, and counts who
// comes there.
type lured struct {
	platform *raw
	visits   atomic.Int64
	pool     *x509.CertPool
}

func lure(t *testing.T, scheme, answer string) *lured {
	ours := newAuthority(t, "ours")
	config := &tls.Config{Certificates: []tls.Certificate{ours.server(func(*x509.Certificate) {})}}
	l := &lured{pool: ours.roots()}
	listen := func() net.Listener {
		if scheme == "http" {
			return loopback(t)
		}
		return tls.NewListener(loopback(t), config)
	}
	other := serve(t, listen(), func(s *raw, conn net.Conn, _ int) {
		l.visits.Add(1) // a connection is too much
		s.answer(conn)
	})
	l.platform = serve(t, tls.NewListener(loopback(t), config), func(s *raw, conn net.Conn, _ int) {
		for r := bufio.NewReader(conn); ; {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			s.seen.Add(1)
			fmt.Fprintf(conn, answer, scheme+"://"+other.addr+"/api/login")
		}
	})
	return l
}

// Neither the token nor the password goes anywhere but to the platform, whatever
// it answers: not to another server, nor to the same machine in clear.
func TestNothingGoesElsewhere(t *testing.T) {
	for name, answer := range lures {
		for _, scheme := range []string{"https", "http"} {
			l := lure(t, scheme, answer)
			c := rawClient(t, "https://"+l.platform.addr, func(o *Options) { o.Roots, o.CallTimeout = l.pool, 300*time.Millisecond })
			if reply := c.Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome != fleet.Unknown {
				t.Errorf("%s to %s: got %s (%v), want unknown", name, scheme, reply.Outcome, reply.Err)
			}
			login, err := wire.Login("ann", "pw", "")
			if err != nil {
				t.Fatal(err)
			}
			for _, req := range []wire.Request{login, wire.Refresh()} {
				if _, _, err := c.tokens.send(t.Context(), req, "a"); err == nil {
					t.Errorf("%s to %s: %s: got no error", name, scheme, req.Op)
				}
			}
			if _, err := c.once(); err == nil {
				t.Errorf("%s to %s: a listing: got no error", name, scheme)
			}
			if l.visits.Load() != 0 || l.platform.seen.Load() != 4 {
				t.Errorf("%s to %s: %d visits elsewhere after %d requests, want 0 after 4", name, scheme, l.visits.Load(), l.platform.seen.Load())
			}
		}
	}
}

// once asks for the first page of a listing, and not again.
func (c *Client) once() (fleet.Page, error) {
	q := fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: 2}
	req, err := c.opts.Dialect.Query(q)
	if err != nil {
		return fleet.Page{}, err
	}
	a := c.exchange(context.Background(), req, "a")
	if a.err != nil {
		return fleet.Page{}, a.err
	}
	return c.opts.Dialect.ReadQuery(q, a.reply)
}

// Every request is for the host of the base URL, whatever ids, names and cards are
// in it.
func TestEveryRequestIsForThePlatform(t *testing.T) {
	c := client(t, nil)
	nasty := []string{"@evil.example/", "//evil.example", "../../login", "x?y=z#", "a\r\nHost: evil.example\r\n\r\n", "https://evil.example/", "%2e%2e", "\x00"}
	for _, text := range nasty {
		for _, q := range []fleet.Query{{List: fleet.Endpoints, ID: fleet.ID(text)}, {List: fleet.SIMs, ICCID: fleet.ICCID(text)}, {List: fleet.RatePlans, Page: 1}} {
			if req, err := c.opts.Dialect.Query(q); err == nil {
				onlyHere(t, c, req)
			}
		}
		for _, call := range calls {
			call.EndpointID, call.Name, call.Fields.Name, call.Fields.ICCID = fleet.ID(text), text, text, fleet.ICCID(text)
			if call.Action == fleet.Create {
				call.Fields.ICCID = ""
			}
			if req, err := c.opts.Dialect.Call(call); err == nil {
				onlyHere(t, c, req)
			}
		}
	}
}

func onlyHere(t *testing.T, c *Client, req wire.Request) {
	t.Helper()
	request, err := c.request(t.Context(), req, "a")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := request.Write(&out); err != nil {
		t.Fatal(err)
	}
	again, err := http.ReadRequest(bufio.NewReader(strings.NewReader(out.String())))
	if err != nil || again.Host != "platform.invalid" || request.URL.Host != "platform.invalid" || again.URL.Path != req.Path || !strings.HasPrefix(req.Path, "/api/") {
		t.Errorf("got %v to %s by %q", err, request.URL, out.String())
	}
}

// A proxy is told where the platform is, and gets neither token nor password; what
// it answers is believed by nobody. Its own credentials show nowhere.
func TestProxies(t *testing.T) {
	ours := newAuthority(t, "ours")
	config := &tls.Config{Certificates: []tls.Certificate{ours.server(func(c *x509.Certificate) { c.DNSNames = []string{"platform.invalid"} })}}
	stranger := &tls.Config{Certificates: []tls.Certificate{newAuthority(t, "stranger").server(func(c *x509.Certificate) { c.DNSNames = []string{"platform.invalid"} })}}
	long := strings.Repeat("x", 1<<20)
	for name, tt := range map[string]struct {
		answer string
		config *tls.Config // of what is behind the proxy
		want   fleet.Outcome
	}{
		"lets through":        {"HTTP/1.1 200 Connection established\r\n\r\n", config, fleet.Done},
		"plays the platform":  {"HTTP/1.1 200 Connection established\r\n\r\n", stranger, fleet.NotAttempted},
		"wants credentials":   {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n", nil, fleet.NotAttempted},
		"redirects":           {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", nil, fleet.NotAttempted},
		"writes to terminals": {"HTTP/1.1 403 \x1b[2Jdone\r\n\r\n", nil, fleet.NotAttempted},
		"a long header":       {"HTTP/1.1 200 OK\r\nX: " + long + "\r\n\r\n", nil, fleet.NotAttempted},
		"no HTTP":             {"SSH-2.0-x\r\n", nil, fleet.NotAttempted},
	} {
		var asked atomic.Pointer[string]
		s := serve(t, loopback(t), func(s *raw, conn net.Conn, _ int) {
			all := new(strings.Builder)
			r := bufio.NewReader(io.TeeReader(conn, all))
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			text := all.String()
			asked.Store(&text)
			_, _ = io.WriteString(conn, tt.answer)
			if tt.config != nil {
				s.answer(tls.Server(conn, tt.config))
			}
		})
		proxy := &url.URL{Scheme: "http", User: url.UserPassword("ann", "pr0xyPa55"), Host: s.addr}
		c := rawClient(t, "https://platform.invalid", func(o *Options) {
			o.MaxOutage, o.Roots = time.Nanosecond, ours.roots()
			o.Proxy = func(*http.Request) (*url.URL, error) { return proxy, nil }
		})
		c.tokens.keep(wire.Tokens{Access: "t0ken"})
		reply := c.Do(t.Context(), calls[wire.OpActivate], nothing)
		if reply.Outcome != tt.want {
			t.Errorf("%s: got %s: %v", name, reply.Outcome, reply.Err)
		}
		if text := fmt.Sprint(reply.Err) + c.Proxy(); strings.Contains(text, "pr0xyPa55") || strings.Contains(text, "\x1b") || len(text) > 1000 || c.Proxy() != "http://"+s.addr {
			t.Errorf("%s: it is told as %q", name, text)
		}
		if text := *asked.Load(); !strings.HasPrefix(text, "CONNECT platform.invalid:443 HTTP/1.1\r\n") || strings.Contains(text, "t0ken") || strings.Contains(text, "X-Authorization") {
			t.Errorf("%s: the proxy is told %q", name, text)
		}
	}
	_, err := New(Options{BaseURL: "https://platform.invalid", Username: "u", Password: NewSecret("p"), Proxy: func(*http.Request) (*url.URL, error) {
		return nil, errors.New(`parse "http://ann:pr0xyPa55@\x7f": invalid`)
	}})
	if !errors.Is(err, fleet.ErrUsage) || strings.Contains(err.Error(), "pr0xyPa55") {
		t.Errorf("a proxy that cannot be read: got %v", err)
	}
}
