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

// speech is one of the platform's two dialects.
type speech string

const (
	endpointInfo speech = ""           // documented; and what both dialects share
	collection   speech = "collection" // observed: a body of Request and requestParam
)

// route is a path of the platform and what it stands for. Some paths of the two
// dialects differ in letter case only; the body then says which is spoken.
type route struct {
	op     wire.Op
	method string
	path   string
	speech speech
}

// The paths and methods: login and refresh, the endpoint calls and the first
// two look-ups are documented, fetchSIM was observed, the last two are assumed.
// Those of the collection were observed, and that PATCH modifies is documented.
var routes = []route{
	{wire.OpLogin, "POST", "/api/login", endpointInfo},
	{wire.OpRefresh, "GET", "/api/RefreshToken", endpointInfo},
	{wire.OpCreate, "POST", "/api/createEndpoint", endpointInfo},
	{wire.OpModify, "POST", "/api/modifyEndpoint", endpointInfo},
	{wire.OpDelete, "POST", "/api/deleteEndpoint", endpointInfo},
	{wire.OpLink, "POST", "/api/linkSim", endpointInfo},
	{wire.OpDelink, "POST", "/api/delinkSim", endpointInfo},
	{wire.OpActivate, "POST", "/api/activateEndpoint", endpointInfo},
	{wire.OpLifecycle, "POST", "/api/changeEndpointLifecycle", endpointInfo},
	{wire.OpEndpoints, "GET", "/api/GetEndpoint", endpointInfo},
	{wire.OpSIMs, "GET", "/api/fetchSIM", endpointInfo},
	{wire.OpRatePlans, "GET", "/api/QueryRatePlan", endpointInfo},
	{wire.OpServiceProfiles, "GET", "/api/GetServiceProfile", endpointInfo},
	{wire.OpAPNGroups, "GET", "/api/GetAPNGroup", endpointInfo},
	{wire.OpSIMProducts, "GET", "/api/GetSIMProduct", endpointInfo},
	{wire.OpRoamingProfiles, "GET", "/api/GetRoamingProfile", endpointInfo}, // documented

	{wire.OpCreate, "POST", "/api/CreateEndPoint", collection},
	{wire.OpModify, "POST", changePlan, collection},
	{wire.OpModify, "PATCH", "/api/endpoint", collection},
	{wire.OpDelete, "POST", "/api/DeleteEndPoint", collection},
	{wire.OpLink, "POST", "/api/LinkSim", collection},
	{wire.OpDelink, "POST", "/api/DeLinkSim", collection},
	{wire.OpActivate, "POST", "/api/EndPointActivation", collection},
	{wire.OpLifecycle, "POST", "/api/EndPointLifeCycleChange", collection},
	{wire.OpEndpoints, "GET", "/api/GetEndpoints", collection},
	{wire.OpEndpoints, "GET", profilePath, collection},
	{wire.OpRoamingProfiles, "GET", "/api/GetRoamingProfiles", collection},
}

const (
	changePlan  = "/api/ChangePlan"
	profilePath = "/api/GetEndPointProfile"
)

var exactRoutes, foldedRoutes = routeMaps()

func routeMaps() (exact map[string]route, folded map[speech]map[string]route) {
	exact, folded = map[string]route{}, map[speech]map[string]route{endpointInfo: {}, collection: {}}
	for _, r := range routes {
		exact[r.path] = r
		folded[r.speech][strings.ToLower(r.path)] = r
	}
	return exact, folded
}

// find matches a path. Whether the platform minds the letter case is not
// known, so it matters only on demand.
func (s *Simulator) find(path string) (route, bool) {
	if r, ok := exactRoutes[path]; ok || s.set.strictCase {
		return r, ok
	}
	if r, ok := foldedRoutes[endpointInfo][strings.ToLower(path)]; ok {
		return r, true
	}
	r, ok := foldedRoutes[collection][strings.ToLower(path)]
	return r, ok
}

// spoken moves a call to the route of the dialect that its body is in, where
// that differs in letter case only.
func (s *Simulator) spoken(c *call, in speech) bool {
	if c.route.speech == in {
		return true
	}
	r, ok := foldedRoutes[in][strings.ToLower(c.route.path)]
	if ok = ok && !s.set.strictCase; ok {
		c.route = r
	}
	return ok
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
	return s.readBody(c, r.Body)
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

func (s *Simulator) readBody(c *call, body io.Reader) (*call, answer) {
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
	s.decode(c, buf.Bytes())
	return c, answer{}
}
