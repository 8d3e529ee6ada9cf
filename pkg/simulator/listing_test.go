package simulator

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
)

func names(rows []map[string]string) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r["endpointName"])
	}
	return out
}

func fill(v *visitor, n int) {
	v.t.Helper()
	for i := range n {
		v.create(fmt.Sprintf("e%d", i))
	}
}

func total(g seen) string {
	pages, count := "-", "-"
	if p := g.env.Response.TotalNoOfPages; p != nil {
		pages = fmt.Sprint(*p)
	}
	if p := g.env.Response.ResponseParam; p != nil && p.TotalCount != nil {
		count = fmt.Sprint(*p.TotalCount)
	}
	return pages + "/" + count
}

func TestPaging(t *testing.T) {
	tests := []struct {
		name, query string
		opts        []Option
		want        []string
		total       string
	}{
		{"whole", "", nil, []string{"e0", "e1", "e2", "e3", "e4"}, "-/-"},
		{"first", "?page=1&perPage=2", nil, []string{"e0", "e1"}, "3/5"},
		{"last", "?page=3&perPage=2", nil, []string{"e4"}, "3/5"},
		{"past the end", "?page=4&perPage=2", nil, nil, "3/5"},
		{"far past the end", "?page=9223372036854775807&perPage=2", nil, nil, "3/5"},
		{"default size", "?page=2", []Option{WithPaging(3, 4)}, []string{"e3", "e4"}, "2/5"},
		{"no page", "?perPage=2", nil, []string{"e0", "e1"}, "3/5"},
		{"cap", "?page=1&perPage=100", []Option{WithPaging(3, 4)}, []string{"e0", "e1", "e2", "e3"}, "2/5"},
		{"without totals", "?page=2&perPage=2", []Option{WithoutTotals()}, []string{"e2", "e3"}, "-/-"},
		{"ignored", "?page=2&perPage=2", []Option{WithPagingIgnored()}, []string{"e0", "e1", "e2", "e3", "e4"}, "-/-"},
		{"ignored once", "?page=2&perPage=2", []Option{WithFaults(Fault{Op: opEndpoints, Row: "2", Effect: PagingIgnored})},
			[]string{"e0", "e1", "e2", "e3", "e4"}, "-/-"},
		{"row missed", "?page=2&perPage=2", []Option{WithFaults(Fault{Op: opEndpoints, Row: "2", Effect: RowMissed})}, []string{"e3", "e4"}, "2/4"},
		{"row repeated", "?page=2&perPage=2", []Option{WithFaults(Fault{Op: opEndpoints, Row: "2", Effect: RowRepeated})}, []string{"e1", "e2"}, "3/6"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := visit(t, tt.opts...)
			fill(v, 5)
			g := v.get("/api/GetEndpoint" + tt.query)
			if g.codes() != "0/99004" || g.env.Response.ResponseParam.Rows == nil {
				t.Fatalf("got %s, want rows", g.body)
			}
			if got := names(g.rows()); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := total(g); got != tt.total {
				t.Errorf("got pages and rows %s, want %s", got, tt.total)
			}
		})
	}
}

func TestBadPages(t *testing.T) {
	v := visit(t)
	for _, q := range []string{"page=0", "page=-1", "page=x", "page=", "perPage=0", "page=1&perPage=1e3"} {
		for _, path := range []string{"/api/GetEndpoint?", "/api/fetchSIM?"} {
			if g := v.get(path + q); g.codes() != "1/99400" {
				t.Errorf("%s%s: got %s, want 1/99400", path, q, g.codes())
			}
		}
	}
}

func TestEndpointRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithTokenLife(24*time.Hour))
		v.create(`a "quoted" nämé`)
		want := map[string]string{"endpointId": "100000001", "endpointName": `a "quoted" nämé`, "planId": "100234",
			"serviceProfileId": "SP_1249", "apnGroupId": "-", "simProductId": "7", "status": "Pre-Active", "iccid": "-",
			"creationDate": "01/01/2000 00:00:00", "activationDate": "-"}
		if rows := v.get("/api/GetEndpoint?endpointId=100000001").rows(); len(rows) != 1 || !maps.Equal(rows[0], want) {
			t.Errorf("got %v, want %v", rows, want)
		}
		v.post("/api/linkSim", about("100000001", `,"iccid":"`+firstSIM+`"`))
		time.Sleep(time.Hour)
		v.post("/api/activateEndpoint", about("100000001", ""))
		want["iccid"], want["status"], want["activationDate"] = firstSIM, "Active", "01/01/2000 01:00:00"
		if rows := v.get("/api/GetEndpoint").rows(); len(rows) != 1 || !maps.Equal(rows[0], want) {
			t.Errorf("got %v, want %v", rows, want)
		}
		if g := v.get("/api/GetEndpoint?endpointId=5"); g.codes() != "1/1359" {
			t.Errorf("unknown id: got %s, want 1/1359", g.codes())
		}
	})
}

func TestFetchSIM(t *testing.T) {
	cards := Range("893204200000123456", 3, "7")
	stock := BuiltInStock()
	stock.SIMs = append(cards, Range("893204200000200000", 2, "8")...)
	stock.Endpoints = []fleet.Endpoint{
		{Fields: fleet.Fields{Name: "idle", SIMProductID: "7", ICCID: cards[0].ICCID}, Status: fleet.StatusPreActive},
		{Fields: fleet.Fields{Name: "busy", SIMProductID: "7", ICCID: cards[1].ICCID}},
	}
	tests := []struct {
		query string
		want  []string // simId
		total string
	}{
		{"", []string{"1", "2", "3", "4", "5"}, "-/-"},
		{"?page=2&perPage=2", []string{"3", "4"}, "3/5"},
		{"?iccid=" + string(cards[1].ICCID), []string{"2"}, "-/-"},
		{"?iccid=8932042000009999999", nil, "-/-"},
		{"?simStatusId=12", []string{"1"}, "-/-"},
		{"?simAttachStatusId=1", []string{"1", "2"}, "-/-"},
		{"?simAttachStatusId=0&page=1&perPage=1", []string{"3"}, "3/3"},
		{"?simStatusId=12&simAttachStatusId=0", nil, "-/-"},
	}
	v := visit(t, WithStock(stock))
	for _, tt := range tests {
		g := v.get("/api/fetchSIM" + tt.query)
		var got []string
		for _, r := range g.rows() {
			got = append(got, r["simId"])
		}
		if g.codes() != "0/99004" || !slices.Equal(got, tt.want) || total(g) != tt.total {
			t.Errorf("%q: got %s %v %s, want 0/99004 %v %s", tt.query, g.codes(), got, total(g), tt.want, tt.total)
		}
	}
	for _, q := range []string{"simStatusId=11", "simAttachStatusId=2"} {
		if g := v.get("/api/fetchSIM?" + q); g.codes() != "1/99400" {
			t.Errorf("%s: got %s, want 1/99400", q, g.codes())
		}
	}
	rows := v.get("/api/fetchSIM").rows()
	wants := map[int]map[string]string{
		1: {"simId": "2", "iccid": string(cards[1].ICCID), "simStatus": "Active", "simAttachStatus": "ATTACHED", "endPointId": "100000002", "simProduct": "MFF2 industrial"},
		4: {"simId": "5", "iccid": string(stock.SIMs[4].ICCID), "simStatus": "Ready To Activate", "simAttachStatus": "NOT ATTACHED", "endPointId": "-", "simProduct": "2FF/3FF/4FF card"},
	}
	for i, want := range wants {
		if !maps.Equal(rows[i], want) {
			t.Errorf("got %v, want %v", rows[i], want)
		}
	}
}

func TestLookUps(t *testing.T) {
	v := visit(t)
	tests := []struct {
		path, codes string
		rows        int
		first       map[string]string
	}{
		{"/api/QueryRatePlan", "0/1604", 3, map[string]string{"planId": "100234", "planName": "IoT Basic"}},
		{"/api/QueryRatePlan?planId=100300", "0/1604", 1, map[string]string{"planId": "100300", "planName": "IoT Plus"}},
		{"/api/QueryRatePlan?planId=5", "1/1359", 0, nil},
		{"/api/GetServiceProfile", "0/99004", 2, map[string]string{"profileId": "SP_1249", "profileName": "Default data"}},
		{"/api/GetServiceProfile?serviceProfileId=SP_1300", "0/99004", 1, map[string]string{"profileId": "SP_1300", "profileName": "Data and SMS"}},
		{"/api/GetAPNGroup", "0/99004", 2, map[string]string{"apnGroupId": "PDP_12", "apnGroupName": "iot.bics"}},
		{"/api/GetSIMProduct", "0/99004", 2, map[string]string{"simProductId": "7", "simProductName": "MFF2 industrial"}},
	}
	for _, tt := range tests {
		g := v.get(tt.path)
		if g.codes() != tt.codes || len(g.rows()) != tt.rows || tt.rows > 0 && !maps.Equal(g.rows()[0], tt.first) {
			t.Errorf("%s: got %s %v, want %s with %d rows from %v", tt.path, g.codes(), g.rows(), tt.codes, tt.rows, tt.first)
		}
	}
	g := visit(t, WithObservedPlans()).get("/api/QueryRatePlan")
	if p := g.env.Response.ResponseParam; p == nil || p.Rows != nil || len(p.Plan) != 3 || p.Plan[0].BasicInfo["planId"] != "100234" {
		t.Errorf("got %s, want plan[].basicInfo", g.body)
	}
}

func TestRetiredPlan(t *testing.T) {
	v := visit(t)
	c := v.sim.Catalogue()
	c.Plans = c.Plans[1:]
	v.sim.SetCatalogue(c)
	if g := v.create("a"); g.codes() != "1/99400" {
		t.Errorf("got %s, want 1/99400", g.codes())
	}
}

func TestReadLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithReadLag(10*time.Second))
		v.create("a")
		v.post("/api/linkSim", about("100000001", `,"iccid":"`+firstSIM+`"`))
		time.Sleep(5 * time.Second)
		v.post("/api/activateEndpoint", about("100000001", ""))
		if rows := v.get("/api/GetEndpoint").rows(); len(rows) != 0 {
			t.Errorf("at once: got %v, want no rows", rows)
		}
		time.Sleep(5 * time.Second)
		if rows := v.get("/api/GetEndpoint").rows(); len(rows) != 1 || rows[0]["status"] != "Pre-Active" {
			t.Errorf("after 10 s: got %v, want a row that is Pre-Active", rows)
		}
		if rows := v.get("/api/fetchSIM?simStatusId=12").rows(); len(rows) != 1 {
			t.Errorf("after 10 s: got %v, want the SIM Pre-Active too", rows)
		}
		time.Sleep(5 * time.Second)
		if rows := v.get("/api/GetEndpoint").rows(); len(rows) != 1 || rows[0]["status"] != "Active" {
			t.Errorf("after 15 s: got %v, want a row that is Active", rows)
		}
		v.create("b")
		v.sim.Heal()
		if rows := v.get("/api/GetEndpoint").rows(); len(rows) != 2 {
			t.Errorf("healed: got %v, want two rows", rows)
		}
	})
}
