#!/usr/bin/env python3
"""Damage: single bits changed at random places of a recording, its disks or its firmware must all be found by verify, with
exit status 5 and a line that names epoch and component. Then files that are cut off, foreign, newer or changed at
random: recordings, packs, snapshots, keyframes, results of shares. No panic, no hang, one line, a status of the CLI.

The recording is of a guest that boots from a hard disk with firmware from a file and writes its disk in place.
"""
import re, resource
from common import *

GOOD = re.compile(r"epoch \d+.*component [a-z]+")


def record(options, folder):
    disk = unpack("freedos-hdd.img.gz", folder)
    (folder / "script").write_text('wait-screen "C:\\>" 120\ntype "echo one two three > new.txt\\n"\nsleep 1\ntype "dir\\n"\n'
                                   'sleep 1\ntype "copy new.txt b.txt\\n"\nsleep 2\n')
    bios = next((p for p in ["/usr/share/seabios/bios-256k.bin", "/usr/share/seabios/bios.bin"] if os.path.exists(p)), None)
    line = ["run", "--disk", disk, "--memory", "16M", "--icount-rate", "20000000", "--display", "none", "--script", "script", "--record", "run.rec",
            "--record-interval", "1048576"]
    if bios:
        shutil.copy(bios, folder / "bios.bin")
        line += ["--bios", "bios.bin"]
        vga = next((p for p in ["/usr/share/seabios/vgabios-stdvga.bin"] if os.path.exists(p)), None)
        if vga:
            shutil.copy(vga, folder / "vga.bin")
            line += ["--vga-bios", "vga.bin"]
    else:
        print("firmware: skipped, the package seabios is not installed")
    run(options.rewind86, line, folder)
    return [name for name in ["run.rec", Path(disk).name, "bios.bin", "vga.bin"] if (folder / name).exists()]


def bits(options, folder):
    names = record(options, folder)
    _, out, _, _ = run(options.rewind86, ["verify", "run.rec"], folder)
    print(f"recorded: {out.strip()}; {', '.join(f'{n} {(folder / n).stat().st_size}' for n in names)} bytes", flush=True)
    found, examples = 0, {}
    for n in range(options.count):
        name = names[n % len(names)]
        path = folder / name
        at = options.random.randrange(path.stat().st_size * 8)
        flip(path, at)
        status, out, err, _ = run(options.rewind86, ["verify", "run.rec"], folder, status=None)
        flip(path, at)
        text = (out + err).strip()
        if status == 5 and GOOD.search(text):
            found += 1
            examples[name] = text.splitlines()[0]
        else:
            print(f"NOT FOUND: bit {at % 8} of byte {at // 8} of {name}: status {status}: {text}", flush=True)
    run(options.rewind86, ["verify", "run.rec"], folder)
    print(f"{found} of {options.count} single bits found")
    for name, text in examples.items():
        print(f"  {name}: {text}")
    return found == options.count


def flip(path, bit):
    with open(path, "r+b") as f:
        f.seek(bit // 8)
        byte = f.read(1)[0]
        f.seek(bit // 8)
        f.write(bytes([byte ^ 1 << bit % 8]))


def limits():
    # Address space: a claimed length must not become an allocation.
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))


def tried(options, line, folder):
    try:
        done = subprocess.run([options.rewind86, *line], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return "hangs", ""
    err = done.stderr.decode(errors="replace")
    lines = err.splitlines()
    if done.returncode < 0 or done.returncode not in (0, 1, 4, 5, 7) or "internal error" in err:
        return f"status {done.returncode}", err
    if done.returncode in (1, 5) and len(lines) != 1 and not (done.returncode == 5 and "diverged" in done.stdout.decode()):
        return f"{len(lines)} lines", err
    return None, (done.returncode, err or done.stdout.decode(errors="replace"))


def files(options, folder):
    demo = ["demo", "--display", "none", "--max-instructions", "3000000"]
    run(options.rewind86, [*demo, "--record", "demo.rec", "--record-interval", "500000", "--snapshot-at", "2000000"], folder, status=(4,))
    run(options.rewind86, ["pack", "demo.rec", "demo.pack"], folder)
    run(options.rewind86, ["keyframes", "demo.rec", "--every", "0.001"], folder)
    run(options.rewind86, ["verify", "demo.rec", "--shard", "0/2", "--result", "0.json"], folder)
    run(options.rewind86, ["verify", "demo.rec", "--shard", "1/2", "--result", "1.json"], folder)
    uses = {
        "demo.rec": ["verify", "demo.rec"],
        "demo.pack": ["replay", "demo.pack"],
        "2000000.snap": ["run", "--snapshot-load", "2000000.snap", "--display", "none", "--max-instructions", "2100000"],
        "demo.rec.keys": ["verify", "demo.rec", "--shard", "1/2", "--result", "x.json"],
        "0.json": ["merge", "0.json", "1.json"],
    }
    bad = 0
    for name, line in uses.items():
        path = folder / name
        good = path.read_bytes()
        ways = {"cut": lambda: good[: options.random.randrange(len(good))],
                "foreign": lambda: options.random.randbytes(options.random.randrange(1, 5000)),
                "newer": lambda: good[:8] + (1000).to_bytes(4, "little") + good[12:],
                "bits": lambda: changed(options.random, good, 1),
                "bytes": lambda: changed(options.random, good, options.random.randrange(2, 100)),
                "longer": lambda: good + options.random.randbytes(options.random.randrange(1, 500))}
        seen = {}
        for way, make in ways.items():
            for _ in range(1 if way == "newer" else options.files // len(ways)):
                path.write_bytes(make())
                wrong, answer = tried(options, line, folder)
                if wrong:
                    bad += 1
                    (folder / f"bad-{bad}-{name}").write_bytes(path.read_bytes())
                    print(f"FAILED: {name}, {way}: {wrong}: {answer} (kept as bad-{bad}-{name})", flush=True)
                else:
                    status, text = answer
                    seen.setdefault((way, status), []).append(text.strip().splitlines()[0] if text.strip() else "")
        path.write_bytes(good)
        for (way, status), texts in sorted(seen.items()):
            print(f"{name}, {way}: status {status} {len(texts)} times, such as: {texts[0]}", flush=True)
    return bad == 0


def changed(random, good, count):
    out = bytearray(good)
    for _ in range(count):
        at = random.randrange(len(out))
        out[at] ^= 1 << random.randrange(8)
    return bytes(out)


def more(parser):
    parser.add_argument("--count", type=int, default=100, help="single bits")
    parser.add_argument("--files", type=int, default=600, help="changed files of each kind")


def main():
    options = arguments(__doc__, more)
    good = True
    for name, check in {"bits": bits, "files": files}.items():
        if not options.only or name in options.only:
            folder = options.work / name
            folder.mkdir(exist_ok=True)
            good &= check(options, folder)
    sys.exit(0 if good else 1)


main()
