package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gocarina/gocsv"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
)

// canonical are the columns of a row where the inputs have none in common; any
// reader of fleets takes them.
var canonical = []string{"endpointName", "endpointId", "planId", "serviceProfileId", "apnGroupId", "simProductId",
	"iccid", "state", "previousName", "relink", "roamingProfileId", "monthlyLimit", "addonPlanIds"}

// added are the columns that a run adds. A reader of fleets ignores columns
// that begin with an underscore.
var added = []string{"_outcome", "_steps", "_endpointId", "_verified", "_error", "_resultCode", "_attempts",
	"_started", "_durationMs", "_file", "_line", "_origin", "_run"}

// WriteResults writes every row and every orphan of a run, once each: the rows
// as they were given, in their order, and what became of them.
func (r *Run) WriteResults(w io.Writer) error {
	out := cells{gocsv.NewSafeCSVWriter(csv.NewWriter(w))}
	if err := out.Write(r.columns()); err != nil {
		return err
	}
	for i := range r.Results {
		if err := out.Write(r.row(&r.Results[i])); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// given are the columns of the rows as they were given.
func (r *Run) given() []string {
	if r.Plan.Columns == nil {
		return canonical
	}
	return r.Plan.Columns
}

// columns are the columns of the results.
func (r *Run) columns() []string { return slices.Concat(r.given(), added) }

// row is a row of the results.
func (r *Run) row(res *apply.Result) []string {
	return append(r.cells(res, r.given()), r.outcome(res)...)
}

// cells writes records whose cells no spreadsheet runs.
type cells struct{ *gocsv.SafeCSVWriter }

// Write writes one record, escaped.
func (c cells) Write(record []string) error {
	escaped := make([]string, len(record))
	for i, cell := range record {
		escaped[i] = fleet.EscapeCell(cell)
	}
	return c.SafeCSVWriter.Write(escaped)
}

// cells are a row as it was given, or in canonical columns.
func (r *Run) cells(res *apply.Result, columns []string) []string {
	spec := res.Task.Spec
	if spec != nil && r.Plan.Columns != nil && len(spec.Cells) == len(columns) {
		return append(make([]string, 0, len(columns)+len(added)), spec.Cells...)
	}
	cells := make([]string, 0, len(columns)+len(added))
	row := canonicalRow(res)
	for _, column := range columns {
		cells = append(cells, row.cell(column))
	}
	return cells
}

func (r *Run) outcome(res *apply.Result) []string {
	origin, file, line := "orphan", "", ""
	if res.Task.Spec != nil {
		origin, file, line = "file", res.Task.Spec.Origin.File, strconv.Itoa(res.Task.Spec.Origin.Line)
	}
	started, took := "", ""
	if !res.Started.IsZero() {
		started = res.Started.UTC().Format(time.RFC3339)
		took = strconv.FormatInt(res.Duration.Milliseconds(), 10)
	}
	return []string{res.Outcome.String(), stepsText(res.Steps), string(res.ID), strconv.FormatBool(res.Verified), reason(res), res.Code,
		strconv.Itoa(res.Attempts), started, took, file, line, origin, r.ID}
}

// stepsText lists steps with their outcomes: "create=done link=failed".
func stepsText(steps []apply.StepResult) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = s.Action.String() + "=" + s.Outcome.String()
	}
	return strings.Join(texts, " ")
}

// failedRow is a row of failed.csv: a valid input again, with ids in the place
// of names and what the defaults and groups gave.
type failedRow struct {
	EndpointName     string `csv:"endpointName"`
	EndpointID       string `csv:"endpointId"`
	PlanID           string `csv:"planId"`
	ServiceProfileID string `csv:"serviceProfileId"`
	APNGroupID       string `csv:"apnGroupId"`
	SIMProductID     string `csv:"simProductId"`
	ICCID            string `csv:"iccid"`
	State            string `csv:"state"`
	PreviousName     string `csv:"previousName"`
	Relink           string `csv:"relink"`
	RoamingProfileID string `csv:"roamingProfileId"`
	MonthlyLimit     string `csv:"monthlyLimit"`
	AddonPlanIDs     string `csv:"addonPlanIds"`
	Outcome          string `csv:"_outcome"`
	Error            string `csv:"_error"`
}

func canonicalRow(res *apply.Result) failedRow {
	var row failedRow
	switch spec := res.Task.Spec; {
	case spec != nil:
		row = rowOf(spec.Fields, spec.ID)
		row.State, row.PreviousName = spec.State.String(), spec.PreviousName
		switch {
		case spec.ClearSIM:
			row.ICCID = "!clear"
		case spec.AutoSIM && (spec.ICCID == "" || res.Attempts == 0):
			row.ICCID = "auto" // nothing was sent with a card, so any will do
		}
		if spec.Name == "" && row.EndpointID == "" && res.ID != "" {
			row.EndpointID = string(res.ID) // a row that is known by its card only
		}
		if spec.Relink {
			row.Relink = "true"
		}
	case res.Task.Before != nil:
		row = rowOf(res.Task.Before.Fields, res.Task.Before.ID)
	}
	row.Outcome, row.Error = res.Outcome.String(), reason(res)
	return row
}

func rowOf(f fleet.Fields, id fleet.ID) failedRow {
	return failedRow{EndpointName: f.Name, EndpointID: string(id), PlanID: string(f.PlanID), ServiceProfileID: string(f.ServiceProfileID),
		APNGroupID: string(f.APNGroupID), SIMProductID: string(f.SIMProductID), ICCID: string(f.ICCID),
		RoamingProfileID: string(f.RoamingProfileID), MonthlyLimit: f.MonthlyLimit, AddonPlanIDs: string(f.AddonPlanIDs)}
}

// cell is the row's cell of a column, in whatever letter case the column is
// written; a column that it has no value for is empty.
func (row failedRow) cell(column string) string {
	switch strings.ToLower(column) {
	case "endpointname":
		return row.EndpointName
	case "endpointid":
		return row.EndpointID
	case "planid":
		return row.PlanID
	case "serviceprofileid":
		return row.ServiceProfileID
	case "apngroupid":
		return row.APNGroupID
	case "simproductid":
		return row.SIMProductID
	case "iccid":
		return row.ICCID
	case "state":
		return row.State
	case "previousname":
		return row.PreviousName
	case "relink":
		return row.Relink
	case "roamingprofileid":
		return row.RoamingProfileID
	case "monthlylimit":
		return row.MonthlyLimit
	case "addonplanids":
		return row.AddonPlanIDs
	}
	return ""
}

// WriteFailed writes the rows that are neither done nor unchanged, as an input
// for the next run. Orphans are not in it: no file lists them. Nor are protected
// endpoints: a CSV cannot carry the protection, and without it the next run
// would do what this one refused.
func (r *Run) WriteFailed(w io.Writer) error {
	rows := []failedRow{}
	for i := range r.Results {
		res := &r.Results[i]
		if res.Task.Spec == nil || !unfinished(res.Outcome) || r.protected(res) {
			continue
		}
		rows = append(rows, canonicalRow(res))
	}
	return gocsv.MarshalCSV(&rows, cells{gocsv.NewSafeCSVWriter(csv.NewWriter(w))})
}

// protected says whether a row's endpoint is protected by the files of the run.
func (r *Run) protected(res *apply.Result) bool {
	return fleet.MatchAny(r.Plan.Protect, res.Task.Label()) || res.Task.Before != nil && fleet.MatchAny(r.Plan.Protect, res.Task.Before.Name)
}
