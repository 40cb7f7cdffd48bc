package env

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// modelStart bounds how long the model server may take to answer; it takes 0.1 s
// on an idle machine.
const modelStart = 60 * time.Second

// ModelName is the name under which the server of [Model] lists its model.
const ModelName = "scripted"

// What the scripted model says: testdata/model has the whole of it. In the last
// message the word PII asks for the answer with personal data, TOOL for a call
// of get_weather (where tools are declared), LONG for a long text; anything else
// gets the greeting.
const (
	ModelGreeting  = "Hello from the in-house model. How can I help you today?"
	ModelPersonal  = "The customer is Greta Sandvoll; write to greta.sandvoll@kunde.example or call +47 22 86 44 00."
	ModelTool      = "get_weather"
	ModelArguments = `{"city": "Tromso"}`
	ModelLongStart = "Once upon a time a long answer was asked for."
)

// theModel is the one model server of a test process. It is started once, by the
// first test that asks, and lives as long as the process: its standard input is
// a pipe that the system closes with the process, however that ends.
var theModel struct {
	once  sync.Once
	base  string
	err   string
	input io.WriteCloser // kept, or the collector would close it
}

// Model gives the base URL (without /v1) of a real model server, llama.cpp's
// own, with the scripted model. It is shared by the tests of one process and
// listens on loopback, on a port that the system chose. It answers chat
// completions, responses, completions, messages and count_tokens, streamed and
// not, with tools.
func Model(t testing.TB) string {
	t.Helper()
	python := Python(t)
	weights := cached(t, "model", "scripted.gguf")
	if !exists(weights) {
		missing(t, "the scripted model", "run testdata/env/install.sh model")
	}
	script := filepath.Join(Root(t), "testdata", "env", "llama_server.py")
	theModel.once.Do(func() { startModel(python, script, weights) })
	if theModel.err != "" {
		t.Fatal("model server: " + theModel.err)
	}
	return theModel.base
}

func startModel(python, script, weights string) {
	server := exec.Command(python, script, "127.0.0.1", "0", weights)
	in, err := server.StdinPipe()
	if err != nil {
		theModel.err = err.Error()
		return
	}
	theModel.input = in
	out, err := server.StdoutPipe()
	if err != nil {
		theModel.err = err.Error()
		return
	}
	if err := server.Start(); err != nil {
		theModel.err = err.Error()
		return
	}
	line := make(chan string, 1)
	go func() {
		defer close(line)
		r := bufio.NewReader(out)
		s, err := r.ReadString('\n')
		if err == nil {
			line <- s
		}
		_, _ = io.Copy(io.Discard, r)
		_ = server.Wait()
	}()
	select {
	case s := <-line:
		base, ok := strings.CutPrefix(strings.TrimSpace(s), "ready ")
		if !ok {
			theModel.err = "ended before it was ready; run testdata/env/llama_server.py by hand"
			return
		}
		theModel.base = base
	case <-time.After(modelStart):
		_ = server.Process.Kill()
		theModel.err = "not ready in time"
	}
}
