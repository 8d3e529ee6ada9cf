package report

import (
	"bufio"
	_ "embed" // the page below
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

// page is one file that needs nothing else: no script, and nothing from a network.
var page = template.Must(template.New("page").Parse(pageText))

// html writes a sheet as a page for a browser.
func (s *sheet) html(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if err := page.Execute(out, s); err != nil {
		return err
	}
	return out.Flush()
}
