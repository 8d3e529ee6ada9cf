package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// Field names one value of an endpoint; it is a bit of a FieldSet.
type Field uint16

// The fields of an endpoint, by the platform's own names (documented for
// create and modify; assumed for the rest of a GetEndpoint row). Roaming
// profile, monthly limit and add-on plans are of the collection dialect only.
const (
	FieldName Field = 1 << iota
	FieldPlan
	FieldServiceProfile
	FieldAPNGroup
	FieldSIMProduct
	FieldICCID
	FieldStatus
	FieldRoamingProfile
	FieldMonthlyLimit
	FieldAddonPlans
)

// AllFields are the fields in the order in which they are printed.
var AllFields = [...]Field{FieldName, FieldPlan, FieldServiceProfile, FieldAPNGroup, FieldSIMProduct, FieldRoamingProfile,
	FieldMonthlyLimit, FieldAddonPlans, FieldICCID, FieldStatus}

var fieldNames = map[Field]string{
	FieldName: "endpointName", FieldPlan: "planId", FieldServiceProfile: "serviceProfileId",
	FieldAPNGroup: "apnGroupId", FieldSIMProduct: "simProductId", FieldRoamingProfile: "roamingProfileId",
	FieldMonthlyLimit: "monthlyLimit", FieldAddonPlans: "addonPlanIds", FieldICCID: "iccid", FieldStatus: "status",
}

// String returns the platform's name of the field.
func (f Field) String() string {
	if name, ok := fieldNames[f]; ok {
		return name
	}
	return fmt.Sprintf("field %d", uint16(f))
}

// Same says whether two values of the field are one: names in the form in which
// names are compared, lists of ids in any order, limits as numbers, all others to
// the letter.
func (f Field) Same(a, b string) bool {
	switch f {
	case FieldName:
		return NameKey(a) == NameKey(b)
	case FieldRoamingProfile, FieldAddonPlans:
		return a == b || slices.Equal(slices.Sorted(slices.Values(SplitList(a))), slices.Sorted(slices.Values(SplitList(b))))
	case FieldMonthlyLimit:
		return a == b || sameNumber(a, b)
	}
	return a == b
}

// sameNumber says whether two texts are one decimal number, such as 5 and 5.00.
func sameNumber(a, b string) bool {
	return a != "" && b != "" && plainNumber(a) == plainNumber(b)
}

// plainNumber is a decimal number without the zeros that say nothing.
func plainNumber(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return strings.TrimLeft(text, "0")
}

// ListSeparator stands between the ids, or names, of a field that takes several.
const ListSeparator = "|"

// SplitList takes a list apart; the parts of an empty one are none.
func SplitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ListSeparator)
}

// FieldSet is a set of fields. It reads and prints as their names, separated
// by commas.
type FieldSet uint16

// Fieldset makes a set of fields.
func Fieldset(fields ...Field) FieldSet {
	var set FieldSet
	for _, f := range fields {
		set |= FieldSet(f)
	}
	return set
}

// Has says whether the set holds a field.
func (s FieldSet) Has(f Field) bool { return s&FieldSet(f) != 0 }

// String lists the set's fields.
func (s FieldSet) String() string {
	var names []string
	for _, f := range AllFields {
		if s.Has(f) {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, ",")
}

// MarshalText prints the set as String does.
func (s FieldSet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText printed; it fails on a name that is no
// field.
func (s *FieldSet) UnmarshalText(text []byte) error {
	*s = 0
	for _, name := range strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' }) {
		f, ok := fieldByName(name)
		if !ok {
			return fmt.Errorf("unknown field %q, want one of %s", name, Fieldset(AllFields[:]...))
		}
		*s |= FieldSet(f)
	}
	return nil
}

func fieldByName(name string) (Field, bool) {
	for _, f := range AllFields {
		if f.String() == name {
			return f, true
		}
	}
	return 0, false
}
