package redirect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Places in packets (RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 4443).
const (
	destination4  = 16 // of the network header
	destination6  = 24
	portOffset    = 2 // of the transport header: destination of TCP and UDP
	icmpOffset    = 0
	ifnameLength  = 16
	register      = 1
	rejectICMPX   = 2 // NFT_REJECT_ICMPX_UNREACH
	rejectReset   = 1 // NFT_REJECT_TCP_RST
	icmpxPort     = 1 // NFT_REJECT_ICMPX_PORT_UNREACH
	protoSpecific = 2 // NF_NAT_RANGE_PROTO_SPECIFIED
)

const answersMask = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED

// encode gives a rule as the kernel takes it, the way nft would.
func (r rule) encode() []expr.Any {
	var out []expr.Any
	load := func(key expr.MetaKey, value []byte) {
		out = append(out, &expr.Meta{Key: key, Register: register}, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: value})
	}
	payload := func(base expr.PayloadBase, offset, length uint32) {
		out = append(out, &expr.Payload{OperationType: expr.PayloadLoad, DestRegister: register, Base: base, Offset: offset, Len: length})
	}
	same := func(value []byte) {
		out = append(out, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: value})
	}
	switch r.owner {
	case byUID:
		load(expr.MetaKeySKUID, binary.NativeEndian.AppendUint32(nil, r.id))
	case byGID:
		load(expr.MetaKeySKGID, binary.NativeEndian.AppendUint32(nil, r.id))
	}
	if r.device != "" {
		load(expr.MetaKeyOIFNAME, append([]byte(r.device), make([]byte, ifnameLength-len(r.device))...))
	}
	if r.to.IsValid() {
		offset, family := uint32(destination4), byte(unix.NFPROTO_IPV4)
		if r.to.Addr().Is6() {
			offset, family = destination6, unix.NFPROTO_IPV6
		}
		load(expr.MetaKeyNFPROTO, []byte{family})
		address, bits := r.to.Addr().AsSlice(), r.to.Bits()
		if whole := bits / 8; bits%8 == 0 {
			payload(expr.PayloadBaseNetworkHeader, offset, uint32(whole))
			same(address[:whole])
		} else {
			n := uint32(len(address))
			payload(expr.PayloadBaseNetworkHeader, offset, n)
			out = append(out, &expr.Bitwise{SourceRegister: register, DestRegister: register, Len: n, Mask: mask(bits, len(address)), Xor: make([]byte, n)})
			same(address)
		}
	}
	if r.icmp != 0 {
		load(expr.MetaKeyNFPROTO, []byte{unix.NFPROTO_IPV6})
	}
	if r.proto != 0 {
		load(expr.MetaKeyL4PROTO, []byte{r.proto})
	}
	if r.port != 0 {
		payload(expr.PayloadBaseTransportHeader, portOffset, 2)
		same(binary.BigEndian.AppendUint16(nil, r.port))
	}
	if r.icmp != 0 {
		payload(expr.PayloadBaseTransportHeader, icmpOffset, 1)
		same([]byte{r.icmp})
	}
	if r.answers {
		out = append(out, &expr.Ct{Key: expr.CtKeySTATE, Register: register},
			&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, answersMask), Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, 4)})
	}
	if r.counted {
		out = append(out, &expr.Counter{})
	}
	switch r.verdict {
	case pass:
		out = append(out, &expr.Verdict{Kind: expr.VerdictAccept})
	case arrive:
		out = append(out, &expr.Immediate{Register: register, Data: binary.BigEndian.AppendUint16(nil, r.landing)}, &expr.Redir{RegisterProtoMin: register, Flags: protoSpecific})
	case reset:
		out = append(out, &expr.Reject{Type: rejectReset})
	case unreachable:
		out = append(out, &expr.Reject{Type: rejectICMPX, Code: icmpxPort})
	}
	return out
}

func mask(bits, length int) []byte {
	out := make([]byte, length)
	for i := range bits {
		out[i/8] |= 0x80 >> (i % 8)
	}
	return out
}

// decode reads a rule of the kernel and its counter, in packets. What is no rule
// that encode, or nft for the same text, could have made is one that equals none.
func decode(list []expr.Any) (rule, uint64) {
	d := decoder{}
	for n, e := range list {
		if !d.step(e) {
			return rule{nonMatch: fmt.Sprintf("a rule with a part that is not ours (%d: %T)", n+1, e)}, d.packets
		}
	}
	if d.out.verdict == 0 || d.family != 0 && !d.out.to.IsValid() && d.out.icmp == 0 {
		return rule{nonMatch: "a rule that is not ours"}, d.packets
	}
	return d.out, d.packets
}

// decoder holds what is known while a rule is read.
type decoder struct {
	out     rule
	packets uint64
	loaded  expr.Any // what is in the register
	mask    []byte   // that was laid over it
	family  byte
}

func (d *decoder) step(e expr.Any) bool {
	if d.out.verdict != 0 {
		return false // nothing comes after the verdict
	}
	switch e := e.(type) {
	case *expr.Meta:
		d.loaded, d.mask = e, nil
		return e.Register == register && !e.SourceRegister
	case *expr.Payload:
		d.loaded, d.mask = e, nil
		return e.DestRegister == register && e.OperationType == expr.PayloadLoad
	case *expr.Ct:
		d.loaded, d.mask = e, nil
		return e.Register == register && e.Key == expr.CtKeySTATE && !e.SourceRegister
	case *expr.Bitwise:
		d.mask = e.Mask
		return e.SourceRegister == register && e.DestRegister == register && len(bytes.Trim(e.Xor, "\x00")) == 0
	case *expr.Cmp:
		return e.Register == register && d.compare(e)
	case *expr.Counter:
		d.out.counted, d.packets = true, e.Packets
		return true
	case *expr.Immediate:
		d.loaded, d.mask = e, nil
		return e.Register == register && len(e.Data) == 2
	case *expr.Redir:
		im, ok := d.loaded.(*expr.Immediate)
		if !ok || e.RegisterProtoMin != register || e.Flags&^protoSpecific != 0 {
			return false
		}
		d.out.landing, d.out.verdict = binary.BigEndian.Uint16(im.Data), arrive
		return true
	case *expr.Reject:
		switch {
		case e.Type == rejectReset:
			d.out.verdict = reset
		case e.Type == rejectICMPX && e.Code == icmpxPort:
			d.out.verdict = unreachable
		}
		return d.out.verdict != 0
	case *expr.Verdict:
		if e.Kind != expr.VerdictAccept {
			return false
		}
		d.out.verdict = pass
		return true
	}
	return false
}

// compare takes what a comparison says about what is in the register.
func (d *decoder) compare(c *expr.Cmp) bool {
	if d.out.counted {
		return false // what is counted before all of it matched is not what ours count
	}
	if ct, ok := d.loaded.(*expr.Ct); ok {
		d.out.answers = true
		return ct.Key == expr.CtKeySTATE && c.Op == expr.CmpOpNeq && bytes.Equal(d.mask, binary.NativeEndian.AppendUint32(nil, answersMask)) && bytes.Equal(c.Data, make([]byte, 4))
	}
	if c.Op != expr.CmpOpEq {
		return false
	}
	switch l := d.loaded.(type) {
	case *expr.Meta:
		return d.mask == nil && d.compareMeta(l.Key, c.Data)
	case *expr.Payload:
		return d.comparePayload(l, c.Data)
	}
	return false
}

func (d *decoder) compareMeta(key expr.MetaKey, data []byte) bool {
	switch {
	case key == expr.MetaKeySKUID && len(data) == 4 && d.out.owner == 0:
		d.out.owner, d.out.id = byUID, binary.NativeEndian.Uint32(data)
	case key == expr.MetaKeySKGID && len(data) == 4 && d.out.owner == 0:
		d.out.owner, d.out.id = byGID, binary.NativeEndian.Uint32(data)
	case key == expr.MetaKeyOIFNAME && len(data) == ifnameLength && d.out.device == "":
		d.out.device = string(bytes.TrimRight(data, "\x00"))
	case key == expr.MetaKeyNFPROTO && len(data) == 1 && d.family == 0:
		d.family = data[0]
	case key == expr.MetaKeyL4PROTO && len(data) == 1 && d.out.proto == 0:
		d.out.proto = data[0]
	default:
		return false
	}
	return true
}

func (d *decoder) comparePayload(p *expr.Payload, data []byte) bool {
	if int(p.Len) != len(data) {
		return false
	}
	switch p.Base {
	case expr.PayloadBaseNetworkHeader:
		return d.compareAddress(p, data)
	case expr.PayloadBaseTransportHeader:
		switch {
		case d.mask != nil:
		case p.Offset == portOffset && p.Len == 2 && (d.out.proto == protoTCP || d.out.proto == protoUDP) && d.out.port == 0:
			d.out.port = binary.BigEndian.Uint16(data)
			return true
		case p.Offset == icmpOffset && p.Len == 1 && d.out.proto == protoICMPv6 && d.family == unix.NFPROTO_IPV6 && d.out.icmp == 0:
			d.out.icmp = data[0]
			return true
		}
	}
	return false
}

func (d *decoder) compareAddress(p *expr.Payload, data []byte) bool {
	length := 4
	if d.family == unix.NFPROTO_IPV6 {
		length = 16
	}
	if d.out.to.IsValid() || len(data) > length || len(data) == 0 ||
		!(d.family == unix.NFPROTO_IPV4 && p.Offset == destination4 || d.family == unix.NFPROTO_IPV6 && p.Offset == destination6) {
		return false
	}
	bits := len(data) * 8
	if d.mask != nil {
		if bits = prefixBits(d.mask); bits < 0 || len(data) != length {
			return false
		}
	}
	whole := make([]byte, length)
	copy(whole, data)
	address, _ := netip.AddrFromSlice(whole)
	d.out.to = netip.PrefixFrom(address, bits)
	return d.out.to == d.out.to.Masked()
}

// prefixBits gives the length of the prefix that a mask stands for, -1 if it is
// none.
func prefixBits(m []byte) int {
	n := 0
	for n < len(m)*8 && m[n/8]&(0x80>>(n%8)) != 0 {
		n++
	}
	if !bytes.Equal(m, mask(n, len(m))) {
		return -1
	}
	return n
}

// headOf gives what a chain of the kernel says of itself, as chain.head does.
func headOf(c *nftables.Chain) string {
	if c.Hooknum == nil || c.Priority == nil {
		return "no base chain"
	}
	hook, policy := "output", "accept"
	if *c.Hooknum != *nftables.ChainHookOutput {
		hook = fmt.Sprintf("%d", *c.Hooknum)
	}
	if c.Policy != nil && *c.Policy != nftables.ChainPolicyAccept {
		policy = "drop"
	}
	return fmt.Sprintf("type %s hook %s priority %d; policy %s;", c.Type, hook, *c.Priority, policy)
}
