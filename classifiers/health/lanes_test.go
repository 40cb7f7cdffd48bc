package health

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers/internal/lanes"
)

// room is what the lanes of all rooms are told of this one.
var room = lanes.Room{
	Detectors:   Detectors(),
	Recognisers: map[string]string{"test_us_npi_recognizer.py": "US_NPI"},
	Floors:      map[string]int{"HEALTH_CONDITION": 900},
	Said:        said,
	Hostile:     []string{"diab", "diabetes ", "he has diabetes ", "糖尿病", "患者うつ病", "मधुमेह ", "e11.9 ", "mrn ", "mrn: 12345678 ", "1234567893 ", "住院号1234567", "é", "type 2 ", "has my his "},
	Key:         "patient diagnosis mrn",
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

// More words of illness than are judged make the text one that was not wholly
// looked at.
func TestManyWords(t *testing.T) {
	s := lanes.Suite(t, room.Detectors...)
	for n, gaps := range map[int]int{1: 0, maxJudged + 1: 1} {
		lanes.Gaps(t, s, strings.Repeat("diabetes, ", n)+"my daughter was diagnosed with leukaemia.", gaps)
	}
}
