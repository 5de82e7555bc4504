#!/usr/bin/env python3
"""Going back in a long recording with the gdb of the host: reverse-stepi at random places, reverse-continue to a watchpoint.

The recording (--recording FILE, made when it is missing) is a Debian i386 kernel that boots again and again for --length
instructions. Times are printed, not judged: they are the host's. What is judged: each step ends one instruction earlier,
and the watchpoint is found where a run forward sees the write.
"""
import statistics, time
from common import *

INSIDE = r'''
import gdb, json, random, time
random = random.Random(SEED)
out = lambda **row: print("ROW " + json.dumps(row), flush=True)
def do(command):
    begin = time.monotonic()
    text = gdb.execute(command, to_string=True)
    return time.monotonic() - begin, text
def icount():
    return int(gdb.execute("monitor icount", to_string=True).split()[1])
gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set remotetimeout 600")
gdb.execute("target remote " + ADDRESS)
# To the end at once, as somebody does who looks for what went wrong there.
seconds, text = do("continue")
out(what="continue to the end", seconds=seconds, at=icount())
seconds, _ = do("reverse-stepi")
out(what="first reverse-stepi at the end", seconds=seconds, at=icount())
for n in range(PLACES):
    to = random.randrange(1000, LENGTH)
    seconds, text = do("monitor goto %d" % to)
    gdb.execute("maintenance flush register-cache")
    out(what="goto", seconds=seconds, at=icount())
    for what in ["first step", "second step"]:
        before = icount()
        seconds, text = do("reverse-stepi")
        out(what=what, seconds=seconds, before=before, at=icount())
# A place that is written seldom: the write that a look back from the end finds, a long way off.
gdb.execute("monitor goto %d" % (LENGTH - 1))
gdb.execute("maintenance flush register-cache")
gdb.execute("monitor phys on")
for address in ADDRESSES:
    gdb.execute("watch *(unsigned char *)%d" % address)
    start = icount()
    seconds, text = do("reverse-continue")
    out(what="reverse-continue", seconds=seconds, before=start, at=icount(), address=address, text=" ".join(text.split())[:100])
    gdb.execute("delete")
gdb.execute("kill")
'''


def record(options):
    path = options.recording or str(options.work / "long.rec")
    if not os.path.exists(path):
        line = ["run", *linux("i386", "endreboot"), "--display", "none", "--serial", "none", "--record", path,
                "--max-instructions", str(options.length)]
        _, _, _, cpu = run(options.rewind86, line, options.work, status=(4,))
        print(f"recorded {options.length} instructions in {cpu:.1f} s of CPU, {os.path.getsize(path)} bytes")
    return path


def far(options, path):
    """Addresses whose last write is about 1 G instructions before the end, and where that is."""
    found = {}
    addresses = [0x100000 + options.random.randrange(0x7000000) for _ in range(400)]
    line = ["query", path, "last-write", *map(str, addresses)]
    _, out, _, cpu = run(options.rewind86, line, options.work)
    for address, row in zip(addresses, out.splitlines()):
        if row.split()[0].isdigit():
            found[address] = int(row.split()[0])
    near = sorted(found, key=lambda a: abs(options.length - 1_000_000_000 - found[a]))
    print(f"last-write of {len(addresses)} addresses: {cpu:.1f} s of CPU, {len(found)} were written", flush=True)
    return {a: found[a] for a in near[:2]}


def main():
    options = arguments(__doc__, lambda p: [p.add_argument("--recording"), p.add_argument("--length", type=int, default=10**10),
                                            p.add_argument("--places", type=int, default=200)])
    if not shutil.which("gdb"):
        print("skipped: gdb is not installed")
        return
    path = record(options)
    addresses = far(options, path)
    socket = options.work / "gdb.sock"
    server = subprocess.Popen([options.rewind86, "replay", path, "--gdb", f"unix:{socket}"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not socket.exists():
        time.sleep(0.1)
    script = options.work / "inside.py"
    names = dict(SEED=options.seed, ADDRESS=str(socket), LENGTH=options.length, PLACES=options.places, ADDRESSES=list(addresses))
    script.write_text("".join(f"{name} = {value!r}\n" for name, value in names.items()) + INSIDE)
    gdb = subprocess.run(["gdb", "-nx", "-batch", "-x", str(script)], capture_output=True, text=True)
    peak = next((l.split()[1] for l in open(f"/proc/{server.pid}/status") if l.startswith("VmHWM")), "?") if server.poll() is None else "?"
    server.kill()
    rows = [json.loads(line[4:]) for line in gdb.stdout.splitlines() if line.startswith("ROW ")]
    if not any(row["what"] == "reverse-continue" for row in rows):
        raise SystemExit(f"FAILED: gdb said:\n{gdb.stdout[-3000:]}{gdb.stderr[-3000:]}")
    bad = [row for row in rows if "step" in row["what"] and "before" in row and row["at"] != row["before"] - 1]
    for what in ["continue to the end", "first reverse-stepi at the end", "goto", "first step", "second step"]:
        seconds = sorted(row["seconds"] for row in rows if row["what"] == what)
        print(f"{what}: {len(seconds)} times, median {statistics.median(seconds) * 1000:.1f} ms, worst {seconds[-1] * 1000:.1f} ms")
    for row in rows:
        if row["what"] == "reverse-continue":
            line = ["query", path, "writes", str(row["address"]), "--from", str(row["at"])]
            writes = [int(r.split()[0]) for r in run(options.rewind86, line, options.work)[1].splitlines()]
            # GDB itself goes on past writes that leave the value as it was.
            expected = addresses[row["address"]]
            print(f"reverse-continue over {row['before'] - row['at']} instructions to {row['at']}: {row['seconds']:.1f} s; "
                  f"last-write says {expected}; {row['text']}")
            bad += [row] if row["at"] not in writes or expected not in writes else []
    print(f"peak memory of the server: {peak} KiB")
    if bad:
        raise SystemExit(f"FAILED: {bad[:5]}")


main()
