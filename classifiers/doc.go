// Package classifiers recognises what is to be protected in the segments of a
// prompt: personal data, credentials, terms that an organisation names.
//
// A [Detector] is a value of documented data, as an Analyzer of go/analysis is:
// what it finds, texts in which it must find and texts in which it must not, and
// the candidates it wants to judge. A [Suite] is made of detectors by [New] and
// implements proxy.Classifier. What is compiled in is listed in classifiers/all;
// there is no registry.
//
// # One pass
//
// The scanner walks a segment once, by a table of byte classes, and hands
// candidates to the detectors that asked for their shape: runs of digits with
// their grouping, anchors such as @ and ://, prefixes of words such as ghp_,
// words of letters and digits, long runs of token characters. No regular
// expression runs over a text, and a text without candidates costs no
// allocation. Every walk that a candidate starts has a named bound, and a
// detector that walked far says so with [Scan.Resume], so that no input takes
// more than a bounded time per byte.
//
// # Likelihood
//
// A detector starts from what the shape alone is worth, adds the strength of a
// checksum and looks at the words on both sides ([Scan.Lean]) and at the name of
// the field. Every level is reported; what a level means is for policy to say.
// Published test and documentation values keep their likelihood and are tagged
// synthetic.
//
// # What the package does not do
//
// It does not decode (base64, escapes, look-alike letters): offsets are those of
// the text as given. It does not look across segments. It keeps no content: a
// finding is offsets, and the dictionaries of [Terms] are held as keyed hashes.
package classifiers
