package manifest

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sftctl/pkg/fleet"
)

// schema is a JSON Schema, or a part of one.
type schema map[string]any

// WriteSchema writes the JSON Schema (draft 2020-12) of a manifest, by which an
// editor checks and completes it. It is made of the tables that Read reads by,
// and refuses nothing that Read takes, but for words with white space around
// them; what it cannot see, such as a card number that two rows have, only Read
// finds.
func WriteSchema(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(documentSchema())
}

// keyTexts say what each key of a manifest is for.
var keyTexts = map[string]string{
	"apiVersion": "The version of the format: " + apiVersion + ".",
	"kind":       "What the file describes: " + kind + ".",
	"account":    "The account that the file is meant for. A run against another account is refused.",
	"key":        "What identifies a row: endpointName unless it is said here.",
	"scope":      "Patterns of the names that this file owns, where * stands for any letters and ? for one. Orphans are looked for only here.",
	"orphans":    "What happens to live endpoints in scope that no file lists.",
	"protect":    "Patterns of names that are never suspended, de-linked, renamed or deleted, whatever else is said.",
	"defaults":   "Values for every row that does not give them itself.",
	"groups":     "Values for the rows of a group, by the group's name; they lie over the defaults and under the row.",
	"include":    "CSV files beside this one whose rows belong to it.",
	"endpoints":  "The wanted endpoints, one a row.",
}

// fieldTexts say what each field of a row is for.
var fieldTexts = [fieldCount]string{
	endpointID:       "The id that the platform gave the endpoint. A row with an id that is not live is refused, and nothing is created.",
	endpointName:     "The name of the endpoint. It identifies the row unless the key is iccid.",
	planID:           "The id of the rate plan.",
	serviceProfileID: "The id of the service profile. The platform cannot change that of an endpoint.",
	apnGroupID:       "The id of the APN group.",
	simProductID:     "The id of the SIM product: the kind of card. The platform cannot change that of an endpoint.",
	iccid:            "The number of the SIM, 19 or 20 digits, best in quotation marks; " + clearWord + " takes the SIM off the endpoint, " + autoWord + " takes one from stock for an endpoint without.",
	state:            "The wanted state; absent is an endpoint that is not to be.",
	group:            "The group whose values lie under the row.",
	previousName:     "The name that the endpoint had before. One that still has it is renamed.",
	relink:           "Whether the SIM may be taken from an endpoint that no file lists.",
	plan:             "The name of the rate plan, in the place of planId.",
	serviceProfile:   "The name of the service profile, in the place of serviceProfileId.",
	apnGroup:         "The name of the APN group, in the place of apnGroupId.",
	simProduct:       "The name of the SIM product, in the place of simProductId.",
	roamingProfileID: "The id of the roaming profile, or several: a list, or a text with a pipe between.",
	roamingProfile:   "The name of the roaming profile, or several, in the place of roamingProfileId.",
	monthlyLimit:     "The monthly limit with which the endpoint is made, a plain number.",
	addonPlanIDs:     "The ids of the add-on plans with which the endpoint is made: a list, or a text with a pipe between.",
}

// The patterns of texts, in the part of their language that all validators share.
const (
	printablePattern = `^[^\x00-\x1f\x7f-\x9f]*$`
	wordPattern      = `^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$`
	namePattern      = `^$|` + wordPattern
	cardPattern      = `^\s*('|=")?[0-9]([ \xa0-]*[0-9]){18,19}[ \xa0-]*[Ff]?"?\s*$`
	autoPattern      = `^\s*[Aa][Uu][Tt][Oo]\s*$`
	partPattern      = `[^|\x00-\x1f\x7f-\x9f]*[^|\s\x00-\x1f\x7f-\x9f][^|\x00-\x1f\x7f-\x9f]*`
	listPattern      = `^\s*$|^` + partPattern + `(\|` + partPattern + `)*$`
	numberPattern    = `^\s*([0-9]+(\.[0-9]+)?)?\s*$`
	templatePattern  = `^([^{}]|[{}][^{}]|\{\{[^{}]*[^{}\s][^{}]*\}\})*[{}]?$`
	columnPattern    = `\{\{`
	elsewherePattern = `^/|^\.\.(/|$)|\.[yY][aA]?[mM][lL]$`
)

func documentSchema() schema {
	parts := map[string]schema{
		"apiVersion": {"const": apiVersion},
		"kind":       {"const": kind},
		"account":    text(wordPattern),
		"key":        words(fleet.ByName.String(), fleet.ByICCID.String()),
		"scope":      list(ref("name")),
		"orphans":    words(orphanNames...),
		"protect":    list(ref("name")),
		"defaults":   ref("layer"),
		"groups":     {"type": "object", "propertyNames": schema{"pattern": wordPattern}, "additionalProperties": ref("layer")},
		"include":    list(ref("include")),
		"endpoints":  list(ref("endpoint")),
	}
	properties := schema{}
	for _, key := range documentKeys {
		properties[key] = described(parts[key], keyTexts[key])
	}
	return schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "A fleet of SIM endpoints, as sftctl reads it",
		"type":    "object", "required": []string{"apiVersion", "kind"},
		"properties": properties, "additionalProperties": false,
		"allOf": []schema{identified(fleet.ByName), identified(fleet.ByICCID), scopedOrphans()},
		"$defs": schema{"name": globSchema(), "layer": layerSchema(), "include": includeSchema(), "endpoint": endpointSchema()},
	}
}

// identified is that each row says which endpoint it means, under one key.
func identified(key fleet.Key) schema {
	given := func(value schema) []schema {
		return []schema{has(keyField(key), value), has(endpointID, value)}
	}
	holds := schema{"properties": schema{"key": schema{"const": key.String()}}}
	if key != fleet.ByName { // which holds where none is said
		holds["required"] = []string{"key"}
	}
	return schema{"if": holds, "then": schema{"properties": schema{
		"endpoints": schema{"items": schema{"anyOf": given(schema{"minLength": 1})}},
		"include":   schema{"items": schema{"properties": schema{"columns": schema{"anyOf": given(schema{"pattern": columnPattern})}}}},
	}}}
}

// scopedOrphans is that nobody acts on orphans of nowhere.
func scopedOrphans() schema {
	scoped := schema{"required": []string{"scope"}, "properties": schema{"scope": schema{"minItems": 1}}}
	return schema{"if": scoped, "else": schema{"properties": schema{"orphans": schema{"const": fleet.OrphansIgnore.String()}}}}
}

func globSchema() schema {
	glob := text(wordPattern)
	glob["maxLength"] = longestGlob
	return glob
}

func layerSchema() schema { return rowSchema(layerFields) }

func endpointSchema() schema {
	all := make([]field, fieldCount)
	for f := range fieldCount {
		all[f] = f
	}
	row := rowSchema(all)
	row["if"] = has(iccid, schema{"const": clearWord})
	row["then"] = schema{"properties": schema{state.String(): schema{"not": inAnyCase(fleet.StateActive.String(), fleet.StateSuspended.String())}}}
	return row
}

// rowSchema is a mapping of some fields, in which no two say one thing.
func rowSchema(fields []field) schema {
	properties := schema{}
	for _, f := range fields {
		properties[f.String()] = described(fieldSchema(f), fieldTexts[f])
	}
	var apart []schema
	for _, t := range twins {
		both := has(t[0], schema{"minLength": 1})
		apart = append(apart, schema{"not": schema{"allOf": []schema{both, has(t[1], schema{"minLength": 1})}}})
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false, "allOf": apart}
}

func fieldSchema(f field) schema {
	switch f {
	case state:
		return schema{"anyOf": []schema{words(append(stateNames, "")...), inAnyCase(stateNames...)}} // an editor offers the first
	case relink:
		return schema{"type": []string{"boolean", "string"}, "pattern": `^(|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$`}
	case iccid:
		return schema{"anyOf": []schema{{"type": "string", "pattern": cardPattern}, {"type": "string", "pattern": autoPattern}, {"enum": []string{clearWord, ""}},
			{"type": "integer", "minimum": json.Number("1e18"), "maximum": json.Number("99999999999999999999")}}}
	case endpointName, previousName:
		name := text(namePattern)
		name["not"] = schema{"enum": []string{clearWord, "-"}}
		return name
	}
	switch {
	case f == monthlyLimit:
		return schema{"type": []string{"string", "number"}, "pattern": numberPattern, "minimum": 0}
	case f.isList():
		part := valueSchema(`^` + partPattern + `$`)
		return schema{"anyOf": []schema{valueSchema(listPattern), {"type": "array", "minItems": 1, "items": part}}}
	}
	return valueSchema(printablePattern)
}

// valueSchema is a text that says something.
func valueSchema(pattern string) schema {
	value := text(pattern)
	value["not"] = schema{"const": clearWord}
	return value
}

func includeSchema() schema {
	columns := schema{}
	for f := range fieldCount {
		columns[f.String()] = described(text(templatePattern), "The text from which each row gets its "+f.String()+": "+strconv.Quote("{{column}}")+" stands for the cell of a column.")
	}
	file := schema{"type": "string", "minLength": 1, "not": schema{"pattern": elsewherePattern}}
	return schema{"type": "object", "required": []string{includeKeys[0]}, "additionalProperties": false, "properties": schema{
		includeKeys[0]: described(file, "The path of a CSV, from the folder of the manifest."),
		includeKeys[1]: schema{"type": "object", "properties": columns, "additionalProperties": false,
			"description": "What the columns of the CSV mean, where they are not the fields themselves."},
	}}
}

// has is that a field is given, with a value that fits.
func has(f field, value schema) schema {
	return schema{"required": []string{f.String()}, "properties": schema{f.String(): value}}
}

// text is a value that is read as it is written, whatever YAML takes it for.
func text(pattern string) schema {
	return schema{"type": []string{"string", "number", "boolean"}, "pattern": pattern}
}

func words(choices ...string) schema { return schema{"enum": choices} }

// inAnyCase is one of some words of ASCII, in any letter case and with space around it.
func inAnyCase(choices ...string) schema {
	var pattern strings.Builder
	for _, r := range strings.Join(choices, "|") {
		if unicode.IsLetter(r) {
			fmt.Fprintf(&pattern, "[%c%c]", unicode.ToUpper(r), r)
		} else {
			pattern.WriteRune(r)
		}
	}
	return schema{"type": "string", "pattern": `^\s*(` + pattern.String() + `)\s*$`}
}

func list(of schema) schema { return schema{"type": "array", "items": of} }

func ref(name string) schema { return schema{"$ref": "#/$defs/" + name} }

func described(s schema, as string) schema {
	s["description"] = as
	return s
}
