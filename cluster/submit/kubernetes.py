"""Runs a command on Kubernetes as a KubeRay RayJob: a Ray cluster that lives as long as the study.

    rayjob.yaml = ConfigMap (the command, as a shell script)  +  RayJob: head ── CPU group: extracts features
                                                                   │       └── GPU group: trains
                                                                   └ sidecar that submits the command to the head
All pods mount one volume claim with corpus and store. Needs KubeRay 1.5.1 or later. Secrets are named, never written.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.submit.archive import check_url, download
from cluster.submit.job import Job
from cluster.submit.launcher import Launcher
from cluster.submit.programs import find_program, run_program, stream_program
from cluster.submit.readable_yaml import readable_yaml
from cluster.submit.remote_command import remote_store, send_command, study_command, wait_for_nodes
from cluster.submit.send import home_sentence, receive_all
from ser_core.cross_validation.records import RunStore
from ser_core.errors import BridgeworkError, SettingError
from ser_core.options import at_least

QUEUE = "kueue.x-k8s.io/queue-name"
SCRIPT = "/etc/bridgework"
"""Folder of the mounted ConfigMap."""
HEAD = "ray.io/node-type=head"
STATES = {
    "Complete": "done",
    "Failed": "failed",
    "ValidationFailed": "failed",
    "Running": "running",
    "Suspended": "waiting",
    "Suspending": "stopped",
}
"""Our words for KubeRay's jobDeploymentStatus; all others mean waiting."""


@dataclasses.dataclass(frozen=True)
class Kubernetes(Launcher):
    """A RayJob of KubeRay. The cluster needs the KubeRay operator."""

    file_name = "rayjob.yaml"

    image: str = ""
    """Container image with Bridgework and its dependencies; required."""
    namespace: str = "default"
    """Namespace of the job."""
    claim: str = "bridgework"
    """PersistentVolumeClaim with corpus and store, ReadWriteMany when pods are on several machines."""
    mount: str = "/bridgework"
    """Where the claim is mounted in every pod."""
    gpu_workers: int = 1
    """Pods that train, at least 0."""
    gpus: int = 1
    """GPUs of each of them; 0 trains on processors."""
    cpu_workers: int = 1
    """Pods without a GPU, which extract features and train small models, at least 0."""
    cpus: int = 4
    """Cores of each pod, at least 1."""
    memory: str = "16Gi"
    """Memory of each pod."""
    queue: str = ""
    """LocalQueue of Kueue that admits the job; empty means no queue."""
    secret: str = ""
    """Secret whose entries become environment variables, such as AWS_SECRET_ACCESS_KEY or PGPASSWORD."""
    keep_seconds: int = 600
    """Seconds that the pods stay after the end, for `ser logs` and `ser fetch`, at least 0."""
    program: str = "ser"
    """Start of the command in the image, in shell syntax."""
    python: str = "python"
    """Python of the image that can import Bridgework."""
    store: str = ""
    """Store in the pods; empty means a folder of the claim by the words of the command."""
    archive: str = ""
    """Address such as s3://BUCKET/PATH to which the job copies its records at the end; empty means none."""

    def __post_init__(self) -> None:
        for name, low in {"gpu_workers": 0, "gpus": 0, "cpu_workers": 0, "cpus": 1, "keep_seconds": 0}.items():
            at_least(self, name, low)

    def write(self, job: Job) -> str:
        if not self.image:
            raise SettingError("--on kubernetes needs an image with Bridgework: submit.image=REGISTRY/NAME:TAG")
        remark = "Written by `ser submit --on kubernetes`. To apply it by hand: kubectl apply -f rayjob.yaml"
        return readable_yaml(job, remark, [self._script(job), self._ray_job(job)])

    def submit(self, job: Job, file: Path) -> str:
        run_program([*self._kubectl(), "apply", "-f", str(file)])
        return job.name

    def state(self, job: Job) -> str:
        status = self._status(job)
        return "unknown" if status is None else STATES.get(status.get("jobDeploymentStatus", ""), "waiting")

    def logs(self, job: Job, follow: bool) -> Iterator[str]:
        # The submitter's container prints the driver's output.
        command = [*self._kubectl(), "logs", self._head_pod(job), "-c", "ray-job-submitter"]
        yield from stream_program([*command, "-f"] if follow else command)

    def stop(self, job: Job) -> None:
        run_program([*self._kubectl(), "delete", "--ignore-not-found", f"rayjob/{job.remote}", f"configmap/{job.remote}"])

    def fetch(self, job: Job, store: Path) -> str:
        if self.archive:
            return home_sentence(download(self.archive, RunStore(store)), store)
        enter = [*self._kubectl(), "exec", self._head_pod(job), "-c", "ray-head", "--", "sh", "-c"]
        arrived = receive_all(
            RunStore(store), lambda have: run_program([*enter, send_command(self.python, self._store(job), have)])
        )
        return home_sentence(arrived, store)

    def _store(self, job: Job) -> str:
        return remote_store(job.words, self.store, f"{self.mount}/stores")

    def _kubectl(self) -> list[str]:
        return [find_program("kubectl", "install it and point KUBECONFIG at your cluster"), "-n", self.namespace]

    def _status(self, job: Job) -> dict[str, Any] | None:
        """Returns the RayJob's status, or None when the cluster has forgotten it."""
        said = run_program([*self._kubectl(), "get", "rayjob", job.remote, "-o", "json", "--ignore-not-found"], seconds=60)
        return json.loads(said).get("status", {}) if said.strip() else None

    def _head_pod(self, job: Job) -> str:
        """Returns the name of the head's pod. Raises BridgeworkError when it is gone."""
        cluster = (self._status(job) or {}).get("rayClusterName", "")
        chosen = f"ray.io/cluster={cluster},{HEAD}"
        pod = run_program([*self._kubectl(), "get", "pod", "-l", chosen, "-o", "name"], seconds=60).strip() if cluster else ""
        if not pod:
            raise BridgeworkError(
                f"the pods of {job.name} are gone; its records are in {self._store(job)} on the claim {self.claim}. Submit the "
                f"command again, which trains nothing twice, and repeat this within {self.keep_seconds} s after it has ended"
            )
        return pod.splitlines()[0]

    def _script(self, job: Job) -> dict[str, Any]:
        """Returns the ConfigMap with the command. A file needs no second quoting by KubeRay and `ray job submit`."""
        if self.archive:
            check_url(self.archive)
        command = study_command(job.words, self.program, self._store(job), archive=self.archive)
        wait = wait_for_nodes(self.python, '"$RAY_ADDRESS"', 1 + self.cpu_workers + self.gpu_workers)
        data = {"command.sh": f"{wait}\n{command}\n"}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": self._metadata(job), "data": data}

    def _metadata(self, job: Job) -> dict[str, Any]:
        return {"name": job.name, "namespace": self.namespace, "labels": {"app.kubernetes.io/part-of": "bridgework"}}

    def _ray_job(self, job: Job) -> dict[str, Any]:
        import ray

        metadata = self._metadata(job)
        if self.queue:
            metadata["labels"][QUEUE] = self.queue
        groups = [("extract", self.cpu_workers, 0), ("train", self.gpu_workers, self.gpus)]
        cluster = {
            "rayVersion": ray.__version__,
            "authOptions": {"mode": "token"},
            "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": self._pod(job, "ray-head", 0)},
            "workerGroupSpecs": [
                {
                    "groupName": name,
                    "replicas": count,
                    "minReplicas": count,
                    "maxReplicas": count,
                    "rayStartParams": {},
                    "template": self._pod(job, "ray-worker", gpus),
                }
                for name, count, gpus in groups
                if count
            ],
        }
        spec = {
            "entrypoint": f"sh {SCRIPT}/command.sh",
            "submissionMode": "SidecarMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": self.keep_seconds,
            **({"suspend": True} if self.queue else {}),  # Kueue lifts this when the job may start
            "rayClusterSpec": cluster,
        }
        return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": metadata, "spec": spec}

    def _pod(self, job: Job, container: str, gpus: int) -> dict[str, Any]:
        """Returns the template of a pod. The head's must not restart, because the submitter lives in it."""
        size: dict[str, Any] = {"cpu": str(self.cpus), "memory": self.memory}
        size |= {"nvidia.com/gpu": str(gpus)} if gpus else {}
        made: dict[str, Any] = {
            "name": container,
            "image": self.image,
            "env": [{"name": "RAY_ENABLE_UV_RUN_RUNTIME_ENV", "value": "0"}, {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"}],
            "resources": {"requests": size, "limits": size},
            "volumeMounts": [
                {"name": "data", "mountPath": self.mount},
                {"name": "command", "mountPath": SCRIPT, "readOnly": True},
                {"name": "memory", "mountPath": "/dev/shm"},  # noqa: S108
            ],
        }
        if self.secret:
            made["envFrom"] = [{"secretRef": {"name": self.secret}}]
        volumes = [
            {"name": "data", "persistentVolumeClaim": {"claimName": self.claim}},
            {"name": "command", "configMap": {"name": job.name}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
        ]
        never = {"restartPolicy": "Never"} if container == "ray-head" else {}
        return {"spec": {**never, "terminationGracePeriodSeconds": 60, "containers": [made], "volumes": volumes}}
