#!/bin/bash
# Runs `mista optimize` as a Slurm job array, a shard each, and merges the shards in a job after it: the files are
# those of one machine, byte for byte.
#
#     SHARDS=16 OUT=results/breakout examples/cluster/slurm_optimize.sh strategies/breakout.rhai --end 2022-01-01
#
# Arguments are those of `mista optimize`. Settings are variables:
#
#     SHARDS=8                   how many parts
#     OUT=results/optimize       folder of the results, on a file system that all nodes have; one for each search
#     MISTA=mista                the program
#     CPUS=4                     threads of a shard
#     AT_ONCE=                   how many shards may run at the same time
#     SBATCH_OPTIONS=            more for sbatch, such as "--partition=short --time=00:30:00"
#     DRY_RUN=                   1: print the commands, submit nothing
#
# The same command again goes on with the trials that are written.

#SBATCH --job-name=mista-optimize
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=1G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append

set -euo pipefail

OUT=${OUT:-results/optimize}
MISTA=${MISTA:-mista}

# A task of the array: one shard, from where its file ends.
shard() {
    # Tasks that are submitted again need not be all of them, so SHARDS counts before what Slurm has counted.
    local index=$SLURM_ARRAY_TASK_ID shards=${SHARDS:-$SLURM_ARRAY_TASK_COUNT} file
    # A node that was cut off may still be at this shard: mista would not start beside it.
    for file in "$OUT"/shards/*_"${index}of$shards".trials; do
        if [[ -e $file ]]; then
            flock --timeout 1800 "$file" true
        fi
    done
    exec "$MISTA" optimize "$@" --shard "$index/$shards" --threads "${SLURM_CPUS_PER_TASK:-1}" \
        --out "$OUT" --resume --yes
}

submit() {
    local shards=${SHARDS:-8} argument job merge
    local -a for_search=() for_merge=() more=()
    read -ra more <<<"${SBATCH_OPTIONS:-}"
    for argument in "$@"; do
        case $argument in
        --save-details | --json) for_merge+=("$argument") ;;
        --shard | --shard=* | --out | --out=* | --threads | --threads=* | --resume | --all)
            echo "error: leave out $argument: SHARDS, OUT and CPUS say it" >&2
            exit 2
            ;;
        --yes | -y) ;;
        *) for_search+=("$argument") ;;
        esac
    done
    export SHARDS=$shards OUT MISTA
    job=$(run --parsable --array="1-$shards${AT_ONCE:+%$AT_ONCE}" --cpus-per-task="${CPUS:-4}" ${more[@]+"${more[@]}"} \
        "$0" "${for_search[@]}")
    job=${job%%;*}
    # The names of the shards are for the shell of the job to find.
    merge="$(quoted "$MISTA" optimize merge) $(quoted "$OUT")/shards/*of$shards.trials"
    merge+=" --out $(quoted "$OUT" ${for_merge[@]+"${for_merge[@]}"})"
    run --parsable --job-name=mista-merge --dependency="afterok:$job" --kill-on-invalid-dep=yes \
        ${more[@]+"${more[@]}"} --wrap="$merge" >/dev/null
}

quoted() {
    local -a words=("${@@Q}")
    echo "${words[*]}"
}

run() {
    { printf 'sbatch' && printf ' %q' "$@" && echo; } >&2
    if [[ -n ${DRY_RUN:-} ]]; then
        echo 1
    else
        sbatch "$@"
    fi
}

if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then
    shard "$@"
elif [[ $# -eq 0 || $1 == -h || $1 == --help ]]; then
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    [[ $# -gt 0 ]] || exit 2
else
    submit "$@"
fi
