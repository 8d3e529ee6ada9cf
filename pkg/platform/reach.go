package platform

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// Proxy is the proxy that requests to the platform go through, as the environment
// of the process says; nil when there is none.
func Proxy(base *url.URL) (*url.URL, error) { return proxyOf(base, nil) }

// Transport makes connections to another place than the platform, by the same rules:
// TLS by the system's roots and those that are given, the proxy of the environment,
// plain HTTP on this machine only, and no redirects.
func Transport(base *url.URL, roots *x509.CertPool) (http.RoundTripper, error) {
	proxy, err := proxyOf(base, nil)
	if err != nil {
		return nil, err
	}
	return newTransport(base, proxy, Options{Roots: roots}), nil
}

// Address is where to connect for a URL: host and port.
func Address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Connect opens a connection to the platform, or to the proxy that leads to it, and
// sends nothing.
func Connect(ctx context.Context, base, proxy *url.URL) (net.Conn, error) {
	to := base
	if proxy != nil {
		to = proxy
	}
	return newDialer(base).DialContext(ctx, "tcp", Address(to))
}

// Shake makes the TLS connection that requests would travel in. It closes the one
// below it when it fails.
func Shake(ctx context.Context, conn net.Conn, base, proxy *url.URL, roots *x509.CertPool) (tls.ConnectionState, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	conn, err := tunnel(ctx, conn, base, proxy)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	return shake(ctx, conn, base.Hostname(), roots)
}

func shake(ctx context.Context, conn net.Conn, name string, roots *x509.CertPool) (tls.ConnectionState, error) {
	config := tlsConfig(roots)
	config.ServerName = name
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, errors.Join(err, conn.Close())
	}
	return secure.ConnectionState(), nil
}

// tunnel asks a proxy to lead to the platform.
func tunnel(ctx context.Context, conn net.Conn, base, proxy *url.URL) (net.Conn, error) {
	switch {
	case proxy == nil:
		return conn, nil
	case proxy.Scheme == "https":
		secure := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: proxy.Hostname()})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS with the proxy: %w", errors.Join(err, conn.Close()))
		}
		conn = secure
	case proxy.Scheme != "http":
		return nil, errors.ErrUnsupported
	}
	return conn, ask(conn, base, proxy)
}

func ask(conn net.Conn, base, proxy *url.URL) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: Address(base)}, Host: Address(base), Header: http.Header{}}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxHeader)), request)
	if err != nil { // its text may repeat what was sent
		return errors.New("the proxy did not answer as one")
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the proxy answered HTTP %d", answer.StatusCode)
	}
	return nil
}
