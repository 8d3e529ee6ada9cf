package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func BenchmarkCreate(b *testing.B) {
	v := visit(b)
	header := v.request("POST", "/api/createEndpoint", "").Header
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		r := httptest.NewRequest("POST", "/api/createEndpoint", strings.NewReader(createBody(fmt.Sprintf("meter-%d", i))))
		r.Header = header
		w := httptest.NewRecorder()
		v.sim.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("got HTTP %d, want 200", w.Code)
		}
	}
}

func BenchmarkPageOf250(b *testing.B) {
	v := visit(b)
	for i := range 1000 {
		v.create(fmt.Sprintf("meter-%d", i))
	}
	r := v.request("GET", "/api/GetEndpoint?page=2&perPage=250", "")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		v.sim.ServeHTTP(w, r)
	}
}

func TestManyAtOnce(t *testing.T) {
	v := visit(t)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			v.create(fmt.Sprintf("e%d", i))
			v.get("/api/GetEndpoint?page=1")
			v.sim.Log()
			v.sim.Endpoints()
			v.sim.Bills()
		})
	}
	wg.Wait()
	if got := len(v.sim.Endpoints()); got != 50 {
		t.Errorf("got %d endpoints, want 50", got)
	}
}
