package platform

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// These tests hold what a server has seen, byte by byte on real sockets, against
// what the client was given leave to send. Nothing may send a call again behind
// the client's back.

// raw is a server on loopback whose every byte is a test's own doing.
type raw struct {
	t    *testing.T
	addr string
	seen atomic.Int64 // requests that were read whole
}

// serve hands each connection to a function, with its number from 1, and closes
// it afterwards.
func serve(t *testing.T, listener net.Listener, each func(s *raw, conn net.Conn, n int)) *raw {
	s := &raw{t: t, addr: listener.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	all.Go(func() {
		for n := 1; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // no test hangs
				each(s, conn, n)
			})
		}
	})
	return s
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// take reads one request whole, and says whether there was one.
func (s *raw) take(r *bufio.Reader) bool {
	request, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return false
	}
	s.seen.Add(1)
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} { // net/http repeats what has them
		if _, ok := request.Header[name]; ok {
			s.t.Errorf("the header %s is set", name)
		}
	}
	return true
}

// answer answers requests for as long as any come.
func (s *raw) answer(conn net.Conn) {
	for r := bufio.NewReader(conn); s.take(r); {
		if _, err := io.WriteString(conn, good); err != nil {
			return
		}
	}
}

// ends are the ways in which a connection ends.
var ends = map[string]func(net.Conn){
	"closed": func(conn net.Conn) { _ = conn.Close() },
	"reset": func(conn net.Conn) {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	},
}

const (
	body  = `{"Response":{"resultCode":"0","endpointId":"881","resultParam":{"resultCode":"0"}}}`
	chunk = 40
)

var (
	good   = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	framed = map[string]string{
		"by its length": good,
		"by the end":    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body,
		"in chunks": fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
			chunk, body[:chunk], len(body)-chunk, body[chunk:]),
	}
)

// rawClient is a client with connections of its own and a token.
func rawClient(t *testing.T, baseURL string, change ...func(*Options)) *Client {
	t.Helper()
	c := client(t, nil, append([]func(*Options){func(o *Options) { o.BaseURL = baseURL }}, change...)...)
	c.tokens.keep(wire.Tokens{Access: "a", Refresh: "r"})
	t.Cleanup(c.http.(*http.Transport).CloseIdleConnections)
	return c
}

// bare is a dialect in which a delete has no body: nothing but HTTP/1.1 keeps
// the transport from sending it again.
type bare struct{ wire.EndpointInfo }

func (bare) Call(call fleet.Call) (wire.Request, error) {
	return wire.Request{Op: wire.OpDelete, Method: "DELETE", Path: "/api/endpoint/" + string(call.EndpointID)}, nil
}

// shapes are calls with and without a body.
var shapes = map[string]struct {
	call   fleet.Call
	change func(*Options)
}{
	"create":              {calls[wire.OpCreate], func(*Options) {}},
	"activate":            {calls[wire.OpActivate], func(*Options) {}},
	"delete without body": {calls[wire.OpDelete], func(o *Options) { o.Dialect = bare{} }},
}

// each runs a function for the numbers from 0 to n-1, several side by side.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 4 * runtime.NumCPU() {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// Nothing below the client can read a body twice.
func TestARequestCannotBeRewound(t *testing.T) {
	c := client(t, nil)
	for op, call := range calls {
		req, err := c.opts.Dialect.Call(call)
		if err != nil {
			t.Fatal(err)
		}
		if request, err := c.request(t.Context(), req, "a"); err != nil || request.Body == nil || request.GetBody != nil {
			t.Errorf("%s: got %v, and a way to read the body again: %t", op, err, request.GetBody != nil)
		}
	}
}

// A reused connection that ends after the request was read whole: net/http would
// send again what it takes for harmless.
func TestAnAnswerThatNeverComes(t *testing.T) {
	for name, shape := range shapes {
		for how, end := range ends {
			s := serve(t, loopback(t), func(s *raw, conn net.Conn, n int) {
				if n > 1 {
					s.answer(conn) // what is sent again would look like a success
					return
				}
				r := bufio.NewReader(conn)
				if s.take(r) {
					_, _ = io.WriteString(conn, good)
				}
				s.take(r)
				end(conn)
			})
			c := rawClient(t, "http://"+s.addr, shape.change)
			if reply := c.Do(t.Context(), shape.call, nothing); reply.Outcome != fleet.Done || s.seen.Load() != 1 {
				t.Fatalf("%s: the first call: got %s after %d requests: %v", name, reply.Outcome, s.seen.Load(), reply.Err)
			}
			before := 0
			reply := c.Do(t.Context(), shape.call, func() error { before++; return nil })
			if reply.Outcome != fleet.Unknown || wire.ClassOf(reply.Err) != wire.Cut || reply.Sends != 1 || before != 1 || s.seen.Load() != 2 {
				t.Errorf("%s %s: got %s (%v) after %d sends and %d calls of before; the server saw %d requests, want 1 by leave of 1",
					name, how, reply.Outcome, reply.Err, reply.Sends, before, s.seen.Load()-1)
			}
		}
	}
}

// A connection that the server closes while the client takes it for idle.
func TestAnIdleConnectionThatEnds(t *testing.T) {
	for name, shape := range shapes {
		outcomes := map[string]int{}
		var mu sync.Mutex
		each(100, func(i int) {
			end, going := ends[[]string{"closed", "reset"}[i%2]], make(chan struct{})
			s := serve(t, loopback(t), func(s *raw, conn net.Conn, n int) {
				if n > 1 {
					s.answer(conn)
					return
				}
				if s.take(bufio.NewReader(conn)) {
					_, _ = io.WriteString(conn, good)
				}
				<-going
				spin(rand.N(100 * time.Microsecond))
				end(conn)
			})
			c := rawClient(t, "http://"+s.addr, shape.change)
			if reply := c.Do(t.Context(), shape.call, nothing); reply.Outcome != fleet.Done {
				t.Errorf("the first call: got %s: %v", reply.Outcome, reply.Err)
			}
			first, before := s.seen.Load(), int64(0)
			reply := c.Do(t.Context(), shape.call, func() error {
				if before++; before == 1 {
					close(going) // the next that happens is the write
					spin(rand.N(2 * time.Millisecond))
				}
				return nil
			})
			seen := s.seen.Load() - first
			if seen > before || int64(reply.Sends) > before || seen > int64(reply.Sends) || reply.Sends > 1 {
				t.Errorf("%s: the server saw %d requests, the reply says %d, by leave of %d", name, seen, reply.Sends, before)
			}
			if reply.Outcome == fleet.Done && seen != 1 || reply.Outcome != fleet.Done && (reply.Outcome != fleet.Unknown || seen != 0) {
				t.Errorf("%s: got %s (%v), and the server saw %d requests", name, reply.Outcome, reply.Err, seen)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[fmt.Sprintf("%s by leave of %d", reply.Outcome, before)]++
		})
		t.Logf("%s: %v", name, outcomes)
	}
}

// spin waits for so short a time that a sleep would miss the moment.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		runtime.Gosched()
	}
}

// The connection is reset after every number of bytes of the request.
func TestARequestThatIsCutAtEveryByte(t *testing.T) {
	var length atomic.Int64
	measure := serve(t, loopback(t), func(s *raw, conn net.Conn, _ int) {
		var all bytes.Buffer
		s.take(bufio.NewReader(io.TeeReader(conn, &all)))
		length.Store(int64(all.Len()))
		_, _ = io.WriteString(conn, good)
	})
	call := calls[wire.OpCreate]
	if reply := rawClient(t, "http://"+measure.addr).Do(t.Context(), call, nothing); reply.Outcome != fleet.Done || length.Load() < 100 {
		t.Fatalf("got %s: %v; the request has %d bytes", reply.Outcome, reply.Err, length.Load())
	}
	var whole atomic.Int64
	each(int(length.Load())+1, func(k int) {
		s := serve(t, loopback(t), func(s *raw, conn net.Conn, n int) {
			if n > 1 {
				s.answer(conn)
				return
			}
			part := make([]byte, k)
			if _, err := io.ReadFull(conn, part); err == nil {
				s.take(bufio.NewReader(bytes.NewReader(part)))
			}
			ends["reset"](conn)
		})
		before := int64(0)
		reply := rawClient(t, "http://"+s.addr).Do(t.Context(), call, func() error { before++; return nil })
		seen := s.seen.Load()
		whole.Add(seen)
		if seen > before || seen > int64(reply.Sends) || reply.Sends != 1 {
			t.Errorf("cut after %d bytes: the server saw %d requests, the reply says %d, by leave of %d", k, seen, reply.Sends, before)
		}
		// Before the first byte is written, the end shows in time to try again.
		if reply.Outcome != fleet.Unknown && !(reply.Outcome == fleet.Done && k == 0 && before > 1) {
			t.Errorf("cut after %d bytes: got %s (%v)", k, reply.Outcome, reply.Err)
		}
	})
	if n := whole.Load(); n != 1 && n != 2 { // the last cut, and perhaps the second try of the first
		t.Errorf("%d requests were whole, want 1 or 2", n)
	}
	t.Logf("%d cuts", length.Load()+1)
}

// The connection ends after every number of bytes of the answer.
func TestAnAnswerThatIsCutAtEveryByte(t *testing.T) {
	for framing, text := range framed {
		for how, end := range ends {
			each(len(text)+1, func(k int) {
				s := serve(t, loopback(t), func(s *raw, conn net.Conn, n int) {
					if n > 1 {
						s.answer(conn)
						return
					}
					if s.take(bufio.NewReader(conn)) {
						_, _ = io.WriteString(conn, text[:k])
					}
					end(conn)
				})
				before := int64(0)
				reply := rawClient(t, "http://"+s.addr).Do(t.Context(), calls[wire.OpCreate], func() error { before++; return nil })
				if before != 1 || s.seen.Load() != 1 || reply.Sends != 1 {
					t.Errorf("%s, %s after %d bytes: the server saw %d requests, the reply says %d, by leave of %d", framing, how, k, s.seen.Load(), reply.Sends, before)
				}
				// A reset may overtake the end of a whole answer.
				want := map[bool]fleet.Outcome{true: fleet.Done, false: fleet.Unknown}[k == len(text)]
				if reply.Outcome != want && !(how == "reset" && reply.Outcome == fleet.Unknown) {
					t.Errorf("%s, %s after %d of %d bytes: got %s (%v), want %s", framing, how, k, len(text), reply.Outcome, reply.Err, want)
				}
			})
		}
	}
}

// A redirect is not followed, by whatever status it comes.
func TestARedirectIsNotFollowed(t *testing.T) {
	for name, shape := range shapes {
		for status := 300; status < 309; status++ {
			second := serve(t, loopback(t), func(s *raw, conn net.Conn, _ int) { s.answer(conn) })
			first := serve(t, loopback(t), func(s *raw, conn net.Conn, _ int) {
				if s.take(bufio.NewReader(conn)) {
					fmt.Fprintf(conn, "HTTP/1.1 %d Elsewhere\r\nLocation: http://%s/api/elsewhere\r\nContent-Length: 0\r\n\r\n", status, second.addr)
				}
			})
			before := 0
			reply := rawClient(t, "http://"+first.addr, shape.change).Do(t.Context(), shape.call, func() error { before++; return nil })
			if reply.Outcome != fleet.Unknown || before != 1 || first.seen.Load() != 1 || second.seen.Load() != 0 {
				t.Errorf("%s %d: got %s; the first server saw %d requests and the second %d, by leave of %d", name, status, reply.Outcome, first.seen.Load(), second.seen.Load(), before)
			}
		}
	}
}
