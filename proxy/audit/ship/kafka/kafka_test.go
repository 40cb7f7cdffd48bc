//go:build unix

package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/env"
	"github.com/ostiary/ostiary/testdata/stores"
)

const topic = "audit"

func TestMain(m *testing.M) {
	stores.Main(m, func(args []string) (ship.Sink, error) {
		return New(Options{Brokers: []string{args[0]}, Topic: topic, InSync: 1})
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(err error) ship.Kind {
	var e *ship.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ship.KindNone
}

// consume reads a topic from its beginning to its end as it is now.
func consume(t testing.TB, broker string) []*kgo.Record {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), stores.Patience)
	defer cancel()
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
	must(t, err)
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	var out []*kgo.Record
	for int64(len(out)) < n {
		f := c.PollFetches(ctx)
		must(t, f.Err())
		out = append(out, f.Records()...)
	}
	return out
}

// once reads a topic as compaction, or a consumer that looks at keys, does.
func once(t testing.TB, broker string) func() ([]stores.Row, error) {
	return func() (out []stores.Row, err error) {
		seen := map[string]string{}
		all := consume(t, broker)
		for _, r := range all {
			if was, ok := seen[string(r.Key)]; ok {
				if was != string(r.Value) {
					return nil, fmt.Errorf("two records under %s", r.Key)
				}
				continue
			}
			seen[string(r.Key)] = string(r.Value)
			var n int64
			if _, err := fmt.Sscan(strings.TrimPrefix(string(r.Key), stores.Origin+":"), &n); err != nil {
				return nil, err
			}
			out = append(out, stores.Row{Index: n, Core: string(r.Value)})
		}
		t.Logf("%d messages", len(all))
		return out, nil
	}
}

func makeTopic(t testing.TB, broker string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(broker))
	must(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), stores.Patience)
	defer cancel()
	_, err = kadm.NewClient(c).CreateTopic(ctx, 3, 1, nil, topic)
	must(t, err)
}

func TestEveryRecordArrivesThroughKills(t *testing.T) {
	env.LongOnly(t)
	s := env.Kafka(t)
	makeTopic(t, s.Address)
	stores.Prove(t, s, once(t, s.Address), s.Address)
}

func fake(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(3, topic)}, opts...)...)
	must(t, err)
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()[0]
}

func sink(t testing.TB, broker string, change func(*Options)) *Sink {
	t.Helper()
	o := Options{Brokers: []string{broker}, Topic: topic, InSync: -1}
	if change != nil {
		change(&o)
	}
	k, err := New(o)
	must(t, err)
	t.Cleanup(func() { k.Close() })
	return k
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestMessages(t *testing.T) {
	_, broker := fake(t)
	rs := stores.Cores(t, t.TempDir(), 300)
	k := sink(t, broker, nil)
	must(t, k.Ship(within(t, time.Minute), stores.Batch(rs[:200])))
	must(t, k.Ship(within(t, time.Minute), stores.Batch(rs[200:])))
	must(t, k.Ship(within(t, time.Minute), stores.Batch(rs[200:]))) // as after a crash
	all := consume(t, broker)
	if len(all) != 400 {
		t.Errorf("%d messages", len(all))
	}
	stores.Same(t, rs, once(t, broker))
	at := slices.IndexFunc(all, func(r *kgo.Record) bool { return string(r.Key) == stores.Origin+":7" })
	m := all[at]
	leaf := ship.Leaf(rs[7].Core)
	var headers []string
	for _, h := range m.Headers {
		headers = append(headers, h.Key+"="+string(h.Value))
	}
	want := fmt.Sprintf("audit.log.origin=%s audit.log.index=7 audit.log.leaf=%x ostiary.kind=decision ostiary.time=2026-11-24T23:50:07Z", stores.Origin, leaf)
	if strings.Join(headers, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(headers, " "), want)
	}
}

func TestAcksOfAllReplicas(t *testing.T) {
	c, broker := fake(t)
	acks := int16(99)
	c.ControlKey(int16(kmsg.Produce), func(q kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		acks = q.(*kmsg.ProduceRequest).Acks
		return nil, nil, false
	})
	rs := []ship.Record{{Core: []byte(`{"v":1}`)}}
	must(t, sink(t, broker, nil).Ship(within(t, time.Minute), stores.Batch(rs)))
	if acks != -1 {
		t.Errorf("acks %d", acks)
	}
	// The default asks for two replicas.
	if err := sink(t, broker, func(o *Options) { o.InSync = 0 }).Ship(within(t, time.Minute), stores.Batch(rs)); kind(err) != ship.Unsupported || !strings.Contains(err.Error(), "min.insync.replicas") {
		t.Errorf("%v", err)
	}
	must(t, sink(t, broker, func(o *Options) { o.InSync = 1 }).Ship(within(t, time.Minute), stores.Batch(rs)))
}

// A topic that is not there is made where the options say how, and only then; one that
// is there stays as it is.
func TestTopicIsMade(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	must(t, err)
	t.Cleanup(c.Close)
	broker := c.ListenAddrs()[0]
	rs := []ship.Record{{Core: []byte(`{"v":1}`)}}
	if err := sink(t, broker, nil).Ship(within(t, time.Minute), stores.Batch(rs)); kind(err) != ship.Unsupported {
		t.Fatalf("a topic that is not there: %v", err)
	}
	var asked *kmsg.CreateTopicsRequest
	c.ControlKey(int16(kmsg.CreateTopics), func(q kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked = q.(*kmsg.CreateTopicsRequest)
		return nil, nil, false
	})
	make := func(o *Options) { o.InSync, o.Replicas = 2, 3 }
	k := sink(t, broker, make)
	must(t, k.Ship(within(t, time.Minute), stores.Batch(rs)))
	if asked == nil || len(asked.Topics) != 1 {
		t.Fatalf("asked for %+v", asked)
	}
	got := asked.Topics[0]
	if got.Topic != topic || got.ReplicationFactor != 3 || got.NumPartitions != -1 || len(got.Configs) != 1 || got.Configs[0].Name != "min.insync.replicas" || *got.Configs[0].Value != "2" {
		t.Errorf("made as %+v", got)
	}
	asked = nil
	must(t, sink(t, broker, make).Ship(within(t, time.Minute), stores.Batch(rs)))
	if asked != nil {
		t.Error("made again")
	}
	if n := len(consume(t, broker)); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// What cannot be made is told in words that say what to do.
func TestTopicThatCannotBeMade(t *testing.T) {
	for code, want := range map[*kerr.Error]ship.Kind{
		kerr.InvalidReplicationFactor: ship.Unsupported, kerr.TopicAuthorizationFailed: ship.Credentials, kerr.TopicAlreadyExists: ship.KindNone,
	} {
		c, err := kfake.NewCluster(kfake.NumBrokers(1))
		must(t, err)
		t.Cleanup(c.Close)
		c.ControlKey(int16(kmsg.CreateTopics), func(q kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			resp := q.ResponseKind().(*kmsg.CreateTopicsResponse)
			one := kmsg.NewCreateTopicsResponseTopic()
			one.Topic, one.ErrorCode = topic, code.Code
			resp.Topics = append(resp.Topics, one)
			return resp, nil, true
		})
		k := sink(t, c.ListenAddrs()[0], func(o *Options) { o.Replicas = 3 })
		err = k.connect(within(t, time.Minute))
		if kind(err) != want || want == ship.KindNone && err != nil {
			t.Errorf("%s: %v", code.Message, err)
		}
	}
}

func TestFailures(t *testing.T) {
	rs := []ship.Record{{Index: 3, Core: []byte(`{"v":1}`)}}
	for name, c := range map[string]struct {
		code *kerr.Error
		want ship.Kind
	}{
		"too large":      {kerr.MessageTooLarge, ship.Refused},
		"no right":       {kerr.TopicAuthorizationFailed, ship.Credentials},
		"invalid record": {kerr.InvalidRecord, ship.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, broker := fake(t)
			cluster.ControlKey(int16(kmsg.Produce), func(q kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				r := q.(*kmsg.ProduceRequest)
				out := r.ResponseKind().(*kmsg.ProduceResponse)
				for _, rt := range r.Topics {
					a := kmsg.NewProduceResponseTopic()
					a.Topic, a.TopicID = rt.Topic, rt.TopicID
					for _, rp := range rt.Partitions {
						p := kmsg.NewProduceResponseTopicPartition()
						p.Partition, p.ErrorCode = rp.Partition, c.code.Code
						a.Partitions = append(a.Partitions, p)
					}
					out.Topics = append(out.Topics, a)
				}
				return out, nil, true
			})
			err := sink(t, broker, nil).Ship(within(t, time.Minute), stores.Batch(rs))
			if kind(err) != c.want {
				t.Fatalf("%v", err)
			}
			var e *ship.Error
			if errors.As(err, &e); c.want == ship.Refused && e.Index != 3 {
				t.Errorf("index %d", e.Index)
			}
		})
	}
	t.Run("no topic", func(t *testing.T) {
		_, broker := fake(t)
		err := sink(t, broker, func(o *Options) { o.Topic = "canary" }).Ship(within(t, time.Minute), stores.Batch(rs))
		if kind(err) != ship.Unsupported || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a broker that never answers", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close()
		if err := sink(t, l.Addr().String(), nil).Ship(within(t, 200*time.Millisecond), stores.Batch(rs)); kind(err) != ship.Timeout {
			t.Errorf("%v", err)
		}
	})
	t.Run("a broker that dies in between", func(t *testing.T) {
		cluster, broker := fake(t)
		k := sink(t, broker, nil)
		must(t, k.Ship(within(t, time.Minute), stores.Batch(rs)))
		cluster.Close()
		began := time.Now()
		if err := k.Ship(within(t, 50*time.Millisecond), stores.Batch(rs)); kind(err) != ship.Timeout && kind(err) != ship.Unreachable {
			t.Errorf("%v", err)
		}
		// The client's own patience was 7.5 s.
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v of 50 ms", took)
		}
	})
	t.Run("a wrong password", func(t *testing.T) {
		_, broker := fake(t, kfake.EnableSASL(), kfake.Superuser(ScramSHA256, "u", "right"))
		login := func(p string) func(*Options) {
			return func(o *Options) {
				o.Mechanism, o.Login = ScramSHA256, func() (Login, error) { return Login{"u", p}, nil }
			}
		}
		must(t, sink(t, broker, login("right")).Ship(within(t, time.Minute), stores.Batch(rs)))
		// This one closes the connection; Kafka says why before it does.
		err := sink(t, broker, login("canary")).Ship(within(t, time.Minute), stores.Batch(rs))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
		if err := failure(fmt.Errorf("canary: %w", kerr.SaslAuthenticationFailed)); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	login := func() (Login, error) { return Login{}, nil }
	for name, o := range map[string]Options{
		"no brokers":        {Topic: "t"},
		"no port":           {Brokers: []string{"h"}, Topic: "t"},
		"no topic":          {Brokers: []string{"h:1"}},
		"unknown mechanism": {Brokers: []string{"h:1"}, Topic: "t", Mechanism: "NTLM", Login: login},
		"no login":          {Brokers: []string{"h:1"}, Topic: "t", Mechanism: ScramSHA256},
		"plain in the open": {Brokers: []string{"h:1"}, Topic: "t", Mechanism: Plain, Login: login},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(Options{Brokers: []string{"h:1"}, Topic: "t", Mechanism: Plain, Login: login, TLS: &tls.Config{}}); err != nil {
		t.Error(err)
	}
}
