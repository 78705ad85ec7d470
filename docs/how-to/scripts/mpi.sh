#!/bin/bash
# Generate a volume with workers that are MPI processes, in one job of a batch system.
#
#     sbatch mpi.sh model.json volume.zarr --shape 16384 16384 16384 --seed 7
#
# One process becomes the scheduler; morphgen itself runs beside the first.
#SBATCH --job-name=morphgen
#SBATCH --ntasks=129
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=4G
#SBATCH --time=04:00:00
# a minute before the end, so that the run can say how it is continued
#SBATCH --signal=B:TERM@60
set -euo pipefail

export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=10
export DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL=60s
export DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT=60s
export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False
export DASK_DISTRIBUTED__WORKER__MEMORY__TARGET=False

scratch=$(mktemp -d -p "$PWD" cluster.XXXXXX)
# DASK_INTERFACE names the network that all nodes share, such as ib0
mpiexec -n "${SLURM_NTASKS:-3}" dask-mpi --scheduler-file "$scratch/scheduler.json" \
    ${DASK_INTERFACE:+--interface "$DASK_INTERFACE"} --worker-class distributed.Worker \
    --nthreads 1 --memory-limit "${SLURM_MEM_PER_CPU:-0}M" --local-directory /tmp \
    --scheduler-port 0 --no-dashboard &
cluster=$!
trap 'kill "$cluster" 2>/dev/null || true; wait "$cluster" || true; rm -rf "$scratch"' EXIT

# exec would lose the trap; SIGTERM is passed on, and morphgen ends with 75
morphgen generate "$@" --scheduler-file "$scratch/scheduler.json" --resume &
run=$!
trap 'kill -TERM "$run"' TERM
code=0
wait "$run" || code=$?
# a signal ends the first wait before morphgen has ended
if kill -0 "$run" 2>/dev/null; then code=0; wait "$run" || code=$?; fi
exit "$code"
