package platform

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// flooded is what a client came to at a platform that floods it.
type flooded struct {
	Listing, Call wire.Class
	Outcome       fleet.Outcome
	Grown         int64 // bytes of memory, at their most
}

func TestMain(m *testing.M) {
	if url := os.Getenv("FLOODED_BY"); url != "" {
		deadline, err := time.ParseDuration(os.Getenv("FLOODED_FOR"))
		if err != nil {
			panic(err)
		}
		_ = json.NewEncoder(os.Stdout).Encode(beFlooded(url, os.Getenv("WARMED_BY"), deadline))
		return
	}
	os.Exit(m.Run())
}

// beFlooded asks a platform for a listing and makes a call to it, in a process of
// its own: the most memory that it ever had is then known.
func beFlooded(url, warm string, deadline time.Duration) (f flooded) {
	ask := func(url string) (fleet.Reply, error) {
		c, err := New(Options{BaseURL: url, Username: "ann", Password: NewSecret("pw"), Dialect: wire.EndpointInfo{}, Purse: pace.New(0), CallTimeout: deadline})
		if err != nil {
			panic(err)
		}
		c.tokens.keep(wire.Tokens{Access: "a", Refresh: "r"})
		_, listing := c.once()
		return c.Do(context.Background(), calls[wire.OpActivate], nothing), listing
	}
	_, _ = ask(warm)
	before := mostMemory()
	reply, listing := ask(url)
	return flooded{wire.ClassOf(listing), wire.ClassOf(reply.Err), reply.Outcome, mostMemory() - before}
}

// mostMemory is the most that this process ever had, in bytes, where the system
// says so.
func mostMemory() (n int64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(line, &n); err != nil {
		panic(err)
	}
	return n << 10
}

// again writes a text for ever, after a beginning, with pauses if there are any.
func again(begin, text string, pause time.Duration) func(net.Conn) {
	for pause == 0 && len(text) < 1<<16 {
		text += text
	}
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, begin)
		for err == nil {
			_, err = io.WriteString(conn, text)
			time.Sleep(pause)
		}
	}
}

// answering writes an answer with a header and a body.
func answering(header, body string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", header, len(body), body)
	}
}

func zipped(n int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for zeros := make([]byte, 1<<20); n > 0; n -= len(zeros) {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	return b.String()
}

// listed is a listing with so many rows as there is room for.
func listed(row string) string {
	const begin, end = `{"Response":{"resultCode":"0","endpointId":"881","responseParam":{"rows":[`, `{}]}}}`
	return begin + strings.Repeat(row+",", (maxBody-200)/(len(row)+1)) + end
}

// A platform that answers without end, or with what takes many times its bytes,
// costs little memory and no more time than the deadline, and is never believed.
// That it is the deadline that ends a call shows by its class: these servers go on
// for longer.
func TestFloods(t *testing.T) {
	bomb := 256 << 20
	if raceEnabled {
		bomb = 16 << 20 // packing it takes long
	}
	const ok, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	row := `{"endpointId":"%s","endpointName":"meter","planId":"100234","serviceProfileId":"SP_1249","simProductId":"7","iccid":"8932042000001234562","status":"Active","description":"` + strings.Repeat("x", 60) + `"}`
	floods := map[string]struct {
		answer        func(net.Conn)
		listing, call wire.Class
	}{
		"a body of 1 EiB":            {again(ok+"Content-Length: 1152921504606846976\r\n\r\n", " ", 0), wire.Cut, wire.Cut},
		"a body until the end":       {again(ok+"Connection: close\r\n\r\n", `{"Response":{"resultCode":"0",`, 0), wire.Cut, wire.Cut},
		"chunks for ever":            {again(chunked, "10000\r\n"+strings.Repeat("[", 0x10000)+"\r\n", 0), wire.Cut, wire.Cut},
		"a chunk's extension":        {again(chunked+"1;", "x=y;", 0), wire.Cut, wire.Cut},
		"a chunk's trailer":          {again(chunked+"0\r\n", "X: y\r\n", 0), wire.Cut, wire.Cut},
		"a header of 1 MiB":          {answering("X: "+strings.Repeat("x", 1<<20)+"\r\n", body), wire.Cut, wire.Cut},
		"headers for ever":           {again(ok, "X: y\r\n", 0), wire.Cut, wire.Cut},
		"a status for ever":          {again("HTTP/1.1 200 ", "O", 0), wire.Cut, wire.Cut},
		"provisional answers":        {again("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 0), wire.Cut, wire.Cut},
		"continue for ever":          {again("", "HTTP/1.1 100 Continue\r\n\r\n", 0), wire.Cut, wire.Cut},
		"another protocol":           {again("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "x", 0), wire.Cut, wire.Cut},
		"256 MiB in a zip":           {answering("Content-Encoding: gzip\r\n", zipped(bomb)), wire.BadReply, wire.BadReply},
		"a zip without the header":   {answering("", zipped(8<<20)), wire.BadReply, wire.BadReply},
		"nothing":                    {func(net.Conn) { time.Sleep(2 * time.Second) }, wire.Deadline, wire.Deadline},
		"a header, drop by drop":     {again(ok, "X", 50*time.Millisecond), wire.Deadline, wire.Deadline},
		"a body, drop by drop":       {again(ok+"Content-Length: 1000000\r\n\r\n", " ", 50*time.Millisecond), wire.Deadline, wire.Deadline},
		"chunks, drop by drop":       {again(chunked, "1\r\n \r\n", 50*time.Millisecond), wire.Deadline, wire.Deadline},
		"provisional, drop by drop":  {again("", "HTTP/1.1 102 Processing\r\n\r\n", 300*time.Millisecond), wire.Deadline, wire.Deadline},
		"nested without end":         {answering("", strings.Repeat("[", maxAnswer)), wire.BadReply, wire.BadReply},
		"nested objects":             {answering("", strings.Repeat(`{"Response":`, maxAnswer/12)), wire.BadReply, wire.BadReply},
		"millions of empty rows":     {answering("", listed("{}")), wire.BadReply, wire.Cut},
		"millions of numbers":        {answering("", listed("1")), wire.BadReply, wire.Cut},
		"an id of 1 MiB":             {answering("", `{"Response":{"resultCode":"0","endpointId":"`+strings.Repeat("8", maxAnswer-100)+`"}}`), wire.BadReply, wire.BadReply},
		"a listing of small rows":    {answering("", listed(fmt.Sprintf(row[:40]+"}", "1"))), wire.BadReply, wire.Cut},
		"a listing, full and proper": {answering("", strings.Replace(listed(fmt.Sprintf(row, "1")), "{}]", fmt.Sprintf(row, "1")+"]", 1)), wire.OK, wire.Cut},
	}
	warm := serve(t, loopback(t), func(s *raw, conn net.Conn, _ int) { s.answer(conn) })
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, loopback(t), func(s *raw, conn net.Conn, _ int) {
				if s.take(bufio.NewReader(conn)) {
					flood.answer(conn)
				}
			})
			deadline := time.Minute // no machine is so busy that it comes first
			if flood.listing == wire.Deadline {
				deadline = time.Second
			}
			got := flooding(t, "http://"+s.addr, "http://"+warm.addr, deadline)
			if got.Listing != flood.listing || got.Call != flood.call || got.Outcome != fleet.Unknown || s.seen.Load() != 2 {
				t.Errorf("got a listing %s, a call %s that is %s, after %d requests, want %s, %s and unknown after 2",
					got.Listing, got.Call, got.Outcome, s.seen.Load(), flood.listing, flood.call)
			}
			most := int64(32 << 20)
			if flood.listing == wire.OK {
				most *= 3 // it is kept: once as it came, and once as what it says
			}
			t.Logf("%d KiB", got.Grown>>10)
			if got.Grown > most && !raceEnabled {
				t.Errorf("it took %d KiB of memory, want at most %d", got.Grown>>10, most>>10)
			}
		})
	}
}

func flooding(t *testing.T, url, warm string, deadline time.Duration) (f flooded) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "FLOODED_BY="+url, "WARMED_BY="+warm, "FLOODED_FOR="+deadline.String(), "GORACE=atexit_sleep_ms=5")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatal(err)
	}
	return f
}
