package journal

import (
	"os"
	"strings"
	"sync"
	"time"
)

// Moment is a time by two clocks: the one on the wall, which people and time
// servers set, and the one that counts since the boot.
type Moment struct {
	Wall time.Time
	Boot string        // names the boot; empty when nobody can tell
	Up   time.Duration // since the boot, in whole seconds; it counts on while the machine sleeps
}

// Clock tells what time it is.
type Clock func() Moment

// SystemClock is the machine's clock. Where it cannot tell the boot, as on
// macOS, no intent of another process is ever taken to be old.
func SystemClock() Moment { return Moment{time.Now(), bootID(), uptime()} }

var bootID = sync.OnceValue(func() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
})
