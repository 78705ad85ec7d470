"""Generate a volume with workers that are SLURM jobs.

    python slurm.py model.json volume.zarr --shape 16384 16384 16384 --seed 7

Run it where it may run for as long as the volume takes, such as in a job of one core.
"""

import sys

import dask
from dask_jobqueue import SLURMCluster
from morphgen.cli.app import run

# what your cluster calls them
QUEUE, ACCOUNT = "standard", "my-project"
# network that all nodes share, such as ib0 (`ip address` lists them); None takes the default
INTERFACE = None
JOBS = 8

# for the scheduler, which lives in this process
dask.config.set(
    {
        "distributed.scheduler.allowed-failures": 10,
        "distributed.scheduler.worker-ttl": "60 s",
        "distributed.comm.timeouts.connect": "60 s",
    }
)


def cluster() -> SLURMCluster:
    """Scheduler, and a description of the jobs, none of which is submitted yet."""
    return SLURMCluster(
        job_name="morphgen",
        queue=QUEUE,
        account=ACCOUNT,
        walltime="04:00:00",
        # one process of one thread per core, each with its share of the memory
        cores=16,
        processes=16,
        memory="64 GiB",
        interface=INTERFACE,
        local_directory="/tmp",
        scheduler_options={"dashboard": False, "dashboard_address": ":0"},
        # jobs leave in good order before their time is over, and others take their place
        worker_extra_args=["--lifetime", "220m", "--lifetime-stagger", "10m", "--no-dashboard"],
        job_script_prologue=[
            "export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False",
            "export DASK_DISTRIBUTED__WORKER__MEMORY__TARGET=False",
            "export DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT=60s",
        ],
    )


def generate(jobs, arguments: list[str]) -> int:
    """Run `morphgen generate` on a cluster; its exit code."""
    # jobs may wait in the queue for a day
    where = ["--scheduler", jobs.scheduler_address, "--patience", "86400"]
    return run(["generate", *arguments, *where, "--resume"])


if __name__ == "__main__":
    with cluster() as jobs:
        jobs.adapt(minimum_jobs=1, maximum_jobs=JOBS)
        sys.exit(generate(jobs, sys.argv[1:]))
