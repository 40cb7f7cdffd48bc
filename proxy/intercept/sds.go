package intercept

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// LeafPrefix stands before the name in secrets that belong to a filter chain of
// one name. Without it, a secret's name is the SNI of a client that waits.
const LeafPrefix = "leaf/"

// Bounds of the service.
const (
	secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
	// maxRequestNames bounds one message; Envoy asks for one name at a time, and for
	// all it holds when it connects again.
	maxRequestNames = 8192
	// maxSubscriptions is how many names all Envoys together hold. Envoy 1.40 keeps
	// what it asked for without a bound of its own, so the name that was asked for
	// first is taken from it for the next one.
	maxSubscriptions = 4096
	// maxStreams is how many streams there may be: Envoy opens one for each secret.
	maxStreams  = 2 * maxSubscriptions
	maxMessage  = 4 << 20 // bytes of a request
	maxTogether = 64      // leaves in one answer
	// leafTimeout ends the wait of one name; Envoy gives up after five seconds.
	leafTimeout = 4500 * time.Millisecond
)

// SDS hands leaves to Envoy by the secret discovery service, over a socket that is
// as secret as the keys that go over it. Envoy asks in two ways. By state of the
// world for the secrets of chains with one name, [LeafPrefix] before it. By delta
// for the name that a client sent: one that is not governed is answered at once as
// a resource that is removed, at which Envoy ends the handshake and forgets it;
// by state of the world it would wait for its time-out. Leaves are replaced before
// they end, and when the minter gets another authority.
type SDS struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	minter *Minter
	log    *slog.Logger
	most   int // subscriptions

	mu      sync.Mutex
	streams int        // guarded by mu
	order   *list.List // of *subscription, oldest first; guarded by mu
}

// NewSDS makes the service. The logger may be nil.
func NewSDS(m *Minter, log *slog.Logger) *SDS {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &SDS{minter: m, log: log, most: maxSubscriptions, order: list.New()}
}

// Register adds the service to a gRPC server. It has a server and a socket of its
// own, made with [ServerOptions]: what hangs on one must not hang the other.
func (s *SDS) Register(r grpc.ServiceRegistrar) { secretv3.RegisterSecretDiscoveryServiceServer(r, s) }

// ServerOptions bound the server that [SDS] is registered with.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxConcurrentStreams(maxStreams), grpc.MaxRecvMsgSize(maxMessage)}
}

// Subscriptions is how many names Envoys hold now, for metrics.
func (s *SDS) Subscriptions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order.Len()
}

// subscription is one name that one stream follows. Its fields belong to the
// stream's goroutine but for what says otherwise.
type subscription struct {
	watch   *watch        // set once
	name    string        // as Envoy spells it; set once
	at      *list.Element // guarded by SDS.mu
	round   int           // of the last answer asked for; older ones are dropped
	leaf    *Leaf         // sent last, nil for none
	due     time.Time     // when the next one is to be made; zero while one is being made
	pending bool          // leaf is made and not sent
}

// made is the outcome of asking the minter.
type made struct {
	name  string
	round int
	leaf  *Leaf
	err   error
}

// kind is the protocol's variant.
type kind int

const (
	delta kind = iota // of clients' names
	state             // of filter chains' names
)

// watch is one stream.
type watch struct {
	sds  *SDS
	ctx  context.Context
	subs map[string]*subscription
	made chan made
	kind kind
	next int           // round
	wake chan struct{} // of one: evicted is not empty

	evicted []string // names that others have taken the place of; guarded by SDS.mu
}

// open counts a stream in.
func (s *SDS) open(ctx context.Context, k kind) (*watch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams >= maxStreams {
		return nil, status.Error(codes.ResourceExhausted, "too many streams")
	}
	s.streams++
	return &watch{sds: s, ctx: ctx, subs: map[string]*subscription{}, made: make(chan made), kind: k, wake: make(chan struct{}, 1)}, nil
}

// close counts a stream out, with all it followed.
func (w *watch) close() {
	w.sds.mu.Lock()
	defer w.sds.mu.Unlock()
	w.sds.streams--
	for _, sub := range w.subs {
		if sub.at != nil {
			w.sds.order.Remove(sub.at)
		}
	}
}

// follow begins to follow a name and asks for its leaf.
func (w *watch) follow(name string) {
	sub := w.subs[name]
	if sub == nil {
		sub = &subscription{watch: w, name: name}
		w.subs[name] = sub
		w.sds.enter(sub)
	}
	w.ask(sub)
}

// enter counts a subscription and takes the oldest one of clients' names from its
// stream where there are too many.
func (s *SDS) enter(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.at = s.order.PushBack(sub)
	for at := s.order.Front(); at != nil && s.order.Len() > s.most; {
		old := at.Value.(*subscription)
		next := at.Next()
		if old.watch.kind == delta {
			s.order.Remove(at)
			old.at = nil
			old.watch.evicted = append(old.watch.evicted, old.name)
			select {
			case old.watch.wake <- struct{}{}:
			default: // it is awake
			}
		}
		at = next
	}
}

// leave ends a subscription.
func (w *watch) leave(name string) {
	sub := w.subs[name]
	if sub == nil {
		return
	}
	delete(w.subs, name)
	w.sds.mu.Lock()
	defer w.sds.mu.Unlock()
	if sub.at != nil {
		w.sds.order.Remove(sub.at)
		sub.at = nil
	}
}

// ask has a leaf made for a subscription. The goroutine ends with the leaf, the
// stream or leafTimeout.
func (w *watch) ask(sub *subscription) {
	w.next++
	sub.round, sub.due = w.next, time.Time{}
	round, name, host := sub.round, sub.name, sub.name
	if w.kind == state {
		host = strings.TrimPrefix(name, LeafPrefix)
	}
	go func() {
		ctx, cancel := context.WithTimeout(w.ctx, leafTimeout)
		defer cancel()
		leaf, err := w.sds.minter.leaf(ctx, host, true)
		select {
		case w.made <- made{name, round, leaf, err}:
		case <-w.ctx.Done():
		}
	}()
}

// take notes an outcome. It reports whether there is something to send, and
// whether the name is to be given up.
func (w *watch) take(m made) (send, gone bool) {
	sub := w.subs[m.name]
	if sub == nil || sub.round != m.round {
		return false, false
	}
	if m.err == nil {
		sub.due = m.leaf.Renew
		if sub.leaf != nil && sub.leaf.version == m.leaf.version && !sub.pending {
			return false, false
		}
		sub.leaf, sub.pending = m.leaf, true
		return true, false
	}
	refused := errors.Is(m.err, ErrName) || errors.Is(m.err, ErrUngoverned) || errors.Is(m.err, ErrConstrained)
	if w.kind == delta && (refused || sub.leaf == nil) {
		return false, true // at the next handshake Envoy asks again
	}
	if refused {
		w.sds.log.Error("a filter chain's name gets no certificate", "secret", strings.TrimPrefix(sub.name, LeafPrefix), "error", m.err)
	}
	sub.due = w.sds.minter.now().Add(retryAfter) // Envoy keeps what it has
	return false, false
}

// takeEvicted ends the subscriptions that others have taken the place of, and
// gives their names.
func (w *watch) takeEvicted() []string {
	w.sds.mu.Lock()
	names := w.evicted
	w.evicted = nil
	w.sds.mu.Unlock()
	// A name that was left, and perhaps asked for again since, stays.
	names = slices.DeleteFunc(names, func(n string) bool { return w.subs[n] == nil || w.counted(w.subs[n]) })
	for _, n := range names {
		w.leave(n)
	}
	return names
}

// counted reports whether a subscription has its place.
func (w *watch) counted(sub *subscription) bool {
	w.sds.mu.Lock()
	defer w.sds.mu.Unlock()
	return sub.at != nil
}

// renewal gives the time until the next leaf is due, and asks for those that are.
func (w *watch) renewal(now time.Time) time.Duration {
	wait := LeafLife
	for _, sub := range w.subs {
		if sub.due.IsZero() {
			continue
		}
		if !now.Before(sub.due) {
			w.ask(sub)
			continue
		}
		wait = min(wait, sub.due.Sub(now))
	}
	return wait
}

// event is what a stream answers to: a request, an outcome, or names to give up.
type event[R any] struct {
	request R
	got     bool
	outcome *made
	evicted []string
}

// receive reads a stream's requests in a goroutine that ends with the stream,
// whose context ends when its handler returns.
func receive[R any](ctx context.Context, recv func() (R, error)) (<-chan R, <-chan error) {
	requests, failed := make(chan R), make(chan error, 1)
	go func() {
		for {
			r, err := recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	return requests, failed
}

// serve runs a stream: answer is called with each event and sends what there is to
// send.
func serve[R any](w *watch, recv func() (R, error), answer func(event[R]) error) error {
	requests, failed := receive(w.ctx, recv)
	changed := w.sds.minter.changes()
	timer := time.NewTimer(LeafLife)
	defer timer.Stop()
	for {
		timer.Reset(w.renewal(w.sds.minter.now()))
		var e event[R]
		select {
		case <-w.ctx.Done():
			return status.FromContextError(w.ctx.Err()).Err()
		case err := <-failed:
			return err
		case <-timer.C:
			continue
		case r := <-requests:
			e.request, e.got = r, true
		case m := <-w.made:
			e.outcome = &m
		case <-w.wake:
			e.evicted = w.takeEvicted()
		case <-changed:
			changed = w.sds.minter.changes()
			for _, sub := range w.subs {
				w.ask(sub)
			}
			continue
		}
		if err := answer(e); err != nil {
			return err
		}
	}
}

// checkType refuses other resources than secrets.
func checkType(url string) error {
	if url != "" && url != secretType {
		return status.Error(codes.InvalidArgument, "only secrets are served")
	}
	return nil
}

// DeltaSecrets implements the service; gRPC calls it.
func (s *SDS) DeltaSecrets(stream grpc.BidiStreamingServer[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]) error {
	w, err := s.open(stream.Context(), delta)
	if err != nil {
		return err
	}
	defer w.close()
	nonce := 0
	return serve(w, stream.Recv, func(e event[*discoveryv3.DeltaDiscoveryRequest]) error {
		var ready []string
		gone := e.evicted
		note := func(m made) {
			switch send, drop := w.take(m); {
			case send:
				ready = append(ready, m.name)
			case drop:
				w.leave(m.name)
				gone = append(gone, m.name)
			}
		}
		switch {
		case e.got:
			return w.deltaRequest(e.request)
		case e.outcome != nil:
			note(*e.outcome)
			for len(ready)+len(gone) < maxTogether { // what is there already goes together
				more := false
				select {
				case m := <-w.made:
					note(m)
					more = true
				default:
				}
				if !more {
					break
				}
			}
		}
		if len(ready)+len(gone) == 0 {
			return nil
		}
		nonce++
		out := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: secretType, Nonce: strconv.Itoa(nonce), SystemVersionInfo: strconv.Itoa(nonce), RemovedResources: gone}
		for _, name := range ready {
			sub := w.subs[name]
			if sub == nil {
				continue
			}
			sub.pending = false
			a, err := secret(name, sub.leaf)
			if err != nil {
				return err
			}
			out.Resources = append(out.Resources, &discoveryv3.Resource{Name: name, Version: sub.leaf.version, Resource: a})
		}
		return stream.Send(out)
	})
}

// deltaRequest takes a request's subscriptions. A subscription to everything is
// none: there is no list of all names.
func (w *watch) deltaRequest(r *discoveryv3.DeltaDiscoveryRequest) error {
	if err := checkType(r.GetTypeUrl()); err != nil {
		return err
	}
	if len(r.GetResourceNamesSubscribe()) > maxRequestNames {
		return status.Error(codes.ResourceExhausted, "too many names in one request")
	}
	if r.GetErrorDetail() != nil {
		w.sds.log.Warn("envoy refused a certificate") // the detail is Envoy's and could quote it
	}
	for _, n := range r.GetResourceNamesUnsubscribe() {
		w.leave(n)
	}
	for _, n := range r.GetResourceNamesSubscribe() {
		if sub := w.subs[n]; sub != nil {
			sub.leaf = nil // who asks again does not have it
		}
		w.follow(n)
	}
	return nil
}

// StreamSecrets implements the service; gRPC calls it.
func (s *SDS) StreamSecrets(stream grpc.BidiStreamingServer[discoveryv3.DiscoveryRequest, discoveryv3.DiscoveryResponse]) error {
	w, err := s.open(stream.Context(), state)
	if err != nil {
		return err
	}
	defer w.close()
	nonce := 0
	return serve(w, stream.Recv, func(e event[*discoveryv3.DiscoveryRequest]) error {
		send := false
		switch {
		case e.got:
			if err := w.stateRequest(e.request); err != nil {
				return err
			}
		case e.outcome != nil:
			// A name that gets none is left out: there is no way to say so.
			send, _ = w.take(*e.outcome)
		}
		if !send {
			return nil
		}
		nonce++
		out := &discoveryv3.DiscoveryResponse{TypeUrl: secretType, Nonce: strconv.Itoa(nonce), VersionInfo: strconv.Itoa(nonce)}
		for _, sub := range slices.SortedFunc(maps.Values(w.subs), func(a, b *subscription) int { return cmp.Compare(a.name, b.name) }) {
			if sub.leaf == nil {
				continue
			}
			sub.pending = false
			a, err := secret(sub.name, sub.leaf)
			if err != nil {
				return err
			}
			out.Resources = append(out.Resources, a)
		}
		return stream.Send(out)
	})
}

// stateRequest takes a request's names: those that are new are asked for, those
// that are missing are left.
func (w *watch) stateRequest(r *discoveryv3.DiscoveryRequest) error {
	if err := checkType(r.GetTypeUrl()); err != nil {
		return err
	}
	names := r.GetResourceNames()
	if len(names) > maxPatterns {
		return status.Error(codes.ResourceExhausted, "too many names in one request")
	}
	if r.GetErrorDetail() != nil {
		w.sds.log.Warn("envoy refused a certificate")
	}
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
		if w.subs[n] == nil {
			w.follow(n)
		}
	}
	for n := range w.subs {
		if !wanted[n] {
			w.leave(n)
		}
	}
	return nil
}

// secret packs a leaf for Envoy.
func secret(name string, l *Leaf) (*anypb.Any, error) {
	inline := func(b []byte) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: b}}
	}
	a, err := anypb.New(&tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		CertificateChain: inline(l.chain), PrivateKey: inline(l.key),
	}}})
	if err != nil {
		return nil, status.Error(codes.Internal, "a certificate could not be packed") // the cause could quote it
	}
	return a, nil
}
