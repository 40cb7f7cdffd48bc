// Package index finds events of the audit log.
//
// [Open] gives the [Index] of one log, [Join] a [Union] of several. They answer a
// [Query] ([Parse]) by pages of records ([Index.Search]), by how many have which
// value ([Index.Facets]), by how many there were when ([Index.Histogram]), and an
// id by the decision that it belongs to with all that became of it
// ([Index.Lookup]); [Index.Tail] goes on with what is added. Answers name records;
// who wants to see them reads them from the log.
//
// # How it is kept
//
// The records of each segment are split by shape: decisions, outcomes, and others.
// Each shape is a table of columns. A text field is a dictionary of values, a list
// of the sets of them that occur, and a code per row that names a set, so that
// fields with one value and with several are alike; a number is a code too. A term
// is evaluated over the dictionary once, becomes a table of codes, and is looked
// up row by row; where nothing in the dictionary or no time of the segment fits,
// no row is looked at. What all rows of a segment have is counted when it is
// sealed: facets without a query add up what is known.
//
// An outcome refers to its decision, by row, or by index of the record where the
// two lie in different segments. Ids are in 16 bytes, behind a Bloom filter for
// each segment.
//
// Full segments have a file each, index/NNNNNNNN.cidx in the log's directory; the
// columns are read from it when they are asked for and kept as long as there is
// room ([Options]). The open segment is in memory. Files are written beside,
// synchronised and renamed; each part carries a checksum.
//
// # What it is not
//
// It is no record and no evidence: whoever can write its files can make it lie, and
// `ostiary audit verify` does not look at it. All of it is made of the records; a
// file that is missing, damaged or of another version is made anew
// ([Index.Refresh]), and [Index.Reindex] makes all of them. It holds what the cores
// of events hold: no content, and nothing of the personal parts.
package index
