package events

import (
	_ "embed"
	"io"
)

//go:embed schema.json
var schema []byte

// WriteSchema writes the JSON Schema of a line of the stream.
func WriteSchema(w io.Writer) error {
	_, err := w.Write(schema)
	return err
}
