package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/platform"
)

// reachLimit bounds each step on the way to the platform.
const reachLimit = 15 * time.Second

// findProxy says whether the environment puts a proxy in between.
func (e *examination) findProxy(context.Context) (f finding) {
	if e.simulated {
		return passes("none: the platform is simulated")
	}
	proxy, err := platform.Proxy(e.base)
	switch {
	case err != nil:
		return fails(fleet.ErrUsage, "correct HTTPS_PROXY", "%v", err)
	case proxy == nil:
		return passes("none for this address")
	}
	e.proxy = proxy
	return passes("%s, from the environment", proxy.Scheme+"://"+proxy.Host)
}

// next is where connections go to: the platform, or the proxy before it.
func (e *examination) next() (*url.URL, string) {
	if e.proxy != nil {
		return e.proxy, "the proxy "
	}
	return e.base, ""
}

func (e *examination) dns(ctx context.Context) finding {
	if e.simulated {
		return passes("not asked: the platform is simulated")
	}
	to, what := e.next()
	if _, err := netip.ParseAddr(to.Hostname()); err == nil {
		return passes("not asked: %s%s is an address", what, to.Hostname())
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", to.Hostname())
	if err != nil {
		return fails(fleet.ErrUnreachable, "is the name right? does this machine have a name server, and a way out?", "%s%s: %v", what, to.Hostname(), err)
	}
	var addresses []string
	for _, a := range found {
		addresses = append(addresses, a.Unmap().String())
	}
	return passes("%s%s is %s", what, to.Hostname(), some(addresses))
}

func (e *examination) tcp(ctx context.Context) finding {
	if e.simulated {
		return passes("no connection: the platform is simulated")
	}
	to, what := e.next()
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	began := time.Now()
	conn, err := platform.Connect(ctx, e.base, e.proxy)
	if err != nil {
		return fails(fleet.ErrUnreachable, "are host and port right? does a firewall stand in between, or is a proxy needed (HTTPS_PROXY)?", "%s%s: %v", what, platform.Address(to), err)
	}
	e.conn = conn
	return passes("connected with %s%s in %s", what, conn.RemoteAddr(), time.Since(began).Round(time.Millisecond))
}

func (e *examination) tls(ctx context.Context) finding {
	if e.simulated {
		return passes("none: the platform is simulated")
	}
	defer func() { _ = e.conn.Close() }() // nothing was sent on it
	if e.base.Scheme == "http" {
		return passes("none: plain http, to this machine only")
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	state, err := platform.Shake(ctx, e.conn, e.base, e.proxy, e.opts.Roots)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return passes("not looked at: it is inside a %s proxy", e.proxy.Scheme)
	case err != nil:
		return fails(fleet.ErrUnreachable, tlsAdvice(err), "%v", err)
	}
	return certificate(state, time.Now())
}

// tlsAdvice says what to do about a connection that is not safe.
func tlsAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &name):
		return "the certificate is that of another host: is the URL right, or does something answer in the platform's place?"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate does not hold at this time: is this machine's clock right?"
	case errors.As(err, &unknown), errors.As(err, &invalid):
		return "nobody whom this machine trusts vouches for the certificate: if a proxy opens TLS here, name a file with its authority by --ca-file"
	case errors.As(err, &record):
		return "what answers at this port speaks no TLS: are port and scheme right?"
	case errors.As(err, &alert) && alert == 70, strings.Contains(err.Error(), "protocol version"):
		return "TLS 1.2 is the least that is spoken here, and the platform speaks it (documented): what answers is too old to be it"
	}
	return "what answers may not be the platform: is the URL right, and the proxy?"
}

// soon is how long before its end a certificate is worth a word.
const soon = 14 * 24 * time.Hour

// certificate says which TLS it is and until when.
func certificate(state tls.ConnectionState, now time.Time) finding {
	if len(state.PeerCertificates) == 0 {
		return passes("%s", tls.VersionName(state.Version))
	}
	cert := state.PeerCertificates[0]
	seen := fmt.Sprintf("%s, certificate by %s until %s", tls.VersionName(state.Version), fleet.Quote(firstOf(cert.Issuer.CommonName, cert.Issuer.String())), cert.NotAfter.UTC().Format("2006-01-02 15:04 MST"))
	if left := cert.NotAfter.Sub(now); left < soon {
		return warns("whoever runs that host has to renew it; afterwards nothing can be reached", "%s: in %s", seen, fleet.Count(int(left/(24*time.Hour)), "day"))
	}
	return passes("%s", seen)
}
