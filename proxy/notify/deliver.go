package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// message is a message on its way to one target.
type message struct {
	id   string // of the decision
	body []byte // never written
}

// worker delivers to one target, one message after the other.
type worker struct {
	queue  chan message
	target atomic.Pointer[Target]
}

// deliver delivers until the queue is closed and empty.
func (b *Outbox) deliver(w *worker) {
	for m := range w.queue {
		if why := b.send(w, m); why != "" {
			b.failures.add(w.target.Load().Name, why)
		} else {
			b.failures.delivered()
		}
	}
}

// send tries a message until it is delivered or given up, and says why it was.
func (b *Outbox) send(w *worker, m message) (why string) {
	wait := backoffMin
	for n := 1; ; n++ {
		if b.ctx.Err() != nil {
			return WhyStopped
		}
		t := w.target.Load()
		if len(t.Key) == 0 {
			return WhyKey // unsigned, anybody could have sent it
		}
		status, after := b.attempt(t, m)
		switch {
		case status >= 200 && status < 300:
			return ""
		case status != 0 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
			return WhyRefused
		case n == attemptsMax:
			return WhyUnanswered
		}
		b.o.sleep(b.ctx, min(backoffMax, max(wait, after)))
		wait *= 2
	}
}

// attempt sends a message once. It gives the status of the answer, 0 where there is
// none, and how long the target asks to wait.
func (b *Outbox) attempt(t *Target, m message) (status int, after time.Duration) {
	ctx, cancel := context.WithTimeout(b.ctx, attemptTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(m.body))
	if err != nil {
		return http.StatusBadRequest, 0 // no attempt changes the address
	}
	at := strconv.FormatInt(b.o.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "ostiary")
	req.Header.Set("webhook-id", m.id)
	req.Header.Set("webhook-timestamp", at)
	req.Header.Set("webhook-signature", Sign(t.Key, m.id, at, m.body))
	resp, err := t.Client.Do(req)
	if err != nil {
		return 0, 0
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, answerMost) // what it says is of no interest
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 && n < int(backoffMax/time.Second) {
		after = time.Duration(n) * time.Second
	}
	return resp.StatusCode, after
}

// Sign gives the signature of a message: v1, and the HMAC-SHA-256 of its id, the
// seconds since 1970 at which it was sent and its body, joined by points, in base64
// (Standard Webhooks 1.0.0, symmetric).
func Sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, id+"."+at+".")
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
