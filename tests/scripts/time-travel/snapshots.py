#!/usr/bin/env python3
"""Snapshots at random moments of several guests: save, a new process, load, run 5 M instructions, compare the hash with that
of the uninterrupted run; and save at once after loading, which must give the same bytes.

Half of the moments of a guest are anywhere in its run, the others close to what its devices do: a few instructions
after an access to a port of the floppy controller, the IDE channels or the keyboard. --count N moments over all guests.
"""
import concurrent.futures, filecmp, os, threading
from common import *

STEP = 5_000_000
FDC, ATA, ATAPI, KEYS, DMA = "0x3f5", "0x1f0", "0x170", "0x60", "0x4"
DEMO = 'sleep 2\ntype "%s"\nmouse 200 100 left\nkey %s\n'
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def cases(options):
    """Name: line, script, length of the run, ports whose accesses are near moments, share of the moments."""
    g = GUESTS
    hdd, grub = unpack("freedos-hdd.img.gz", options.work), unpack("grub-hdd.img.gz", options.work)
    keys = {f"demo-keys-{n}": dict(line=["--floppy", "demo.img"], length=0, ports=[KEYS], share=1, keys=True)
            for n in range(5)}
    return keys | {
        "freedos-floppy": dict(line=["--floppy", f"{g}/freedos-cc/freedos.boot.disk.1.4MB.img"], length=250_000_000, ports=[FDC, DMA], share=6),
        "freedos-722": dict(line=["--floppy", f"{g}/freedos-722/freedos722.img"], length=150_000_000, ports=[FDC, DMA], share=4),
        "mikeos-iso": dict(line=["--cdrom", f"{g}/mikeos/mikeos.iso", "--boot", "cdrom"], length=100_000_000, ports=[ATAPI], share=4),
        "freedos-hdd": dict(line=["--disk", hdd], length=150_000_000, ports=[ATA], share=4),
        "linux-iso": dict(line=["--memory", "128M", "--cdrom", f"{g}/iso-linux-i386/linux-i386.iso"], length=800_000_000, ports=[ATAPI], share=5),
        "grub-hdd": dict(line=["--memory", "128M", "--disk", grub], length=600_000_000, ports=[ATA], share=5),
        "kolibrios": dict(line=["--memory", "128M", "--floppy", f"{g}/kolibrios/kolibri.img"], length=1_200_000_000, ports=[FDC, DMA], share=5),
        "linux-i386": dict(line=linux("i386", ""), length=700_000_000, ports=[], share=5),
        "linux-amd64": dict(line=linux("amd64", ""), length=700_000_000, ports=[], share=5),
    }


def moments(options, folder, case, count):
    """Random instruction counts, and the length of the run."""
    line = ["run", *case["line"], "--discard-writes", "--display", "none", "--record", "run.rec", "--stats"]
    if case.get("keys"):
        text = "".join(options.random.choice(LETTERS) for _ in range(12))
        (folder / "script").write_text(DEMO % (text, options.random.choice(LETTERS)))
        _, _, err, _ = run(options.rewind86, [*line, "--script", "script"], folder)
    else:
        _, _, err, _ = run(options.rewind86, [*line, "--max-instructions", str(case["length"])], folder, status=(0, 4, 7))
    length = json.loads(err.splitlines()[-1])["instructions"]
    if case.get("keys"):
        # Behind the last input there is none that a loaded machine would miss.
        _, out, _, _ = run(options.rewind86, ["query", "run.rec", "io", KEYS], folder)
        last = [int(row.split()[0]) for row in out.splitlines() if " in port" in row][-1]
        return sorted({last + n for n in [*range(-2, 3), *numbers(options.random, count, 3, 3000)]})[:count], None
    last = length - STEP
    near = []
    for port in case["ports"]:
        _, out, _, _ = run(options.rewind86, ["query", "run.rec", "io", port, "--limit", "20000"], folder)
        near += [int(row.split()[0]) for row in out.splitlines()]
    near = [n for n in near if n < last - 3000]
    chosen = set(numbers(options.random, count if not near else count // 2, 100_000, last))
    while len(chosen) < count:
        chosen.add(options.random.choice(near) + options.random.randrange(3000))
    return sorted(chosen), length


def check(options, name, case, count):
    folder = options.work / name
    folder.mkdir(exist_ok=True)
    if "demo.img" in case["line"]:
        case["line"][case["line"].index("demo.img")] = str(options.demo)
    at, _ = moments(options, folder, case, count)
    base = ["run", *case["line"], "--discard-writes", "--display", "none", "--max-instructions", str(at[-1] + STEP)]
    if case.get("keys"):
        (folder / "script").write_text((folder / "script").read_text() + "sleep 100000\n")
        base += ["--script", "script"]
    _, out, _, _ = run(options.rewind86, [*base, "--hash-at", ",".join(str(n + STEP) for n in at)], folder, status=(0, 4, 7))
    expected = dict(row.split()[1:] for row in out.splitlines() if row.startswith("hash "))
    run(options.rewind86, [*base, "--snapshot-at", ",".join(map(str, at)), "--snapshot-dir", "."], folder, status=(0, 4, 7))
    size = sum((folder / f"{n}.snap").stat().st_size for n in at)

    def one(n):
        again = folder / f"again-{n}"
        again.mkdir(exist_ok=True)
        line = ["run", "--snapshot-load", f"{n}.snap", "--discard-writes", "--display", "none", "--max-instructions",
                str(n + STEP), "--hash-at", str(n + STEP), "--snapshot-at", str(n), "--snapshot-dir", str(again)]
        _, out, _, _ = run(options.rewind86, line, folder, status=(4,))
        equal = out.split()[1:] == [str(n + STEP), expected[str(n + STEP)]]
        bytes_equal = filecmp.cmp(folder / f"{n}.snap", again / f"{n}.snap", shallow=False)
        if equal and bytes_equal:
            os.remove(again / f"{n}.snap")
            again.rmdir()
            os.remove(folder / f"{n}.snap")
        return n, equal, bytes_equal

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(one, at))
    wrong = [n for n, equal, _ in results if not equal]
    other = [n for n, _, equal in results if not equal]
    print(f"{name}: {len(results)} snapshots, {size // len(at)} bytes each; {len(results) - len(wrong)} ran on to the hash of the "
          f"uninterrupted run, {len(results) - len(other)} were saved again with the same bytes", flush=True)
    if wrong or other:
        print(f"FAILED: {name}: other hashes {wrong}, other bytes {other}; the snapshots are in {folder}", flush=True)
    return len(results), len(wrong), len(other)


def more(parser):
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)


def main():
    options = arguments(__doc__, more)
    options.demo = ROOT / "target/demo-disk.img"
    all_cases = {n: c for n, c in cases(options).items() if not options.only or n in options.only}
    if any(c.get("keys") for c in all_cases.values()):
        options.demo = options.work / "demo.img"
        demo_disk(options)
    shares = sum(c["share"] for c in all_cases.values())
    total = [0, 0, 0]
    for name, case in all_cases.items():
        got = check(options, name, case, max(2, -(-options.count * case["share"] // shares)))
        total = [a + b for a, b in zip(total, got)]
    print(f"{total[0]} snapshots, {total[1]} with another hash, {total[2]} with other bytes")
    sys.exit(1 if total[1] or total[2] else 0)


def demo_disk(options):
    """The embedded demo disk as a file: what a replay of it writes out."""
    run(options.rewind86, ["demo", "--display", "none", "--max-instructions", "1000", "--record", "demo.rec"], options.work, status=(4,))
    run(options.rewind86, ["replay", "demo.rec", "--write-disks", "demo"], options.work)
    (options.work / "demo/floppy-a.img").rename(options.demo)


main()
