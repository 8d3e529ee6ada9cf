package journal

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
)

// What is written without reflection is what encoding/json would write.
func TestQuickRecordsAreThoseOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9 "\\<>&/-]{0,12}`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		number := rapid.IntRange(-5, 1<<40)
		at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC()
		took := time.Duration(rapid.Int64().Draw(t, "took"))
		for _, r := range []Record{
			Intent{Task: number.Draw(t, "task"), Call: 3, Attempt: 1, Action: rapid.SampledFrom(fleet.Actions[:]).Draw(t, "action"),
				ID: fleet.ID(text.Draw(t, "id")), Name: text.Draw(t, "name"), ICCID: fleet.ICCID(text.Draw(t, "iccid")), Links: rapid.Bool().Draw(t, "links"), Starts: rapid.Bool().Draw(t, "starts"), At: at, Up: took, Boot: "b"},
			Outcome{Task: number.Draw(t, "task"), Call: 2, Attempt: 7, Outcome: fleet.Unknown, ID: fleet.ID(text.Draw(t, "id")),
				Code: text.Draw(t, "code"), Err: text.Draw(t, "err"), Sends: 2, Started: at, Took: took},
		} {
			want, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := fieldsOf(r); string(got) != string(want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}
