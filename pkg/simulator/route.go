package simulator

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sftctl/pkg/wire"
)

// route is a path of the platform and what it stands for. Which dialect is
// spoken there is seen from the body, so two dialects may share a route.
type route struct {
	op     wire.Op
	method string
	path   string
}

// The paths and methods: login and refresh, the endpoint calls and the first
// two look-ups are documented, fetchSIM was observed, the last two are assumed.
var routes = []route{
	{wire.OpLogin, "POST", "/api/login"},
	{wire.OpRefresh, "GET", "/api/RefreshToken"},
	{wire.OpCreate, "POST", "/api/createEndpoint"},
	{wire.OpModify, "POST", "/api/modifyEndpoint"},
	{wire.OpDelete, "POST", "/api/deleteEndpoint"},
	{wire.OpLink, "POST", "/api/linkSim"},
	{wire.OpDelink, "POST", "/api/delinkSim"},
	{wire.OpActivate, "POST", "/api/activateEndpoint"},
	{wire.OpLifecycle, "POST", "/api/changeEndpointLifecycle"},
	{wire.OpEndpoints, "GET", "/api/GetEndpoint"},
	{wire.OpSIMs, "GET", "/api/fetchSIM"},
	{wire.OpRatePlans, "GET", "/api/QueryRatePlan"},
	{wire.OpServiceProfiles, "GET", "/api/GetServiceProfile"},
	{wire.OpAPNGroups, "GET", "/api/GetAPNGroup"},
	{wire.OpSIMProducts, "GET", "/api/GetSIMProduct"},
}

var exactRoutes, foldedRoutes = routeMaps()

func routeMaps() (exact, folded map[string]route) {
	exact, folded = map[string]route{}, map[string]route{}
	for _, r := range routes {
		exact[r.path] = r
		folded[strings.ToLower(r.path)] = r
	}
	return exact, folded
}

// find matches a path. Whether the platform minds the letter case is not
// known, so it matters only on demand.
func (s *Simulator) find(path string) (route, bool) {
	if r, ok := exactRoutes[path]; ok || s.set.strictCase {
		return r, ok
	}
	r, ok := foldedRoutes[strings.ToLower(path)]
	return r, ok
}

// call is one request on its way through the platform.
type call struct {
	route   route
	token   string
	info    info        // the body of an endpoint call
	login   credentials // the body of a login
	query   url.Values  // of a listing
	bad     string      // what is wrong with the body; the call is refused for it
	size    int         // bytes of the body
	row     string      // what faults call it by
	session session
	effect  Effect
	job     *job // its work, when it changes the fleet
	entry   *Entry
	delay   time.Duration
}

const maxBody = 1 << 20

// read takes a request in. It returns no call when the answer needs none.
func (s *Simulator) read(r *http.Request) (*call, answer) {
	route, ok := s.find(r.URL.Path)
	switch {
	case !ok:
		return nil, bare(http.StatusNotFound)
	case r.Method != route.method:
		return nil, bare(http.StatusMethodNotAllowed)
	}
	c := &call{route: route, token: bearer(r.Header)}
	if route.method == "GET" {
		if r.URL.RawQuery != "" {
			c.query = r.URL.Query()
		}
		return c, answer{}
	}
	if !isJSON(r.Header.Get(wire.HeaderContentType)) {
		return nil, bare(http.StatusUnsupportedMediaType)
	}
	return c.readBody(r.Body)
}

func bearer(h http.Header) string {
	token, ok := strings.CutPrefix(h.Get(wire.HeaderToken), wire.BearerPrefix)
	if !ok {
		return ""
	}
	return token
}

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), wire.ContentType)
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (c *call) readBody(body io.Reader) (*call, answer) {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if body == nil {
		body = http.NoBody
	}
	n, err := buf.ReadFrom(io.LimitReader(body, maxBody+1))
	switch {
	case err != nil:
		return nil, answer{drop: true}
	case n > maxBody:
		return nil, bare(http.StatusRequestEntityTooLarge)
	}
	c.size = int(n)
	c.decode(buf.Bytes())
	return c, answer{}
}
