#!/bin/bash
# Generate a volume on all GPUs of one machine.
#
#     ./gpus.sh model.json volume.zarr --shape 8192 8192 8192 --seed 7 --backend cupy --device cuda
#
# dask-cuda starts one worker for each GPU, which sees that GPU alone, as cuda:0.
set -euo pipefail

export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=10
export DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL=60s
export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False
export DASK_DISTRIBUTED__WORKER__MEMORY__TARGET=False

# without GPUs: DASK_WORKER="dask worker --nworkers 2"
read -r -a worker <<<"${DASK_WORKER:-dask cuda worker}"
scratch=$(mktemp -d)
file=$scratch/scheduler.json

dask scheduler --host 127.0.0.1 --port 0 --no-dashboard --dashboard-address 127.0.0.1:0 \
    --scheduler-file "$file" &
scheduler=$!
"${worker[@]}" --host 127.0.0.1 --nthreads 1 --no-dashboard --dashboard-address 127.0.0.1:0 \
    --scheduler-file "$file" --local-directory "$scratch" &
workers=$!
trap 'kill "$workers"; wait "$workers" || true; kill "$scheduler"; rm -rf "$scratch"' EXIT

code=0
morphgen generate "$@" --scheduler-file "$file" --resume || code=$?
exit "$code"
