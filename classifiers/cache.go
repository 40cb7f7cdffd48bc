package classifiers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/ostiary/ostiary/proxy"
)

// DefaultCache is the number of segments whose findings are remembered where
// Options name none: some hundred conversations, a few megabytes.
const DefaultCache = 16 << 10

// Bounds of what is remembered.
const (
	minCached   = 256 // bytes of a segment: a shorter one is scanned as quickly
	maxCached   = 512 // findings of one segment
	cacheFields = 2   // words before the text: how name and kind are told apart from it
	blockBytes  = 1 << 10
)

type cacheKey [sha256.Size]byte

// cache remembers the findings of segments. Chat histories repeat themselves:
// each request brings the messages of the last one again.
//
// A segment is known by its HMAC-SHA256 under a key that is made at the start,
// kept in memory only and given to nobody, so that the cache tells nothing of
// what it saw; it is one suite's, so that another suite asks afresh. It has two
// generations: when the young one is full it becomes the old one, and what is
// asked for again there moves up.
type cache struct {
	size   int
	secret []byte

	mu         sync.Mutex
	young, old map[cacheKey][]proxy.Finding
}

func newCache(size int) *cache {
	if size == 0 {
		size = DefaultCache
	}
	c := &cache{size: max(size, 0) / 2}
	if c.size > 0 {
		c.secret = make([]byte, sha256.Size)
		rand.Read(c.secret) // never fails (crypto/rand, Go 1.24)
		c.young, c.old = map[cacheKey][]proxy.Finding{}, map[cacheKey][]proxy.Finding{}
	}
	return c
}

// get looks a segment up. The key is for put; it is zero where the segment is
// not to be remembered. What is found is shared and not to be written.
func (c *cache) get(s *Scan, seg *proxy.Segment) (cacheKey, []proxy.Finding, bool) {
	var key cacheKey
	if c.size == 0 || seg.Text.Len() < minCached {
		return key, nil, false
	}
	if s.mac == nil {
		s.mac = hmac.New(sha256.New, c.secret)
	}
	s.mac.Reset()
	var head [8 * cacheFields]byte
	binary.LittleEndian.PutUint64(head[:], uint64(seg.Key.Len()))
	binary.LittleEndian.PutUint64(head[8:], uint64(seg.Kind)<<32|uint64(len(seg.Role)))
	s.block = append(s.block[:0], head[:]...)
	for _, t := range [...]string{string(seg.Role), seg.Key.Reveal(), seg.Text.Reveal()} {
		for len(t) > 0 {
			n := min(len(t), blockBytes-len(s.block))
			s.block = append(s.block, t[:n]...)
			t = t[n:]
			if len(s.block) == blockBytes {
				s.mac.Write(s.block)
				s.block = s.block[:0]
			}
		}
	}
	s.mac.Write(s.block)
	s.block = s.mac.Sum(s.block[:0])
	copy(key[:], s.block)
	clear(s.block[:cap(s.block)])
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.young[key]; ok {
		return key, found, true
	}
	found, ok := c.old[key]
	if ok {
		c.add(key, found)
	}
	return key, found, ok
}

// put remembers what a scan without a gap found.
func (c *cache) put(key cacheKey, r result) {
	if key == (cacheKey{}) || r.gap != "" || len(r.found) > maxCached {
		return
	}
	c.mu.Lock()
	c.add(key, r.found)
	c.mu.Unlock()
}

func (c *cache) add(key cacheKey, found []proxy.Finding) {
	if len(c.young) >= c.size {
		c.young, c.old = map[cacheKey][]proxy.Finding{}, c.young
	}
	c.young[key] = found
}
