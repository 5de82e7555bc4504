#!/bin/sh
# Splits the verification of a recording among jobs and joins their results: with GNU parallel, and as an array of a
# single-node Slurm (Debian packages parallel, slurm-wlm, munge). What is not installed is skipped and said.
#
#   split-work.sh REWIND86 RECORDING [JOBS]
set -eu
rewind86=$(realpath "$1")
recording=$(realpath "$2")
jobs=${3:-4}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

whole=$("$rewind86" verify "$recording")
echo "whole: $whole"
[ -e "$recording.keys" ] || "$rewind86" keyframes "$recording"

# The joined results must say what one process says.
check() {
    joined=$("$rewind86" merge "$work/$1"-*.json)
    echo "$1: $joined"
    [ "$(echo "$joined" | cut -d' ' -f1-3)" = "$(echo "$whole" | cut -d' ' -f1-3)" ] || { echo "$1: differs"; exit 1; }
}

if command -v parallel >/dev/null; then
    seq 0 $((jobs - 1)) |
        parallel "$rewind86 verify $recording --shard {}/$jobs --result $work/parallel-{}.json >$work/parallel-{}.out"
    check parallel
else
    echo "parallel: skipped, not installed"
fi

# As a Kubernetes indexed job does it: the index comes from the environment alone.
i=0
while [ "$i" -lt "$jobs" ]; do
    JOB_COMPLETION_INDEX=$i "$rewind86" verify "$recording" --shard "auto/$jobs" --result "$work/indexed-$i.json" >/dev/null
    i=$((i + 1))
done
check indexed

if command -v sbatch >/dev/null && sinfo -h >/dev/null 2>&1; then
    cat >"$work/job.sh" <<JOB
#!/bin/sh
exec "$rewind86" verify "$recording" --shard auto --result "$work/slurm-\$SLURM_ARRAY_TASK_ID.json"
JOB
    sbatch --wait --array="1-$jobs" --output="$work/slurm-%a.out" "$work/job.sh"
    check slurm
else
    echo "slurm: skipped, no sbatch or no running controller"
fi
