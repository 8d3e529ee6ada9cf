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
	postHurry  = 5 * time.Second  // after a signal, for all of it
	postAnswer = 64 << 10         // of the answer is read, which nobody wants
)

// post tells somebody what a command came to: at most twice, and also after a
// signal, which is news, but in a hurry then. What is told goes to others, so cards
// are told by their ends. The error does not hold the address.
func (c *connection) post(ctx context.Context, to string, e *report.Ending) error {
	body, err := withoutCards(e)
	if err != nil {
		return err
	}
	hook, err := c.hook(to)
	if err != nil {
		return err
	}
	posting, stop := hurried(ctx)
	defer stop()
	again, err := postOnce(posting, hook, to, body)
	if again && ctx.Err() == nil && pause(posting, postPause) {
		_, err = postOnce(posting, hook, to, body)
	}
	return err
}

// hurried is a context that outlives another one by no more than a hurry.
func hurried(ctx context.Context) (context.Context, context.CancelFunc) {
	posting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(postHurry, cancel)
		context.AfterFunc(posting, func() { late.Stop() })
	})
	return posting, func() { stop(); cancel() }
}

// withoutCards is a value as JSON in which no text has the number of a card.
func withoutCards(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var doc any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // as they are
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	return json.Marshal(masked(doc))
}

func masked(doc any) any {
	switch doc := doc.(type) {
	case string:
		return maskCards(doc)
	case []any:
		for i := range doc {
			doc[i] = masked(doc[i])
		}
	case map[string]any:
		for key := range doc {
			doc[key] = masked(doc[key])
		}
	}
	return doc
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
	if u := req.URL.User; u != nil {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
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
