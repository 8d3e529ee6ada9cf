package platform

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// authority vouches for servers.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true}
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	cert := template(name)
	cert.IsCA, cert.KeyUsage, cert.ExtKeyUsage, cert.IPAddresses = true, x509.KeyUsageCertSign, nil, nil
	var der []byte
	a.key, der = a.sign(cert, nil)
	a.cert, _ = x509.ParseCertificate(der)
	return a
}

// sign makes a key and a certificate for it, signed by a parent, or by itself.
func (a *authority) sign(cert *x509.Certificate, by *authority) (*ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := cert, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, der
}

// server is a certificate that this authority signed, changed before.
func (a *authority) server(change func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	cert := template("server")
	change(cert)
	key, der := a.sign(cert, a)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) roots() *x509.CertPool {
	a.t.Helper()
	pool, err := Roots(a.pem())
	if err != nil {
		a.t.Fatal(err)
	}
	return pool
}

// counted counts the bytes that come out of a connection.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// eavesdrop serves TLS, and counts the bytes of requests that come through it.
func eavesdrop(t *testing.T, config *tls.Config) (s *raw, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	return serve(t, loopback(t), func(s *raw, conn net.Conn, _ int) {
		s.answer(counted{tls.Server(conn, config), requests})
	}), requests
}

// The servers to which nothing may be told: not the token, not a byte of a request.
func TestStrangersAreToldNothing(t *testing.T) {
	ours, stranger := newAuthority(t, "ours"), newAuthority(t, "stranger")
	plain := func(*x509.Certificate) {}
	alone := func() tls.Certificate {
		key, der := ours.sign(template("alone"), nil)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	noAuthority := func() tls.Certificate { // a server's certificate that signs another
		cert := template("middle")
		key, der := ours.sign(cert, ours)
		middle := &authority{t: t, key: key}
		middle.cert, _ = x509.ParseCertificate(der)
		leaf := middle.server(plain)
		leaf.Certificate = append(leaf.Certificate, der)
		return leaf
	}
	one := func(cert tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	old := func(version uint16) *tls.Config {
		config := one(ours.server(plain))
		config.MinVersion, config.MaxVersion = version, version
		return config
	}
	bad := map[string]struct {
		config *tls.Config
		says   string
	}{
		"expired":               {one(ours.server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), "expired"},
		"not valid yet":         {one(ours.server(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), "not yet valid"},
		"self-signed":           {one(alone()), "unknown authority"},
		"of a stranger":         {one(stranger.server(plain)), "unknown authority"},
		"for another address":   {one(ours.server(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} })), "127.0.0.2, not 127.0.0.1"},
		"for a name":            {one(ours.server(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"sft.bics.com"} })), "doesn't contain any IP SANs"},
		"a common name only":    {one(ours.server(func(c *x509.Certificate) { c.IPAddresses, c.Subject.CommonName = nil, "127.0.0.1" })), "legacy Common Name"},
		"for clients":           {one(ours.server(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })), "key usage"},
		"signed by a server":    {one(noAuthority()), "cannot sign this kind"},
		"TLS 1.0":               {old(tls.VersionTLS10), "protocol version"},
		"TLS 1.1":               {old(tls.VersionTLS11), "protocol version"},
		"another's certificate": {one(tls.Certificate{Certificate: [][]byte{ours.server(plain).Certificate[0]}, PrivateKey: ours.key}), ""},
	}
	for name, tt := range bad {
		t.Run(name, func(t *testing.T) {
			s, requests := eavesdrop(t, tt.config)
			reply := toldNothing(t, "https://"+s.addr, ours.roots())
			if !strings.Contains(reply.Err.Error(), tt.says) {
				t.Errorf("got %v, want it to say %q", reply.Err, tt.says)
			}
			if requests.Load() != 0 || s.seen.Load() != 0 {
				t.Errorf("the server got %d bytes of a request", requests.Load())
			}
		})
	}
	for name, config := range map[string]*tls.Config{"TLS 1.2": old(tls.VersionTLS12), "TLS 1.3": old(tls.VersionTLS13)} {
		s, requests := eavesdrop(t, config)
		c := rawClient(t, "https://"+s.addr, func(o *Options) { o.Roots = ours.roots() })
		if reply := c.Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome != fleet.Done || requests.Load() < 100 {
			t.Errorf("%s: got %s (%v) and %d bytes, want done, or these tests show nothing", name, reply.Outcome, reply.Err, requests.Load())
		}
	}
}

// toldNothing sends a call that must come to nothing, and that is proved not sent.
func toldNothing(t *testing.T, address string, roots *x509.CertPool) fleet.Reply {
	t.Helper()
	c := rawClient(t, address, func(o *Options) { o.MaxOutage, o.Roots = time.Nanosecond, roots })
	reply := c.Do(t.Context(), calls[wire.OpActivate], nothing)
	if reply.Outcome != fleet.NotAttempted || reply.Sends != 0 || reply.Err == nil {
		t.Fatalf("got %s after %d sends: %v", reply.Outcome, reply.Sends, reply.Err)
	}
	return reply
}

// A server that speaks no TLS gets a greeting and no request.
func TestNoRequestGoesInClear(t *testing.T) {
	for _, answers := range []string{good, "SSH-2.0-x\r\n", "", "\x15\x03\x01\x00\x02\x02\x46"} {
		got := make(chan string, 10)
		s := serve(t, loopback(t), func(_ *raw, conn net.Conn, _ int) {
			buf := make([]byte, 4096)
			n, _ := conn.Read(buf)
			_, _ = io.WriteString(conn, answers)
			_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			m, _ := conn.Read(buf[n:])
			got <- string(buf[:n+m])
		})
		toldNothing(t, "https://"+s.addr, nil)
		if text := <-got; strings.Contains(text, "POST") || strings.Contains(text, "Bearer") || !strings.HasPrefix(text, "\x16\x03") {
			t.Errorf("%q: the server got %q", answers, text)
		}
	}
}

func TestRoots(t *testing.T) {
	one, two := newAuthority(t, "one").pem(), newAuthority(t, "two").pem()
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("s3cr3t")})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("s3cr3t")})
	for name, tt := range map[string]struct {
		file []byte
		n    int // certificates, 0 when it is refused
	}{
		"one": {one, 1}, "two": {append(bytes.Clone(one), two...), 2}, "with remarks": {append([]byte("# ours\n"), one...), 1},
		"empty": {nil, 0}, "no PEM": {[]byte("s3cr3t"), 0}, "a key beside it": {append(bytes.Clone(one), key...), 0},
		"a broken one": {append(bytes.Clone(one), broken...), 0}, "cut": {append(bytes.Clone(one), two[:len(two)/2]...), 0},
	} {
		system, err := x509.SystemCertPool()
		if err != nil {
			t.Fatal(err)
		}
		pool, err := Roots(tt.file)
		if (err == nil) != (tt.n > 0) || err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: got %v", name, err)
		}
		if err == nil && system.Equal(pool) {
			t.Errorf("%s: nothing was added to the roots of the system", name)
		}
	}
}
