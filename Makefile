# Targets for people and for continuous integration. Plain "go test ./..." works
# too: tests that need a component which is not there skip and say which.
#
#   make quick     formatting, vet and the tests that need nothing but Go
#   make test      installs the components into .cache, then everything
#   make test-all  test, with fault loops, soaks and every fuzz target for a minute
#   make bench     benchmarks, into BENCHMARKS.md
#   make quality   what the detectors find on every development set, into QUALITY.md
#   make clean     removes .cache and what was built

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := quick

# Packages under testdata are not in ./..., so they are named.
PACKAGES := ./... ./testdata/env ./testdata/model
# With the race detector: all but what drives other processes, which -short leaves out.
RACE := ./...
# Packages that a run tests at once. Tests that start servers want a core of their own.
PARALLEL ?= 2
TIMEOUT ?= 25m
FUZZTIME ?= 1m
# Benchmarks of the steps of an exchange.
STEPS = Classify/|Read/|Body/|Decide|Record|Exchange

.PHONY: quick test test-all bench quality env env-all clean fmt lint vet staticcheck race

quick: fmt vet
	go test -short -timeout 5m $(PACKAGES)

env:
	testdata/env/install.sh

# With the components that only long runs need.
env-all:
	OSTIARY_TEST_ALL=1 testdata/env/install.sh

# The race detector's run comes first: it is the shorter one.
test: env lint race
	OSTIARY_TEST_REQUIRE=1 OSTIARY_KILLS=30 go test -count=1 -p $(PARALLEL) -timeout $(TIMEOUT) $(PACKAGES)

test-all: env-all lint race
	OSTIARY_TEST_REQUIRE=1 OSTIARY_TEST_ALL=1 OSTIARY_FAULTS=all OSTIARY_KILLS=500 OSTIARY_STDNUM_PYTHON=$${OSTIARY_TEST_CACHE:-$(CURDIR)/.cache}/py/bin/python \
	go test -count=1 -p $(PARALLEL) -timeout 120m $(PACKAGES)
	testdata/env/fuzz.sh $(FUZZTIME)

race:
	go test -race -short -p $(PARALLEL) -timeout $(TIMEOUT) $(RACE)

# The whole path first, then the steps, into BENCHMARKS.md.
bench: env
	OSTIARY_BENCH=$(CURDIR)/BENCHMARKS.md go test -count=1 -run BenchmarkWholePath -timeout 30m ./cmd/ostiary
	{ printf '\n'; OSTIARY_BENCH=1 go test -count=1 -v -run TestFigures -timeout 20m ./proxy/audit | grep -v -E '^(===|---|PASS|ok)'; } >> BENCHMARKS.md
	OSTIARY_BENCH=$(CURDIR)/BENCHMARKS.md go test -count=1 -run TestBenchmarkQueries -timeout 40m ./proxy/audit/index
	{ printf '\n## Steps\n\n```\n'; \
	go test -run '^$$' -bench '$(STEPS)' -benchmem -benchtime 0.5s -p 1 -timeout 30m ./classifiers/all ./proxy/dialect ./policies ./proxy/audit ./proxy/telemetry ./cmd/ostiary | grep -E '^(pkg:|Benchmark)'; \
	printf '```\n\n## Where the time of an exchange goes\n\nCPU profile of BenchmarkExchange/4_KB (policy server without a data plane), by what each function calls in turn.\n\n```\n'; \
	go test -run '^$$' -bench 'Exchange/^4_KB$$' -benchtime 2s -cpuprofile .cache/cpu.prof -o .cache/bench.test ./cmd/ostiary > /dev/null; \
	go tool pprof -top -cum -nodecount 400 .cache/bench.test .cache/cpu.prof 2>/dev/null | grep -E 'flat%|ostiary/(proxy|classifiers|policies)|Syscall6|gcBgMarkWorker|schedule$$|futex$$|mcall$$' | head -45; \
	printf '```\n'; } >> BENCHMARKS.md
	OSTIARY_BENCH=$(CURDIR)/BENCHMARKS.md go test -count=1 -run TestBenchmarkWays -timeout 20m ./cmd/ostiary
	go test -count=1 -run TestSpeed -timeout 20m ./classifiers/all -speed $(CURDIR)/BENCHMARKS.md

# Needs the development sets, which are not part of the repository. Floors that
# later runs may not fall below are recorded with -floors by hand.
quality:
	go test -count=1 -run TestQuality -timeout 20m ./classifiers/all -quality $(CURDIR)/QUALITY.md
	@cat QUALITY.md

lint: fmt vet staticcheck

fmt:
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then printf 'not formatted (gofmt -w):\n%s\n' "$$files"; exit 1; fi

vet:
	go vet $(PACKAGES)

staticcheck: env
	$${OSTIARY_TEST_CACHE:-.cache}/bin/staticcheck $(PACKAGES)

clean:
	rm -rf .cache bin ostiary
