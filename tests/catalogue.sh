#!/bin/sh
# Boots each system of the guest collection to its prompt, headless and by script, twice, and prints a line for each: what
# happened, the host's seconds and its processor's, whether both runs had the same state hashes.
#
#   tests/catalogue.sh [-o FOLDER] [-k NAME] [-t SECONDS] [-1] [-- OPTION OF run ...]    such as --bios FILE --vga-bios FILE
#
# -k boots only systems with NAME in theirs, -t gives each another limit than 120 seconds (a host that is busy with other
# things), -1 runs each once. REWIND86 names the program (default: target/release/rewind86), GUESTS the collection (default: ../shared/guests).
# FOLDER keeps the screenshots and the output. Ends with 1 when a boot failed or two runs differed.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
program=${REWIND86:-$here/target/release/rewind86}
guests=${GUESTS:-$here/../shared/guests}
out= only= limit=120 turns='1 2'
while getopts o:k:t:1 flag; do
    case $flag in
        o) out=$OPTARG ;;
        k) only=$OPTARG ;;
        t) limit=$OPTARG ;;
        1) turns=2 ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ -d "$guests" ] || { echo "skipped: the guest collection is not at $guests"; exit 0; }
[ -x "$program" ] || { echo "no program at $program: cargo build --release, or set REWIND86" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "$out" ] || out=$work
mkdir -p "$out"
for image in freedos-hdd grub-hdd; do gzip -dc "$guests/$image.img.gz" >"$work/$image.img"; done
hashes=100000,1000000,20000000,100000000,200000000,400000000
failed=0

# Sets `spent` to the CPU seconds of the programs that have ended; not in a subshell, which has none.
spend() {
    times >"$work/times"
    spent=$(tail -n 1 "$work/times" | tr 'ms' '  ' | awk '{print $1 * 60 + $2 + $3 * 60 + $4}')
}

# boot NAME "options of run" < script
boot() {
    name=$1 options=$2
    shift 2
    cat >"$work/script"
    case $name in *$only*) ;; *) return ;; esac
    sed "s|@|$out/$name|" "$work/script" >"$out/$name.script"
    for turn in $turns; do
        spend
        begin=$(date +%s.%N) cpu=$spent
        # shellcheck disable=SC2086
        "$program" run $options --display none --timeout "$limit" --hash-at $hashes --script "$out/$name.script" "$@" \
            >"$out/$name.$turn" 2>"$out/$name.$turn.err" </dev/null
        status=$?
        end=$(date +%s.%N)
        grep '^hash ' "$out/$name.$turn" >"$out/$name.$turn.hashes"
    done
    verdict=ok
    [ $status -eq 0 ] || verdict="FAILED ($status: $(tail -n 1 "$out/$name.2.err"))"
    [ "$turns" = 2 ] || cmp -s "$out/$name.1.hashes" "$out/$name.2.hashes" || verdict="$verdict, DIFFERENT HASHES"
    [ -s "$out/$name.2.hashes" ] || verdict="$verdict, NO HASHES"
    [ "$verdict" = ok ] || failed=1
    spend
    took=$(echo "$end $begin $spent $cpu" | awk '{printf "%.1f s, %.1f s of CPU", $1 - $2, $3 - $4}')
    echo "$name $verdict $took, $(wc -l <"$out/$name.2.hashes") hashes"
}

for size in 160K 360K 720K 1.4MB; do
    boot "freedos-$size" "--floppy $guests/freedos-cc/freedos.boot.disk.$size.img,readonly" "$@" <<'END'
wait-screen "A:\>" 120
type "dir\n"
wait-screen "bytes free" 60
screenshot @.png
END
done
boot freedos-722 "--floppy $guests/freedos-722/freedos722.img --discard-writes" "$@" <<'END'
wait-screen "A:\>" 120
type "dir\n"
wait-screen "bytes free" 60
screenshot @.png
END
boot freedos-hdd "--disk $work/freedos-hdd.img --discard-writes" "$@" <<'END'
wait-screen "C:\>" 120
type "echo written and read > new.txt\n"
type "type new.txt\n"
sleep 2
type "cls\ntype new.txt\n"
wait-screen "written and read" 60
screenshot @.png
END
boot mikeos-floppy "--floppy $guests/mikeos/mikeos.flp --discard-writes" "$@" <<'END'
wait-screen "Thanks for trying out MikeOS!" 120
key enter
sleep 2
screenshot @.png
END
boot mikeos-iso "--cdrom $guests/mikeos/mikeos.iso --boot cdrom" "$@" <<'END'
wait-screen "Thanks for trying out MikeOS!" 120
key enter
sleep 2
screenshot @.png
END
boot bootos "--floppy $guests/bootos/osall.img --discard-writes" "$@" <<'END'
wait-screen "$" 60
type "dir\n"
sleep 2
assert-screen "pillman"
type "pillman\n"
sleep 4
screenshot @.png
END
boot bootos-invaders "--floppy $guests/bootos/osall.img --discard-writes" "$@" <<'END'
wait-screen "$" 60
type "invaders\n"
sleep 4
screenshot @.png
END
boot bootos-fbird "--floppy $guests/bootos/osall.img --discard-writes" "$@" <<'END'
wait-screen "$" 60
type "fbird\n"
sleep 4
screenshot @.png
END
boot bootbasic "--floppy $guests/bootgames/bootbasic.img --discard-writes" "$@" <<'END'
wait-screen ">" 60
type "10 print 6*7\nrun\n"
wait-screen "42" 20
screenshot @.png
END
boot tetros "--floppy $guests/bootgames/tetros.img --discard-writes" "$@" <<'END'
sleep 5
key left
sleep 5
screenshot @.png
END
boot floppinux-1 "--floppy $guests/floppinux/floppinux-1.img --discard-writes" "$@" <<'END'
wait-screen "PRESS_ENTER" 300
key enter
wait-screen "NOMAD_DISKMAG" 60
key enter
wait-screen "CHOOSE" 60
type "0\n"
wait-screen "Please press Enter" 60
key enter
wait-screen "built-in shell" 60
screenshot @.png
END
boot floppinux-4 "--floppy $guests/floppinux/floppinux-4.img --discard-writes" "$@" <<'END'
wait-screen "ENTER" 300
key enter
sleep 20
screenshot @.png
END
boot invaders "--kernel $guests/grub-invaders/invaders.exec" "$@" <<'END'
sleep 5
key space
sleep 5
screenshot @.png
END
linux=$(ls "$guests"/linux-i386/vmlinuz-* | head -n 1)
boot linux-i386 "--kernel $linux --initrd $guests/linux-i386/initramfs-tiny.gz --append console=ttyS0 --serial file=$out/linux-i386.serial" "$@" <<'END'
wait-serial "GUEST-TEST-OK i386" 300
screenshot @.png
END
boot iso-linux-i386 "--cdrom $guests/iso-linux-i386/linux-i386.iso --serial file=$out/iso.serial" "$@" <<'END'
wait-serial "GUEST-TEST-OK i386" 300
screenshot @.png
END
boot grub-hdd "--disk $work/grub-hdd.img --discard-writes --serial file=$out/grub.serial" "$@" <<'END'
wait-serial "GUEST-TEST-OK i386" 300
screenshot @.png
END
linux=$(ls "$guests"/linux-amd64/vmlinuz-* | head -n 1)
boot linux-amd64 "--cpu nehalem --kernel $linux --initrd $guests/linux-amd64/initramfs-tiny.gz --append console=ttyS0 --serial file=$out/linux-amd64.serial" "$@" <<'END'
wait-serial "GUEST-TEST-OK amd64" 300
screenshot @.png
END
exit $failed
