package simulator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// stockFile is the form of a stock file.
type stockFile struct {
	Catalogue Catalogue     `json:"catalogue"`
	SIMs      []simSource   `json:"sims"`
	Endpoints []stockRecord `json:"endpoints"`
}

// simSource is one way to name SIMs: a column of a CSV file, a range, or a
// list.
type simSource struct {
	File    string   `json:"file"`
	Column  string   `json:"column"`
	Except  []string `json:"except"`
	First   string   `json:"first"`
	Count   int      `json:"count"`
	ICCIDs  []string `json:"iccids"`
	Product fleet.ID `json:"product"`
}

type stockRecord struct {
	ID fleet.ID `json:"endpointId"`
	fleet.Fields
	Status fleet.Status `json:"status"`
}

const maxRange = 1_000_000

// stockReader gathers a stock and all that is wrong with it.
type stockReader struct {
	path     string
	stock    Stock
	seen     map[string]string // where an ICCID was given, by its key
	ids      map[fleet.ID]bool // of the endpoints so far
	linked   map[string]bool   // keys of the ICCIDs that endpoints have
	problems fleet.Problems
}

// ReadStock reads a stock file: JSON with a catalogue, the SIMs as CSV columns,
// ranges and lists, and endpoints that exist already. CSV files are looked for
// beside it. The error is a fleet.Problems with all that is wrong, or says why
// the file cannot be read.
func ReadStock(path string) (Stock, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Stock{}, fleet.Kind(fleet.ErrIO, err)
	}
	var file stockFile
	if err := decodeStrictly(bytes.NewReader(data), &file); err != nil {
		return Stock{}, fleet.Problems{fmt.Errorf("%s: %w", path, err)}
	}
	r := &stockReader{path: path, stock: Stock{Catalogue: file.Catalogue},
		seen: map[string]string{}, ids: map[fleet.ID]bool{}, linked: map[string]bool{}}
	r.checkCatalogue()
	for i, src := range file.SIMs {
		r.addSource(fmt.Sprintf("sims[%d]", i), src)
	}
	for i, rec := range file.Endpoints {
		r.addEndpoint(fmt.Sprintf("endpoints[%d]", i), rec)
	}
	if err := r.problems.Err(); err != nil {
		return Stock{}, err
	}
	return r.stock, nil
}

// decodeStrictly reads one JSON value and nothing else.
func decodeStrictly(r io.Reader, into any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value, want one")
	}
	return nil
}

func (r *stockReader) problem(place, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s: %w", r.path, place, fmt.Errorf(format, args...)))
}

func (r *stockReader) checkCatalogue() {
	c := r.stock.Catalogue
	for _, list := range []struct {
		name    string
		entries []fleet.Entry
	}{{"plans", c.Plans}, {"serviceProfiles", c.ServiceProfiles}, {"apnGroups", c.APNGroups}, {"simProducts", c.SIMProducts},
		{"roamingProfiles", c.RoamingProfiles}} {
		seen := map[fleet.ID]bool{}
		for i, e := range list.entries {
			place := fmt.Sprintf("catalogue.%s[%d]", list.name, i)
			switch {
			case e.ID == "":
				r.problem(place, "no id")
			case seen[e.ID]:
				r.problem(place, "id %s is given twice", fleet.Quote(string(e.ID)))
			}
			seen[e.ID] = true
		}
	}
}

func (r *stockReader) addSource(place string, src simSource) {
	if len(only(r.stock.Catalogue.SIMProducts, src.Product)) == 0 {
		r.problem(place, "product %s is not in catalogue.simProducts", fleet.Quote(string(src.Product)))
	}
	ways := 0
	for _, given := range []bool{src.File != "", src.First != "", src.ICCIDs != nil} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		r.problem(place, "got %d of file, first and iccids, want one", ways)
	case src.File != "":
		r.addFile(place, src)
	case src.First != "":
		r.addRange(place, src)
	default:
		for i, text := range src.ICCIDs {
			r.addText(fmt.Sprintf("%s.iccids[%d]", place, i), text, src.Product)
		}
	}
	if src.File == "" && (src.Column != "" || src.Except != nil) {
		r.problem(place, "column and except go with file only")
	}
	if src.First == "" && src.Count != 0 {
		r.problem(place, "count goes with first only")
	}
}

func (r *stockReader) addRange(place string, src simSource) {
	switch {
	case strings.Trim(src.First, "0123456789") != "" || len(src.First) != 18 && len(src.First) != 19:
		r.problem(place, "first is %s, want 18 or 19 digits: a number without its check digit", fleet.Quote(src.First))
	case src.Count < 1 || src.Count > maxRange:
		r.problem(place, "count is %d, want 1 to %d", src.Count, maxRange)
	default:
		for _, c := range Range(src.First, src.Count, src.Product) {
			r.addCard(place, c)
		}
	}
}

func (r *stockReader) addFile(place string, src simSource) {
	path := src.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.path), path)
	}
	column, err := readColumn(path, src.Column)
	if err != nil {
		r.problem(place, "%w", err)
		return
	}
	found := map[string]bool{}
	except := map[string]bool{}
	for _, text := range src.Except {
		except[fleet.ICCID(text).Key()] = true
	}
	for _, cell := range column {
		key := fleet.ICCID(cell.text).Key()
		if found[key] = true; !except[key] {
			r.addText(fmt.Sprintf("%s: %s:%d", place, src.File, cell.line), cell.text, src.Product)
		}
	}
	for _, text := range src.Except {
		if !found[fleet.ICCID(text).Key()] {
			r.problem(place, "except has %s, which is not in %s", fleet.Quote(text), src.File)
		}
	}
}

type cell struct {
	text string
	line int
}

// readColumn reads the cells of one column that are not empty.
func readColumn(path, column string) ([]cell, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: no header: %w", path, err)
	}
	at := slices.Index(header, column)
	if at < 0 {
		return nil, fmt.Errorf("%s: no column %s, got %s", path, fleet.Quote(column), strings.Join(header, ", "))
	}
	var cells []cell
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return cells, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		line, _ := rows.FieldPos(at)
		if row[at] != "" {
			cells = append(cells, cell{row[at], line})
		}
	}
}

// addText takes an ICCID as people write it. A wrong check digit is let pass:
// the stock is what the platform has, right or wrong.
func (r *stockReader) addText(place, text string, product fleet.ID) {
	iccid, err := fleet.ParseICCID(text)
	var wrong *fleet.ICCIDProblem
	if err != nil && !(errors.As(err, &wrong) && wrong.Sum) {
		r.problem(place, "%w", err)
		return
	}
	r.addCard(place, Card{iccid, product})
}

func (r *stockReader) addCard(place string, c Card) {
	if before, ok := r.seen[c.ICCID.Key()]; ok {
		r.problem(place, "iccid %s is given twice, first in %s", c.ICCID, before)
		return
	}
	r.seen[c.ICCID.Key()] = place
	r.stock.SIMs = append(r.stock.SIMs, c)
}

func (r *stockReader) addEndpoint(place string, rec stockRecord) {
	e := fleet.Endpoint{ID: rec.ID, Fields: rec.Fields, Status: rec.Status}
	if e.Name == "" {
		r.problem(place, "no endpointName")
	}
	for _, bad := range []string{r.stock.Catalogue.check(infoOf(e)), r.stock.Catalogue.badRoaming(e.RoamingProfileID)} {
		if bad != "" {
			r.problem(place, "%s", bad)
		}
	}
	if bad := statusProblem(e); bad != "" {
		r.problem(place, "%s", bad)
	}
	r.stock.Endpoints = append(r.stock.Endpoints, e)
	if e.ID != "" && r.ids[e.ID] {
		r.problem(place, "endpointId %s is given twice", fleet.Quote(string(e.ID)))
	}
	r.ids[e.ID] = true
	r.checkLink(place, e.ICCID)
}

func (r *stockReader) checkLink(place string, iccid fleet.ICCID) {
	if iccid == "" {
		return
	}
	if _, ok := r.seen[iccid.Key()]; !ok {
		r.problem(place, "iccid %s is not in sims", fleet.Quote(string(iccid)))
	}
	if r.linked[iccid.Key()] {
		r.problem(place, "iccid %s is linked twice", fleet.Quote(string(iccid)))
	}
	r.linked[iccid.Key()] = true
}

func infoOf(e fleet.Endpoint) info {
	return info{EndpointID: e.ID, Name: e.Name, PlanID: e.PlanID, ServiceProfileID: e.ServiceProfileID,
		SIMProductID: e.SIMProductID, APNGroupID: e.APNGroupID, ICCID: e.ICCID}
}

// statusProblem says why an endpoint cannot be in its state; an empty state is
// still to be chosen.
func statusProblem(e fleet.Endpoint) string {
	switch e.Status {
	case "", fleet.StatusPreActive:
		return ""
	case fleet.StatusActive, fleet.StatusSuspended:
		if e.ICCID == "" {
			return "status is " + string(e.Status) + " without an iccid"
		}
		return ""
	case fleet.StatusHold:
		if e.ICCID != "" {
			return "status is Hold with an iccid"
		}
		return ""
	}
	return "status is " + fleet.Quote(string(e.Status)) + ", want Pre-Active, Active, Suspended or Hold"
}
