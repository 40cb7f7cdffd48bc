// Package mesh attaches Ostiary to proxies whose configuration somebody else
// makes: the sidecars and gateways of Istio, and Envoy Gateway.
//
// [Istio] and [EnvoyGateway] print the objects that patch a bootstrap's parts
// (filters, locks, routes, clusters, limits) into such a proxy. [Check] reads
// back, from the config_dump of any Envoy, whether all of it is in force
// wherever a request could reach a provider: a mesh accepts objects that it
// then never applies, and says nothing.
//
// The patches take a port of their own, on which nothing but Ostiary's routes
// exist. On a port that is shared with other services the locks would refuse
// these services' requests, which carry no verdict.
//
// No mesh was run by the authors. The objects are checked against the schemas of
// [IstioAPI] and [GatewayVersion]; their effect, against Envoy 1.40 with
// listeners shaped as these meshes make them.
package mesh
