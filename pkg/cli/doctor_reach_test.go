package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A platform whose TLS is not safe gets no password.
func TestDoctorLooksAtTLS(t *testing.T) {
	tests := map[string]struct {
		config       *tls.Config
		host         string
		seen, advice string
	}{
		"self-signed": {&tls.Config{}, "127.0.0.1", "unknown authority", "--ca-file"},
		"wrong name":  {&tls.Config{}, "localhost", "not localhost", "another host"},
		"too old":     {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "127.0.0.1", "protocol version", "TLS 1.2 is the least"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := withPlatform(t, 0, nil)
			server := httptest.NewUnstartedServer(p.sim)
			server.Config.ErrorLog, server.TLS = log.New(io.Discard, "", 0), tt.config
			server.StartTLS()
			defer server.Close()
			p.url = strings.Replace(server.URL, "127.0.0.1", tt.host, 1)
			p.want(8, "tls", failed, tt.seen, tt.advice)
			if len(p.sim.Log()) != 0 {
				t.Errorf("it sent %v", p.sim.Log())
			}
		})
	}
	p := withPlatform(t, 0, nil)
	p.url = strings.Replace(p.url, "http:", "https:", 1)
	p.want(8, "tls", failed, "does not look like a TLS handshake", "speaks no TLS")
}

// A platform whose certificate is known is looked at to the end.
func TestDoctorOverTLS(t *testing.T) {
	p := withPlatform(t, 1, nil)
	server := httptest.NewTLSServer(p.sim)
	defer server.Close()
	known := write(t, filepath.Join(p.dir, "known.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	p.url = server.URL
	_, found, all := p.see("--ca-file", known)
	if f := found["tls"]; f.Grade != fine || !strings.HasPrefix(f.Seen, "TLS 1.3, certificate by") || found["login"].Grade != fine {
		t.Errorf("got %s", all)
	}
}

// process runs the doctor as a program of its own: what it takes from the
// environment of its process is read once.
func (p *patient) process(url string, environ ...string) (code int, out string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sftctl", "doctor", "--debug", "--url", url)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "SFTCTL_USERNAME=ann", "SFTCTL_PASSWORD=" + canary, "SFTCTL_RATE=0", "GORACE=atexit_sleep_ms=5"}, environ...)
	data, _ := cmd.CombinedOutput()
	p.wantNoSecret(string(data))
	return cmd.ProcessState.ExitCode(), string(data)
}

// A proxy is named without its password, and asked to lead to the platform; what
// it says of that is told.
func TestDoctorBehindAProxy(t *testing.T) {
	p := withPlatform(t, 1, nil)
	var asked, as string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, as = r.Method+" "+r.Host, r.Header.Get("Proxy-Authorization")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	code, out := p.process("https://sft.example.invalid", "HTTPS_PROXY="+strings.Replace(proxy.URL, "//", "//joe:"+url.PathEscape(canary)+"@", 1))
	if code != 8 || asked != "CONNECT sft.example.invalid:443" || as != "Basic "+base64.StdEncoding.EncodeToString([]byte("joe:"+canary)) {
		t.Errorf("got code %d, asked %s as %s", code, asked, as)
	}
	for _, want := range []string{"ok       proxy       " + proxy.URL + ", from the environment", "ok       dns         not asked: the proxy 127.0.0.1 is an address", "failed   tls         the proxy answered HTTP 403", "skipped  login"} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s, want %s", out, want)
		}
	}
}

func TestACertificateThatEndsSoon(t *testing.T) {
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	state := tls.ConnectionState{Version: tls.VersionTLS12, PeerCertificates: []*x509.Certificate{{Issuer: pkix.Name{CommonName: "An Authority\x1b"}, NotAfter: now.Add(80 * time.Hour)}}}
	if got := certificate(state, now); got.Grade != warning || got.Seen != `TLS 1.2, certificate by "An Authority\x1b" until 2026-11-27 10:00 UTC: in 3 days` {
		t.Errorf("got %+v", got)
	}
	state.PeerCertificates[0].NotAfter = now.Add(soon)
	if got := certificate(state, now); got.Grade != fine {
		t.Errorf("got %+v", got)
	}
}
