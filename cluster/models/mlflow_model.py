"""Logs a trained model to the MLflow run of its study, and registers it under a name if asked.

<store>/models/KEY --export with encoder--> artifacts/model, mlflow_predictor.py, ser_core --typed signature--> MLflow model
Nothing is pickled: MLflow keeps the code of the predictor as a file ("models from code"), and weights are safetensors.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import ser_core
from cluster.models.export import ExportAsked, export_model
from cluster.tracking.mlflow_projection import ENVIRONMENT
from cluster.tracking.tracking_store import as_sentence, open_client, store_exists
from ser_core.content_hashes import write_atomically
from ser_core.errors import AudioError, BridgeworkError, RecordError
from ser_core.trained import EmotionModel, load
from ser_core.trained.description import read_description

PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from cluster.models.mlflow_model import main; main()"
PREDICTOR = Path(__file__).with_name("mlflow_predictor.py")
ARTIFACT = "model"
"""Name of the exported folder among the artifacts, as the predictor reads it."""
MARKER = ".mlflow.json"
"""File in a model's folder with the addresses under which MLflow has it. Exports leave it behind."""
LARGEST_ENCODERS = 500_000_000
"""Bytes of encoders up to which every trained model is logged with them; beyond, only a model that is to be registered."""
TAG = "ser.model"
"""Tag with the key of a model: `ser.model.KEY` of the study's run, `ser.model` of a registered version."""
NEEDS = ("torch", "torchaudio", "transformers", "safetensors", "jaxtyping", "filelock", "soundfile", "numpy", "pandas", "scipy")
"""What the model imports besides its own code and MLflow: the group `predict` of pyproject.toml."""


def log_model(place: Path, study: str, uri: str, register: str = "") -> str:
    """Logs the model of this folder to the run of a study, once, and returns its address for mlflow.pyfunc.load_model.

    With `register`, it also becomes a version of that registered model, once. Another process does it, because the settings of
    MLflow hold for a whole process. The model's folder remembers it, so that a repeated command costs nothing. Raises RecordError
    if MLflow cannot be used.
    """
    marker, name = place / MARKER, f"{study} {uri} {register}"
    known = json.loads(marker.read_text()) if marker.exists() and store_exists(uri) else {}
    if name not in known:
        known[name] = _log_elsewhere(place, study, uri, register)
        write_atomically(marker, json.dumps(known))
    return known[name]


def _log_elsewhere(place: Path, study: str, uri: str, register: str) -> str:
    asked = json.dumps([str(place), study, uri, register])
    call = [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(sys.path), asked]
    ran = subprocess.run(call, capture_output=True, text=True, env={**ENVIRONMENT, **os.environ})  # noqa: S603
    found = json.loads((ran.stdout.strip().splitlines() or ["{}"])[-1]) if ran.returncode == 0 else {}
    if sentence := found.get("error"):
        raise RecordError(sentence)
    if "address" not in found:
        raise RuntimeError(f"the process that writes to MLflow failed: {ran.stderr[-4000:]}")
    return found["address"]


def main() -> None:
    """Logs what the last argument asks for and prints the address as JSON, or the error as one sentence."""
    place, study, uri, register = json.loads(sys.argv[2])
    try:
        print(json.dumps({"address": _logged(Path(place), study, uri, register)}))
    except Exception as error:
        sentence = as_sentence(error, uri)
        if not isinstance(sentence, BridgeworkError):
            raise
        print(json.dumps({"error": str(sentence)}))


def _logged(place: Path, study: str, uri: str, register: str) -> str:
    import mlflow

    client, tag = open_client(uri), f"{TAG}.{place.name}"
    mlflow.set_tracking_uri(uri)
    run = _run_of(client, study, uri)
    address = run.data.tags.get(tag)
    if not address:
        address = _log(place, run.info.run_id)
        client.set_tag(run.info.run_id, tag, address)
    return _registered(client, address, register, place.name) if register else address


def _run_of(client: Any, study: str, uri: str) -> Any:
    experiment = client.get_experiment_by_name("bridgework")
    found = client.search_runs([experiment.experiment_id], f"tags.`ser.key` = '{study}'") if experiment else []
    if not found:
        raise RecordError(
            f"MLflow at {uri} does not show study {study}; delete shown.json in its folder and run the command again"
        )
    return found[0]


def _log(place: Path, run: str) -> Any:
    import mlflow

    with tempfile.TemporaryDirectory(prefix="ser-mlflow-") as folder, mlflow.start_run(run_id=run):
        target = Path(folder) / ARTIFACT
        about = export_model(str(place), target, place.parent.parent, ExportAsked(with_encoder=True))
        return mlflow.pyfunc.log_model(
            name=f"model-{place.name}",
            python_model=str(PREDICTOR),
            artifacts={ARTIFACT: str(target)},
            code_paths=[str(Path(ser_core.__file__).parent)],
            signature=signature(load(target, "cpu")),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in NEEDS],
            metadata={"name": about.name, "licence": str(about.card.get("licence", "")), "classes": about.classes},
        ).model_uri


def encoder_bytes(place: Path) -> int:
    """Returns the size of the encoders that a model was trained with, as far as they are on this machine."""
    folders = [Path(named["path"]).expanduser() for named in read_description(place).encoders.values() if named.get("path")]
    return sum(file.stat().st_size for folder in folders if folder.is_dir() for file in folder.iterdir() if file.is_file())


def _registered(client: Any, address: str, name: str, key: str) -> str:
    import mlflow

    there = [each for each in client.search_model_versions(f"name = '{name}'") if each.tags.get(TAG) == key]
    version = there[0] if there else mlflow.register_model(address, name, tags={TAG: key})
    return f"models:/{name}/{version.version}"


def signature(model: EmotionModel) -> Any:
    """Returns what the MLflow model reads (recordings as bytes, the text if it needs one) and answers, by column."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    from cluster.models.mlflow_predictor import answer

    read: Any = [ColSpec(DataType.binary, "audio"), *([ColSpec(DataType.string, "text")] if model.reads_text else [])]
    row = answer(AudioError(""), model)
    kinds = {name: DataType.double if isinstance(value, float) else DataType.string for name, value in row.items()}
    answered: Any = [ColSpec(kind, name) for name, kind in kinds.items()]
    return ModelSignature(Schema(read), Schema(answered))
