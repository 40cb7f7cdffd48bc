#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one after the other.
#
#   testdata/env/fuzz.sh [TIME]      default 1m
#
# Minimising is kept short: Go's default spends most of a minute on it.
set -euo pipefail
cd "$(dirname "$0")/../.."
each=${1:-1m}
failed=0
while IFS=: read -r file name; do
    printf -- '--- %s %s\n' "$(dirname "$file")" "$name"
    go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "$each" -fuzzminimizetime 10x -timeout 30m || failed=1
done < <(grep -rHoE --include='*_test.go' --exclude-dir=.cache --exclude-dir=testdata '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/')
exit $failed
