package redirect

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a Relay.
const (
	relayQuestions = 128              // that wait for an answer at once; more are dropped, and clients ask again
	relayStreams   = 16               // TCP connections at once; more wait
	relayIdle      = 10 * time.Second // between questions of one TCP connection
	relayAnswer    = 5 * time.Second  // for one resolver's answer
	relayResolvers = 3                // as resolv.conf(5) bounds them
	maxMessage     = 65535
	maxUDP         = 4096 // that is read of an answer; resolvers keep to what the client says it takes
)

// Types of questions (IANA, DNS parameters).
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typePTR   = 12
	typeMX    = 15
	typeAAAA  = 28
	typeSRV   = 33
	typeSVCB  = 64
	typeHTTPS = 65
)

// Return codes (RFC 1035, 4.1.1).
const (
	codeNone    = 0
	codeFailed  = 2
	codeRefused = 5
)

// Relay answers the DNS of a [Space] by asking the resolvers of this process's own
// network. It passes questions for addresses and names of hosts and services on as
// they are. Questions for HTTPS and SVCB are answered with nothing: what they tell
// (keys of encrypted ClientHellos, HTTP/3) is of use only for going round. Every
// other type, TXT among them, is refused: it serves to carry data out. A name can
// carry data too, so what asks a resolver that it controls still has a narrow way
// out; Questions tells how much was asked.
type Relay struct {
	resolvers []netip.AddrPort
	waiting   chan struct{}
	streams   chan struct{}
	asked     atomic.Int64
	refused   atomic.Int64
}

// NewRelay makes a relay to resolvers, of which it uses the first three.
func NewRelay(resolvers []netip.AddrPort) *Relay {
	if len(resolvers) > relayResolvers {
		resolvers = resolvers[:relayResolvers]
	}
	return &Relay{resolvers: resolvers, waiting: make(chan struct{}, relayQuestions), streams: make(chan struct{}, relayStreams)}
}

// Questions gives how many were passed on, and how many refused, so far.
func (r *Relay) Questions() (asked, refused int64) { return r.asked.Load(), r.refused.Load() }

// ServePacket answers on a UDP socket until it is closed, at which it gives nil.
func (r *Relay) ServePacket(c net.PacketConn) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	buffer := make([]byte, maxUDP)
	for {
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			return closed(err)
		}
		select {
		case r.waiting <- struct{}{}:
		default:
			continue
		}
		message := append([]byte(nil), buffer[:n]...)
		running.Go(func() {
			defer func() { <-r.waiting }()
			if answer := r.answer(ctx, message, "udp"); answer != nil {
				_, _ = c.WriteTo(answer, from) // a client that is gone asks no more
			}
		})
	}
}

// ServeStream answers on a TCP socket until it is closed, at which it gives nil.
func (r *Relay) ServeStream(l net.Listener) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		c, err := l.Accept()
		if err != nil {
			return closed(err)
		}
		r.streams <- struct{}{}
		running.Go(func() {
			defer func() { <-r.streams }()
			defer c.Close()
			end := context.AfterFunc(ctx, func() { _ = c.Close() })
			defer end()
			for {
				_ = c.SetDeadline(time.Now().Add(relayIdle))
				message, err := readFramed(c)
				if err != nil {
					return
				}
				answer := r.answer(ctx, message, "tcp")
				if answer == nil || writeFramed(c, answer) != nil {
					return
				}
			}
		})
	}
}

func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// answer gives the answer to a message, nil for what is none.
func (r *Relay) answer(ctx context.Context, message []byte, network string) []byte {
	q, ok := parseQuestion(message)
	if !ok {
		return nil
	}
	switch q.kind {
	case typeA, typeAAAA, typeCNAME, typePTR, typeSRV, typeMX, typeNS, typeSOA:
	case typeHTTPS, typeSVCB:
		return q.reply(message, codeNone)
	default:
		r.refused.Add(1)
		return q.reply(message, codeRefused)
	}
	r.asked.Add(1)
	for _, to := range r.resolvers {
		ctx, cancel := context.WithTimeout(ctx, relayAnswer)
		answer, err := exchange(ctx, network, to, message)
		cancel()
		if err == nil {
			return answer
		}
	}
	return q.reply(message, codeFailed)
}

// exchange asks one resolver from a port of its own, so that an answer by somebody
// else must guess it.
func exchange(ctx context.Context, network string, to netip.AddrPort, message []byte) ([]byte, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, to.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	end := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer end()
	if network == "tcp" {
		if err := writeFramed(c, message); err != nil {
			return nil, err
		}
		answer, err := readFramed(c)
		if err == nil && !answers(answer, message) {
			err = errors.New("an answer to something else")
		}
		return answer, err
	}
	if _, err := c.Write(message); err != nil {
		return nil, err
	}
	buffer := make([]byte, maxUDP)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return nil, err
		}
		if answers(buffer[:n], message) {
			return buffer[:n], nil
		}
	}
}

// answers reports whether a is an answer to q: the same id, a response.
func answers(a, q []byte) bool {
	return len(a) >= headerLength && a[0] == q[0] && a[1] == q[1] && a[2]&0x80 != 0
}

func readFramed(c io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	out := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(c, out)
	return out, err
}

func writeFramed(c io.Writer, message []byte) error {
	if len(message) > maxMessage {
		return errors.New("too long")
	}
	_, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}

// headerLength is that of a message (RFC 1035, 4.1.1).
const headerLength = 12

// question is the one question of a message.
type question struct {
	kind uint16
	end  int // of the question, in the message
}

// parseQuestion reads a standard query of class IN with one question. What else it
// holds (EDNS) is the resolver's to read.
func parseQuestion(m []byte) (question, bool) {
	if len(m) < headerLength || len(m) > maxMessage || m[2]&0xf8 != 0 { // a response, or no standard query
		return question{}, false
	}
	if binary.BigEndian.Uint16(m[4:]) != 1 || binary.BigEndian.Uint16(m[6:]) != 0 {
		return question{}, false
	}
	i := headerLength
	for {
		if i >= len(m) || m[i] > 63 || i-headerLength > 255 { // a compressed name does not stand in a first question
			return question{}, false
		}
		n := int(m[i])
		i += n + 1
		if n == 0 {
			break
		}
	}
	if len(m) < i+4 || binary.BigEndian.Uint16(m[i+2:]) != 1 {
		return question{}, false
	}
	return question{kind: binary.BigEndian.Uint16(m[i:]), end: i + 4}, true
}

// reply makes an answer with no records.
func (q question) reply(m []byte, code byte) []byte {
	out := append([]byte(nil), m[:q.end]...)
	out[2] = 0x80 | m[2]&0x01 // a response; recursion as it was desired
	out[3] = 0x80 | code      // recursion available
	clear(out[6:headerLength])
	return out
}

// Resolvers reads the resolvers of a resolv.conf(5), or gives that of this machine
// where it names none. rest is the text without them, to be kept.
func Resolvers(text string) (resolvers []netip.AddrPort, rest string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			b.WriteString(line)
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			resolvers = append(resolvers, netip.AddrPortFrom(a, 53))
		}
	}
	if len(resolvers) == 0 {
		resolvers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
	}
	if rest = b.String(); rest != "" && !strings.HasSuffix(rest, "\n") {
		rest += "\n"
	}
	return resolvers, rest
}
