#!/usr/bin/env python3
"""What recording costs: CPU time of the same run plain, recorded without and with the hash chain, in turns, medians of
--rounds; and, with valgrind, the host instructions of a shorter run, which no load on the host disturbs.

--instructions N of a Debian i386 and an amd64 kernel's boot, a FreeDOS prompt and KolibriOS' desktop.
"""
import statistics
from common import *


def cases():
    return {
        "i386": linux("i386", "endreboot"), "amd64": linux("amd64", "endreboot"),
        "freedos": ["--floppy", f"{GUESTS}/freedos-cc/freedos.boot.disk.1.4MB.img,readonly", "--memory", "16M"],
        "kolibrios": ["--floppy", f"{GUESTS}/kolibrios/kolibri.img,readonly", "--memory", "128M"],
    }


KINDS = {"plain": [], "no chain": ["--record", "run.rec", "--record-interval", "0"], "chain": ["--record", "run.rec"]}


def main():
    options = arguments(__doc__, lambda p: [p.add_argument("--rounds", type=int, default=5), p.add_argument("--instructions", type=int, default=500_000_000),
                                            p.add_argument("--counted", type=int, default=100_000_000)])
    for name, guest in cases().items():
        if options.only and name not in options.only:
            continue
        line = ["run", *guest, "--display", "none", "--serial", "none", "--stats", "--max-instructions"]
        times = {kind: [] for kind in KINDS}
        for _ in range(options.rounds):
            for kind, more in KINDS.items():
                _, _, err, cpu = run(options.rewind86, [*line, str(options.instructions), *more], options.work, status=(4,))
                times[kind].append(cpu)
        stats = json.loads(err.splitlines()[-1])
        size = (options.work / "run.rec").stat().st_size
        median = {kind: statistics.median(t) for kind, t in times.items()}
        print(f"{name}, CPU seconds of {options.instructions} instructions: " + ", ".join(
            f"{kind} {m:.2f} ({(m / median['plain'] - 1) * 100:+.1f} %; {min(t):.2f} to {max(t):.2f})" for (kind, m), t in zip(median.items(), times.values()))
            + f"; log {size} bytes in {stats['virtual_seconds']:.1f} virtual seconds", flush=True)
        if shutil.which("valgrind") and options.counted:
            counts = {}
            for kind, more in KINDS.items():
                out = options.work / "callgrind.out"
                before = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--"]
                run(options.rewind86, [*line, str(options.counted), *more], options.work, status=(4,), before=before)
                counts[kind] = next(int(l.split()[1]) for l in open(out) if l.startswith(("totals:", "summary:")))
            print(f"{name}, host instructions of {options.counted}: " + ", ".join(
                f"{kind} {n} ({(n / counts['plain'] - 1) * 100:+.2f} %)" for kind, n in counts.items()), flush=True)


main()
