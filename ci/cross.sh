#!/usr/bin/env bash
# The same bits on every host: builds for aarch64, riscv64, s390x (big-endian) and wasm32, runs under qemu-user and node, and
# compares with x86-64, which has to be the machine that this runs on.
#
#   ci/cross.sh            everything: unit tests, a sample of the conformance sets, recordings both ways, snapshots, boots
#   ci/cross.sh --full     the same with the whole conformance sets, and with Linux recorded again on each host
#   ci/cross.sh --sample   what a continuous check has time for: recordings, snapshots and the demo disk on s390x, a FreeDOS
#                          boot, the beginning of both Linux boots
#
# Runs as root on Debian amd64 with Rust; installs what it needs (ci/cross-toolchain.sh), in target/cross. Ends with a
# table host x test set, and with status 1 when a test failed, or when counts, hash chains or states are not equal.
# What needs the collections in ../shared says that it was skipped when they are not there.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
CROSS=$ROOT/target/cross
mode=all
case ${1-} in
    '') ;;
    --sample) mode=sample ;;
    --full) mode=full ;;
    *)
        echo "usage: ci/cross.sh [--sample | --full]" >&2
        exit 2
        ;;
esac
HOSTS=(aarch64 riscv64 s390x)
WASM=(wasm32)
# A continuous check has time for one: that which differs most.
[ $mode != sample ] || { HOSTS=(s390x) WASM=(); }
declare -A TARGET=([x86-64]=x86_64-unknown-linux-gnu [aarch64]=aarch64-unknown-linux-gnu [riscv64]=riscv64gc-unknown-linux-gnu
    [s390x]=s390x-unknown-linux-gnu [wasm32]=wasm32-wasip1)
# Hosts that run the test suite: none in a sample, where nothing could be compared with x86-64's.
TESTED=()
[ $mode = sample ] || TESTED=(x86-64 "${HOSTS[@]}")
CORE=(-p rewind86-cpu -p rewind86-devices -p rewind86-machine -p rewind86-bios)
# One selection for all that a tested host builds, so that features are the same and nothing is compiled twice.
SUITE=("${CORE[@]}" -p rewind86-tests -p rewind86 --no-default-features)
SHARED=$ROOT/../shared
GUESTS=$SHARED/guests VECTORS=$SHARED/conformance
GOLDEN=$ROOT/testdata/recordings
OUT=$CROSS/results
RECORDINGS=$CROSS/recordings
begin=$(date +%s)
step() { printf '\n== %s (%s s)\n' "$1" $(($(date +%s) - begin)); }
has() { # WORD LIST...
    local word=$1 w
    shift
    for w; do [ "$w" != "$word" ] || return 0; done
    return 1
}

step "toolchain"
nice ci/cross-toolchain.sh "$CROSS/toolchain"
rm -rf "$OUT" "$RECORDINGS"
mkdir -p "$OUT" "$RECORDINGS"

# native COMMAND... and cross "HOST..." COMMAND...: cargo for this machine and for others, whose targets are built side by side.
native() { cargo "$@" --locked; }
cross() {
    local host targets=()
    for host in $1; do targets+=(--target "${TARGET[$host]}"); done
    shift
    (
        # shellcheck disable=SC1091
        . "$CROSS/toolchain/env.sh"
        CARGO_TARGET_DIR=$CROSS/build cargo "$@" --locked --profile cross "${targets[@]}"
    )
}

step "programs for x86-64"
native test --workspace --no-run --quiet
NATIVE=$ROOT/target/debug
headless=${WASM[*]}
if [ $mode = sample ]; then
    headless=${HOSTS[*]}
else
    step "programs and tests for ${HOSTS[*]}"
    cross "${HOSTS[*]}" build --quiet "${SUITE[@]}" --example headless --bin conformance --bin rewind86
    cross "${HOSTS[*]}" test --quiet --no-run "${SUITE[@]}" --lib
fi
step "headless program for $headless"
cross "$headless" build --quiet -p rewind86-machine --example headless
# The core needs nothing of an operating system: no file, no thread, no clock.
[ $mode = sample ] || (
    step "core for wasm32 without an operating system"
    # shellcheck disable=SC1091
    . "$CROSS/toolchain/env.sh"
    CARGO_TARGET_DIR=$CROSS/build cargo check --quiet --locked --profile cross --target wasm32-unknown-unknown "${CORE[@]}"
)

# on HOST PROGRAM ARGUMENT...: runs headless, conformance or rewind86.
on() {
    local host=$1 program=$2 folder
    shift 2
    case $host in x86-64) folder=$NATIVE ;; *) folder=$CROSS/build/${TARGET[$host]}/cross ;; esac
    [ "$program" != headless ] || folder=$folder/examples
    case $host in
        x86-64) "$folder/$program" "$@" ;;
        wasm32) node --no-warnings "$CROSS/toolchain/wasi.mjs" "$folder/$program.wasm" "$@" ;;
        *) "qemu-$host-static" -L "$CROSS/toolchain/gcc/usr/$host-linux-gnu" "$folder/$program" "$@" ;;
    esac
}

step "recordings, on x86-64"
cp "$GOLDEN"/*.rec "$RECORDINGS/"
skipped=()
if [ -d "$GUESTS" ]; then
    cat >"$RECORDINGS/freedos.script" <<'END'
wait-screen "A:\>" 120
type "dir\n"
mouse 20 30 left
mouse 70 60
wait-screen "bytes free" 60
type "ver\n"
sleep 1
quit
END
    # A kernel says its name after 2.4 G instructions, most of which unpack it; its set-up code speaks at once.
    marker="Linux version"
    [ $mode != sample ] || marker="Probing EDD"
    printf 'wait-serial "%s" 300\nsleep 0.2\nquit\n' "$marker" >"$RECORDINGS/linux.script"
    record() { # NAME OPTION...
        local name=$1
        shift
        on x86-64 rewind86 run "$@" --display none --record "$RECORDINGS/$name.rec" >"$OUT/record-$name" 2>&1 </dev/null ||
            { cat "$OUT/record-$name"; exit 1; }
    }
    # A slow processor does the same session in a tenth of the instructions.
    speed=()
    [ $mode != sample ] || speed=(--icount-rate 20000000)
    record freedos "${speed[@]}" --floppy "$GUESTS/freedos-722/freedos722.img" --discard-writes --memory 16M --script "$RECORDINGS/freedos.script" --record-interval 2000000
    for arch in i386 amd64; do
        kernel=$(echo "$GUESTS/linux-$arch"/vmlinuz-*)
        record "linux-$arch" --kernel "$kernel" --initrd "$GUESTS/linux-$arch/initramfs-tiny.gz" --append "console=ttyS0 earlyprintk=serial,ttyS0" \
            --memory 128M --script "$RECORDINGS/linux.script"
    done
else
    skipped+=("FreeDOS and Linux: the guest collection is not at ../shared/guests")
fi
[ -d "$VECTORS" ] || skipped+=("conformance sets: they are not at ../shared/conformance")
recordings=("$RECORDINGS"/*.rec)
# What each host records itself.
again=("$GOLDEN"/*.rec)
[ ! -d "$GUESTS" ] || again+=("$RECORDINGS/freedos.rec")
[ ! -d "$GUESTS" ] || [ $mode != full ] || again+=("$RECORDINGS"/linux-*.rec)

# passed FILE: the tests that passed, of libtest's and the conformance program's lines.
# Of the unit tests, those of the core count: others exist on x86-64 only.
passed() {
    awk '/^ *Running / { core = /rewind86_(cpu|devices|machine|bios)-/ }
         /^test result:/ && core { n += $4 }
         / passed [0-9]+ of / { n += $3 }
         END { print n + 0 }' "$1"
}

# Everything on one host. Each set writes a file of what it said and a line of what counts.
run_host() {
    local host=$1 log=$OUT/$1 status=0 set sample=(--sample 2)
    mkdir -p "$log"
    check() { # SET COMMAND...
        set=$1
        shift
        if "$@" >"$log/$set" 2>&1 </dev/null; then return; fi
        status=1
        echo "failed on $host: $set"
        tail -n 15 "$log/$set"
    }
    check verify on "$host" headless verify "${recordings[@]}"
    mkdir -p "$RECORDINGS/$host"
    check again on "$host" headless again --to "$RECORDINGS/$host" "${again[@]}"
    check snapshot on "$host" headless snapshot --to "$RECORDINGS/$host/demo.snap" "$GOLDEN/demo.rec" "$GOLDEN/demo.snap"
    check demo on "$host" headless boot "Any key menu"
    if [ -d "$GUESTS" ]; then
        check freedos on "$host" headless boot --floppy "$GUESTS/freedos-722/freedos722.img" 'A:\>'
    fi
    if [ "$host" = x86-64 ] && has "$host" "${TESTED[@]}"; then
        check unit native test --workspace --lib --no-fail-fast
    elif has "$host" "${TESTED[@]}"; then
        check unit cross "$host" test "${SUITE[@]}" --lib --no-fail-fast
    fi
    if [ -d "$VECTORS" ] && has "$host" "${TESTED[@]}"; then
        [ $mode != full ] || sample=()
        check conformance on "$host" conformance "${sample[@]}" "$VECTORS"
    fi
    if [ $mode != sample ] && [ -d "$GUESTS" ] && has "$host" "${HOSTS[@]}"; then
        # The program itself: the FreeDOS session by its script, recorded there.
        check program on "$host" rewind86 run --floppy "$GUESTS/freedos-722/freedos722.img" --discard-writes --memory 16M \
            --script "$RECORDINGS/freedos.script" --record-interval 2000000 --display none --record "$RECORDINGS/$host/program.rec"
    fi
    echo $status >"$log/status"
}
step "runs"
for host in x86-64 "${HOSTS[@]}" "${WASM[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    run_host "$host" &
done
wait

step "recordings and snapshots of the other hosts, on x86-64"
failed=0
for host in "${HOSTS[@]}" "${WASM[@]}"; do
    back() { # SET COMMAND...
        local file=$OUT/$host/$1
        shift
        (cd "$RECORDINGS/$host" && on x86-64 headless "$@") >>"$file" 2>&1 || { failed=1; tail -n 3 "$file"; }
    }
    mapfile -t made < <(cd "$RECORDINGS/$host" && ls ./*.rec | grep -v program)
    back back verify "${made[@]}"
    back back snapshot "$GOLDEN/demo.rec" demo.snap
    [ ! -e "$RECORDINGS/$host/program.rec" ] || back program-back verify program.rec
done

step "table"
printf '%-12s' set
printf '%12s' x86-64 "${HOSTS[@]}" "${WASM[@]}"
echo
row() { # TITLE FILE COUNT: what COUNT says of FILE on every host; those that have the file must say the same
    local title=$1 file=$2 count=$3 host value first= values=()
    for host in x86-64 "${HOSTS[@]}" "${WASM[@]}"; do
        value=-
        [ ! -e "$OUT/$host/$file" ] || value=$($count "$OUT/$host/$file")
        values+=("$value")
        [ "$value" != - ] || continue
        first=${first:-$value}
        [ "$value" = "$first" ] || differs="$differs $title"
    done
    # A sample has nothing to say of some sets.
    [ -n "$first" ] || return 0
    printf '%-12s' "$title"
    printf '%12s' "${values[@]}"
    echo
}
lines() { wc -l <"$1"; }
digest() { sha256sum "$1" | cut -c1-10; }
differs=
row unit unit passed
row conformance conformance passed
row verified verify lines
row chains verify digest
row recorded again lines
row "" again digest
row snapshot snapshot digest
row demo demo digest
row freedos freedos digest
row back back digest
row program program-back digest
echo
echo "chains, equal on all hosts:"
sed 's/^/  /' "$OUT/x86-64/verify"
sed 's/^/  /' "$OUT/x86-64/demo" "$OUT/x86-64/freedos" 2>/dev/null || true
for why in "${skipped[@]}"; do echo "skipped: $why"; done
for host in x86-64 "${HOSTS[@]}" "${WASM[@]}"; do [ "$(cat "$OUT/$host/status")" = 0 ] || failed=1; done
[ -z "$differs" ] || { echo "not equal on all hosts:$differs"; failed=1; }
echo "$(($(date +%s) - begin)) s, $(du -sh "$CROSS" | cut -f1) in target/cross"
[ $failed = 0 ] && echo "equal on all hosts" || exit 1
