package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"

	"github.com/ostiary/ostiary/proxy/standin"
	"github.com/ostiary/ostiary/testdata/env"
)

// The benchmark of the whole path. It is no test and asserts no time; it runs
// where benchVar is set ("make bench"), prints a table and writes it to the file
// that benchVar names.
//
// All paths go to the same upstream and take turns within one run, a slice of
// requests each, so that a busy machine disturbs them alike; figures are medians
// over the rounds. CPU is what the kernel charged the processes, which is the
// steadier figure on shared machines.
const benchVar = "OSTIARY_BENCH"

// The stream of the benchmark: its events, and the time between them.
const (
	benchEvents = 200
	benchPause  = 2 * time.Millisecond
)

// benchPath is one way to the upstream.
type benchPath struct {
	name   string
	url    string
	policy int // pid of the policy server, 0 for none
	envoy  int // pid of Envoy, 0 for none
}

func TestBenchmarkWholePath(t *testing.T) {
	out := os.Getenv(benchVar)
	if out == "" {
		t.Skipf("set %s to a file to run it; \"make bench\" does", benchVar)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: standin.New(standin.Options{Name: "openai", Events: benchEvents, Pause: benchPause})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	paths := benchPaths(t, "http://"+l.Addr().String())
	time.Sleep(2 * time.Second) // what starting left behind is over
	resting := make([]int, len(paths))
	for i, p := range paths {
		if p.policy != 0 {
			resting[i] = rss(p.policy)
		}
	}
	var doc bytes.Buffer
	fmt.Fprintf(&doc, "# Whole path\n\nWritten by `make bench`: every path to one stand-in upstream, in turns within one run, medians over the rounds.\n")
	fmt.Fprintf(&doc, "%d cores, %s; load driver, upstream, Envoy and policy server share them.\n\n", runtime.NumCPU(), runtime.Version())
	fmt.Fprintf(&doc, "Added time is over `direct` of the same row. CPU is per request, in the policy server and in Envoy.\n\n")
	fmt.Fprintf(&doc, "| body | connections | path | p50 ms | p99 ms | added p50 | added p99 | req/s | CPU policy ms | CPU Envoy ms |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, size := range []int{1 << 10, 4 << 10, 64 << 10, 1 << 20} {
		for _, conns := range []int{1, 16, 64} {
			rows := benchCell(t, paths, size, conns)
			base := rows[0]
			for i, r := range rows {
				fmt.Fprintf(&doc, "| %s | %d | %s | %.2f | %.2f | %.2f | %.2f | %.0f | %s | %s |\n", human(size), conns, paths[i].name,
					ms(r.p50), ms(r.p99), ms(r.p50-base.p50), ms(r.p99-base.p99), r.rate, cpu(r.policy, paths[i].policy), cpu(r.envoy, paths[i].envoy))
			}
		}
	}
	fmt.Fprintf(&doc, "\n## Stream of 200 events\n\n| path | first event ms | per event, added µs (median age) |\n|---|---|---|\n")
	for _, s := range benchStreams(t, paths) {
		fmt.Fprintf(&doc, "| %s | %.2f | %.0f |\n", s.name, ms(s.first), float64(s.age.Microseconds()))
	}
	fmt.Fprintf(&doc, "\n## Memory of the policy server\n\n| process | resident MiB at rest | after the load above |\n|---|---|---|\n")
	for i, p := range paths {
		if p.policy != 0 {
			fmt.Fprintf(&doc, "| %s | %d | %d |\n", p.name, resting[i]>>20, rss(p.policy)>>20)
		}
	}
	t.Log("\n" + doc.String())
	if err := os.WriteFile(out, doc.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// emptyProcessor lets everything pass at once: the least that an external
// processor can cost.
type emptyProcessor struct {
	extprocv3.UnimplementedExternalProcessorServer
}

func (emptyProcessor) Process(s extprocv3.ExternalProcessor_ProcessServer) error {
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		v := good()
		switch m.Request.(type) {
		case *extprocv3.ProcessingRequest_RequestHeaders:
			err = s.Send(onHeaders(nil))
		case *extprocv3.ProcessingRequest_RequestBody:
			err = s.Send(onBody(&v))
		default:
			err = s.Send(onAnswer())
		}
		if err != nil {
			return err
		}
	}
}

// benchPaths starts every path: direct, Envoy alone, Envoy with an empty
// processor, Envoy with Ostiary, and the embedded plane.
func benchPaths(t *testing.T, up string) []benchPath {
	t.Helper()
	paths := []benchPath{{name: "direct", url: up}}

	bare := startFaultEnvoy(t, faultEnvoyOptions{upstream: up, weaken: weakenings["bare"], socket: filepath.Join(shortTempDir(t), "none.sock")})
	paths = append(paths, benchPath{name: "Envoy alone", url: bare.url, envoy: bare.pid})

	socket := filepath.Join(shortTempDir(t), "empty.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	gs := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20), grpc.InitialWindowSize(8<<20), grpc.InitialConnWindowSize(64<<20))
	extprocv3.RegisterExternalProcessorServer(gs, emptyProcessor{})
	go func() { _ = gs.Serve(l) }()
	t.Cleanup(gs.Stop)
	empty := startFaultEnvoy(t, faultEnvoyOptions{upstream: up, socket: socket})
	paths = append(paths, benchPath{name: "Envoy, empty processor", url: empty.url, envoy: empty.pid})

	for _, plane := range []string{"envoy", "embedded"} {
		dir := shortTempDir(t)
		listen := freeAddress(t)
		file := filepath.Join(dir, "ostiary.yaml")
		if err := os.WriteFile(file, []byte(smallest(listen, plane, up, up, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("ostiary", "run", "--config", file)
		cmd.Env = append(os.Environ(), "OSTIARY_TEST_OPENAI_KEY="+testOpenAIKey, "OSTIARY_TEST_ANTHROPIC_KEY="+testAnthropicKey, "OSTIARY_ENVOY="+env.Envoy(t))
		var screen syncBuffer
		cmd.Stdout, cmd.Stderr = &screen, &screen
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
		awaitServing(t, listen, &screen)
		p := benchPath{name: "Ostiary, " + plane, url: "http://" + listen, policy: cmd.Process.Pid}
		if plane == "envoy" {
			p.name, p.envoy = "Envoy, Ostiary", childOf(t, cmd.Process.Pid)
		}
		paths = append(paths, p)
	}
	return paths
}

func awaitServing(t *testing.T, address string, screen *syncBuffer) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nobody serves %s:\n%s", address, screen)
}

// benchRow is what one path took in one cell of the table.
type benchRow struct {
	p50, p99      time.Duration
	rate          float64
	policy, envoy time.Duration // CPU per request
}

// prose is made of ordinary sentences with numbers and names in them, so that
// detectors have something to look at; the counter makes every prompt another.
func prose(size, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Request %d. ", n)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "In section %d the team compared version 2.%d of the plan with the budget of %d euros and asked Anna whether the meeting on 14 March could move. ", i, n%10, 1000+i*7)
	}
	return b.String()[:size]
}

// benchCell measures all paths at one size and number of connections, in turns.
func benchCell(t *testing.T, paths []benchPath, size, conns int) []benchRow {
	t.Helper()
	rounds, slice := 5, min(100+10*conns, 400)
	switch {
	case size >= 1<<20:
		rounds, slice = 3, max(8, conns)
	case size >= 64<<10:
		rounds, slice = 3, 60+3*conns
	}
	all := make([][]benchRow, len(paths))
	n := 0
	for round := range rounds + 1 {
		for i, p := range paths {
			before := [2]time.Duration{cpuOf(p.policy), cpuOf(p.envoy)}
			times, took := drive(t, p.url, size, conns, slice, &n)
			if round == 0 {
				continue // warms connections and caches
			}
			slices.Sort(times)
			all[i] = append(all[i], benchRow{
				p50: times[len(times)/2], p99: times[len(times)*99/100], rate: float64(len(times)) / took.Seconds(),
				policy: (cpuOf(p.policy) - before[0]) / time.Duration(len(times)), envoy: (cpuOf(p.envoy) - before[1]) / time.Duration(len(times)),
			})
		}
	}
	out := make([]benchRow, len(paths))
	for i, rows := range all {
		out[i] = benchRow{
			p50: medianOf(rows, func(r benchRow) time.Duration { return r.p50 }), p99: medianOf(rows, func(r benchRow) time.Duration { return r.p99 }),
			rate:   float64(medianOf(rows, func(r benchRow) time.Duration { return time.Duration(r.rate * 1000) })) / 1000,
			policy: medianOf(rows, func(r benchRow) time.Duration { return r.policy }), envoy: medianOf(rows, func(r benchRow) time.Duration { return r.envoy }),
		}
	}
	return out
}

func medianOf(rows []benchRow, of func(benchRow) time.Duration) time.Duration {
	var list []time.Duration
	for _, r := range rows {
		list = append(list, of(r))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// drive sends count unique prompts over a number of connections, each of which
// sends its next when the last is answered.
func drive(t *testing.T, url string, size, conns, count int, n *int) (times []time.Duration, took time.Duration) {
	t.Helper()
	bodies := make([][]byte, count)
	for i := range bodies {
		*n++
		bodies[i] = []byte(chat(prose(size-80, *n)))
	}
	tr := &http.Transport{MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns, DisableCompression: true}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 60 * time.Second}
	once := func(body []byte) time.Duration {
		start := time.Now()
		resp, err := c.Post(url+"/v1/chat/completions", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s, %d bytes on %d connections: status %d %s", url, size, conns, resp.StatusCode, reply{body: b}.code())
		}
		return time.Since(start)
	}
	for range conns { // opens the connections before anything is measured
		once(bodies[0])
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan []byte, count)
	for _, b := range bodies {
		next <- b
	}
	close(next)
	start := time.Now()
	for range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var mine []time.Duration
			for b := range next {
				mine = append(mine, once(b))
			}
			mu.Lock()
			times = append(times, mine...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	return times, time.Since(start)
}

type benchStream struct {
	name       string
	first, age time.Duration
}

// benchStreams measures a stream of 200 events through every path: the time to
// the first, and how old an event is when it arrives, over direct.
func benchStreams(t *testing.T, paths []benchPath) []benchStream {
	t.Helper()
	first := make([][]time.Duration, len(paths))
	gap := make([][]time.Duration, len(paths))
	for round := range 6 {
		for i, p := range paths {
			body := strings.Replace(chat(fmt.Sprintf("BENCH %d", round)), `"model"`, `"stream":true,"model"`, 1)
			start := time.Now()
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+"/v1/chat/completions", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("content-type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(resp.Body)
			events := 0
			for {
				line, err := r.ReadString('\n')
				if strings.HasPrefix(line, "data:") {
					if events == 0 && round > 0 {
						first[i] = append(first[i], time.Since(start))
					}
					events++
				}
				if err != nil {
					break
				}
			}
			resp.Body.Close()
			if events < 100 {
				t.Fatalf("%s: a stream of %d events", p.name, events)
			}
			if round > 0 {
				gap[i] = append(gap[i], time.Since(start)/time.Duration(events))
			}
		}
	}
	var out []benchStream
	var base time.Duration
	for i, p := range paths {
		slices.Sort(first[i])
		slices.Sort(gap[i])
		s := benchStream{p.name, first[i][len(first[i])/2], gap[i][len(gap[i])/2]}
		if i == 0 {
			base = s.age
		}
		s.age -= base
		out = append(out, s)
	}
	return out
}

func human(n int) string {
	if n >= 1<<20 {
		return strconv.Itoa(n>>20) + " MB"
	}
	return strconv.Itoa(n>>10) + " KB"
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func cpu(d time.Duration, pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", ms(d))
}

// tick is the kernel's unit of CPU time in /proc (USER_HZ, proc(5)).
const tick = 10 * time.Millisecond

// cpuOf gives the CPU time that a process has used so far.
func cpuOf(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	// The scheduler's own sum is in nanoseconds; per thread, so all are added.
	var total time.Duration
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		ns, _ := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
		total += time.Duration(ns)
	}
	if total > 0 {
		return total
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	u, _ := strconv.Atoi(f[11])
	s, _ := strconv.Atoi(f[12])
	return time.Duration(u+s) * tick
}

func rss(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return pages * os.Getpagesize()
}

// childOf gives the pid of the Envoy that a process started.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, w := range strings.Fields(string(b)) {
			child, _ := strconv.Atoi(w)
			if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child)); strings.Contains(string(name), "envoy") {
				return child
			}
		}
	}
	t.Fatal("the policy server has no Envoy")
	return 0
}
