package mesh_test

import (
	"regexp"
	"strings"
)

// has counts which fields of an object are there.
func has(self any, names ...string) int {
	m, _ := self.(object)
	n := 0
	for _, name := range names {
		if _, ok := m[name]; ok {
			n++
		}
	}
	return n
}

func field(self any, name string) string {
	m, _ := self.(object)
	s, _ := m[name].(string)
	return s
}

// each asks a question of every element of a list.
func each(self any, ask func(any) bool) bool {
	l, _ := self.([]any)
	for _, e := range l {
		if !ask(e) {
			return false
		}
	}
	return true
}

// single says that a list has one element, for which a rule about pairs holds.
func single(self any) bool { l, ok := self.([]any); return ok && len(l) == 1 }

func atMostOne(names ...string) func(any) bool {
	return func(self any) bool { return has(self, names...) <= 1 }
}

func noUnixSocket(self any) bool {
	s, ok := self.(string)
	return ok && !strings.HasPrefix(s, "unix://")
}

// rulesOf are the schemas' rules in CEL that concern fields of our objects, each
// with what it comes to. A rule is known by its words, so that a changed one is
// noticed.
var rulesOf = map[string]func(self any) bool{
	// Istio
	`(has(self.workloadSelector) ? 1 : 0) + (has(self.endpoints) ? 1 : 0) <= 1`:                                                                               atMostOne("workloadSelector", "endpoints"),
	`(has(self.workloadSelector) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1`:                                                                              atMostOne("workloadSelector", "targetRefs"),
	`(has(self.tlsCertificates) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1`:                                                                          atMostOne("tlsCertificates", "credentialNames"),
	`(has(self.credentialName) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1`:                                                                           atMostOne("credentialName", "credentialNames"),
	`(has(self.credentialNames) ? 1 : 0) + (has(self.tlsCertificates) ? 1 : 0) <= 1`:                                                                          atMostOne("credentialNames", "tlsCertificates"),
	`((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true`:                                                             func(s any) bool { return field(s, "resolution") == "STATIC" || has(s, "endpoints") == 0 },
	`((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? ((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true`:                 func(s any) bool { return field(s, "resolution") != "DNS_ROUND_ROBIN" },
	`!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && !((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))`: func(s any) bool { return field(s, "resolution") == "STATIC" },
	`has(self.address) || has(self.network)`:                                                                                                                  func(s any) bool { return has(s, "address", "network") > 0 },
	`(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true`:                                                                 func(s any) bool { return !strings.HasPrefix(field(s, "address"), "unix://") },
	`self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true`:                                                        noUnixSocket,
	`self.startsWith("unix://") ? !self.endsWith("/") : true`:                                                                                                 noUnixSocket,
	`self != "*"`:         func(s any) bool { return s != "*" },
	`!self.contains("*")`: func(s any) bool { t, ok := s.(string); return ok && !strings.Contains(t, "*") },
	`self.all(l1, self.exists_one(l2, l1.number == l2.number))`: single,
	`0 < self && self <= 65535`:                                 func(s any) bool { n, ok := number(s); return ok && 0 < n && n <= 65535 },
	`has(self.context) ? ((self.context == "WAYPOINT") ? has(self.waypoint) : !has(self.waypoint)) : !has(self.waypoint)`: func(s any) bool { return field(s, "context") != "WAYPOINT" && has(s, "waypoint") == 0 },

	// Envoy Gateway
	`!(has(self.mergeGateways) && self.mergeGateways && has(self.mergeBackends))`:                                                                                                         func(s any) bool { return has(s, "mergeGateways") == 0 },
	`((has(self.envoyDeployment) && !has(self.envoyDaemonSet)) || (!has(self.envoyDeployment) && has(self.envoyDaemonSet))) || (!has(self.envoyDeployment) && !has(self.envoyDaemonSet))`: atMostOne("envoyDeployment", "envoyDaemonSet"),
	`((has(self.envoyHpa) && !has(self.envoyDaemonSet)) || (!has(self.envoyHpa) && has(self.envoyDaemonSet))) || (!has(self.envoyHpa) && !has(self.envoyDaemonSet))`:                      atMostOne("envoyHpa", "envoyDaemonSet"),
	`!has(self.image) || !has(self.imageRepository)`: atMostOne("image", "imageRepository"),
	`self.matches('^[a-zA-Z0-9._-]+(:[0-9]+)?(/[a-zA-Z0-9._/-]+)?(:[a-zA-Z0-9._-]+)?(@sha256:[a-z0-9]+)?$')`: func(s any) bool {
		t, ok := s.(string)
		return ok && regexp.MustCompile(`^[a-zA-Z0-9._-]+(:[0-9]+)?(/[a-zA-Z0-9._/-]+)?(:[a-zA-Z0-9._-]+)?(@sha256:[a-z0-9]+)?$`).MatchString(t)
	},

	// Gateway API
	`self.all(l1, self.exists_one(l2, l1.name == l2.name))`: single,
	`self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))`: single,
	`self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)`: func(s any) bool {
		return each(s, func(l any) bool { return field(l, "protocol") == "HTTP" && has(l, "tls") == 0 })
	},
	`self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)`: func(s any) bool { return each(s, isHTTP) },
	`self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != '' : true))`:               func(s any) bool { return each(s, isHTTP) },
	`self.all(l, l.protocol in ['TCP', 'UDP'] ? (!has(l.hostname) || l.hostname == '') : true)`:                   func(s any) bool { return each(s, isHTTP) },
}

func isHTTP(l any) bool { return field(l, "protocol") == "HTTP" }
