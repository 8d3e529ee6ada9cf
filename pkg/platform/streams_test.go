package platform

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sftctl/pkg/fleet"
)

// refuser is a TLS server that would rather speak HTTP/2, in which it refuses
// the first stream of each kind of refusal; clients send it again unasked.
type refuser struct {
	*raw
	pool *x509.CertPool
	h2   atomic.Int64 // connections that speak HTTP/2
}

func newRefuser(t *testing.T, refuse func(stream uint32) (kind byte, id uint32, payload []byte)) *refuser {
	lender := httptest.NewTLSServer(nil) // lends its certificate
	t.Cleanup(lender.Close)
	f := &refuser{pool: x509.NewCertPool()}
	f.pool.AddCert(lender.Certificate())
	config := &tls.Config{Certificates: lender.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
	f.raw = serve(t, tls.NewListener(loopback(t), config), func(s *raw, conn net.Conn, _ int) {
		if err := conn.(*tls.Conn).Handshake(); err != nil {
			return
		}
		if conn.(*tls.Conn).ConnectionState().NegotiatedProtocol == "h2" {
			f.streams(s, conn, f.h2.Add(1) == 1, refuse)
			return
		}
		s.answer(conn)
	})
	return f
}

// The frames of HTTP/2 that a refusal needs (RFC 9113, section 6).
const (
	frameHeaders  = 0x1
	frameReset    = 0x3
	frameSettings = 0x4
	frameGoAway   = 0x7
	refusedStream = 0x7
	endOfHeaders  = 0x4
	endOfStream   = 0x1
)

// streams speaks as much HTTP/2 as it takes to refuse a request, if it is to,
// and to answer all others. A request counts with its headers.
func (f *refuser) streams(s *raw, conn net.Conn, refusing bool, refuse func(stream uint32) (byte, uint32, []byte)) {
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	frame(conn, frameSettings, 0, 0, nil)
	for {
		kind, stream, err := nextFrame(conn)
		if err != nil {
			return
		}
		if kind != frameHeaders {
			continue
		}
		s.seen.Add(1)
		_ = conn.SetDeadline(time.Now().Add(200 * time.Millisecond)) // enough for the same again
		if !refusing {
			frame(conn, frameHeaders, endOfHeaders|endOfStream, stream, []byte{0x88}) // :status 200
			continue
		}
		kind, id, payload := refuse(stream)
		frame(conn, kind, 0, id, payload)
		refusing = false
	}
}

func nextFrame(r io.Reader) (kind byte, stream uint32, err error) {
	head := make([]byte, 9)
	if _, err = io.ReadFull(r, head); err != nil {
		return 0, 0, err
	}
	_, err = io.CopyN(io.Discard, r, int64(head[0])<<16|int64(head[1])<<8|int64(head[2]))
	return head[3], binary.BigEndian.Uint32(head[5:]), err
}

func frame(w io.Writer, kind, flags byte, stream uint32, payload []byte) {
	head := []byte{0, 0, byte(len(payload)), kind, flags}
	_, _ = w.Write(append(binary.BigEndian.AppendUint32(head, stream), payload...))
}

// The client speaks HTTP/1.1 to a server that would refuse HTTP/2 streams. That
// the refusals are a trap is shown by a plain HTTP/2 client walking into it.
func TestStreamsThatAreRefused(t *testing.T) {
	refusals := map[string]func(uint32) (byte, uint32, []byte){
		"REFUSED_STREAM": func(stream uint32) (byte, uint32, []byte) {
			return frameReset, stream, binary.BigEndian.AppendUint32(nil, refusedStream)
		},
		"GOAWAY": func(uint32) (byte, uint32, []byte) { return frameGoAway, 0, make([]byte, 8) },
	}
	for name, refuse := range refusals {
		for how, shape := range shapes {
			f := newRefuser(t, refuse)
			base := &url.URL{Scheme: "https", Host: f.addr}
			c := rawClient(t, base.String(), shape.change)
			c.http.(*http.Transport).TLSClientConfig.RootCAs = f.pool
			before := int64(0)
			reply := c.Do(t.Context(), shape.call, func() error { before++; return nil })
			if reply.Outcome != fleet.Done || before != 1 || f.seen.Load() != before || f.h2.Load() != 0 {
				t.Errorf("%s, %s: got %s (%v); the server saw %d requests by leave of %d, on %d connections of HTTP/2",
					name, how, reply.Outcome, reply.Err, f.seen.Load(), before, f.h2.Load())
			}
		}
		f := newRefuser(t, refuse)
		if err := walkIn(f); err != nil || f.seen.Load() < 2 || f.h2.Load() == 0 {
			t.Errorf("%s: %v; an HTTP/2 client sent one call %d times on %d connections, want it twice, or this test shows nothing", name, err, f.seen.Load(), f.h2.Load())
		}
	}
}

func walkIn(f *refuser) error {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: f.pool}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Post("https://"+f.addr, "text/plain", strings.NewReader("x"))
	if err != nil {
		return err
	}
	if response.Body.Close(); response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
