package platform

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"sftctl/pkg/wire"
)

const (
	maxBody   = 8 << 20 // of a listing
	maxAnswer = 1 << 20 // of any other answer, of which many may come at a time
	maxHeader = 64 << 10
	// A connection that lay idle longer may have been closed by the other side
	// or forgotten by a NAT.
	maxIdle = 5 * time.Second
	// Headers that are not written by then are cancelled: proved not sent.
	writeLimit = 20 * time.Second
)

// Loopback says whether a URL names this machine.
func Loopback(u *url.URL) bool {
	if u.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback()
}

// newTransport makes the connections: HTTP/1.1 only, because HTTP/2 sends a
// request again by itself; no compression; TLS 1.2 or later, by the roots of the
// system and those that were given. A redirect is never followed, since nothing
// above the transport is there to follow it.
func newTransport(base, proxy *url.URL, opts Options) http.RoundTripper {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyURL(proxy),
		DialContext:            newDialer(base).DialContext,
		TLSClientConfig:        tlsConfig(opts.Roots),
		TLSHandshakeTimeout:    10 * time.Second,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    max(opts.Parallel, 2),
		IdleConnTimeout:        maxIdle,
		MaxResponseHeaderBytes: maxHeader,
	}
}

func newDialer(base *url.URL) *net.Dialer {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	if base.Scheme == "http" {
		dialer.Control = onlyLoopback
	}
	return dialer
}

func tlsConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// onlyLoopback refuses a plain connection that leaves the machine, whatever a
// name resolved to.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if addr, err := netip.ParseAddr(host); err != nil || !addr.IsLoopback() {
		return fmt.Errorf("plain http to %s, which is not loopback", host)
	}
	return nil
}

// exchange sends a request once and reads the whole answer. It does not stop
// when ctx ends while a mutation is in flight, so that a sure result does not
// become an unknown one, unless the grace runs out.
func (c *Client) exchange(ctx context.Context, req wire.Request, token string) attempt {
	began := time.Now()
	flight, cancel := c.flight(ctx, req)
	defer cancel()
	evidence := newEvidence(cancel)
	request, err := c.request(httptrace.WithClientTrace(flight, evidence.trace()), req, token)
	if err != nil {
		return attempt{err: &wire.Fault{Op: req.Op, Class: wire.NotSent, Err: err}, began: began}
	}
	reply, header, err := c.roundTrip(request, mostOf(req.Op))
	evidence.stop()
	written, wrote := evidence.when()
	if wrote {
		c.sent[req.Op].Add(1)
	}
	a := attempt{reply: reply, token: NewSecret(token), wrote: wrote, written: written, retryAsk: retryAfter(header), began: began, took: time.Since(began)}
	if err != nil {
		a.err = transportFault(req.Op, wrote, flight.Err(), err)
	}
	c.watch(req, token, a, header)
	return a
}

// flight is the context of one exchange.
func (c *Client) flight(ctx context.Context, req wire.Request) (context.Context, context.CancelFunc) {
	if !req.Op.Mutates() {
		return context.WithTimeout(ctx, c.deadline(req))
	}
	flight, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.deadline(req))
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(c.opts.Grace, cancel)
		context.AfterFunc(flight, func() { late.Stop() })
	})
	return flight, func() { stop(); cancel() }
}

func (c *Client) request(ctx context.Context, req wire.Request, token string) (*http.Request, error) {
	target := *c.base
	target.Path, target.RawQuery = req.Path, req.Query.Encode()
	var body io.Reader
	if req.Body != nil {
		body = bytes.NewReader(req.Body)
	}
	request, err := http.NewRequestWithContext(ctx, req.Method, target.String(), body)
	if err != nil {
		return nil, err
	}
	request.GetBody = nil // nothing below may send it again
	request.Header = http.Header{
		wire.HeaderContentType: {wire.ContentType},
		wire.HeaderRequested:   {wire.RequestedWith},
		"Accept":               {wire.ContentType},
		"User-Agent":           {"sftctl"},
	}
	if token != "" {
		request.Header.Set(wire.HeaderToken, wire.BearerPrefix+token)
	}
	return request, nil
}

// mostOf is how many bytes the answer to an operation may have.
func mostOf(op wire.Op) int64 {
	if _, single := columnOf[op]; single {
		return maxAnswer
	}
	return maxBody
}

func (c *Client) roundTrip(request *http.Request, most int64) (wire.Reply, http.Header, error) {
	response, err := c.http.RoundTrip(request)
	if err != nil {
		return wire.Reply{}, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		// What follows is the bare connection, which no deadline ends.
		return wire.Reply{}, nil, errors.New("the answer switches to another protocol")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("the answer is longer than %d bytes", most)
	}
	return wire.Reply{Status: response.StatusCode, Body: body}, response.Header, err
}

// retryAfter reads the header, in seconds or as a date; it was never seen from
// the platform and is honoured when there.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 && seconds < 1<<20 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// transportFault says what a failed exchange proves: without headers written
// nothing was sent, with them anything may have happened.
func transportFault(op wire.Op, wrote bool, flight, err error) error {
	class := wire.Cut
	switch {
	case !wrote:
		class = wire.NotSent
	case errors.Is(flight, context.DeadlineExceeded):
		class = wire.Deadline
	}
	return &wire.Fault{Op: op, Class: class, Err: err}
}

// evidence watches whether the headers of a request were written.
type evidence struct {
	written atomic.Pointer[time.Time]
	limit   *time.Timer
}

// newEvidence starts the clock for the headers; cancel ends the exchange.
func newEvidence(cancel context.CancelFunc) *evidence {
	e := &evidence{}
	e.limit = time.AfterFunc(writeLimit, func() {
		if _, wrote := e.when(); !wrote {
			cancel()
		}
	})
	return e
}

func (e *evidence) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{WroteHeaders: func() {
		now := time.Now()
		e.written.Store(&now)
		e.limit.Stop()
	}}
}

// when is the time at which the headers were written, if they were.
func (e *evidence) when() (written time.Time, wrote bool) {
	if at := e.written.Load(); at != nil {
		return *at, true
	}
	return time.Time{}, false
}

func (e *evidence) stop() { e.limit.Stop() }
