// Command client is an application in Go that was written without Ostiary in mind:
// net/http. It takes cases as lines of JSON and tells what it was told, a line each;
// see ways_clients_test.go. With prompts as arguments it asks each and prints the
// answers' statuses, for a container that has nothing else: like a service that waits
// for what it needs, it tries again where nobody answers, for a minute.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const url = "https://api.openai.com/v1/chat/completions"

type asked struct {
	Prompt string `json:"prompt"`
	Stream bool   `json:"stream"`
	URL    string `json:"url"`
}

type chat struct {
	Model    string    `json:"model"`
	Stream   bool      `json:"stream"`
	Messages []message `json:"messages"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type told struct {
	Status   int    `json:"status"`
	Pool     string `json:"pool"`
	Action   string `json:"action"`
	Decision string `json:"decision"`
	Text     string `json:"text"`
	Events   int    `json:"events"`
	Class    string `json:"class,omitempty"`
	Message  string `json:"message,omitempty"`
}

var client = &http.Client{Timeout: time.Minute}

func ask(c asked) told {
	var req *http.Request
	var err error
	if c.URL != "" {
		req, err = http.NewRequest(http.MethodGet, c.URL, nil)
	} else {
		body, failed := json.Marshal(chat{"gpt-5", c.Stream, []message{{"user", c.Prompt}}})
		if failed != nil {
			return told{Class: fmt.Sprintf("%T", failed), Message: failed.Error()}
		}
		req, err = http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	}
	if err != nil {
		return told{Class: fmt.Sprintf("%T", err), Message: err.Error()}
	}
	if c.URL == "" {
		req.Header.Set("content-type", "application/json")
		req.Header.Set("authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
	}
	resp, err := client.Do(req)
	if err != nil {
		return told{Class: fmt.Sprintf("%T", err), Message: err.Error()}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return told{Class: fmt.Sprintf("%T", err), Message: err.Error()}
	}
	t := told{Status: resp.StatusCode, Pool: resp.Header.Get("x-ostiary-pool"), Action: resp.Header.Get("x-ostiary-action"), Decision: resp.Header.Get("x-ostiary-decision-id")}
	if resp.StatusCode != http.StatusOK {
		t.Class, t.Message = "Response", string(b)
		return t
	}
	t.Text = string(b)
	if c.Stream {
		t.Events = strings.Count(string(b), "data: {")
	}
	return t
}

func main() {
	if len(os.Args) > 1 {
		until := time.Now().Add(time.Minute)
		for _, prompt := range os.Args[1:] {
			t := ask(asked{Prompt: prompt})
			for t.Status == 0 && time.Now().Before(until) {
				time.Sleep(200 * time.Millisecond)
				t = ask(asked{Prompt: prompt})
			}
			fmt.Printf("status=%d pool=%s action=%s %s\n", t.Status, t.Pool, t.Action, t.Message)
		}
		return
	}
	in := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var c asked
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "a case cannot be read")
			os.Exit(2)
		}
		_ = out.Encode(ask(c))
	}
}
