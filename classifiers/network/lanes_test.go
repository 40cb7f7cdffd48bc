package network

import (
	"testing"

	"github.com/ostiary/ostiary/classifiers/internal/lanes"
)

// room is what the lanes of all rooms are told of this one.
var room = lanes.Room{
	Detectors:   Detectors(),
	Recognisers: map[string]string{"test_ip_recognizer.py": "IP_ADDRESS", "test_mac_recognizer.py": "MAC_ADDRESS"},
	Said:        said,
	Hostile:     []string{":", "::", "-", ".", "a.", "a.b", "a:", "aa:", "aa:bb:cc:dd:ee:", "aabb.", "1.", "://", "https://", "http://a.b/", "a-", "1-", "35-209900-176148-1 ", "867530912345671 ", "idfa ", "sid=", "www.", "1 "},
	Key:         "imei",
}

func TestSamples(t *testing.T)         { lanes.Samples(t, room.Detectors) }
func TestTogether(t *testing.T)        { room.RunTogether(t) }
func TestSaid(t *testing.T)            { room.RunSaid(t) }
func TestHarmless(t *testing.T)        { room.RunHarmless(t) }
func TestRecogniserCases(t *testing.T) { room.RunRecogniserCases(t) }
func TestPrompts(t *testing.T)         { room.RunPrompts(t) }
func TestHarmlessPrompts(t *testing.T) { room.RunHarmlessPrompts(t) }
func TestCode(t *testing.T)            { room.RunCode(t) }
func TestLinear(t *testing.T)          { room.RunLinear(t) }
func FuzzRoom(f *testing.F)            { room.Fuzz(f) }
func BenchmarkProse(b *testing.B)      { room.BenchProse(b) }
