package replay

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// PriceSource names the table of prices and its date.
const PriceSource = "genai-prices 2026-08-21, input tokens, lowest tier"

// perTokens is how many tokens a price is for.
const perTokens = 1e6

//go:embed prices.txt
var priceText string

var prices = sync.OnceValue(func() map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(priceText) {
		model, price, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || model == "#" {
			continue
		}
		if v, err := strconv.ParseFloat(price, 64); err == nil {
			out[model] = v
			if bare, ok := strings.CutSuffix(model, "-latest"); ok {
				if _, listed := out[bare]; !listed {
					out[bare] = v
				}
			}
		}
	}
	return out
})

// Price gives the list price of a model's input in US dollars per million
// tokens. A dated name (gpt-5-2025-08-07, claude-opus-4-20250514) or -latest has
// the price of the name without. ok is false for a model that is not listed.
func Price(model string) (usd float64, ok bool) {
	table := prices()
	for {
		if usd, ok = table[model]; ok {
			return usd, true
		}
		i := strings.LastIndexByte(model, '-')
		if i < 0 {
			return 0, false
		}
		// A single digit is a version and no part of a date.
		if last := model[i+1:]; last != "latest" && (len(last) < 2 || strings.Trim(last, "0123456789") != "") {
			return 0, false
		}
		model = model[:i]
	}
}
