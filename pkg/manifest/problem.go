package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// mostProblems is how many problems are told in full; the others are counted.
const mostProblems = 1000

// Problem is one thing that is wrong with a file. Lines and columns count from
// 1, columns in characters; they are 0 where the whole file is meant.
type Problem struct {
	File         string // as it was named
	Line, Column int
	What         string // what is wrong
	Got          string // what was found, safe to print; may be empty
	Want         string // what would be right, or what to do; may be empty

	err   error // where it comes from, when that is an error
	order int   // of the file
}

// Error prints the problem as file:line:column: what, got X, want Y.
func (p *Problem) Error() string {
	var b strings.Builder
	if at := placeText(p.File, p.Line, p.Column); at != "" {
		b.WriteString(at + ": ")
	}
	b.WriteString(p.What)
	if p.Got != "" {
		b.WriteString(", got " + p.Got)
	}
	if p.Want != "" {
		b.WriteString(", want " + p.Want)
	}
	return b.String()
}

// Unwrap gives the error behind a file that could not be read: it is an
// fs.ErrNotExist, or a fleet.ErrIO when the machine failed.
func (p *Problem) Unwrap() error { return p.err }

// Warning is a problem that does not keep a file from being used.
type Warning struct{ Problem }

// place is a position in a file; line 0 is the whole file.
type place struct {
	file         *file
	line, column int
}

func (p place) String() string {
	if p.file == nil {
		return ""
	}
	return placeText(p.file.name, p.line, p.column)
}

func placeText(file string, line, column int) string {
	switch {
	case line == 0:
		return fleet.Printable(file)
	case column == 0:
		return fmt.Sprintf("%s:%d", fleet.Printable(file), line)
	}
	return fmt.Sprintf("%s:%d:%d", fleet.Printable(file), line, column)
}

func (p place) problem(what, got, want string) *Problem {
	out := &Problem{Line: p.line, Column: p.column, What: what, Got: got, Want: want}
	if p.file != nil {
		out.File, out.order = p.file.name, p.file.order
	}
	return out
}

// ledger collects problems and warnings; from mostProblems of either on it
// only counts.
type ledger struct {
	problems     []*Problem
	warnings     []Warning
	moreProblems int
	moreWarnings int
}

func (l *ledger) add(at place, what, got, want string) {
	l.addLazily(func() place { return at }, what, got, want)
}

// full says whether further problems are only counted.
func (l *ledger) full() bool { return len(l.problems) == mostProblems }

// addLazily adds a problem whose place costs something to find.
func (l *ledger) addLazily(at func() place, what, got, want string) {
	if l.full() {
		l.moreProblems++
		return
	}
	l.problems = append(l.problems, at().problem(what, got, want))
}

// addMistaken adds a word that is none of the choices, with the one that is
// near to it.
func (l *ledger) addMistaken(at func() place, what, word, want string, choices []string) {
	if l.full() {
		l.moreProblems++
		return
	}
	l.addLazily(at, what, fleet.Quote(word), want+fleet.Suggest(word, choices))
}

// fail adds a problem with the error that it comes from.
func (l *ledger) fail(at place, what, got string, err error) {
	l.add(at, what, got, "")
	if l.moreProblems == 0 {
		l.problems[len(l.problems)-1].err = err
	}
}

func (l *ledger) warnLazily(at func() place, what, got, want string) {
	if len(l.warnings) == mostProblems {
		l.moreWarnings++
		return
	}
	l.warnings = append(l.warnings, Warning{*at().problem(what, got, want)})
}

// err returns all problems in the order of the files, nil when there are none.
func (l *ledger) err() error {
	slices.SortStableFunc(l.problems, byPlace)
	var all fleet.Problems
	for _, p := range l.problems {
		all = append(all, p)
	}
	if l.moreProblems > 0 {
		all = append(all, &Problem{What: fmt.Sprintf("and %d more problems", l.moreProblems)})
	}
	return all.Err()
}

func (l *ledger) allWarnings() []Warning {
	slices.SortStableFunc(l.warnings, func(a, b Warning) int { return byPlace(&a.Problem, &b.Problem) })
	if l.moreWarnings > 0 {
		more := fmt.Sprintf("and %d more warnings", l.moreWarnings)
		return append(slices.Clip(l.warnings), Warning{Problem{What: more}})
	}
	return l.warnings
}

func byPlace(a, b *Problem) int {
	return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
