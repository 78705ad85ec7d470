"""Print the objects that generate a volume on Kubernetes.

    python kubernetes_objects.py /data/model.json /data/volume.zarr --shape 8192 8192 8192 \
        | kubectl apply --filename -

The operator of dask-kubernetes must run in the cluster. Model and volume lie on a volume claim
that many pods can write to (access mode ReadWriteMany).
"""

import sys

import yaml
from dask_kubernetes.operator import make_cluster_spec

NAME = "morphgen"
# an image with morphgen, the same for all pods
IMAGE = "registry.example.org/morphgen:0.1.0"
CLAIM, MOUNT = "morphgen-data", "/data"
WORKERS = 16
ENVIRONMENT = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "10",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "60s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s",
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "False",
}
RESOURCES = {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"cpu": "1", "memory": "4Gi"}}


def cluster() -> dict:
    """Scheduler and workers, as the operator takes them."""
    spec = make_cluster_spec(
        name=NAME,
        image=IMAGE,
        n_workers=WORKERS,
        env=ENVIRONMENT,
        resources=RESOURCES,
        worker_command="dask worker --nthreads 1",
    )
    with_data(spec["spec"]["worker"]["spec"])
    return spec


def job(arguments: list[str]) -> dict:
    """A pod that runs `morphgen generate`, and again if it is moved."""
    address = f"tcp://{NAME}-scheduler:8786"
    command = ["morphgen", "generate", *arguments, "--scheduler", address, "--resume"]
    pod = {
        "restartPolicy": "OnFailure",
        "containers": [{"name": NAME, "image": IMAGE, "command": command}],
    }
    with_data(pod)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{NAME}-generate"},
        "spec": {"backoffLimit": 20, "template": {"spec": pod}},
    }


def with_data(pod: dict) -> None:
    """Give the containers of a pod the volume claim."""
    pod["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": CLAIM}}]
    for container in pod["containers"]:
        container["volumeMounts"] = [{"name": "data", "mountPath": MOUNT}]


if __name__ == "__main__":
    yaml.safe_dump_all([cluster(), job(sys.argv[1:])], sys.stdout, sort_keys=False)
