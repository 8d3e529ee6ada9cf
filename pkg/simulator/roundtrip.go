package simulator

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
)

// RoundTrip serves a request in this process, as an http.RoundTripper: no
// socket and no goroutine takes part, so it works in virtual time. When the
// request's context ends first, its error is returned and the platform's work
// goes on. A lost connection is io.ErrUnexpectedEOF.
func (s *Simulator) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }() // it was read; nothing is lost
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(ctx)
	headersWritten(trace)
	c, a := s.read(r)
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	if c != nil {
		a = s.handle(ctx, c)
	}
	switch {
	case a.gone:
		return nil, ctx.Err()
	case a.drop:
		return nil, io.ErrUnexpectedEOF
	}
	if trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	return a.response(r), nil
}

func headersWritten(trace *httptrace.ClientTrace) {
	if trace == nil {
		return
	}
	if trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Reused: true})
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
}

func (a answer) response(r *http.Request) *http.Response {
	resp := &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, ContentLength: int64(len(a.body)), Request: r,
	}
	a.header(resp.Header)
	var body io.Reader = bytes.NewReader(a.body)
	if a.cut {
		body = io.MultiReader(bytes.NewReader(a.half()), brokenReader{})
	}
	resp.Body = io.NopCloser(body)
	return resp
}

// brokenReader is the end of a connection in the middle of a body.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
