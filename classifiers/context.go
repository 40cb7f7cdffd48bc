package classifiers

import "github.com/ostiary/ostiary/proxy"

// Numbering is the cue of numbers that name things rather than people: orders,
// tickets, versions, digests. It speaks against every identifier.
var Numbering = NewCue(
	"order", "orders", "ticket", "invoice", "version", "ver", "release", "commit", "sha", "hash", "digest", "checksum",
	"build", "uuid", "guid", "sku", "isbn", "issn", "ean", "upc", "gtin", "serial", "tracking", "parcel", "shipment", "consignment",
	"timestamp", "epoch", "unix", "revision", "rev", "offset", "bytes", "byte", "size", "length", "count", "total", "sum",
	"pid", "tid", "port", "line", "lines", "row", "rows", "index", "seq", "sequence", "trace", "span", "request", "req",
	"session", "batch", "job", "task", "issue", "bug", "pr", "case", "article", "part", "model", "item", "product",
	"ms", "ns", "seconds", "duration", "latency", "elapsed", "price", "amount", "usd", "eur", "gbp", "pixel", "px",
	"barcode", "lot", "id", "ids", "nonce", "random", "seed", "reference", "ref", "transaction", "txn",
	"bestellung", "bestellnummer", "auftrag", "auftragsnummer", "rechnung", "rechnungsnummer", "sendungsnummer", "artikelnummer", "vorgang",
	"commande", "facture", "colis", "pedido", "factura", "ordine", "fattura", "zamówienie", "faktura", "bestelling", "encomenda",
	"订单", "注文番号", "注文", "伝票番号",
)

// Raise moves a likelihood by n levels, within the five.
func Raise(l proxy.Likelihood, n int) proxy.Likelihood {
	return min(max(l+proxy.Likelihood(n), proxy.VeryUnlikely), proxy.VeryLikely)
}
