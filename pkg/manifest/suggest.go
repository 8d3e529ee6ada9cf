package manifest

import (
	"strings"

	"sftctl/pkg/fleet"
)

// suggest says "did you mean" when one of the choices is near to a word, else
// nothing. Letter case, spaces, dashes and underscores count for nothing.
func suggest(word string, choices []string) string {
	const longest = 64
	plain := squeeze(word)
	if len(plain) == 0 || len(plain) > longest {
		return ""
	}
	best, least := "", max(1, len(plain)/3)+1
	for _, choice := range choices {
		if other := squeeze(choice); len(other) <= longest {
			if d := distance(plain, other); d < least {
				best, least = choice, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + fleet.Quote(best) + "?"
}

func squeeze(word string) []rune {
	return []rune(strings.NewReplacer(" ", "", "-", "", "_", "", "\u00a0", "").Replace(strings.ToLower(word)))
}

// distance is how many letters must be put in, taken out, changed or swapped
// with their neighbour to make one word the other.
func distance(a, b []rune) int {
	var before []int
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		above[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+unequal(a[i], b[j]))
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, make([]int, len(b)+1)
	}
	return above[len(b)]
}

func unequal(a, b rune) int {
	if a == b {
		return 0
	}
	return 1
}
