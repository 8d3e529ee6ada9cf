package fleet

import (
	"slices"
	"strings"
)

// Suggest says "did you mean" when one of the choices is near to a word, else
// nothing.
func Suggest(word string, choices []string) string {
	best := within(max(1, len(squeeze(word))/3), word, choices)
	if best == "" {
		return ""
	}
	return "; did you mean " + Quote(best) + "?"
}

// Slip is the choice that a word is, but for one slip of the hand: a letter put in,
// taken out, changed or swapped with its neighbour. It is empty if there is none, and
// for words so short that others are as near by chance.
func Slip(word string, choices []string) string {
	const short = 5
	if len(squeeze(word)) < short {
		return ""
	}
	return within(1, word, choices)
}

// within is the choice that is nearest to a word, empty if none is so near. Letter
// case, spaces, dashes and underscores count for nothing.
func within(most int, word string, choices []string) string {
	best, least := "", most+1
	for i, d := range distances(word, choices) {
		if d < least {
			best, least = choices[i], d
		}
	}
	return best
}

// Nearest sorts choices by how near they are to a word, the nearest first, and
// those that are equally near as they were given.
func Nearest(word string, choices []string) []string {
	far := distances(word, choices)
	order := make([]int, len(choices))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return far[i] - far[j] })
	sorted := make([]string, len(choices))
	for i, from := range order {
		sorted[i] = choices[from]
	}
	return sorted
}

// distances are those of a word to each of the choices; what is empty or too long
// to be compared is very far.
func distances(word string, choices []string) []int {
	const longest, veryFar = 64, 1 << 20
	plain := squeeze(word)
	far := make([]int, len(choices))
	for i, choice := range choices {
		far[i] = veryFar
		if other := squeeze(choice); len(plain) > 0 && max(len(plain), len(other)) <= longest {
			far[i] = distance(plain, other)
		}
	}
	return far
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
