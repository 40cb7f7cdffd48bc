//go:build unix

package nats

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// got is a message as it came.
type got struct {
	subject, reply string
	header         string
	data           string
}

// value gives the value of a header.
func (g got) value(name string) string {
	for line := range strings.SplitSeq(g.header, "\r\n") {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return v
		}
	}
	return ""
}

// fake is as much of a NATS server with one stream as the client needs: the text
// protocol, the stream's description, acknowledgements, duplicates by Nats-Msg-Id.
type fake struct {
	t       testing.TB
	address string

	// Set before the first connection.
	info    map[string]string                  // more members of INFO, as JSON
	config  string                             // of the stream, as JSON; empty for one that is good
	tls     *tls.Config                        // upgrades each connection
	login   func(connect shownLogin) bool      // says whether a login is good
	publish func(c *peer, m got) bool          // says whether it saw to the message itself
	dumb    func(c *peer, subject string) bool // says whether nothing more is read

	ended chan struct{} // closed at the end of the test

	mu       sync.Mutex
	stored   []got
	ids      map[string]int // Nats-Msg-Id to the place in stored
	connects []shownLogin
	peers    []net.Conn
}

// shownLogin is what matters of CONNECT.
type shownLogin struct {
	User  string `json:"user"`
	Pass  string `json:"pass"`
	Token string `json:"auth_token"`
	JWT   string `json:"jwt"`
	Sig   string `json:"sig"`
}

// peer is a connection of the fake.
type peer struct {
	f    *fake
	conn net.Conn
	r    *bufio.Reader
	subs map[string]string // subject, which may end in a wildcard, to id
}

const nonce = "a-nonce"

const goodConfig = `{"name":"audit","subjects":["ostiary.*"],"retention":"limits","discard":"old","storage":"file","num_replicas":3,"max_msgs":-1,"max_bytes":-1,"max_msgs_per_subject":-1,"duplicate_window":120000000000}`

// newFake starts a fake with what change sets.
func newFake(t testing.TB, change func(*fake)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	f := &fake{t: t, address: l.Addr().String(), config: goodConfig, ids: map[string]int{}, ended: make(chan struct{})}
	if change != nil {
		change(f)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.peers = append(f.peers, c)
			f.mu.Unlock()
			done.Go(func() { f.serve(c) })
		}
	})
	t.Cleanup(func() {
		close(f.ended)
		l.Close()
		f.hangUp()
		done.Wait()
	})
	return f
}

// hangUp closes all connections.
func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.peers {
		c.Close()
	}
}

func (f *fake) messages() []got {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]got(nil), f.stored...)
}

func (f *fake) logins() []shownLogin {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]shownLogin(nil), f.connects...)
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	info := map[string]json.RawMessage{}
	must(f.t, json.Unmarshal([]byte(`{"server_id":"F","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576,"nonce":"`+nonce+`"}`), &info))
	for k, v := range f.info {
		info[k] = json.RawMessage(v)
	}
	if f.tls != nil {
		info["tls_required"] = json.RawMessage("true")
	}
	b, _ := json.Marshal(info)
	fmt.Fprintf(c, "INFO %s\r\n", b)
	if f.tls != nil {
		c = tls.Server(c, f.tls)
	}
	p := &peer{f: f, conn: c, r: bufio.NewReader(c), subs: map[string]string{}}
	for p.next() {
	}
}

// next reads and does one thing that the client asks.
func (p *peer) next() bool {
	line, err := p.r.ReadString('\n')
	if err != nil {
		return false
	}
	verb, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	words := strings.Fields(rest)
	switch verb {
	case "CONNECT":
		var l shownLogin
		if json.Unmarshal([]byte(rest), &l) != nil {
			return false
		}
		p.f.mu.Lock()
		p.f.connects = append(p.f.connects, l)
		p.f.mu.Unlock()
		if p.f.login != nil && !p.f.login(l) {
			p.write("-ERR 'Authorization Violation'\r\n")
			return false
		}
	case "PING":
		p.write("PONG\r\n")
	case "SUB":
		p.subs[words[0]] = words[len(words)-1]
	case "PUB", "HPUB":
		var m got
		size, _ := strconv.Atoi(words[len(words)-1])
		body := make([]byte, size+2)
		if _, err := io.ReadFull(p.r, body); err != nil {
			return false
		}
		header, numbers := 0, 1
		if verb == "HPUB" {
			header, _ = strconv.Atoi(words[len(words)-2])
			numbers = 2
		}
		m.subject, m.header, m.data = words[0], string(body[:header]), string(body[header:size])
		if len(words) == numbers+2 {
			m.reply = words[1]
		}
		if p.f.dumb != nil && p.f.dumb(p, m.subject) {
			<-p.f.ended
			return false
		}
		p.published(m)
	}
	return true
}

func (p *peer) published(m got) {
	api := func(name string) bool { return strings.HasPrefix(m.subject, "$JS.API."+name) }
	switch {
	case api("STREAM.INFO."):
		if p.f.config == "" {
			p.answer(m.reply, refused(404, 10059))
			return
		}
		p.answer(m.reply, `{"type":"io.nats.jetstream.api.v1.stream_info_response","config":`+p.f.config+`,"state":{},"created":"2026-11-24T09:00:00Z"}`)
	case api("STREAM.MSG.GET."):
		var ask struct {
			Seq int `json:"seq"`
		}
		_ = json.Unmarshal([]byte(m.data), &ask)
		p.f.mu.Lock()
		held := p.f.stored[ask.Seq-1]
		p.f.mu.Unlock()
		p.answer(m.reply, fmt.Sprintf(`{"message":{"subject":%q,"seq":%d,"data":%q,"time":"2026-11-24T09:00:00Z"}}`, held.subject, ask.Seq, base64.StdEncoding.EncodeToString([]byte(held.data))))
	case strings.HasPrefix(m.subject, "$JS."):
		p.answer(m.reply, refused(400, 10025))
	case p.f.publish == nil || !p.f.publish(p, m):
		p.store(m)
	}
}

// store keeps a message and acknowledges it.
func (p *peer) store(m got) {
	p.f.mu.Lock()
	id := m.value("Nats-Msg-Id")
	at, again := p.f.ids[id]
	if !again {
		p.f.stored = append(p.f.stored, m)
		at = len(p.f.stored)
		p.f.ids[id] = at
	}
	p.f.mu.Unlock()
	p.answer(m.reply, fmt.Sprintf(`{"stream":"audit","seq":%d,"duplicate":%v}`, at, again))
}

// refused is the answer of the JetStream API that says no.
func refused(code, errCode int) string {
	return fmt.Sprintf(`{"error":{"code":%d,"err_code":%d,"description":"canary"}}`, code, errCode)
}

// answer sends a message to whoever subscribed to the subject.
func (p *peer) answer(subject, data string) {
	for pattern, id := range p.subs {
		if pattern == subject || strings.HasSuffix(pattern, "*") && strings.HasPrefix(subject, strings.TrimSuffix(pattern, "*")) {
			p.write(fmt.Sprintf("MSG %s %s %d\r\n%s\r\n", subject, id, len(data), data))
			return
		}
	}
	p.f.t.Errorf("nobody waits for an answer at a subject of %d bytes", len(subject))
}

func (p *peer) write(s string) { _, _ = io.WriteString(p.conn, s) }
