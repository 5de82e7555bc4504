#!/usr/bin/env bash
# cross-toolchain.sh FOLDER: puts into FOLDER a Rust compiler with the standard libraries of aarch64, riscv64, s390x and
# wasm32, linkers for them, and `env.sh`, which makes cargo use both. Done once; a FOLDER that is complete is left alone.
#
# Everything is a Debian package, fetched by apt from the mirror that the machine uses already, and unpacked into FOLDER:
# nothing that is installed changes (Debian's cross compilers do not go together with gcc-multilib), apt keeps its lists.
# qemu-user-static and nodejs, which run the results, are installed when they are missing; that needs root.
# SUITE names the Debian release the Rust compiler comes from (default: sid, the only one with a new enough compiler and
# wasm32). Takes about 2 minutes and 2 GB.
set -euo pipefail
[ $# = 1 ] || { echo "usage: cross-toolchain.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
DIR=$(cd "$1" && pwd)
SUITE=${SUITE:-sid}
TARGETS=(aarch64 riscv64 s390x)
declare -A DEBIAN=([aarch64]=arm64 [riscv64]=riscv64 [s390x]=s390x)
declare -A RUST=([aarch64]=aarch64-unknown-linux-gnu [riscv64]=riscv64gc-unknown-linux-gnu [s390x]=s390x-unknown-linux-gnu)
have() { command -v "$1" >/dev/null 2>&1; }
die() { echo "cross-toolchain.sh: $*" >&2; exit 1; }
have apt-get && have dpkg-deb || die "needs Debian's apt"

need=()
have qemu-s390x-static || need+=(qemu-user-static)
have node || need+=(nodejs)
if [ ${#need[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || die "not installed, and only root can: ${need[*]}"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${need[@]}" >/dev/null
fi
[ ! -e "$DIR/env.sh" ] || exit 0

NATIVE=$(dpkg --print-architecture)
TRIPLE=$(gcc -print-multiarch)
RELEASE=$(. /etc/os-release && echo "$VERSION_CODENAME")
MIRROR=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | awk -v c="$RELEASE" '$1 == c {print $2; exit}')
[ -n "$MIRROR" ] || die "apt knows no mirror of $RELEASE"

# The packages that those named need, read from `apt-cache depends` of all of them: the first of alternatives counts, and
# what matches PRUNE is left out with everything behind it.
closure() { # PRUNE PACKAGE...
    local prune=$1
    shift
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
        awk -v prune="$prune" -v roots="$*" '
            /^[^ ]/ { package = $1; open = 0; next }
            /Depends:/ {
                if (!open) needs[package] = needs[package] " " $2
                open = $0 ~ /^ *\|/
            }
            END {
                n = split(roots, queue, " ")
                for (i = 1; i <= n; i++) {
                    if (queue[i] in seen) continue
                    seen[queue[i]] = 1
                    print queue[i]
                    count = split(needs[queue[i]], more, " ")
                    for (k = 1; k <= count; k++)
                        if (more[k] !~ /^</ && more[k] !~ prune) queue[++n] = more[k]
                }
            }'
}

# Fetches packages into an empty folder and unpacks them.
unpack() { # FOLDER PACKAGE...
    local to=$1 place
    shift
    place=$(mktemp -d -p "$DIR")
    (cd "$place" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$@" >/dev/null)
    mkdir -p "$to"
    for file in "$place"/*.deb; do dpkg-deb -x "$file" "$to"; done
    rm -rf "$place"
}

# The linkers, of the release that runs here.
GCC=$DIR/gcc
packages=()
for t in "${TARGETS[@]}"; do packages+=("gcc-${t}-linux-gnu" "libc6-dev-${DEBIAN[$t]}-cross"); done
apt-cache show "${packages[@]}" >/dev/null 2>&1 || apt-get -qq update
mapfile -t all < <(closure '^(libc6|libgcc-s1|gcc-[0-9]+-base|libstdc[+][+]6|zlib1g|linux-libc-dev-.*|lib(asan|tsan|ubsan|lsan|hwasan|gomp|itm|atomic).*)$' "${packages[@]}")
echo "linkers: ${#all[@]} packages of $RELEASE"
rm -rf "$GCC"
unpack "$GCC" "${all[@]}"
mkdir -p "$GCC/bin"
for t in "${TARGETS[@]}"; do
    # Linker scripts name libraries by where the packages would be installed.
    { grep -lI 'GNU ld script' "$GCC/usr/$t-linux-gnu/lib"/*.so || true; } | xargs -r sed -i "s# /usr/$t-linux-gnu/# $GCC/usr/$t-linux-gnu/#g"
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$GCC/usr/lib/$TRIPLE" "$GCC/usr/bin/$t-linux-gnu-gcc" >"$GCC/bin/$t-cc"
    chmod +x "$GCC/bin/$t-cc"
done

# The compiler, of SUITE, through an apt configuration of its own. It brings its C library and is started by that one's
# loader.
APT=$DIR/apt RUSTDIR=$DIR/rust
rm -rf "$APT" "$RUSTDIR"
mkdir -p "$APT"/{lists/partial,cache/archives/partial,parts}
: >"$APT/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR $SUITE main" >"$APT/sources.list"
cat >"$APT/apt.conf" <<CONF
Dir::Etc::SourceList "$APT/sources.list"; Dir::Etc::SourceParts "$APT/parts";
Dir::Etc::Preferences "$APT/none"; Dir::Etc::PreferencesParts "$APT/parts";
Dir::State "$APT"; Dir::State::Lists "$APT/lists"; Dir::State::status "$APT/status";
Dir::Cache "$APT/cache"; Dir::Cache::Archives "$APT/cache/archives";
#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architectures { "$NATIVE"; $(for t in "${TARGETS[@]}"; do printf '"%s"; ' "${DEBIAN[$t]}"; done) };
APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "3";
CONF
for part in DEP-11 DEP-11-icons DEP-11-icons-small DEP-11-icons-large DEP-11-icons-hidpi; do
    echo "Acquire::IndexTargets::deb::$part::DefaultEnabled \"false\";" >>"$APT/apt.conf"
done
export APT_CONFIG=$APT/apt.conf
for try in 1 2 3; do
    # A mirror that is being updated has lists that do not fit each other, for some minutes.
    apt-get -qq update 2>"$APT/errors" && break
    [ $try -lt 3 ] || die "apt-get update: $(tail -n 2 "$APT/errors")"
    sleep 20
done
VERSION=$(apt-cache policy rustc | awk '/Candidate:/ {print $2}')
mapfile -t all < <(closure '^(gcc|g[+][+]|cpp|binutils|libc6-dev|libc-dev|libgcc-[0-9]+-dev|clang)' rustc lld)
for t in "${TARGETS[@]}"; do all+=("libstd-rust-dev:${DEBIAN[$t]}=$VERSION"); done
all+=("libstd-rust-dev-wasm32=$VERSION")
echo "Rust $VERSION: ${#all[@]} packages of $SUITE"
unpack "$RUSTDIR" "${all[@]}"
unset APT_CONFIG
rm -rf "$APT"
LOADER=$(find "$RUSTDIR" -name 'ld-linux*.so.*' -type f -print -quit)
[ -n "$LOADER" ] || die "no loader among the unpacked packages"
start() { # NAME PROGRAM
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$LOADER" "$RUSTDIR/usr/lib/$TRIPLE:$RUSTDIR/lib/$TRIPLE" "$2" >"$1"
    chmod +x "$1"
}
for tool in rustc rustdoc; do
    mv "$RUSTDIR/usr/bin/$tool" "$RUSTDIR/usr/bin/$tool.program"
    start "$RUSTDIR/usr/bin/$tool" "$RUSTDIR/usr/bin/$tool.program"
done
LLD=$(find "$RUSTDIR/usr/lib" -path '*llvm*/bin/lld' -print -quit)
[ -n "$LLD" ] || die "no lld among the unpacked packages"
# The flavour is the program's name.
printf '#!/bin/sh\nexec %s --library-path %s --argv0 wasm-ld %s "$@"\n' "$LOADER" "$RUSTDIR/usr/lib/$TRIPLE" "$LLD" >"$DIR/wasm-ld"
chmod +x "$DIR/wasm-ld"

# WASI for node: the preopened folders are those below /, since / and . cannot both be.
cat >"$DIR/wasi.mjs" <<'NODE'
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { WASI } from 'node:wasi';

// V8 drops the byte code of functions that have not run for a while, this module's too while its call into the program is
// still going on: behind a run of seconds it returned to nothing ("Invalid bytecode", or a segmentation fault).
setFlagsFromString('--no-flush-bytecode');
const [program, ...args] = process.argv.slice(2);
const preopens = { '.': '.' };
for (const name of readdirSync('/')) {
  try {
    if (statSync(`/${name}`).isDirectory()) preopens[`/${name}`] = `/${name}`;
  } catch {}
}
const wasi = new WASI({ version: 'preview1', args: [program, ...args], env: process.env, preopens, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(program), wasi.getImportObject());
process.exitCode = wasi.start(instance);
NODE

{
    echo "export RUSTC=$RUSTDIR/usr/bin/rustc RUSTDOC=$RUSTDIR/usr/bin/rustdoc"
    for t in "${TARGETS[@]}"; do
        name=${RUST[$t]//-/_}
        echo "export CARGO_TARGET_${name^^}_LINKER=$GCC/bin/$t-cc"
        echo "export CARGO_TARGET_${name^^}_RUNNER='qemu-$t-static -L $GCC/usr/$t-linux-gnu'"
    done
    for name in WASM32_WASIP1 WASM32_UNKNOWN_UNKNOWN; do echo "export CARGO_TARGET_${name}_LINKER=$DIR/wasm-ld"; done
    echo "export CARGO_TARGET_WASM32_WASIP1_RUNNER='node --no-warnings $DIR/wasi.mjs'"
} >"$DIR/env.new"
"$RUSTDIR/usr/bin/rustc" --version
mv "$DIR/env.new" "$DIR/env.sh"
du -sh "$DIR"
