package journal

import (
	"encoding/json"
	"strconv"
	"time"
)

// appender is a record that a run writes by the ten thousands: it is written
// without reflection, which was half of what the journal cost.
type appender interface {
	appendFields(fields []byte) []byte
	when() time.Time
}

// fieldsOf is a record as a JSON object.
func fieldsOf(r Record) ([]byte, error) {
	if quick, ok := r.(appender); ok && writable(quick.when()) {
		return append(quick.appendFields(make([]byte, 0, 300)), '}'), nil
	}
	return json.Marshal(r)
}

// writable says whether a time can be read back: a clock may be far off.
func writable(at time.Time) bool { return 0 <= at.Year() && at.Year() <= 9999 }

func (i Intent) when() time.Time  { return i.At }
func (o Outcome) when() time.Time { return o.Started }

func (i Intent) appendFields(b []byte) []byte {
	b = number(b, `{"task":`, int64(i.Task))
	b = number(b, `,"call":`, int64(i.Call))
	b = number(b, `,"attempt":`, int64(i.Attempt))
	b = text(b, `,"action":`, i.Action.String())
	b = given(b, `,"id":`, string(i.ID))
	b = given(b, `,"name":`, i.Name)
	b = given(b, `,"iccid":`, string(i.ICCID))
	b = yes(b, `,"links":true`, i.Links)
	b = yes(b, `,"starts":true`, i.Starts)
	b = instant(b, `,"at":`, i.At)
	return number(b, `,"up":`, int64(i.Up))
}

func (o Outcome) appendFields(b []byte) []byte {
	b = number(b, `{"task":`, int64(o.Task))
	b = number(b, `,"call":`, int64(o.Call))
	b = number(b, `,"attempt":`, int64(o.Attempt))
	b = text(b, `,"outcome":`, o.Outcome.String())
	b = given(b, `,"id":`, string(o.ID))
	b = given(b, `,"code":`, o.Code)
	b = given(b, `,"err":`, o.Err)
	b = number(b, `,"sends":`, int64(o.Sends))
	b = instant(b, `,"started":`, o.Started)
	return number(b, `,"took":`, int64(o.Took))
}

func number(b []byte, key string, n int64) []byte { return strconv.AppendInt(append(b, key...), n, 10) }

func instant(b []byte, key string, at time.Time) []byte {
	b = append(append(b, key...), '"')
	return append(at.AppendFormat(b, time.RFC3339Nano), '"')
}

// given leaves out what is empty.
func yes(b []byte, text string, is bool) []byte {
	if !is {
		return b
	}
	return append(b, text...)
}

func given(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return text(b, key, value)
}

func text(b []byte, key, value string) []byte {
	b = append(b, key...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, _ := json.Marshal(value) // a string is always JSON
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), value...), '"')
}
