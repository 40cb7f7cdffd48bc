package extproc

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ostiary/ostiary/proxy"
)

// Names that the configuration of Envoy and this package share.
const (
	// Namespace is the dynamic metadata that Envoy's routes and access rules
	// match. It holds strings: decision, pool, phase, decision_id, revision.
	Namespace = "ostiary.verdict"
	// filterName is the key under which Envoy sends request attributes.
	filterName = "envoy.filters.http.ext_proc"
	// Attributes that Envoy is asked for.
	attributeAddress  = "source.address"
	attributeName     = "connection.requested_server_name"
	attributeProtocol = "request.protocol"
	attributePeer     = "filter_state['ostiary.peer']" // of the CONNECT, where the client came through the explicit proxy
)

var (
	errNoPath = status.Error(codes.InvalidArgument, "request without method or path")
	errTwice  = status.Error(codes.InvalidArgument, "a pseudo header stands twice")
)

// request is the head of an HTTP request.
type request struct {
	head   proxy.Head
	forged []string // names of headers of our prefix that came with it
}

// inspectable reports whether Envoy will give the whole body and wait for the
// reply: bodies buffered, answers unread, replies obeyed.
func inspectable(m *extprocv3.ProcessingRequest) bool {
	p := m.GetProtocolConfig()
	return p != nil && !m.GetObservabilityMode() &&
		p.GetRequestBodyMode() == filterv3.ProcessingMode_BUFFERED &&
		p.GetResponseBodyMode() == filterv3.ProcessingMode_NONE &&
		!p.GetSendBodyWithoutWaitingForHeaderResponse()
}

// readHead makes the head of the first message. Headers of our own prefix, which
// only a client can have sent, are not part of it but listed as forged.
func readHead(m *extprocv3.ProcessingRequest, h *extprocv3.HttpHeaders) (q request, err error) {
	out := &q.head
	*out = proxy.Head{Ended: h.GetEndOfStream(), Received: time.Now(), Peer: proxy.Peer{UID: -1}}
	fields := h.GetHeaders().GetHeaders()
	out.Header = make([]proxy.Field, 0, len(fields))
	path := ""
	for _, f := range fields {
		name, value := field(f)
		var into *string
		switch {
		case name == ":method":
			into = &out.Method
		case name == ":path":
			into = &path
		case name == ":authority":
			into = &out.Authority
		case strings.HasPrefix(name, ":"):
			continue
		case ours(name):
			q.forged = append(q.forged, name)
			continue
		default:
			out.Header = append(out.Header, proxy.Field{Name: name, Value: proxy.NewText(value)})
			continue
		}
		if *into != "" {
			return request{}, errTwice
		}
		*into = value
	}
	// CONNECT has no path (RFC 9113, 8.5); the engine refuses it by its method.
	if out.Method == "" || path == "" && out.Method != "CONNECT" {
		return request{}, errNoPath
	}
	out.Path = proxy.NewText(path)
	a := m.GetAttributes()[filterName].GetFields()
	out.Protocol = a[attributeProtocol].GetStringValue()
	out.Peer.ServerName = a[attributeName].GetStringValue()
	// A unix socket has no address: the zero value says so.
	out.Peer.Addr, _ = netip.ParseAddrPort(a[attributeAddress].GetStringValue())
	if peer, ok := a[attributePeer]; ok {
		// Inside a CONNECT the connection's own address is one of Envoy's.
		out.Peer.Addr, _ = netip.ParseAddrPort(peer.GetStringValue())
	}
	return q, nil
}

// field gives a header's lower-case name and its value. Envoy fills raw_value;
// other servers of the protocol may fill value.
func field(f *corev3.HeaderValue) (name, value string) {
	if len(f.GetRawValue()) > 0 {
		value = string(f.GetRawValue())
	} else {
		value = f.GetValue()
	}
	return strings.ToLower(f.GetKey()), value
}

func ours(name string) bool { return strings.HasPrefix(name, proxy.HeaderPrefix) }

// sameName reports whether the name of a TLS connection is that of the request's
// host. Without TLS there is no name to differ from.
func sameName(server, authority string) bool {
	if server == "" {
		return true
	}
	host := authority
	if h, _, err := net.SplitHostPort(authority); err == nil {
		host = h
	}
	return strings.EqualFold(strings.TrimSuffix(server, "."), strings.TrimSuffix(host, "."))
}

// allow is the only maker of a reply that lets a request pass. It takes a
// permission that only package proxy can make, and gives it only where Envoy
// expects it: on the body, or on the head of a stream that ended.
func allow(rel proxy.Release, q *request, p proxy.Phase) (*extprocv3.ProcessingResponse, bool) {
	f, h := rel.Forward(), &q.head
	if f == nil || f.Phase != p || p == proxy.PhaseHeaders && !h.Ended {
		return nil, false
	}
	set := make([]proxy.Header, 0, len(f.Set)+3)
	set = append(set, f.Set...)
	if f.Path.Reveal() != h.Path.Reveal() {
		set = append(set, proxy.Header{Name: ":path", Value: f.Path.Reveal()})
	}
	common := &extprocv3.CommonResponse{
		Status:          extprocv3.CommonResponse_CONTINUE,
		ClearRouteCache: true, // ignored without a header mutation; the decision id always is one
	}
	if f.Body != nil {
		common.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: f.Body}}
		// Envoy compares the new body with the old length. A chunked request has none.
		if _, ok := h.Get("content-length"); ok {
			set = append(set, proxy.Header{Name: "content-length", Value: strconv.Itoa(len(f.Body))})
		}
	}
	common.HeaderMutation = &extprocv3.HeaderMutation{SetHeaders: options(set), RemoveHeaders: append(without(f.Set, q.forged), f.Remove...)}
	str := structpb.NewStringValue
	m := &extprocv3.ProcessingResponse{
		DynamicMetadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			Namespace: structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
				"decision":    str(string(proxy.Allow)),
				"pool":        str(f.Pool),
				"phase":       str(string(f.Phase)),
				"decision_id": str(f.DecisionID),
				"revision":    str(f.Revision),
			}}),
		}},
	}
	if p == proxy.PhaseHeaders {
		m.Response = &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{Response: common}}
	} else {
		m.Response = &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{Response: common}}
	}
	return m, true
}

// proceed asks for the body.
func proceed() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
		RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{}},
	}}
}

// immediate answers the client. An answer without a possible status would reach
// it as an empty success.
func immediate(a proxy.Answer) *extprocv3.ProcessingResponse {
	if _, known := typev3.StatusCode_name[int32(a.Status)]; !known || a.Status < 200 {
		a = proxy.Ruling{}.Answer()
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extprocv3.ImmediateResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(a.Status)},
			Headers: &extprocv3.HeaderMutation{SetHeaders: options(a.Header)},
			Body:    a.Body,
			Details: a.Detail,
		},
	}}
}

// passOn lets an answer go to the client, with our headers and without forged
// ones.
func passOn(set []proxy.Header, forged []string) *extprocv3.ProcessingResponse {
	common := &extprocv3.CommonResponse{}
	if len(set)+len(forged) > 0 {
		common.HeaderMutation = &extprocv3.HeaderMutation{SetHeaders: options(set)}
		common.HeaderMutation.RemoveHeaders = without(set, forged)
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
		ResponseHeaders: &extprocv3.HeadersResponse{Response: common},
	}}
}

// without leaves out of names those that are set anyway.
func without(set []proxy.Header, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(set, func(h proxy.Header) bool { return h.Name == name })
	})
}

// options makes header mutations that replace what is there.
func options(list []proxy.Header) []*corev3.HeaderValueOption {
	out := make([]*corev3.HeaderValueOption, len(list))
	for i, h := range list {
		out[i] = &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: h.Name, RawValue: []byte(h.Value)},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	return out
}
