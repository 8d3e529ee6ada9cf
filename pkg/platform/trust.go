package platform

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Roots are those whom the system trusts and those of a PEM file. All of the file
// must be certificates: what is passed over in silence would be missed only when
// the connection fails.
func Roots(file []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the roots of the system: %w", err)
	}
	n := 0
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("block %d is a %.40q, want CERTIFICATE", n+1, block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n+1, err)
		}
		pool.AddCert(cert)
		n++
		file = rest
	}
	if n == 0 || bytes.Contains(file, []byte("-----BEGIN")) {
		return nil, fmt.Errorf("%d certificates can be read, want all of the file to be certificates in PEM form", n)
	}
	return pool, nil
}

// proxyOf is the proxy that requests to a platform go through, nil for none. What
// is wrong with it is told without its text, which may hold a password.
func proxyOf(base *url.URL, choose func(*http.Request) (*url.URL, error)) (*url.URL, error) {
	if choose == nil {
		choose = http.ProxyFromEnvironment
	}
	proxy, err := choose(&http.Request{URL: base})
	if err != nil {
		return nil, errors.New("the proxy of the environment (HTTPS_PROXY) cannot be read, want a URL such as http://proxy.example:3128")
	}
	return proxy, nil
}

// Proxy is the proxy that requests go through, without its credentials; it is
// empty when there is none.
func (c *Client) Proxy() string {
	if c.proxy == nil {
		return ""
	}
	return (&url.URL{Scheme: c.proxy.Scheme, Host: c.proxy.Host}).String()
}
