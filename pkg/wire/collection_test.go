package wire

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
)

// collection is as much of the platform's second dialect as proves that the
// Dialect interface carries it: one call for create, link and activate, two
// calls for a modify of rate plan and name.
type collection struct{ EndpointInfo }

func (collection) Abilities() fleet.Abilities {
	return fleet.Abilities{
		Dialect:  "collection",
		Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldPlan), fleet.Fieldset(fleet.FieldName, fleet.FieldAPNGroup)},
		Creates:  fleet.Fieldset(fleet.FieldName, fleet.FieldPlan),
		Folds:    []fleet.Action{fleet.Link, fleet.Activate},
	}
}

func (collection) Call(call fleet.Call) (Request, error) {
	type body map[string]any
	wrap := func(method, path string, param body) (Request, error) {
		data, err := json.Marshal(body{"Request": body{"endPointId": call.EndpointID, "requestParam": param}})
		return Request{Op: actionOps[call.Action], Method: method, Path: path, Body: data}, err
	}
	switch {
	case call.Action == fleet.Create:
		data, err := json.Marshal(body{"Request": body{"requestParam": body{"name": call.Fields.Name, "planId": call.Fields.PlanID,
			"isLinkSIM": text(call.Fields.ICCID != ""), "iccid": call.Fields.ICCID, "isDefaultActivation": text(call.Activate)}}})
		return Request{Op: OpCreate, Method: "POST", Path: "/api/CreateEndPoint", Body: data}, err
	case call.Action == fleet.Modify && call.Fields.PlanID != "":
		return wrap("POST", "/api/ChangePlan", body{"planId": call.Fields.PlanID})
	case call.Action == fleet.Modify:
		return wrap("PATCH", "/api/endpoint", body{"name": call.Fields.Name})
	}
	return Request{}, nil
}

func text(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

var _ Dialect = collection{}

func TestTheShapeCarriesTheCollectionDialect(t *testing.T) {
	create := []fleet.Change{
		{Action: fleet.Create, Fields: fleet.Fields{Name: "m", PlanID: "1"}},
		{Action: fleet.Link, Fields: fleet.Fields{ICCID: "8932042000001234562"}},
		{Action: fleet.Activate},
	}
	modify := []fleet.Change{{Action: fleet.Modify, Fields: fleet.Fields{Name: "n", PlanID: "2"}}}
	tests := []struct {
		name    string
		dialect Dialect
		changes []fleet.Change
		want    []string
	}{
		{"create in three calls", EndpointInfo{}, create, []string{"create 0:1", "link 1:2", "activate 2:3"}},
		{"create in one call", collection{}, create, []string{"create 0:3"}},
		{"create and link in one call", collection{}, create[:2], []string{"create 0:2"}},
		{"modify in one call", EndpointInfo{}, modify, []string{"modify 0:1"}},
		{"modify in two calls", collection{}, modify, []string{"modify 0:1", "modify 0:1"}},
		{"a step that takes no call", EndpointInfo{}, []fleet.Change{{Action: fleet.Modify}, {Action: fleet.Delete}}, []string{"delete 1:2"}},
		{"activate does not fold without its create", collection{}, create[1:], []string{"link 0:1", "activate 1:2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, call := range tt.dialect.Abilities().Calls(tt.changes) {
				got = append(got, call.Action.String()+" "+string(rune('0'+call.First))+":"+string(rune('0'+call.End)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheFoldedCreateCarriesEverything(t *testing.T) {
	calls := collection{}.Abilities().Calls([]fleet.Change{
		{Action: fleet.Create, Fields: fleet.Fields{Name: "m", PlanID: "1"}},
		{Action: fleet.Link, Fields: fleet.Fields{ICCID: "8932042000001234562"}}, {Action: fleet.Activate}})
	req, err := collection{}.Call(calls[0])
	want := `{"Request":{"requestParam":{"iccid":"8932042000001234562","isDefaultActivation":"true","isLinkSIM":"true","name":"m","planId":"1"}}}`
	if err != nil || string(req.Body) != want {
		t.Errorf("got %s, %v, want %s", req.Body, err, want)
	}
	calls = collection{}.Abilities().Calls([]fleet.Change{{Action: fleet.Modify, Fields: fleet.Fields{Name: "n", PlanID: "2"}}})
	for i, want := range []string{"/api/ChangePlan", "/api/endpoint"} {
		calls[i].EndpointID = "9"
		if req, err = (collection{}).Call(calls[i]); err != nil || req.Path != want {
			t.Errorf("call %d: got %s, %v, want %s", i, req.Path, err, want)
		}
	}
}
