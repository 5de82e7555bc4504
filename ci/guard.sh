#!/usr/bin/env bash
# Host instructions per guest instruction of the core, for five fixed loops, each under a ceiling: counted by callgrind,
# so that a slower engine fails on any machine and a loaded machine does not. Each loop runs for two lengths; the
# difference is free of start-up and decoding. The ceilings are a tenth above what was counted when they were set; the
# count depends on the compiler, not on the processor: no loop goes through routines that the C library picks at run time.
#
#   ci/guard.sh            checks
#   ci/guard.sh --show     prints the counts only
set -euo pipefail
cd "$(dirname "$0")/.."

SHORT=100000
LONG=600000
# Hundredths of a host instruction per guest instruction.
ceiling() {
    case $1 in
    alu) echo 1880 ;;
    branch) echo 2040 ;;
    call) echo 3440 ;;
    memory) echo 2690 ;;
    interrupt) echo 42800 ;;
    *) echo "no ceiling for the loop $1" >&2; exit 1 ;;
    esac
}

if ! command -v valgrind >/dev/null; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends valgrind libc6-dbg >/dev/null
    fi
    command -v valgrind >/dev/null || { echo "valgrind is missing: the guard cannot count" >&2; exit 1; }
fi

cargo build --release --locked --quiet --package rewind86-cpu --example count
program=${CARGO_TARGET_DIR:-target}/release/examples/count

count() {
    local log
    if ! log=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1); then
        echo "$log" >&2
        exit 1
    fi
    sed -n 's/^.*Collected : *\([0-9][0-9]*\).*$/\1/p' <<<"$log"
}

failed=0
loops=$("$program")
printf '%-10s %28s %8s\n' loop "host per guest instruction" ceiling
for loop in $loops; do
    few=$(count "$loop" $SHORT)
    many=$(count "$loop" $LONG)
    is=$(((many - few) * 100 / (LONG - SHORT)))
    most=$(ceiling "$loop")
    printf '%-10s %25d.%02d %5d.%02d' "$loop" $((is / 100)) $((is % 100)) $((most / 100)) $((most % 100))
    if [ "$is" -le 0 ] || [ "$is" -gt "$most" ]; then
        printf '  too many'
        failed=1
    fi
    printf '\n'
done
[ "${1:-}" = --show ] || exit $failed
