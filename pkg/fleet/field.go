package fleet

import (
	"fmt"
	"strings"
)

// Field names one value of an endpoint; it is a bit of a FieldSet.
type Field uint16

// The fields of an endpoint, by the platform's own names (documented for
// create and modify; assumed for the rest of a GetEndpoint row). The roaming
// profile is given in the collection dialect only.
const (
	FieldName Field = 1 << iota
	FieldPlan
	FieldServiceProfile
	FieldAPNGroup
	FieldSIMProduct
	FieldICCID
	FieldStatus
	FieldRoamingProfile
)

// AllFields are the fields in the order in which they are printed.
var AllFields = [...]Field{FieldName, FieldPlan, FieldServiceProfile, FieldAPNGroup, FieldSIMProduct, FieldRoamingProfile, FieldICCID, FieldStatus}

var fieldNames = map[Field]string{
	FieldName: "endpointName", FieldPlan: "planId", FieldServiceProfile: "serviceProfileId",
	FieldAPNGroup: "apnGroupId", FieldSIMProduct: "simProductId", FieldRoamingProfile: "roamingProfileId", FieldICCID: "iccid", FieldStatus: "status",
}

// String returns the platform's name of the field.
func (f Field) String() string {
	if name, ok := fieldNames[f]; ok {
		return name
	}
	return fmt.Sprintf("field %d", uint16(f))
}

// Same says whether two values of the field are one: names in the form in which
// names are compared, all others to the letter.
func (f Field) Same(a, b string) bool {
	return a == b || f == FieldName && NameKey(a) == NameKey(b)
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
