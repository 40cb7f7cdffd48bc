package payment

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/internal/lanes"
)

// room is what the lanes of all rooms are told of this one.
var room = lanes.Room{
	Detectors: Detectors(),
	Recognisers: map[string]string{
		"test_credit_card_recognizer.py": "CREDIT_CARD", "test_crypto_recognizer.py": "CRYPTO",
		"test_aba_routing_recognizer.py": "ABA_ROUTING_NUMBER", "test_us_bank_recognizer.py": "US_BANK_NUMBER",
	},
	Only:    classifiers.Financial,
	Said:    said,
	Hostile: []string{"1 ", "7", "12-", "4539148803436467=", "4539 1488 0343 6467 ", "%B", "%B4539148803436467^", "a1", "1PeDJro2wA4JXjV7bXzbArEKfwWXKY3iBn ", "abandon ", "bic ", "swift: ", "sort code ", "account number ", "exp cvv ", "口座番号 1234567 ", "0x1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c ", strings.Repeat("1z", 48) + " "},
	Key:     "card cvv",
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
