package console

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// job is the verification under way, or the last one.
type job struct {
	mu      sync.Mutex
	now     Job
	cancel  context.CancelFunc
	stopped bool
	under   sync.WaitGroup
}

func stamp() string { return time.Now().UTC().Format(time.RFC3339) }

// verify begins a verification of the whole log; one at a time.
func verify(c *call) error {
	if _, err := read[struct{}](c); err != nil {
		return err
	}
	s := c.s
	j := &s.job
	j.mu.Lock()
	if j.stopped || j.now.State == JobRunning {
		j.mu.Unlock()
		return problem("busy")
	}
	ctx, cancel := context.WithTimeout(s.base, verifyTimeout)
	j.cancel = cancel
	j.now = Job{State: JobRunning, Began: stamp()}
	now := j.now
	j.under.Add(1)
	j.mu.Unlock()
	go func() {
		defer j.under.Done()
		defer cancel()
		report, err := s.o.Auditor.Verify(ctx)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.now.Ended = stamp()
		if err != nil {
			j.now.State = JobFailed
			s.log.Error("the verification of the audit log could not be done", "error", err)
			return
		}
		if report.Answer != "good" {
			s.log.Error("AUDIT LOG: a verification did not say good", "answer", report.Answer)
		}
		j.now.State, j.now.Report = JobDone, &report
	}()
	c.w.Header().Set("Location", "/api/v1/verify")
	return c.reply(http.StatusAccepted, now)
}

// verified tells how the verification stands.
func verified(c *call) error {
	j := &c.s.job
	j.mu.Lock()
	now := j.now
	j.mu.Unlock()
	if now.State == "" {
		now.State = JobIdle
	}
	if now.Report != nil {
		r := *now.Report
		r.Altered, r.Unclear, r.Notes = append([]string{}, r.Altered...), append([]string{}, r.Unclear...), append([]string{}, r.Notes...)
		now.Report = &r
	}
	return c.reply(http.StatusOK, now)
}

func (j *job) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = true
	if j.cancel != nil {
		j.cancel()
	}
}

func (j *job) wait() { j.under.Wait() }
