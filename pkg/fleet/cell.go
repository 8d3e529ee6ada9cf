package fleet

import "strings"

// startsFormula says whether a spreadsheet would run a cell, once the
// apostrophes before it are gone.
func startsFormula(cell string) bool {
	cell = strings.TrimLeft(cell, "'")
	if cell == "" {
		return false
	}
	switch cell[0] {
	case '=', '+', '-', '@', '\t', '\r', 0:
		return true
	case 0xef: // the first byte of the full-width forms
		return strings.HasPrefix(cell, "＝") || strings.HasPrefix(cell, "＋") ||
			strings.HasPrefix(cell, "－") || strings.HasPrefix(cell, "＠")
	}
	return false
}

// EscapeCell puts an apostrophe before a cell that a spreadsheet would run as a
// formula, and before one that UnescapeCell would otherwise take an apostrophe
// from. Every other cell stays as it is.
func EscapeCell(cell string) string {
	if startsFormula(cell) {
		return "'" + cell
	}
	return cell
}

// UnescapeCell takes back what EscapeCell did: UnescapeCell(EscapeCell(cell)) is cell for
// every text.
func UnescapeCell(cell string) string {
	if cell != "" && cell[0] == '\'' && startsFormula(cell) {
		return cell[1:]
	}
	return cell
}
