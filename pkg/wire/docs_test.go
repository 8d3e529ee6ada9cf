package wire

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The page about the platform has every path, every code and both deadlines that
// stand here.
func TestThePageAboutThePlatformIsWhole(t *testing.T) {
	data, err := os.ReadFile("../../docs/platform.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	want := []string{pathChangePlan, pathProfile, codeToken, codeNoData, codeUnexpected, codeUnsure, codeTimeout, CodeBadLogin, CodeBadTarget, CodeBlocked,
		HeaderToken + ": " + BearerPrefix, HeaderRequested + ": " + RequestedWith, seconds(ShortDeadline), seconds(LongDeadline)}
	for _, paths := range []map[Op]struct{ method, path string }{endpointInfoPaths, collectionPaths} {
		for _, p := range paths {
			want = append(want, "`"+p.method+" "+p.path+"`")
		}
	}
	for _, table := range collectionCodes {
		want = slices.Concat(want, table.success, table.noop, table.refused, table.missing)
	}
	for _, text := range want {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not have %q", text)
		}
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%d s", d/time.Second) }
