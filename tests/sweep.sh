#!/bin/sh
# Runs the images of the ring-0 sweep on this machine, on Bochs and on QEMU and shows where the logs differ.
# Needs the Debian packages bochs, bochs-term and qemu-system-x86. Usage: tests/sweep.sh [DIR]
set -eu
cd "$(dirname "$0")/.."
dir=${1:-$(mktemp -d)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
cargo run -q ${SWEEP_CARGO:-} -p rewind86-tests --bin sweep -- "$dir"
for image in "$dir"/*.bin; do
    name=$(basename "$image" .bin)
    timeout -s KILL 30 qemu-system-x86_64 -machine pc -accel tcg -cpu max -m 16 -bios "$image" -display none -net none \
        -debugcon "file:$dir/$name.qemu" -device isa-debug-exit,iobase=0xf4,iosize=1 -monitor none -serial none || true
    cat >"$dir/$name.bochsrc" <<RC
megs: 32
romimage: file=$image
cpu: model=corei7_icelake_u, ips=50000000, reset_on_triple_fault=1
port_e9_hack: enabled=1
display_library: term
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
log: $dir/$name.bochslog
panic: action=report
error: action=ignore
info: action=ignore
clock: sync=none
RC
    # The debugger that Debian builds in waits for a command; E9h goes to the terminal that `term` draws on.
    # It stops at every shutdown.
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo c; done >"$dir/debugger.rc"
    TERM=xterm timeout -s KILL 30 bochs -q -f "$dir/$name.bochsrc" -rc "$dir/debugger.rc" >"$dir/$name.bochs.raw" 2>/dev/null </dev/null || true
    tr -d '\r\000' <"$dir/$name.bochs.raw" | grep -aE '( ip=| shutdown$|^end$)' >"$dir/$name.bochs" || true
    for other in qemu bochs; do
        echo "== $name: this machine against $other"
        # QEMU never pushes RF: hide it.
        rf='s/fl=0001/fl=0000/;s/fl=0003/fl=0002/;s/fl=0005/fl=0004/;s/fl=0009/fl=0008/;s/fl=0011/fl=0010/;s/fl=0013/fl=0012/;s/fl=001b/fl=001a/'
        [ $other = qemu ] || rf=''
        sed "$rf" "$dir/$name.log" >"$dir/$name.ours"
        sed "$rf" "$dir/$name.$other" | diff "$dir/$name.ours" - >"$dir/$name.$other.diff" || true
        grep -c '^<' "$dir/$name.$other.diff" || true
    done
done
echo "logs and differences are in $dir"
