"""Writes a trained model as model.onnx, and checks that it answers as the model does.

model --graph.py--> network --torch.onnx--> model.onnx --onnxruntime, several lengths--> within 1e-4 of the model, or an error
Needs the packages of the extra: pip install 'bridgework[onnx]'.
"""

import contextlib
import importlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser_core.encoders.text import TextExtractor
from ser_core.errors import SettingError
from ser_core.trained.emotion_model import EmotionModel
from ser_core.trained.graph import Graph, Port, Reading, build_graph, outputs_of

FILE = "model.onnx"
OPSET = 18
TOLERANCE = 1e-4
"""Largest difference between an answer of the file and the model's."""
SHARES = (0.0, 0.05, 0.3, 1.0)
"""Lengths at which answers are compared, from the shortest input to the longest."""
PACKAGES = ("onnx", "onnxruntime", "onnxscript")


Ports = Mapping[str, Sequence[Port]]
"""`inputs` and `outputs` of a graph."""


def check_onnx() -> None:
    """Raises SettingError with the command that installs what is missing."""
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise SettingError(f"ONNX needs {', '.join(missing)}: pip install 'bridgework[onnx]'")


def write_onnx(model: EmotionModel, file: Path) -> Ports:
    """Writes a model on the CPU and returns its `inputs` and `outputs`.

    Raises SettingError for a missing package, for a model that no graph can hold, and for a file whose answers differ.
    """
    check_onnx()
    graph, readings = build_graph(model)
    ports = {"inputs": [reading.port for reading in readings], "outputs": outputs_of(model)}
    program = _exported(graph, readings, [port.name for port in ports["outputs"]])
    # Torch notes for each node which line of which file on this machine it comes from.
    for part in (program.model, program.model.graph, *program.model.graph.all_nodes()):
        part.metadata_props.clear()
    meanings = {kind: json.dumps({port.name: port.meaning for port in found}) for kind, found in ports.items()}
    program.model.metadata_props.update({"name": model.description.name, **meanings})
    program.save(str(file), external_data=False)
    _check(model, readings, file)
    return ports


def _exported(graph: Graph, readings: Sequence[Reading], outputs: Sequence[str]) -> Any:
    lengths = tuple({0: torch.export.Dim.DYNAMIC(min=reading.shortest, max=reading.longest)} for reading in readings)
    with _quiet(), torch.no_grad():
        return torch.onnx.export(
            graph,
            tuple(reading.example for reading in readings),
            input_names=[reading.port.name for reading in readings],
            output_names=list(outputs),
            dynamic_shapes={"inputs": lengths},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )


def _check(model: EmotionModel, readings: Sequence[Reading], file: Path) -> None:
    """Raises SettingError, and deletes the file, if its answers to short, usual and long inputs are not the model's."""
    onnxruntime = importlib.import_module("onnxruntime")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    outside = Graph(model, {}, readings).eval()
    for share in SHARES:
        given = [reading.of_length(share) for reading in readings]
        with torch.no_grad():
            wanted = outside(*(_features(model, reading, each) for reading, each in zip(readings, given, strict=True)))
        found = session.run(None, {reading.port.name: each.numpy() for reading, each in zip(readings, given, strict=True)})
        gap = max(float(np.abs(np.asarray(one) - other.numpy()).max()) for one, other in zip(found, wanted, strict=True))
        if not gap <= TOLERANCE:
            file.unlink()
            raise SettingError(
                f"ONNX: the answers of the file differ by {gap:.2g} from those of {model.description.name}, more than "
                f"{TOLERANCE:g}; use the folder itself, and report this with the versions of torch and onnxscript"
            )


def _features(model: EmotionModel, reading: Reading, given: Tensor) -> Tensor:
    """Returns the features that the model's own encoder computes for an input."""
    extractor = model.extractors.get(reading.channel)
    if reading.port.name == "speech" and extractor:
        return extractor([given.numpy()])[0].float()
    if isinstance(extractor, TextExtractor):
        return extractor.states({"input_ids": given[None], "attention_mask": torch.ones_like(given)[None]}).half().float()
    return given


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps torch from warning of what it calls itself, and of operators it leaves alone. `_check` measures what counts."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
