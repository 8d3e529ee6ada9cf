package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// browser is a real one without a window, told what to do over two pipes, in the
// messages of the DevTools protocol.
type browser struct {
	*testing.T
	to      *os.File
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	events  []message
	came    *sync.Cond
}

// message is an answer or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

// browsers are the programs that are tried, in their order.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

// aBrowser starts a browser; where there is none, the test is skipped.
func aBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range browsers {
		if found, err := exec.LookPath(name); err == nil {
			path = cmp.Or(path, found)
		}
	}
	if path == "" {
		t.Skipf("there is none of %q to show the page", browsers)
	}
	b := &browser{T: t, waiting: map[int]chan message{}}
	b.came = sync.NewCond(&b.mu)
	b.start(path)
	var target struct{ TargetID, SessionID string }
	b.call(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	b.call(&target, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	b.session = target.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(nil, domain+".enable", nil)
	}
	return b
}

// start starts the program, which ends with the test.
func (b *browser) start(path string) {
	b.Helper()
	read, to, err := os.Pipe()
	from, write, err2 := os.Pipe()
	if err := errors.Join(err, err2); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
		"--force-color-profile=srgb", "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir="+b.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{read, write}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	_, _ = read.Close(), write.Close()
	b.to = to
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.listen(from)
	}()
	b.Cleanup(func() {
		b.session = ""
		_ = b.send(0, "Browser.close", nil)
		time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		<-ended
		_, _ = to.Close(), from.Close()
	})
}

// listen takes messages until the browser ends.
func (b *browser) listen(from *os.File) {
	in := bufio.NewReaderSize(from, 1<<20)
	for {
		text, err := in.ReadBytes(0)
		var m message
		if err == nil {
			err = json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m)
		}
		b.mu.Lock()
		if err != nil {
			m = message{Error: &struct{ Message string }{err.Error()}}
			for id, waits := range b.waiting {
				waits <- m
				delete(b.waiting, id)
			}
			b.mu.Unlock()
			return
		}
		if waits, ok := b.waiting[m.ID]; ok {
			waits <- m
			delete(b.waiting, m.ID)
		} else {
			b.events = append(b.events, m)
			b.came.Broadcast()
		}
		b.mu.Unlock()
	}
}

func (b *browser) send(id int, method string, params any) error {
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	return err
}

// call calls a method and waits for its answer.
func (b *browser) call(result any, method string, params any) {
	b.Helper()
	answer := make(chan message, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	if err := b.send(id, method, params); err != nil {
		b.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			b.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(time.Minute):
		b.Fatalf("%s: got no answer", method)
	}
}

// event waits for an event that came after a number of others.
func (b *browser) event(method string, after int) {
	b.Helper()
	late := time.AfterFunc(time.Minute, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, message{Method: "late"})
		b.came.Broadcast()
	})
	defer late.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := after; ; at++ {
		for at == len(b.events) {
			b.came.Wait()
		}
		switch b.events[at].Method {
		case method:
			return
		case "late":
			b.Fatalf("got no %s", method)
		}
	}
}

// open shows a page and returns how long it took until its script had run.
func (b *browser) open(page []byte) time.Duration {
	b.Helper()
	path := filepath.Join(b.TempDir(), "report.html")
	if err := os.WriteFile(path, page, 0o600); err != nil {
		b.Fatal(err)
	}
	b.mu.Lock()
	b.events = nil
	b.mu.Unlock()
	b.call(nil, "Page.navigate", map[string]any{"url": "file://" + path})
	b.event("Page.loadEventFired", 0)
	var ms float64
	b.eval(&ms, `performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd`)
	return time.Duration(ms * float64(time.Millisecond))
}

// eval runs a script in the page, and waits for what it promises.
func (b *browser) eval(result any, script string) {
	b.Helper()
	var reply struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call(&reply, "Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true})
	if reply.ExceptionDetails != nil {
		b.Fatalf("%s: %s", script, reply.ExceptionDetails)
	}
	if result != nil {
		if err := json.Unmarshal(reply.Result.Value, result); err != nil {
			b.Fatalf("%s: %v", script, err)
		}
	}
}

// screen sets the width of the screen and whether it is dark.
func (b *browser) screen(width int, scheme string) {
	b.Helper()
	b.call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": *screenHeight, "deviceScaleFactor": 1, "mobile": width < 600})
	b.call(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
}

// picture keeps what the page looks like in the folder that -pictures names.
func (b *browser) picture(name string) {
	b.Helper()
	if *pictures == "" {
		return
	}
	var shot struct{ Data []byte }
	b.call(&shot, "Page.captureScreenshot", nil)
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), shot.Data, 0o600); err != nil {
		b.Fatal(err)
	}
}

// complaints are what the browser says is wrong with a page, and what the page
// asked for besides itself.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	requests := 0
	for _, m := range b.events {
		switch m.Method {
		case "Network.requestWillBeSent":
			if requests++; requests == 1 {
				continue
			}
		case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		default:
			continue
		}
		all = append(all, fmt.Sprintf("%s %s", m.Method, m.Params))
	}
	return all
}
