"""What launchers write: it parses, fits its schema, quotes every word for the shell, and holds no secret."""

import functools
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from cluster.submit import LAUNCHERS
from cluster.submit.job import Job
from cluster.submit.kubernetes import Kubernetes
from cluster.submit.ray_jobs import RayJobs
from cluster.submit.remote_command import remote_store, send_command, study_command, wait_for_nodes
from cluster.submit.sky import Sky
from ser_core.errors import BridgeworkError, SettingError
from tests.cluster.submit.other_tools import needs, tool_python
from tests.shared_material import ROOT, shared

SECRETS = {"RAY_AUTH_TOKEN": "hidden-token", "AWS_SECRET_ACCESS_KEY": "hidden-key", "PGPASSWORD": "hidden-word"}
S3 = "s3://lab/studies"
RAY, CLUSTER, SKY = RayJobs(address="http://h:8265"), Kubernetes(image="lab/ser:1"), Sky()
FULL = {
    "ray": RayJobs(address="http://h:8265", archive=S3, upload=True),
    "kubernetes": Kubernetes(image="lab/ser:1", queue="students", secret="s3", archive=S3, cpu_workers=2, gpus=2),
    "sky": Sky(
        nodes=3, accelerators="L4:1", infra="aws/us-east-1", spot=True, managed=True, archive=S3, data_from="s3://lab/corpus"
    ),
}
SHOWN = {
    "ray": ("http://h:8265", S3, "py_modules", "RAY_JOB_STOP_WAIT_TIME_S"),
    "kubernetes": ("lab/ser:1", "queue-name: students", "name: s3", S3, "nvidia.com/gpu: '2'", "replicas: 2", "SidecarMode"),
    "sky": ("num_nodes: 3", "L4:1", "aws/us-east-1", "use_spot: true", "s3://lab/corpus", S3, "jobs launch"),
}


@pytest.mark.parametrize("on", FULL)
def test_settings_appear_and_secrets_do_not(on, job, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    text = FULL[on].write(job)
    assert LAUNCHERS[on] is type(FULL[on])
    assert not [each for each in SHOWN[on] if each not in text]
    assert "hidden-" not in text
    assert text == FULL[on].write(job)


def ran(script: str, tmp_path: Path) -> list[list[str]]:
    """The words with which a script calls `ser`."""
    log = tmp_path / "calls"
    log.unlink(missing_ok=True)
    (tmp_path / "ser").write_text(
        f'#!/usr/bin/env python3\nimport json, sys\nopen("{log}", "a").write(json.dumps(sys.argv[1:]) + "\\n")\n'
    )
    (tmp_path / "ray").write_text("#!/bin/sh\n")
    (tmp_path / "python").write_text("#!/bin/sh\necho a word of Ray\necho 4\n")  # asked how many nodes are registered
    for name in ("ser", "ray", "python"):
        (tmp_path / name).chmod(0o755)
    home = tmp_path / "a home"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(home), "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"}
    environment |= {"SKYPILOT_NODE_RANK": "0", "SKYPILOT_NUM_NODES": "2"}
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-c", script], env=environment, timeout=30, check=True, capture_output=True)
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert calls[: len(calls) // 2] == calls[len(calls) // 2 :]
    return calls[: len(calls) // 2]


def scripts(job: Job, archive: str) -> dict[str, str]:
    kubernetes = Kubernetes(image="i", archive=archive).write(job)
    sky = Sky(archive=archive, runner="").write(job)
    ray = RayJobs(address="http://h:8265", archive=archive).write(job)
    return {
        "ray": shlex.split(ray.splitlines()[1])[-1],
        "kubernetes": next(yaml.safe_load_all(kubernetes))["data"]["command.sh"],
        "sky": yaml.safe_load(sky)["run"],
    }


@pytest.mark.parametrize("archive", ["", S3])
@pytest.mark.parametrize("on", FULL)
def test_words_with_spaces_quotes_and_dollars_arrive_as_they_are(on, job, tmp_path, archive):
    calls = ran(scripts(job, archive)[on], tmp_path)
    first = calls[0]
    assert tuple(first[:-2]) == job.words
    assert first[-2].startswith("cluster.address=")
    store = first[-1].removeprefix("run.store=")
    assert store.startswith("/bridgework/stores/ablate-fusion-" if on == "kubernetes" else f"{tmp_path}/a home/bridgework-jobs/")
    assert calls[1:] == ([["archive", "all", S3, "--store", store]] if archive else [])


def test_the_same_words_have_the_same_store_and_a_larger_bound_keeps_it():
    store = remote_store(("ablate", "fusion", "seed=1", "--seeds", "2"), "")
    assert store.startswith("~/bridgework-jobs/ablate-fusion-")
    assert remote_store(("ablate", "fusion", "--seeds=5", "seed=1", "cluster.workers=3", "run.store=x"), "") == store
    assert remote_store(("ablate", "fusion", "seed=2", "--seeds", "2"), "") != store
    assert remote_store(("ablate", "fusion", "run.store=/lab/store"), "") == "/lab/store"
    assert remote_store(("ablate", "fusion", "run.store=/lab/store"), "~/mine") == "~/mine"


@pytest.mark.parametrize(
    ("words", "store", "sentence"),
    [
        (("ablate", "fusion"), "here", "absolute"),
        (
            ("run", "run.store=/tmp/ray/session_1/runtime_resources/working_dir/_ray_pkg_1"),
            "",
            "Ray's own package folder",
        ),
        (("select", "search-weights"), "", "submit.store"),
    ],
)
def test_stores_that_cannot_last_are_refused(words, store, sentence):
    with pytest.raises(SettingError, match=sentence):
        remote_store(words, store)


def test_commands_that_do_not_train_are_refused():
    with pytest.raises(SettingError, match="ser fetch"):
        study_command(("report", "fusion"), "ser", "/s")
    with pytest.raises(SettingError, match=r"leave out cluster\.address"):
        study_command(("run", "cluster.address=auto"), "ser", "/s")
    assert "--store /s" in study_command(("select", "search-weights", "--store", "here"), "ser", "/s")
    assert "here" not in study_command(("select", "search-weights", "--store", "here"), "ser", "/s")
    assert send_command("python", "~/my store", "") == "exec python -m cluster.submit.send \"$HOME\"/'my store'"


@pytest.mark.parametrize("address", ["", "auto", "ray://h:10001", "http://me:word@h:8265"])
def test_addresses_that_are_no_dashboard_are_refused(address, job):
    with pytest.raises(SettingError, match="http://HOST:8265"):
        RayJobs(address=address).write(job)


def test_settings_that_lose_records_or_cannot_run_are_refused(job):
    with pytest.raises(SettingError, match=r"submit\.image"):
        Kubernetes().write(job)
    with pytest.raises(SettingError, match=r"submit\.archive"):
        Sky(managed=True)
    with pytest.raises(SettingError, match=r"submit\.nodes must be at least 1"):
        Sky(nodes=0)


def test_programs_that_are_missing_are_named(job, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for launcher, name in ((CLUSTER, "kubectl"), (SKY, "sky")):
        with pytest.raises(BridgeworkError, match=f"{name} is not installed"):
            launcher.submit(job, tmp_path / "file")


def strict(schema):
    """A schema of a custom resource in which no unknown field passes."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(each) for name, each in schema.items()}
    loose = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if isinstance(made.get("properties"), dict) and made.get("type") == "object" and not loose:
        made["additionalProperties"] = False
    if made.pop("x-kubernetes-int-or-string", False):
        made = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    return made


@functools.cache
def resource_schema(kind):
    definition = yaml.load((shared("schemas") / f"ray.io_{kind}.yaml").read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (schema,) = [each["schema"]["openAPIV3Schema"] for each in definition["spec"]["versions"] if each["name"] == "v1"]
    made = strict(schema)
    made["properties"]["metadata"] = {"type": "object"}
    return jsonschema.Draft202012Validator(made)


def check_resource(resource, kind):
    resource_schema(kind).validate(resource)


@pytest.mark.shared
@pytest.mark.parametrize("launcher", [CLUSTER, FULL["kubernetes"]], ids=["default", "full"])
def test_a_ray_job_fits_the_schema_of_kuberay(launcher, job):
    script, ray_job = yaml.safe_load_all(launcher.write(job))
    check_resource(ray_job, "rayjobs")
    assert (
        script["metadata"]["name"]
        == job.name
        == ray_job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["volumes"][1]["configMap"]["name"]
    )
    assert ("suspend" in ray_job["spec"]) == bool(launcher.queue)
    for wrong in ({"submissionMod": "x"}, {"rayClusterSpec": {"authOptions": {"mode": "tokens"}}}):
        with pytest.raises(jsonschema.ValidationError):
            check_resource({**ray_job, "spec": {**ray_job["spec"], **wrong}}, "rayjobs")


@pytest.fixture(scope="module")
def built():
    """The standing cluster as kubectl builds it."""
    if not shutil.which("kubectl"):
        pytest.skip("no kubectl")
    said = subprocess.run(["kubectl", "kustomize", ROOT / "cluster/kubernetes"], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(said.stdout))


def test_the_standing_cluster_builds(built):
    kinds = sorted(each["kind"] for each in built)
    assert kinds == ["Deployment", "PersistentVolumeClaim", "RayCluster", "Service", "Service", "StatefulSet"]
    assert all(each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "bridgework" for each in built)
    assert "image: bridgework\n" not in yaml.safe_dump(built)


@pytest.mark.shared
def test_the_standing_ray_cluster_fits_the_schema_of_kuberay(built):
    (cluster,) = [each for each in built if each["kind"] == "RayCluster"]
    check_resource(cluster, "rayclusters")


VALIDATE = """
import json, sys, kubernetes_validate
for each in json.load(sys.stdin):
    kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
"""


@needs("kubernetes-validate")
def test_all_else_fits_the_schemas_of_kubernetes(built, job):
    script, ray_job = yaml.safe_load_all(FULL["kubernetes"].write(job))
    cluster = ray_job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **group["template"]} for group in groups]
    checked = tool_python(VALIDATE, json.dumps([script, *pods, *(each for each in built if each["kind"] != "RayCluster")]))
    assert checked.returncode == 0, checked.stderr
    wrong = {**pods[0], "spec": {**pods[0]["spec"], "restartPolic": "Never"}}
    assert tool_python(VALIDATE, json.dumps([wrong])).returncode


LOAD = """
import json, sys, yaml, sky
task = sky.Task.from_yaml_config(yaml.safe_load(sys.stdin.read()), env_overrides=[], secrets_overrides=[("RAY_AUTH_TOKEN", "t")])
print(json.dumps([task.name, task.num_nodes, task.run.splitlines()[0], [str(each) for each in task.resources]]))
"""


@needs("sky")
@pytest.mark.parametrize(
    "launcher", [SKY, Sky(nodes=3, accelerators="L4:1", infra="aws/us-east-1", spot=True)], ids=["default", "full"]
)
def test_skypilot_loads_the_task(launcher, job):
    loaded = tool_python(LOAD, launcher.write(job))
    assert loaded.returncode == 0, loaded.stderr
    name, nodes, first, resources = json.loads(loaded.stdout)
    assert (name, nodes, first) == (job.name, launcher.nodes, "trap : TERM")
    assert "L4" in resources[0] or not launcher.accelerators
    wrong = launcher.write(job).replace("num_nodes:", "num_node:")
    assert tool_python(LOAD, wrong).returncode


def test_the_task_of_skypilot_leaves_the_token_to_skypilot(job):
    task = yaml.safe_load(SKY.write(job))
    assert task["secrets"] == {"RAY_AUTH_TOKEN": None}
    assert "--secret RAY_AUTH_TOKEN" in SKY.write(job) and "ray stop" not in SKY.write(job)
    assert "--down" not in SKY.write(job) and "--down" in Sky(archive=S3).write(job)


def test_a_job_waits_for_all_nodes_and_not_for_ever(tmp_path):
    for said, count, seconds in (("echo 1", 1, 600), ("echo 1", 2, 0), ("echo no Ray; exit 1", 1, 0)):
        (tmp_path / "python").write_text(f"#!/bin/sh\n{said}\n")
        (tmp_path / "python").chmod(0o755)
        script = wait_for_nodes(str(tmp_path / "python"), "x", count, seconds)
        assert subprocess.run(["sh", "-c", script], timeout=10).returncode == 0
