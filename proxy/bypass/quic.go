package bypass

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
)

// Sizes of QUIC (RFC 9000, 14.1, and RFC 9001, 5).
const (
	minDatagram = 1200 // of a client's first packets
	idLength    = 8    // of a connection id of ours
	tagLength   = 16   // of AES-128-GCM
	numberBytes = 4    // of a packet number
	knocks      = 3    // times that a datagram is sent: one may be lost
)

// initialSalt is that of QUIC version 1 (RFC 9001, 5.2).
var initialSalt = []byte{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}

// datagram is a target by UDP.
type datagram struct{ *Target }

// knock sends a datagram to the provider's addresses, one of each family, and waits
// for any answer.
func (t datagram) knock(ctx context.Context, packet func() ([]byte, error)) Outcome {
	var list []netip.Addr
	for _, six := range []bool{false, true} {
		for _, a := range t.Addresses {
			if a.Is6() == six {
				list = append(list, a)
				break
			}
		}
	}
	if len(list) == 0 {
		return Outcome{Verdict: Inconclusive, Detail: NoAddress}
	}
	ends := make(chan Outcome, len(list))
	for _, a := range list {
		p, err := packet()
		if err != nil {
			return Outcome{Verdict: Inconclusive, Detail: Failed}
		}
		go func() { ends <- t.knockAt(ctx, join(a.String(), portHTTPS), p, func([]byte) bool { return true }) }() // ends with ctx
	}
	out := Outcome{}
	for range list {
		if out = <-ends; out.Verdict == Round {
			break
		}
	}
	return out
}

// knockAt sends a datagram a few times until one comes back that is an answer.
func (t datagram) knockAt(ctx context.Context, at string, packet []byte, isAnswer func([]byte) bool) Outcome {
	c, err := t.dial(ctx, "udp", at)
	if err != nil {
		return unconnected(err)
	}
	defer func() { _ = c.Close() }()
	b := make([]byte, 2048)
	for n := range knocks {
		one, cancel := share(ctx, knocks-n)
		if end, ok := one.Deadline(); ok {
			_ = c.SetDeadline(end)
		}
		_, err = c.Write(packet)
		for err == nil {
			n := 0
			if n, err = c.Read(b); err == nil && isAnswer(b[:n]) {
				cancel()
				return Outcome{Verdict: Round, Detail: Datagram}
			}
		}
		cancel()
		var at net.Error
		if !errors.As(err, &at) || !at.Timeout() || ctx.Err() != nil {
			break
		}
	}
	return unconnected(err)
}

// versionPacket is a QUIC packet of a version that there will never be, which a
// server answers with those that it speaks (RFC 9000, 5.2.2 and 15).
func versionPacket() ([]byte, error) {
	b := make([]byte, minDatagram)
	rand.Read(b)
	b[0] = 0xc0 | b[0]&0x3f
	binary.BigEndian.PutUint32(b[1:], 0x1a2a3a4a)
	b[5] = idLength
	b[6+idLength] = idLength
	return b, nil
}

// initialPacket is a client's first packet of QUIC version 1, with a ClientHello for
// the name.
func initialPacket(ctx context.Context, name string) ([]byte, error) {
	id, own := make([]byte, idLength), make([]byte, idLength)
	rand.Read(id)
	rand.Read(own)
	first, err := clientHello(ctx, name, own)
	if err != nil {
		return nil, err
	}
	frame := append([]byte{0x06, 0}, varint2(len(first))...) // CRYPTO at offset 0
	frame = append(frame, first...)
	header := []byte{0xc0 | numberBytes - 1, 0, 0, 0, 1, idLength}
	header = append(header, id...)
	header = append(header, idLength)
	header = append(header, own...)
	header = append(header, 0) // no token
	room := minDatagram - len(header) - 2 - numberBytes - tagLength
	if len(frame) > room {
		return nil, errors.New("bypass: the ClientHello does not fit in one packet")
	}
	frame = append(frame, make([]byte, room-len(frame))...) // PADDING
	header = append(header, varint2(numberBytes+len(frame)+tagLength)...)
	header = append(header, make([]byte, numberBytes)...) // the first packet is number 0
	return protect(header, frame, id)
}

// clientHello lets crypto/tls write one, with our connection id as the only
// transport parameter (initial_source_connection_id: RFC 9000, 18.2).
func clientHello(ctx context.Context, name string, own []byte) (out []byte, err error) {
	q := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{
		ServerName: name, NextProtos: []string{"h3"}, MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519}, // others make it too long for one packet
	}})
	defer func() { _ = q.Close() }()
	q.SetTransportParameters(append([]byte{0x0f, idLength}, own...))
	if err := q.Start(ctx); err != nil {
		return nil, err
	}
	for {
		switch e := q.NextEvent(); e.Kind {
		case tls.QUICNoEvent:
			return out, nil
		case tls.QUICWriteData:
			out = append(out, e.Data...)
		}
	}
}

// varint2 is a number of less than 2^14 in two bytes (RFC 9000, 16).
func varint2(n int) []byte { return binary.BigEndian.AppendUint16(nil, 0x4000|uint16(n)) }

// protect encrypts a packet with the keys that anybody can derive from the
// connection id (RFC 9001, 5.2 to 5.4).
func protect(header, payload, id []byte) ([]byte, error) {
	initial, err := hkdf.Extract(sha256.New, id, initialSalt)
	if err != nil {
		return nil, err
	}
	secret, err := expand(initial, "client in", sha256.Size)
	if err != nil {
		return nil, err
	}
	var keys [3][]byte
	for n, k := range []struct {
		label string
		size  int
	}{{"quic key", 16}, {"quic iv", 12}, {"quic hp", 16}} {
		if keys[n], err = expand(secret, k.label, k.size); err != nil {
			return nil, err
		}
	}
	block, err := aes.NewCipher(keys[0])
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	mask, err := aes.NewCipher(keys[2])
	if err != nil {
		return nil, err
	}
	number := len(header) - numberBytes
	packet := seal.Seal(append([]byte{}, header...), keys[1], payload, header) // the nonce of packet 0 is the IV
	var m [aes.BlockSize]byte
	mask.Encrypt(m[:], packet[number+4:number+4+aes.BlockSize])
	packet[0] ^= m[0] & 0x0f
	for i := range numberBytes {
		packet[number+i] ^= m[1+i]
	}
	return packet, nil
}

// expand is HKDF-Expand-Label (RFC 8446, 7.1) without a context.
func expand(secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len(label)))
	info = append(info, label...)
	return hkdf.Expand(sha256.New, secret, string(append(info, 0)), size)
}
