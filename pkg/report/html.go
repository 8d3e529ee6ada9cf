package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page below
	"encoding/base64"
	"html/template"
	"io"

	"sftctl/pkg/plan"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// form is one file that needs nothing else, and nothing from a network.
var form = template.Must(template.New("page").Parse(pageText))

// page is a sheet for a browser: with drawings, and with all of its rows.
type page struct {
	*sheet
	Chart  *chart // nil when no call was made
	Speeds []speed
	Table  *rowTable
}

// html writes a run as a page.
func (r *Run) html(w io.Writer, opts Options) error {
	return (&page{r.sheet(opts), r.chart(), r.speeds(), r.rowTable(opts)}).write(w)
}

// planHTML writes a plan as a page. All rows are in its table, so that the rest is
// never full.
func planHTML(w io.Writer, p *plan.Plan, opts Options) error {
	return (&page{planSheet(p, Options{Now: opts.Now}), nil, nil, details{p, opts}.rowTable()}).write(w)
}

func (p *page) write(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if err := form.Execute(out, p); err != nil {
		return err
	}
	return out.Flush()
}

// Style is the page's own.
func (p *page) Style() template.CSS { return template.CSS(pageStyle) }

// Script is the page's own; without it the page says the same, and lists fewer rows.
func (p *page) Script() template.JS { return template.JS(pageScript) }

// Policy lets a browser run and apply what is the page's own, to the letter, and
// nothing else; the script cannot make elements from texts.
func (p *page) Policy() string {
	return "default-src 'none'; style-src " + digest(pageStyle) + "; script-src " + digest(pageScript) +
		"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
