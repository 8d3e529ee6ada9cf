package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"sftctl/pkg/platform"
	"sftctl/pkg/report"
)

const (
	postLimit  = 10 * time.Second // for one try
	postPause  = 2 * time.Second  // between the two
	postAnswer = 64 << 10         // of the answer is read, which nobody wants
)

// post tells somebody what a command came to: at most twice, and also after a
// signal, which is news. The error does not hold the address.
func (c *connection) post(ctx context.Context, to string, e *report.Ending) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	hook, err := c.hook(to)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	again, err := postOnce(ctx, hook, to, body)
	if again {
		time.Sleep(postPause)
		_, err = postOnce(ctx, hook, to, body)
	}
	return err
}

// hook makes the connection to a web hook.
func (c *connection) hook(to string) (http.RoundTripper, error) {
	base, err := url.Parse(to)
	if err != nil {
		return nil, unaddressed(err)
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	return platform.Transport(base, roots)
}

// postOnce says whether another try may do.
func postOnce(ctx context.Context, hook http.RoundTripper, to string, body []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, postLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return false, unaddressed(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", version())
	answer, err := hook.RoundTrip(req)
	if err != nil {
		return true, unaddressed(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, postAnswer))
	if answer.StatusCode/100 == 2 {
		return false, nil
	}
	return answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests, fmt.Errorf("%s answered HTTP %d", req.URL.Host, answer.StatusCode)
}

// unaddressed is an error without the address that it may hold.
func unaddressed(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
