package mesh

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// The shapes of Envoy's config_dump that are read. Proto messages would not do:
// a mesh's proxies hold extensions that nobody else knows, at which a strict
// reader gives up. What matters is decoded strictly, piece by piece.
type (
	configDump struct {
		Configs []json.RawMessage `json:"configs"`
	}
	typed struct {
		Type string `json:"@type"`
	}
	release struct {
		Major uint64 `json:"major_number"`
		Minor uint64 `json:"minor_number"`
		Patch uint64 `json:"patch"`
	}
	bootstrapDump struct {
		Bootstrap struct {
			Node struct {
				Build struct {
					Version *release `json:"version"`
				} `json:"user_agent_build_version"`
			} `json:"node"`
		} `json:"bootstrap"`
	}
	section struct {
		Type             string          `json:"@type"`
		StaticListeners  []listenerState `json:"static_listeners"`
		DynamicListeners []listenerEntry `json:"dynamic_listeners"`
		StaticRoutes     []routeState    `json:"static_route_configs"`
		DynamicRoutes    []routeState    `json:"dynamic_route_configs"`
		StaticClusters   []clusterState  `json:"static_clusters"`
		ActiveClusters   []clusterState  `json:"dynamic_active_clusters"`
		WarmingClusters  []clusterState  `json:"dynamic_warming_clusters"`
		StaticEndpoints  []endpointState `json:"static_endpoint_configs"`
		DynamicEndpoints []endpointState `json:"dynamic_endpoint_configs"`
	}
	listenerState struct {
		Listener listener `json:"listener"`
	}
	listenerEntry struct {
		Name    string         `json:"name"`
		Active  *listenerState `json:"active_state"`
		Warming *listenerState `json:"warming_state"`
	}
	routeState struct {
		Config routeConfig `json:"route_config"`
	}
	clusterState struct {
		Cluster json.RawMessage `json:"cluster"`
	}
	endpointState struct {
		Config json.RawMessage `json:"endpoint_config"`
	}

	listener struct {
		Name         string   `json:"name"`
		Direction    string   `json:"traffic_direction"`
		Buffer       number   `json:"per_connection_buffer_limit_bytes"`
		Chains       []chain  `json:"filter_chains"`
		DefaultChain *chain   `json:"default_filter_chain"`
		API          apiValue `json:"api_listener"`
	}
	apiValue struct {
		Config json.RawMessage `json:"api_listener"`
	}
	chain struct {
		Name    string   `json:"name"`
		Filters []filter `json:"filters"`
	}
	// filter is a network filter or an HTTP filter.
	filter struct {
		Name      string          `json:"name"`
		Config    json.RawMessage `json:"typed_config"`
		Discovery json.RawMessage `json:"config_discovery"`
		Disabled  bool            `json:"disabled"`
	}
	manager struct {
		Filters []filter     `json:"http_filters"`
		Inline  *routeConfig `json:"route_config"`
		RDS     struct {
			Name string `json:"route_config_name"`
		} `json:"rds"`
		Scoped json.RawMessage `json:"scoped_routes"`
		HTTP2  struct {
			Window number `json:"initial_stream_window_size"`
		} `json:"http2_protocol_options"`
		Early json.RawMessage `json:"early_header_mutation_extensions"`
		Log   json.RawMessage `json:"access_log"`
	}
	overrides map[string]json.RawMessage // per-filter configuration, by the filter's name
	mirror    struct {
		Cluster string `json:"cluster"`
		Header  string `json:"cluster_header"`
	}
	routeConfig struct {
		Name      string          `json:"name"`
		Hosts     []virtualHost   `json:"virtual_hosts"`
		VHDS      json.RawMessage `json:"vhds"`
		Overrides overrides       `json:"typed_per_filter_config"`
		Mirrors   []mirror        `json:"request_mirror_policies"`
	}
	virtualHost struct {
		Name      string          `json:"name"`
		Routes    []route         `json:"routes"`
		Matcher   json.RawMessage `json:"matcher"`
		Overrides overrides       `json:"typed_per_filter_config"`
		Mirrors   []mirror        `json:"request_mirror_policies"`
	}
	route struct {
		Name  string `json:"name"`
		Match struct {
			Metadata []json.RawMessage `json:"dynamic_metadata"`
		} `json:"match"`
		Action    *action   `json:"route"`
		Overrides overrides `json:"typed_per_filter_config"`
	}
	action struct {
		Cluster  string `json:"cluster"`
		Header   string `json:"cluster_header"`
		Weighted struct {
			Clusters []struct {
				Name      string    `json:"name"`
				Header    string    `json:"cluster_header"`
				Overrides overrides `json:"typed_per_filter_config"`
			} `json:"clusters"`
		} `json:"weighted_clusters"`
		Plugin       string          `json:"cluster_specifier_plugin"`
		InlinePlugin json.RawMessage `json:"inline_cluster_specifier_plugin"`
		Mirrors      []mirror        `json:"request_mirror_policies"`
	}
	tcpProxy struct {
		Cluster  string `json:"cluster"`
		Weighted struct {
			Clusters []struct {
				Name string `json:"name"`
			} `json:"clusters"`
		} `json:"weighted_clusters"`
	}
	cluster struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Custom struct {
			Name   string          `json:"name"`
			Config json.RawMessage `json:"typed_config"`
		} `json:"cluster_type"`
		EDS struct {
			Service string `json:"service_name"`
		} `json:"eds_cluster_config"`
	}
	aggregate struct {
		Clusters []string `json:"clusters"`
	}
)

// number is a count that JSON of protos may hold as a number or a string.
type number uint64

// UnmarshalJSON takes both forms.
func (n *number) UnmarshalJSON(raw []byte) error {
	var v uint64
	if err := json.Unmarshal([]byte(strings.Trim(string(raw), `"`)), &v); err != nil {
		return errNoDump
	}
	*n = number(v)
	return nil
}

// errNoDump says nothing of the text: it may hold keys.
var errNoDump = errors.New("mesh: this is no config_dump of Envoy: ask its administration for /config_dump?include_eds")

// kind gives the last part of a packed message's type.
func kind(raw json.RawMessage) string {
	var t typed
	if json.Unmarshal(raw, &t) != nil {
		return ""
	}
	return t.Type[strings.LastIndexAny(t.Type, "./")+1:]
}

// proxyState is a dump, sorted.
type proxyState struct {
	listeners []listener
	routes    map[string]*routeConfig
	clusters  map[string]json.RawMessage
	endpoints map[string]json.RawMessage
	version   *release // nil where it is not said
}

func readDump(raw []byte) (*proxyState, error) {
	var d configDump
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, errNoDump
	}
	s := &proxyState{routes: map[string]*routeConfig{}, clusters: map[string]json.RawMessage{}, endpoints: map[string]json.RawMessage{}}
	seen := map[string]bool{}
	for _, one := range d.Configs {
		k := kind(one)
		seen[k] = true
		if k == "BootstrapConfigDump" {
			var b bootstrapDump
			if json.Unmarshal(one, &b) != nil {
				return nil, errNoDump
			}
			s.version = b.Bootstrap.Node.Build.Version
		}
		if !slices.Contains([]string{"ListenersConfigDump", "RoutesConfigDump", "ClustersConfigDump", "EndpointsConfigDump"}, k) {
			continue
		}
		var p section
		if err := json.Unmarshal(one, &p); err != nil {
			return nil, errNoDump
		}
		for _, l := range p.StaticListeners {
			s.listeners = append(s.listeners, l.Listener)
		}
		for _, l := range p.DynamicListeners {
			for _, state := range []*listenerState{l.Active, l.Warming} { // what warms will be active
				if state != nil {
					s.listeners = append(s.listeners, state.Listener)
				}
			}
		}
		for _, r := range slices.Concat(p.StaticRoutes, p.DynamicRoutes) {
			s.routes[r.Config.Name] = &r.Config
		}
		for _, c := range slices.Concat(p.StaticClusters, p.ActiveClusters, p.WarmingClusters) {
			var named cluster
			if err := json.Unmarshal(c.Cluster, &named); err != nil {
				return nil, errNoDump
			}
			s.clusters[named.Name] = c.Cluster
		}
		for _, e := range slices.Concat(p.StaticEndpoints, p.DynamicEndpoints) {
			var named struct {
				Name string `json:"cluster_name"`
			}
			if err := json.Unmarshal(e.Config, &named); err != nil {
				return nil, errNoDump
			}
			s.endpoints[named.Name] = e.Config
		}
	}
	if !seen["ListenersConfigDump"] || !seen["ClustersConfigDump"] {
		return nil, errNoDump
	}
	return s, nil
}

// words gives every text value of a JSON text, and the pieces of those that
// meshes put together, such as outbound|443||api.example.
func words(raw []byte) []string {
	set := map[string]bool{}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	for {
		t, err := dec.Token()
		if err != nil {
			break
		}
		if s, ok := t.(string); ok {
			s = strings.ToLower(s)
			set[s] = true
			for _, piece := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("|/:;, ", r) }) {
				set[strings.TrimSuffix(piece, ".")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}
