package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	"github.com/ostiary/ostiary/proxy/audit/export"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/ship/clickhouse"
	"github.com/ostiary/ostiary/proxy/audit/ship/file"
	"github.com/ostiary/ostiary/proxy/audit/ship/kafka"
	"github.com/ostiary/ostiary/proxy/audit/ship/nats"
	"github.com/ostiary/ostiary/proxy/audit/ship/otlp"
	"github.com/ostiary/ostiary/proxy/audit/ship/postgres"
	"github.com/ostiary/ostiary/proxy/audit/ship/s3"
	"github.com/ostiary/ostiary/proxy/audit/ship/syslog"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/config"
)

// secretTime bounds how long a sink waits for its password.
const secretTime = 15 * time.Second

// credentialsLimit bounds the bytes of a credentials file.
const credentialsLimit = 64 << 10

// shipDir is where the cursors of sinks are kept.
func shipDir(p places) string { return p.keys + ".ship" }

// openShipper makes the sinks of the configuration.
func (l *ledger) openShipper() error {
	if len(l.cfg.Ship) == 0 {
		return nil
	}
	var targets []ship.Target
	for _, s := range l.cfg.Ship {
		sink, err := l.sink(&s)
		if err != nil {
			return fmt.Errorf("log.ship: %s: %w", s.Name, err)
		}
		targets = append(targets, ship.Target{Name: s.Name, Sink: sink})
	}
	var err error
	l.shipper, err = ship.New(ship.Options{
		Source: l.reader, Dir: shipDir(l.places),
		Alarm: l.copyAlarm,
	}, targets...)
	return err
}

// copyAlarm tells of a copy that an operator should look at: in the process log, and in
// the audit log where the copy has stopped, or fails until somebody does something. A
// record that was parked has a line in a file of its own.
func (l *ledger) copyAlarm(err error) {
	l.out.Error("copies of the audit log", "error", err)
	var e *ship.SinkError
	if !errors.As(err, &e) || errors.Is(err, ship.ErrParked) || l.log == nil {
		return // nothing more to tell, or nowhere: this process only reads the log
	}
	ev := proxy.NewEvent(proxy.EventAdmin, time.Now())
	ev.Admin = &proxy.AdminRecord{Action: "copy_failing", Detail: e.Sink + ": " + string(e.Kind), From: e.Index}
	if e.Stopped {
		ev.Admin.Action = "copy_stopped"
	}
	l.done.Go(func() { // the sink is not to wait for the log
		ctx, cancel := context.WithTimeout(context.Background(), recordTime)
		defer cancel()
		if err := l.log.Record(ctx, ev); err != nil {
			l.out.Error("the alarm of a copy could not be recorded", "error", err)
		}
	})
}

func (l *ledger) sink(s *config.Sink) (ship.Sink, error) {
	conf, err := sinkTLS(s)
	if err != nil {
		return nil, err
	}
	secret := func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), secretTime)
		defer cancel()
		return source(s.Secret).Plain(ctx)
	}
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: conf, Proxy: http.ProxyFromEnvironment, MaxIdleConns: 4, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	switch s.To {
	case "postgres":
		return postgres.New(postgres.Options{Connection: secret, Table: s.Into})
	case "clickhouse":
		o := clickhouse.Options{URL: s.URL, Database: s.Within, Table: s.Into, User: s.User, Client: client}
		if !s.Secret.IsZero() {
			o.Password = secret
		}
		return clickhouse.New(o)
	case "otlp":
		o := otlp.Options{URL: s.URL, Client: client}
		if !s.Secret.IsZero() {
			o.Headers = func() (http.Header, error) {
				token, err := secret()
				return http.Header{"Authorization": {"Bearer " + token}}, err
			}
		}
		return otlp.New(o)
	case "kafka":
		o := kafka.Options{Brokers: s.Brokers, Topic: s.Into, InSync: s.InSync, Replicas: s.Replicas, TLS: conf}
		if s.Plain {
			o.TLS = nil
		}
		if s.User != "" {
			o.Mechanism = "SCRAM-SHA-512"
			o.Login = func() (kafka.Login, error) {
				password, err := secret()
				return kafka.Login{User: s.User, Password: password}, err
			}
		}
		return kafka.New(o)
	case "nats":
		o := nats.Options{Servers: s.Brokers, Stream: s.Into, Prefix: s.Prefix, Replicas: s.Replicas, TLS: conf}
		if s.Plain {
			o.TLS = nil
		}
		switch {
		case s.Credentials != "":
			o.Login = func() (nats.Login, error) {
				text, err := readCredentials(s.Credentials)
				return nats.Login{Credentials: text}, err
			}
		case s.User != "":
			o.Login = func() (nats.Login, error) {
				password, err := secret()
				return nats.Login{User: s.User, Password: password}, err
			}
		case !s.Secret.IsZero():
			o.Login = func() (nats.Login, error) {
				token, err := secret()
				return nats.Login{Token: token}, err
			}
		}
		return nats.New(o)
	case "s3":
		lock := s.Lock
		if lock == 0 {
			lock = l.cfg.Keep
		}
		if lock == 0 {
			return nil, fmt.Errorf("says neither lock nor does the log say keep: lock: 180d is how long objects cannot be removed")
		}
		return s3.New(s3.Options{
			Endpoint: s.URL, Region: s.Within, Bucket: s.Into, Prefix: s.Prefix, Retain: lock, PathStyle: true, Transport: client.Transport,
			Keys: func() (s3.Keys, error) {
				key, err := secret()
				return s3.Keys{Access: s.User, Secret: key}, err
			},
			Checkpoint: l.reader.Checkpoint,
		})
	case "syslog":
		o := syslog.Options{Address: s.URL, TLS: conf}
		if s.Plain {
			o.TLS = nil
		}
		o.Encode, err = lineEncoder(first(s.Format, export.CEF))
		if err != nil {
			return nil, err
		}
		return syslog.New(o)
	case "file":
		o := file.Options{Dir: s.Dir, Name: s.Name}
		if o.Encode, err = lineEncoder(first(s.Format, export.JSONL)); err != nil {
			return nil, err
		}
		return file.New(o)
	case "collector":
		return l.collector(s, client, secret)
	}
	return nil, fmt.Errorf("there is no sink %q", s.To)
}

// readCredentials reads a credentials file of NATS, which has more lines than a key.
func readCredentials(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, credentialsLimit+1))
	if err == nil && len(b) > credentialsLimit {
		err = fmt.Errorf("%s is larger than %d bytes: it is no credentials file", name, credentialsLimit)
	}
	return string(b), err
}

// lineEncoder gives what makes a line of an event; nil leaves it as it is.
func lineEncoder(format string) (ship.Encoder, error) {
	if format == export.JSONL {
		return nil, nil
	}
	return export.LineEncoder(format, version)
}

func sinkTLS(s *config.Sink) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA == "" {
		return c, nil
	}
	var err error
	c.RootCAs, err = authorities(s.CA)
	return c, err
}

// pusher is the collector as a sink.
type pusher struct{ *collect.Sink }

// Ship implements [ship.Sink].
func (p pusher) Ship(ctx context.Context, b ship.Batch) error {
	out := collect.Batch{Origin: b.Origin, First: b.First}
	for _, r := range b.Records {
		out.Cores = append(out.Cores, r.Core)
	}
	return shipError(p.Sink.Ship(ctx, out))
}

func (l *ledger) collector(s *config.Sink, client *http.Client, token func() (string, error)) (ship.Sink, error) {
	public, err := os.ReadFile(filepath.Join(l.places.log, "log.pub"))
	if err != nil {
		return nil, err
	}
	sink, err := collect.NewSink(collect.SinkOptions{
		URL: s.URL, HTTP: client, Token: token, Key: strings.TrimSpace(string(public)), Checkpoint: l.reader.Checkpoint,
		Prove:     func(tree tlog.Tree, old int64) ([]tlog.Hash, error) { return tiles.Prove(l.source, tree, old) },
		Rotations: func() ([]byte, error) { return audit.Rotations(l.places.log) },
	})
	if err != nil {
		return nil, err
	}
	return pusher{sink}, nil
}
