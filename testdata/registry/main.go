// Command registry is a real OCI registry for tests: the reference
// implementation, with its storage in memory, on a loopback port of its own
// choice. It prints its address as one line on standard output and ends when its
// standard input does, so that it never outlives the test that started it.
//
// With -htpasswd FILE it asks for a name and a password (HTTP Basic).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/sirupsen/logrus"
)

func main() {
	users := flag.String("htpasswd", "", "`FILE` with names and bcrypt hashes of passwords")
	flag.Parse()
	logrus.SetLevel(logrus.FatalLevel) // faults are what tests are about
	config := &configuration.Configuration{
		Log:     configuration.Log{Level: "error", AccessLog: configuration.AccessLog{Disabled: true}},
		Storage: configuration.Storage{"inmemory": configuration.Parameters{}, "delete": configuration.Parameters{"enabled": true}},
	}
	config.HTTP.Secret = "one process, no peers"
	if *users != "" {
		config.Auth = configuration.Auth{"htpasswd": configuration.Parameters{"realm": "test", "path": *users}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: handlers.NewApp(context.Background(), config), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println(l.Addr())
	log.Fatal(server.Serve(l))
}
