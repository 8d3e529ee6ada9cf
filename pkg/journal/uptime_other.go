//go:build !linux

package journal

import "time"

// uptime is not known; without the name of the boot nobody asks for it.
func uptime() time.Duration { return 0 }
