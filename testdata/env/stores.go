//go:build unix

package env

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// storeStart bounds the start of a store; the slowest takes some seconds on an
// idle machine.
const storeStart = 120 * time.Second

// Users and passwords of the stores that ask for them.
const (
	StoreUser   = "test"
	StoreSecret = "testsecret"
)

// LongOnly ends a test that make test-all runs and make test leaves out.
func LongOnly(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skipf("only with %s=1", allVar)
	}
}

// Store is a server that a test starts, kills and starts again on the same
// address with the same data. It ends with the test.
type Store struct {
	// Address is where it listens: HOST:PORT on loopback, or for PostgreSQL the
	// directory of its socket.
	Address string

	t       testing.TB
	command []string
	environ []string
	as      *syscall.Credential // nil for the user of the test
	log     string
	ready   func() bool
	input   io.Closer // the running process's; nil while it does not run
	process *exec.Cmd
	ended   <-chan struct{} // closed when the process has ended
}

// guard runs a program and kills it when standard input ends, however that comes
// about. It ends when the program does.
const guard = `exec 3<&0; "$@" 3<&- & p=$!; (cat <&3 >/dev/null; kill -9 $p 2>/dev/null) & exec 3<&-; wait $p`

// Start starts the server and waits until it answers.
func (s *Store) Start() {
	s.t.Helper()
	for end := time.Now().Add(storeStart); time.Now().Before(end); {
		s.launch()
		// One that does not come up may have found its port or its memory still
		// taken by the one that was killed: then it is started anew.
		for patience := time.Now().Add(storeStart / 4); time.Now().Before(patience); time.Sleep(50 * time.Millisecond) {
			if s.ready() {
				return
			}
			if s.over() {
				break
			}
		}
		s.Kill()
	}
	s.t.Fatalf("%s did not start; see %s", filepath.Base(s.command[0]), s.log)
}

func (s *Store) launch() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.process = exec.Command("/bin/sh", append([]string{"-c", guard, "sh"}, s.command...)...)
	s.process.Env = append(os.Environ(), s.environ...)
	s.process.Dir = filepath.Dir(s.log)
	s.process.Stdout, s.process.Stderr = log, log
	s.process.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	if s.input, err = s.process.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func(p *exec.Cmd) {
		_ = p.Wait()
		close(ended)
	}(s.process)
}

// over reports whether the server has ended by itself.
func (s *Store) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// Kill ends the server at once, with SIGKILL.
func (s *Store) Kill() {
	if s.input == nil {
		return
	}
	_ = s.input.Close()
	<-s.ended
	s.input = nil
}

// start starts a store for the first time.
func (s *Store) start(t testing.TB) *Store {
	t.Helper()
	s.t = t
	t.Cleanup(s.Kill)
	s.Start()
	return s
}

// answers reports whether something listens on an address.
func answers(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// ports gives free ports on loopback, below those that the system gives to
// clients, so that a server that was killed finds its own free again.
func ports(t testing.TB, n int) []string {
	t.Helper()
	var out []string
	for range 1000 {
		if len(out) == n {
			return out
		}
		port := strconv.Itoa(20000 + rand.IntN(12000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil || slices.Contains(out, port) {
			continue
		}
		_ = l.Close()
		out = append(out, port)
	}
	t.Fatal("no free ports")
	return nil
}

// Postgres starts a PostgreSQL server that listens on a socket in Address alone,
// with the superuser "test" and the database "postgres". It is not given to root:
// then the distribution's user postgres runs it, or nobody.
func Postgres(t testing.TB) *Store {
	t.Helper()
	short(t, "PostgreSQL")
	bin := postgresBin(t)
	dir, err := os.MkdirTemp("", "ostiary-pg") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as := otherThanRoot(t)
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--no-sync", "-A", "trust", "-U", StoreUser, "-E", "UTF8", "--locale=C", "-D", data)
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s := &Store{
		Address: dir, as: as, log: filepath.Join(dir, "log"),
		command: []string{filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses="},
	}
	s.ready = func() bool {
		return exec.Command(filepath.Join(bin, "pg_isready"), "-q", "-h", dir, "-U", StoreUser, "-d", "postgres").Run() == nil
	}
	return s.start(t)
}

// postgresBin gives the directory of the newest PostgreSQL's programs.
func postgresBin(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1])
	}
	if postgres, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(postgres)
	}
	missing(t, "PostgreSQL", "run testdata/env/install.sh postgres")
	return ""
}

// otherThanRoot gives a user without rights to run a program as, nil where the
// test is not root's.
func otherThanRoot(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("no user but root to run PostgreSQL as")
	return nil
}

// program gives a program that was installed for tests.
func program(t testing.TB, what, name string) string {
	t.Helper()
	short(t, what)
	path := cached(t, "bin", name)
	if !exists(path) {
		missing(t, what, "run testdata/env/install.sh "+what)
	}
	return path
}

// S3 starts SeaweedFS, an S3 server that honours object lock, over plain HTTP,
// with the access key StoreUser and the secret key StoreSecret.
func S3(t testing.TB) *Store {
	t.Helper()
	weed := program(t, "seaweedfs", "weed")
	dir := t.TempDir()
	keys := fmt.Sprintf(`{"identities":[{"name":"t","credentials":[{"accessKey":%q,"secretKey":%q}],"actions":["Admin","Read","Write","List","Tagging"]}]}`, StoreUser, StoreSecret)
	if err := os.WriteFile(filepath.Join(dir, "s3.json"), []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	p := ports(t, 8)
	s := &Store{
		Address: "127.0.0.1:" + p[6], log: filepath.Join(dir, "log"),
		command: []string{
			weed, "server", "-dir=" + dir, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
			"-master.electionTimeout=1s", "-master.heartbeatInterval=100ms", // it is alone: it need not wait for others
			"-master.port=" + p[0], "-master.port.grpc=" + p[1], "-volume.port=" + p[2], "-volume.port.grpc=" + p[3],
			"-filer", "-filer.port=" + p[4], "-filer.port.grpc=" + p[5], "-s3", "-s3.port=" + p[6], "-s3.port.grpc=" + p[7],
			"-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.config=" + filepath.Join(dir, "s3.json"),
			"-volume.max=100", "-master.volumeSizeLimitMB=16",
		},
	}
	// It answers before its parts have found one another.
	s.ready = func() bool {
		for _, url := range []string{"http://" + s.Address + "/healthz", "http://127.0.0.1:" + p[0] + "/dir/assign"} {
			resp, err := (&http.Client{Timeout: time.Second}).Get(url)
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return false
			}
		}
		return true
	}
	t.Cleanup(func() { // its sockets, which it makes in the system's directory
		for _, port := range p {
			left, _ := filepath.Glob("/tmp/seaweedfs-*-" + port + ".sock")
			for _, name := range left {
				_ = os.Remove(name)
			}
		}
	})
	return s.start(t)
}

// Collector starts a real OpenTelemetry collector that takes OTLP over HTTP on
// Address and appends a line of JSON for each record to the file that it gives
// (see testdata/collector).
func Collector(t testing.TB) (s *Store, file string) {
	t.Helper()
	binary := program(t, "collector", "collector")
	dir := t.TempDir()
	p := ports(t, 1)
	file = filepath.Join(dir, "records.jsonl")
	s = &Store{Address: "127.0.0.1:" + p[0], log: filepath.Join(dir, "log")}
	// It ends with its standard input, which the guard takes for itself.
	s.command = []string{"/bin/sh", "-c", `exec "$0" "$@" < "` + fifo(t, dir) + `"`, binary, s.Address, file}
	s.ready = func() bool { return answers(s.Address) }
	return s.start(t), file
}

// fifo makes a named pipe that the test holds open for writing.
func fifo(t testing.TB, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "in")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return name
}

// ClickHouse starts ClickHouse's engine behind its HTTP interface (see
// clickhouse.py), with the user StoreUser and the password StoreSecret.
func ClickHouse(t testing.TB) *Store {
	t.Helper()
	python := Python(t)
	module := cached(t, "clickhouse")
	if !exists(module) {
		missing(t, "ClickHouse's engine", "run testdata/env/install.sh clickhouse")
	}
	dir := t.TempDir()
	p := ports(t, 1)
	s := &Store{
		Address: "127.0.0.1:" + p[0], log: filepath.Join(dir, "log"), environ: []string{"PYTHONPATH=" + module},
		command: []string{"/bin/sh", "-c", `exec "$0" "$@" < "` + fifo(t, dir) + `"`, python, filepath.Join(Root(t), "testdata", "env", "clickhouse.py"), p[0], filepath.Join(dir, "data")},
	}
	s.ready = func() bool { return answers(s.Address) }
	return s.start(t)
}

// Kafka starts one Kafka broker in KRaft mode, without topics.
func Kafka(t testing.TB) *Store {
	t.Helper()
	short(t, "Kafka")
	libs := cached(t, "kafka", "libs")
	if !exists(libs) {
		missing(t, "Kafka", "run testdata/env/install.sh kafka")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		missing(t, "Java", "install openjdk-17-jre-headless")
	}
	dir := t.TempDir()
	p := ports(t, 2)
	config := filepath.Join(dir, "server.properties")
	text := "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:" + p[1] +
		"\nlisteners=PLAINTEXT://127.0.0.1:" + p[0] + ",CONTROLLER://127.0.0.1:" + p[1] +
		"\nadvertised.listeners=PLAINTEXT://127.0.0.1:" + p[0] +
		"\ncontroller.listener.names=CONTROLLER\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs=" + filepath.Join(dir, "data") +
		"\nnum.partitions=1\noffsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n" +
		// One that was killed may come back when its registration has run out.
		"broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=400\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	class := libs + "/*"
	format := exec.Command(java, "-cp", class, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", config)
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("format Kafka's storage: %v\n%s", err, out)
	}
	s := &Store{
		Address: "127.0.0.1:" + p[0], log: filepath.Join(dir, "log"),
		command: []string{java, "-Xmx384m", "-cp", class, "kafka.Kafka", config},
	}
	s.ready = func() bool { return answers(s.Address) }
	return s.start(t)
}

// NATS starts one NATS server with JetStream, without streams, that is as durable
// as one server can be. More is lines for its configuration.
func NATS(t testing.TB, more ...string) *Store {
	t.Helper()
	server := program(t, "nats", "nats-server")
	dir := t.TempDir()
	p := ports(t, 1)
	address := "127.0.0.1:" + p[0]
	config := filepath.Join(dir, "server.conf")
	text := fmt.Sprintf("listen: %q\nserver_name: test\njetstream { store_dir: %q, sync_interval: always, max_file: 1GB, max_mem: 64MB }\n", address, filepath.Join(dir, "data"))
	if err := os.WriteFile(config, []byte(text+strings.Join(more, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Store{Address: address, log: filepath.Join(dir, "log"), command: []string{server, "-c", config}}
	s.ready = func() bool { return answers(s.Address) }
	return s.start(t)
}
