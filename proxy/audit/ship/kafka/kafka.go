// Package kafka ships the audit log to a Kafka topic.
//
// A message is the core of one event. Its key is ORIGIN:INDEX, so that a topic
// that is compacted keeps one message for each record and a consumer can tell a
// record that came again. Its time is that of production: brokers refuse times that
// they find too early or too late, and an event may be shipped long after it was
// recorded. Headers: audit.log.origin, audit.log.index, audit.log.leaf (the RFC
// 6962 leaf hash in hex), ostiary.kind, ostiary.time (of the event, RFC 3339).
//
// It produces with acks=all and idempotently: within one connection nothing is
// written twice and nothing out of order. A batch that is sent again after a crash
// is written again, under the same keys.
//
// acks=all means as many replicas as the topic's min.insync.replicas. The sink
// asks for it, and fails with ship.Unsupported where it is less than 2, unless the
// options allow less. A topic that is not there is made where the options say on how
// many brokers, with as many partitions as the brokers give one by default.
package kafka

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// DefaultInSync is the least min.insync.replicas of a topic where Options give
// none.
const DefaultInSync = 2

const (
	clientID     = "ostiary"
	inSyncKey    = "min.insync.replicas"
	dialTimeout  = 10 * time.Second
	topicLimit   = 249
	replicaLimit = 1000
	// defaultPartitions leaves it to the brokers (KIP-464).
	defaultPartitions = -1
	topicRetries      = 1 // a topic that is not there is not waited for: the shipper tries again
)

// Mechanisms of SASL that Options.Mechanism names.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// Login is a user and a password.
type Login struct{ User, Password string }

// Options say where messages go.
type Options struct {
	Brokers []string    // HOST:PORT of some
	Topic   string      // must be there, unless Replicas are given
	TLS     *tls.Config // nil for none
	// Mechanism of SASL, empty for none, and what it sends. Login is asked at each
	// connection. What it gives is never told.
	Mechanism string
	Login     func() (Login, error)
	// InSync is the least min.insync.replicas that will do, 0 for DefaultInSync,
	// negative where it may not be asked for.
	InSync int
	// Replicas is the replication factor of a topic that is not there: it is made, with
	// InSync as its min.insync.replicas. 0 makes none.
	Replicas int
}

// Sink is a topic. It is for one goroutine, as ship calls it.
type Sink struct {
	opt    Options
	client *kgo.Client
}

var _ ship.Sink = (*Sink)(nil)

// New gives a sink. It does not connect.
func New(o Options) (*Sink, error) {
	for _, b := range o.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			return nil, errors.New("kafka: a broker must be HOST:PORT")
		}
	}
	switch {
	case len(o.Brokers) == 0:
		return nil, errors.New("kafka: a broker is needed")
	case o.Topic == "" || len(o.Topic) > topicLimit:
		return nil, fmt.Errorf("kafka: a topic of at most %d bytes is needed", topicLimit)
	case o.Mechanism != "" && o.Mechanism != Plain && o.Mechanism != ScramSHA256 && o.Mechanism != ScramSHA512:
		return nil, fmt.Errorf("kafka: the mechanism must be %s, %s or %s", Plain, ScramSHA256, ScramSHA512)
	case (o.Mechanism != "") != (o.Login != nil):
		return nil, errors.New("kafka: a mechanism and a login are needed, or neither")
	case o.Mechanism == Plain && o.TLS == nil:
		return nil, fmt.Errorf("kafka: %s sends the password as it is: it needs TLS", Plain)
	}
	if o.InSync == 0 {
		o.InSync = DefaultInSync
	}
	if o.Replicas < 0 || o.Replicas > replicaLimit || o.Replicas > 0 && o.InSync > o.Replicas {
		return nil, fmt.Errorf("kafka: %d replicas of which %d are to be in sync: give at most %d, and no more in sync than there are", o.Replicas, o.InSync, replicaLimit)
	}
	return &Sink{opt: o}, nil
}

// Ship produces the batch and waits until all of it is acknowledged.
func (s *Sink) Ship(ctx context.Context, b ship.Batch) error {
	if err := s.connect(ctx); err != nil {
		s.drop()
		return failure(err)
	}
	messages := make([]*kgo.Record, 0, len(b.Records))
	for _, r := range b.Records {
		messages = append(messages, message(s.opt.Topic, b.Origin, r))
	}
	results := s.produce(ctx, messages)
	var first error
	for i, result := range results {
		if result.Err == nil {
			continue
		}
		var e *ship.Error
		if err := failure(result.Err); first == nil || errors.As(err, &e) && e.Kind == ship.Refused {
			first = err
			// Results stand in the order in which they came about.
			if errors.As(err, &e) && e.Kind == ship.Refused {
				e.Index = indexOf(b, messages, result.Record, i)
				break
			}
		}
	}
	if first != nil {
		// What is still under way may arrive yet; with another client it is not
		// mixed with what comes next.
		s.drop()
	}
	return first
}

// produce gives what became of the messages. The client looks at a context only when
// it tries a batch again, and for a broker that is gone that may be long after the
// context has ended; so the end of the context closes the client, which fails what
// is under way at once.
func (s *Sink) produce(ctx context.Context, messages []*kgo.Record) kgo.ProduceResults {
	client, closed := s.client, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		client.Close()
		close(closed)
	})
	results := client.ProduceSync(ctx, messages...)
	if !stop() {
		<-closed
		s.client = nil
	}
	return results
}

// indexOf gives the index of the record that a message was made of.
func indexOf(b ship.Batch, messages []*kgo.Record, m *kgo.Record, at int) int64 {
	for i := range messages {
		if messages[i] == m {
			return b.Records[i].Index
		}
	}
	return b.Records[at].Index
}

func message(topic, origin string, r ship.Record) *kgo.Record {
	d, _ := ship.Describe(r)
	leaf := ship.Leaf(r.Core)
	index := strconv.FormatInt(r.Index, 10)
	m := &kgo.Record{
		Topic: topic, Key: []byte(origin + ":" + index), Value: r.Core,
		Headers: []kgo.RecordHeader{
			{Key: "audit.log.origin", Value: []byte(origin)},
			{Key: "audit.log.index", Value: []byte(index)},
			{Key: "audit.log.leaf", Value: []byte(hex.EncodeToString(leaf[:]))},
			{Key: "ostiary.kind", Value: []byte(d.Kind)},
		},
	}
	if !d.Time.IsZero() {
		m.Headers = append(m.Headers, kgo.RecordHeader{Key: "ostiary.time", Value: []byte(d.Time.UTC().Format(time.RFC3339Nano))})
	}
	return m
}

// connect makes a client and asks for the topic, where there is none.
func (s *Sink) connect(ctx context.Context) error {
	if s.client != nil {
		return nil
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.opt.Brokers...), kgo.ClientID(clientID), kgo.DialTimeout(dialTimeout),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.UnknownTopicRetries(topicRetries),
		// A broker that is gone must not keep a call beyond its time.
		kgo.AllowIdempotentProduceCancellation(),
		// Closing would wait a second for the last of them to be sent.
		kgo.DisableClientMetrics(),
		kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.GzipCompression(), kgo.NoCompression()),
		// The same key always to the same partition, as other clients do it.
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	}
	if s.opt.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(s.opt.TLS.Clone()))
	}
	if s.opt.Mechanism != "" {
		login, err := s.opt.Login()
		if err != nil {
			return ship.Fail(ship.Credentials, "the login cannot be read")
		}
		opts = append(opts, kgo.SASL(mechanism(s.opt.Mechanism, login)))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return ship.Fail(ship.Unsupported, "the client's options do not fit together")
	}
	s.client = client
	// Producing would try a login that is refused again and again.
	if err := client.Ping(ctx); err != nil {
		return err
	}
	admin := kadm.NewClient(client)
	if s.opt.Replicas > 0 {
		if err := s.makeTopic(ctx, admin); err != nil {
			return err
		}
	}
	if s.opt.InSync < 0 {
		return nil
	}
	configs, err := admin.DescribeTopicConfigs(ctx, s.opt.Topic)
	if err != nil {
		return err
	}
	topic, err := configs.On(s.opt.Topic, nil)
	if err != nil {
		return err
	}
	if topic.Err != nil {
		return topic.Err
	}
	for _, c := range topic.Configs {
		if c.Key != inSyncKey {
			continue
		}
		if n, err := strconv.Atoi(c.MaybeValue()); err == nil && n >= s.opt.InSync {
			return nil
		}
	}
	return ship.Fail(ship.Unsupported, fmt.Sprintf("the topic's %s is less than %d: raise it, or allow less by in_sync", inSyncKey, s.opt.InSync))
}

// makeTopic makes the topic where it is not there.
func (s *Sink) makeTopic(ctx context.Context, admin *kadm.Client) error {
	list, err := admin.ListTopics(ctx, s.opt.Topic)
	if err != nil {
		return err
	}
	if err := list[s.opt.Topic].Err; !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return err
	}
	var settings map[string]*string
	if s.opt.InSync > 0 {
		settings = map[string]*string{inSyncKey: kadm.StringPtr(strconv.Itoa(s.opt.InSync))}
	}
	_, err = admin.CreateTopic(ctx, defaultPartitions, int16(s.opt.Replicas), settings, s.opt.Topic)
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists): // somebody else was quicker
		return nil
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return ship.Fail(ship.Unsupported, fmt.Sprintf("the topic is not there, and there are not %d brokers to make it on", s.opt.Replicas))
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return ship.Fail(ship.Credentials, "the topic is not there, and the user may not make it")
	}
	return err
}

func mechanism(name string, l Login) sasl.Mechanism {
	switch name {
	case ScramSHA256:
		return scram.Auth{User: l.User, Pass: l.Password}.AsSha256Mechanism()
	case ScramSHA512:
		return scram.Auth{User: l.User, Pass: l.Password}.AsSha512Mechanism()
	}
	return plain.Auth{User: l.User, Pass: l.Password}.AsMechanism()
}

func (s *Sink) drop() {
	if s.client != nil {
		s.client.Close()
	}
	s.client = nil
}

// Close ends the connections.
func (s *Sink) Close() error {
	s.drop()
	return nil
}

// failure makes a failure of an error of the client. Of its text it keeps the name
// of the broker's error, where it is one.
func failure(err error) error {
	var known *ship.Error
	var broker *kerr.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrClientClosed):
		return ship.Fail(ship.Timeout, "no answer in time")
	case !errors.As(err, &broker):
		return ship.Network(err)
	}
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.CorruptMessage):
		return ship.Refuse(-1, broker.Message)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.SaslAuthenticationFailed),
		errors.Is(err, kerr.TransactionalIDAuthorizationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return ship.Fail(ship.Credentials, broker.Message)
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.InvalidTopicException), errors.Is(err, kerr.UnsupportedVersion):
		return ship.Fail(ship.Unsupported, broker.Message)
	}
	if broker.Retriable {
		return ship.Fail(ship.Busy, broker.Message)
	}
	return ship.Fail(ship.KindOther, broker.Message)
}
