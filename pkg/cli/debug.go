package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/platform"
	"sftctl/pkg/wire"
)

// watcher is told of each request: whoever watches the command, and if that is asked
// for a line is printed.
func (c *connection) watcher(env Env, m *monitor) func(platform.Seen) {
	if !c.debug {
		return m.saw
	}
	var mu sync.Mutex
	return func(s platform.Seen) {
		m.saw(s)
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(env.Stderr, debugLine(s)+"\n") // nothing can be done about a stream that is closed
	}
}

// debugLine has what Seen has, and that has nothing which travelled.
func debugLine(s platform.Seen) string {
	target := s.Path
	if s.Query != "" {
		target += "?" + s.Query
	}
	answer := fmt.Sprintf("HTTP %d", s.Status)
	if s.Class != wire.OK {
		answer = s.Class.String()
	}
	sent := fmt.Sprint(s.Sent)
	if s.Sent < 0 {
		sent = "***"
	}
	parts := []string{"debug:", s.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), s.Method, target, answer,
		"sent=" + sent, fmt.Sprintf("received=%d", s.Received), "took=" + s.Took.Round(100*time.Microsecond).String()}
	if s.ID != "" {
		parts = append(parts, "id="+s.ID)
	}
	return fleet.Printable(strings.Join(parts, " "))
}
