package network

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var macType = classifiers.Type{
	Name: "MAC_ADDRESS", Groups: []string{classifiers.Network}, Severity: classifiers.Low,
	Doc: "The hardware address of a network interface (MAC, EUI-48).", Aliases: []string{"MAC"},
}

// MAC finds hardware addresses of network interfaces.
var MAC = &classifiers.Detector{
	Name: "mac", Version: 1,
	Doc: `Hardware addresses of 48 bits (EUI-48, IEEE 802): six pairs of hexadecimal digits joined by colons or by hyphens, or
three fours joined by dots as Cisco prints them. A part of something longer (a key's fingerprint, an EUI-64) is none, and neither
are all zeros and the broadcast address. Documentation addresses (00-00-5E-00-53, RFC 7042) and 00:11:22:33:44:55 are synthetic.`,
	Types: []*classifiers.Type{&macType},
	Positives: []string{
		"device [[MAC_ADDRESS|f0:22:4b:c2:59:62]] and [[MAC_ADDRESS|E4-E4-52-F3-E1-99]]", "interface [[MAC_ADDRESS|0012.3a56.789b]] up",
		"arp: 10.0.0.7 at [[MAC_ADDRESS|0a:79:2b:6f:25:00]].", "[[synthetic MAC_ADDRESS|00:00:5e:00:53:af]] and mac [[synthetic MAC_ADDRESS|00:11:22:33:44:55]]",
	},
	NearMisses: []string{
		"16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48 is a fingerprint", "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff FF-FF-FF-FF-FF-FF",
		"12:34:56 on 12-34-56-78, 10:2F:33-AC-29-C3 ZZ:ZZ:ZZ:ZZ:ZZ:ZZ 00:1A:2B:3C:4D 1234.5678.9012 2024.1001.1200",
		"uuid 550e8400-e29b-41d4-a716-446655440000, version 1.2.3",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Anchor, Literals: []string{":", "-", "."}, Judge: judgeMAC}},
}

// The forms of an address: groups of hexadecimal digits.
const (
	pair      = 2
	quad      = 4
	macDigits = 12
)

// judgeMAC looks at the first separator of an address: the others stand at
// equal distances behind.
func judgeMAC(s *classifiers.Scan, c classifiers.Candidate) {
	t, sep := s.Text, s.Text[c.Start]
	size := pair
	if sep == '.' {
		size = quad
	}
	start := c.Start - size
	end := start + macDigits + macDigits/size - 1
	if start < 0 || end > len(t) || t[c.Start+size+1] != sep || !hex(t[c.Start-1]) {
		return
	}
	digits, letters, alike := 0, 0, true
	for i := start; i < end; i++ {
		if (i-start)%(size+1) == size {
			if t[i] != sep {
				return
			}
			continue
		}
		if !hex(t[i]) {
			return
		}
		if t[i] >= 'A' {
			letters++
		} else {
			digits++
		}
		alike = alike && t[i]|0x20 == t[start]|0x20
	}
	// On either side another group, or a word, makes it a part.
	if b := s.Before(start); word(b) || b == sep && word(s.Before(start-1)) || b == ':' && s.Before(start-1) == ':' {
		return
	}
	if b := s.At(end); word(b) || b == sep && (hex(s.At(end+1)) || sep != '.' && s.At(end+1) == sep) {
		return
	}
	s.Resume(end)
	if alike && (t[start] == '0' || t[start]|0x20 == 'f') {
		return
	}
	level := proxy.Likely
	cue := s.Near(macCue, start, end)
	switch {
	case cue < classifiers.Far:
		level = proxy.VeryLikely
	case sep == '.' && letters == 0, sep == '-' && letters == 0:
		level = proxy.Unlikely // numbers of something else
	case letters == 0:
		level = proxy.Possible
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: &macType, Likelihood: level, Synthetic: documented(t[start:end], size), Rule: "eui48"})
}

var macCue = classifiers.NewCue("mac", "macs", "ether", "ethernet", "hwaddr", "hwaddress", "hardware", "arp", "bssid", "wifi", "wlan", "interface", "eth0", "bluetooth", "physical address", "mac address", "macaddress", "device", "lladdr", "nic", "adapter", "vendor", "oui", "wired", "switch", "gerät", "dispositivo", "appareil", "urządzenie", "apparaat", "enhet", "cihaz")

// documented reports whether an address is of those that RFC 7042 sets aside for
// documentation, or counts up as made-up ones do.
func documented(t string, size int) bool {
	var b [macDigits]byte
	n := 0
	for i := range len(t) {
		if hex(t[i]) {
			b[n] = t[i] | 0x20
			if t[i] <= '9' {
				b[n] = t[i]
			}
			n++
		}
	}
	switch v := string(b[:]); {
	case v[:10] == "00005e0053", v[:10] == "01005e9010", v == "001122334455", v == "aabbccddeeff", v == "112233445566", v == "0123456789ab", v == "deadbeefcafe":
		return true
	}
	return false
}
