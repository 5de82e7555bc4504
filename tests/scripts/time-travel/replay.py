#!/usr/bin/env python3
"""Records guests and gives the runs again: hashes, serial bytes, the screen each second and the disks must be equal.

Cases: i386 and amd64 (a Debian kernel to power-off), freedos (keys, mouse, changes of diskettes, serial traffic both ways),
shell (a Linux shell that writes an ext2 file system on its disk). Each is run without being recorded, recorded, replayed
and verified. With --variants the first part of each is also run on a loaded host, in blocks of one op, in a window (xvfb-run)
and by a second program such as a debug build (--other PROGRAM), and all hashes on the way are compared.
"""
import filecmp, shutil, subprocess, sys
from common import *

FREEDOS = r'''
wait-screen "A:\>" 60
type "ver\n"
mouse 100 50 left
mouse 320 240
type "copy con a.txt\nhello from the keyboard\n"
key f6
key enter
sleep 1
mouse 500 300 right
floppy other.img
type "dir\n"
wait-screen "bytes free" 20
type "copy command.com b.com\n"
sleep 2
floppy boot.img
type "cls\ntype a.txt\n"
wait-screen "A:\>type a.txt" 30
wait-screen "hello from the keyboard" 30
type "echo over the line > com1\n"
wait-serial "over the line" 10
type "ctty com1\n"
wait-serial ">" 10
serial "dir\r"
wait-serial "free" 20
serial "ctty con\r"
sleep 1
key ctrl-alt-del
wait-screen "A:\>" 60
type "type a.txt\n"
wait-screen "hello from the keyboard" 60
'''
SHELL = r'''
wait-serial "GUEST-SHELL" 300
wait-serial "# " 60
serial "mount -t ext2 /dev/sda1 /mnt && echo mounted-$((1+1))\n"
wait-serial "mounted-2" 60
serial "dd if=/dev/zero of=/mnt/zero bs=64k count=20; cat /bin/busybox /proc/cpuinfo > /mnt/copy; mkdir /mnt/d; rm -r /mnt/boot/grub/fonts; echo done-$((2+2))\n"
wait-serial "done-4" 60
serial "ls -lR /mnt | md5sum; sync; umount /mnt; sha256sum /dev/sda1; echo over-$((3+3))\n"
wait-serial "over-6" 60
serial "poweroff -f\n"
sleep 60
'''


def cases():
    floppy = "freedos-cc/freedos.boot.disk.1.4MB.img"
    return {
        "i386": dict(line=linux("i386", ""), script=None, part=600_000_000),
        "amd64": dict(line=linux("amd64", ""), script=None, part=600_000_000),
        "freedos": dict(line=["--floppy", "boot.img", "--memory", "16M", "--icount-rate", "20000000"], script=FREEDOS, part=200_000_000,
                        images={"boot.img": floppy, "other.img": floppy}, disks={"floppy-a": "boot.img"}),
        "shell": dict(line=[*linux("i386", "shell", "disk"), "--disk", "disk.img"], script=SHELL, part=600_000_000,
                      images={"disk.img": "grub-hdd.img.gz"}, disks={"ide-primary-master": "disk.img"}),
    }


def prepare(case, folder):
    """A folder with fresh images and the script."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, source in case.get("images", {}).items():
        Path(unpack(source, folder)).rename(folder / name)
    if case["script"]:
        (folder / "script").write_text(case["script"])


def hashes(text):
    return [line for line in text.splitlines() if line.startswith("hash ")]


def same(what, a, b):
    if a != b:
        raise SystemExit(f"FAILED: {what} differ:\n{a}\n{b}")


def same_folders(what, a, b):
    names = sorted(p.name for p in a.iterdir())
    same(f"{what}: names", names, sorted(p.name for p in b.iterdir()))
    for name in names:
        if not filecmp.cmp(a / name, b / name, shallow=False):
            raise SystemExit(f"FAILED: {what} differ: {a / name} {b / name}")
    return len(names)


def check(options, name, case):
    folder = options.work / name
    at = ",".join(str(n) for n in sorted({*range(25_000_000, 600_000_001, 25_000_000), *range(10**9, 8 * 10**9, 10**9)}))
    line = ["run", *case["line"], "--display", "none", "--hash-at", at, "--serial", "file=serial", "--screenshots", "shots",
            "--stats", *(["--script", "script"] if case["script"] else [])]
    prepare(case, folder / "plain")
    _, plain, stats, _ = run(options.rewind86, line, folder / "plain")
    prepare(case, folder / "live")
    _, live, _, _ = run(options.rewind86, [*line, "--record", "run.rec"], folder / "live")
    same(f"{name}: hashes, recorded and not", hashes(plain), hashes(live))
    replay = ["replay", "run.rec", "--hash-at", at, "--serial", "file=serial.replay", "--screenshots", "shots.replay"]
    _, again, _, _ = run(options.rewind86, [*replay, "--write-disks", "disks"], folder / "live")
    same(f"{name}: hashes, recorded and replayed", hashes(live), hashes(again))
    for where in ["plain/serial", "live/serial.replay"]:
        same(f"{name}: serial bytes", (folder / "live/serial").read_bytes(), (folder / where).read_bytes())
    same_folders(f"{name}: screens", folder / "plain/shots", folder / "live/shots")
    shots = same_folders(f"{name}: screens", folder / "live/shots", folder / "live/shots.replay")
    disks = 0
    for drive, image in case.get("disks", {}).items():
        for other in [folder / "live" / image, folder / "plain" / image]:
            same(f"{name}: disk", True, filecmp.cmp(folder / f"live/disks/{drive}.img", other, shallow=False))
        original = Path(unpack(case["images"][image], options.work))
        same(f"{name}: the guest wrote the disk", False, filecmp.cmp(original, folder / "live" / image, shallow=False))
        disks += 1
    _, report, _, _ = run(options.rewind86, ["verify", "run.rec"], folder / "live")
    stats = json.loads(stats.splitlines()[-1])
    log = (folder / "live/run.rec").stat().st_size
    print(f"{name}: {stats['instructions']} instructions, {stats['virtual_seconds']:.1f} virtual seconds; equal: "
          f"{len(hashes(live))} hashes on the way, {(folder / 'live/serial').stat().st_size} serial bytes, {shots} screens, "
          f"{disks} disks; log {log} bytes; verify: {report.strip()}", flush=True)
    if options.variants:
        variants(options, name, case, hashes(plain))


def variants(options, name, case, expected):
    folder = options.work / name
    at = ",".join(str(n) for n in range(25_000_000, case["part"] + 1, 25_000_000))
    base = ["run", *case["line"], "--hash-at", at, "--serial", "file=serial", "--max-instructions", str(case["part"]),
            *(["--script", "script"] if case["script"] else [])]
    expected = [h for h in expected if int(h.split()[1]) <= case["part"]]
    runs = {"blocks of 1 op": ([*base, "--display", "none", "--block-ops", "1"], (), options.rewind86)}
    if shutil.which("xvfb-run"):
        runs["a window"] = ([*base, "--display", "window", "--speed", "max"], ("xvfb-run", "-a"), options.rewind86)
    else:
        print("window: skipped, no xvfb-run")
    if options.other:
        runs["the other program"] = ([*base, "--display", "none"], (), os.path.abspath(options.other))
    runs["a loaded host"] = ([*base, "--display", "none"], (), options.rewind86)
    for what, (line, before, program) in runs.items():
        prepare(case, folder / "variant")
        load = []
        if what == "a loaded host":
            load = [subprocess.Popen(["nice", "-n", "5", sys.executable, "-c", "while True: pass"]) for _ in range(3)]
        try:
            _, out, _, cpu = run(program, line, folder / "variant", status=(0, 4), before=before)
        finally:
            for process in load:
                process.kill()
        same(f"{name}: {what}", expected, hashes(out))
        print(f"{name}: {what}: {len(expected)} hashes equal ({cpu:.1f} s of CPU)", flush=True)


def more(parser):
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--other", help="another build of the program")


def main():
    options = arguments(__doc__, more)
    for name, case in cases().items():
        if not options.only or name in options.only:
            check(options, name, case)


main()
