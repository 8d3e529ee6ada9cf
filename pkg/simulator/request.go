package simulator

import (
	"encoding/json"
	"fmt"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// info is what an endpoint call says (documented for create, modify and
// delete, assumed for the others). An empty value is one that was not given.
type info struct {
	EndpointID       fleet.ID    `json:"endpointId,omitempty"`
	Name             string      `json:"endpointName,omitempty"`
	PlanID           fleet.ID    `json:"planId,omitempty"`
	ServiceProfileID fleet.ID    `json:"serviceProfileId,omitempty"`
	SIMProductID     fleet.ID    `json:"simProductId,omitempty"`
	APNGroupID       fleet.ID    `json:"apnGroupId,omitempty"`
	ICCID            fleet.ICCID `json:"iccid,omitempty"`
	LifeCycle        string      `json:"lifeCycle,omitempty"`
	Reason           string      `json:"reason,omitempty"`
	more
}

// more is what only a call of the collection says (documented or observed, all
// of it). The switches are texts.
type more struct {
	RoamingProfileID fleet.ID   `json:"roamingProfileId,omitempty"`
	MonthlyLimit     string     `json:"monthlyLimit,omitempty"`
	LinkSIM          string     `json:"isLinkSIM,omitempty"`
	Activation       string     `json:"isDefaultActivation,omitempty"`
	AddPlans         []fleet.ID `json:"addonPlanIds,omitempty"`
	RemoveAddons     []fleet.ID `json:"removeAddonUniqueIds,omitempty"`
}

type credentials struct{ username, password, target string }

// account is the name under which a login's calls are counted.
func (c credentials) account() string {
	if c.target != "" {
		return c.target
	}
	return c.username
}

// scalar is a value of a request body: a string, or a number with its digits
// kept.
type scalar struct {
	text   string
	number bool
}

func (v *scalar) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		return v.quoted(data)
	case '{', '[', 't', 'f':
		return fmt.Errorf("got %.20s, want a text", data)
	case 'n':
		return nil
	}
	v.text, v.number = string(data), true
	return nil
}

// quoted takes plain letters as they are, which is cheap, and leaves the rest
// to encoding/json.
func (v *scalar) quoted(data []byte) error {
	for _, c := range data {
		if c == '\\' || c > 0x7e {
			return json.Unmarshal(data, &v.text)
		}
	}
	v.text = string(data[1 : len(data)-1])
	return nil
}

// decode reads the body. Keys match in their exact letter case, which is the
// strictest reading of the documents.
func (s *Simulator) decode(c *call, body []byte) {
	if c.route.op == wire.OpLogin {
		c.decodeLogin(body)
		return
	}
	var parts map[string]json.RawMessage
	if json.Unmarshal(body, &parts) != nil {
		c.bad = "the body is not a JSON object"
		return
	}
	switch data, ok := parts["endpointInfo"]; {
	case ok && s.spoken(c, endpointInfo):
		c.decodeInfo(data)
	case !ok && parts["Request"] != nil && s.spoken(c, collection):
		c.decodeRequest(parts["Request"])
	case c.route.speech == collection:
		c.bad = "the body has no Request"
	case parts["Request"] != nil:
		c.bad = "the body holds Request, want endpointInfo"
	default:
		c.bad = "the body has no endpointInfo"
	}
}

func (c *call) decodeInfo(data []byte) {
	var fields map[string]scalar
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		c.bad = "endpointInfo is not an object of texts"
		return
	}
	for name, v := range fields {
		if v.number && name != "planId" { // a plan's id was seen as a number
			c.bad = "invalid " + name + ": a number, want a text"
		}
		c.info.set(name, v.text)
	}
}

func (i *info) set(name, text string) {
	switch name {
	case "endpointId":
		i.EndpointID = fleet.ID(text)
	case "endpointName":
		i.Name = text
	case "planId":
		i.PlanID = fleet.ID(text)
	case "serviceProfileId":
		i.ServiceProfileID = fleet.ID(text)
	case "simProductId":
		i.SIMProductID = fleet.ID(text)
	case "apnGroupId":
		i.APNGroupID = fleet.ID(text)
	case "iccid":
		i.ICCID = fleet.ICCID(text)
	case "lifeCycle":
		i.LifeCycle = text
	case "reason":
		i.Reason = text
	}
}

func (c *call) decodeLogin(body []byte) {
	var fields map[string]scalar
	if json.Unmarshal(body, &fields) != nil {
		c.bad = "the body is not a JSON object"
		return
	}
	c.login = credentials{fields["username"].text, fields["password"].text, fields["targetAccountId"].text}
}

// rowOf is the name by which faults know a call: the endpoint's name where the
// call is about one, the ICCID of a free SIM, the page of a listing.
func (s *Simulator) rowOf(c *call) string {
	switch {
	case c.route.op == wire.OpCreate:
		return c.info.Name
	case c.about() != "":
		return s.nameOf(c.about())
	case c.query == nil:
		return ""
	case c.query.Has("iccid"):
		return s.holderOf(fleet.ICCID(c.query.Get("iccid")))
	}
	return c.query.Get("page")
}

// about is the id that the call names.
func (c *call) about() fleet.ID {
	if c.query != nil && c.route.speech == collection {
		return fleet.ID(c.query.Get("endPointId"))
	}
	if c.query != nil {
		return fleet.ID(c.query.Get("endpointId"))
	}
	return c.info.EndpointID
}

// account is the account in whose name the call comes, as far as it is known.
func (c *call) account() string {
	if c.route.op == wire.OpLogin {
		return c.login.account()
	}
	return c.session.account
}

func (s *Simulator) nameOf(id fleet.ID) string {
	if e := s.live.endpoints[id]; e != nil {
		return e.Name
	}
	if name, ok := s.gone[id]; ok {
		return name
	}
	return string(id)
}

func (s *Simulator) holderOf(iccid fleet.ICCID) string {
	if k := s.live.card(iccid); k != nil && k.endpoint != "" {
		return s.nameOf(k.endpoint)
	}
	return string(iccid)
}
