"""What the time-travel checks share: the guests, their scripts, and running the program.

Every check takes --rewind86 PROGRAM (default: target/release/rewind86) and --work DIR (default: a new temporary folder).
The guests are looked for in $GUESTS, else ../shared/guests beside the project; without them a check says "skipped".
"""
import argparse, glob, gzip, json, os, random, shutil, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GUESTS = Path(os.environ.get("GUESTS", ROOT.parent / "shared" / "guests"))


def arguments(description, more=None):
    """Parses the arguments, prepares the folder; answers with both."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rewind86", default=str(ROOT / "target/release/rewind86"))
    parser.add_argument("--work")
    parser.add_argument("--only", default="", help="names of cases, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    if more:
        more(parser)
    options = parser.parse_args()
    options.rewind86 = os.path.abspath(options.rewind86)
    if not os.access(options.rewind86, os.X_OK):
        sys.exit(f"no program at {options.rewind86}: cargo build --release, or --rewind86 PROGRAM")
    if not GUESTS.is_dir():
        print(f"skipped: the guests are not at {GUESTS}")
        sys.exit(0)
    options.work = Path(options.work or tempfile.mkdtemp(prefix="time-travel-")).absolute()
    options.work.mkdir(parents=True, exist_ok=True)
    options.only = [name for name in options.only.split(",") if name]
    options.random = random.Random(options.seed)
    return options


def run(program, line, folder, status=(0,), environment=None, before=()):
    """Runs the program in a folder; answers with status, stdout, stderr and the CPU seconds it took."""
    command = [*before, program, *line]
    begin = os.times()
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                          env={**os.environ, **(environment or {})})
    end = os.times()
    out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    if status is not None and done.returncode not in status:
        raise SystemExit(f"FAILED: {' '.join(command)}\nstatus {done.returncode}, wanted {status}\n{out}{err}")
    cpu = end.children_user - begin.children_user + end.children_system - begin.children_system
    return done.returncode, out, err, cpu


def linux(arch, append, image="tiny"):
    kernel = sorted(glob.glob(str(GUESTS / f"linux-{arch}/vmlinuz-*")))[0]
    model = ["--cpu", "nehalem"] if arch == "amd64" else []
    return [*model, "--memory", "128M", "--kernel", kernel, "--initrd", str(GUESTS / f"linux-{arch}/initramfs-{image}.gz"),
            "--append", f"console=ttyS0 {append}"]


def unpack(name, folder):
    """A fresh copy of a guest's image, unpacked."""
    out = Path(folder) / Path(name).name.removesuffix(".gz")
    if name.endswith(".gz"):
        with gzip.open(GUESTS / name) as source, open(out, "wb") as to:
            shutil.copyfileobj(source, to)
    else:
        shutil.copyfile(GUESTS / name, out)
    return str(out)


def numbers(random, count, first, last):
    """Different random numbers, ascending."""
    return sorted(random.sample(range(first, last), count))
