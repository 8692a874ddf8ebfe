"""What the commands for models in use do and print."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ablations.report.cells import long_name, number
from cluster.cli.commands import conclude_study, cross_validate_one, watching
from cluster.models.export import ExportAsked, export_model
from cluster.models.inputs import InputSettings
from cluster.models.model_store import find_model, known_models, place_of
from cluster.models.predict_files import predict_files
from cluster.models.serve import LOOPBACK, check_port, serve, token_for
from cluster.models.train_model import TrainAsked, train_model
from cluster.run_study import StudyResult
from ser_core.channels import CHANNELS
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from ser_core.trained import EmotionModel, load
from ser_core.trained.description import read_description


@dataclasses.dataclass(frozen=True)
class Loading:
    """Which model to load, and how."""

    model: str
    store: Path
    device: str = "auto"
    encoders: Sequence[str] = ()
    """CHANNEL=FOLDER."""
    speech_only: bool = False

    def load(self) -> EmotionModel:
        model = load(find_model(self.model, self.store), self.device, **encoder_folders(self.encoders))
        return model.without_text() if self.speech_only else model


def encoder_folders(given: Sequence[str]) -> dict[str, str]:
    """Reads CHANNEL=FOLDER entries. Raises SettingError for one that names no channel or no folder."""
    found: dict[str, str] = {}
    for entry in given:
        channel, _, folder = entry.partition("=")
        if channel not in CHANNELS or not folder:
            raise SettingError(f"--encoder {entry}: write CHANNEL=FOLDER; the channels are {', '.join(CHANNELS)}")
        found[channel] = folder
    return found


def train_on_everyone(console: Console, overrides: Sequence[str], members: int, epochs: int, register: str = "") -> int:
    """Implements `ser train`. Returns 1 when folds of the cross-validation failed."""
    asked = TrainAsked(members, epochs)
    finished, planned = cross_validate_one(console, overrides, "train")
    if code := conclude_study(console, finished):
        return code
    with watching(console) as watch:
        key, trained = train_model(
            finished, planned, asked, lambda event, most: watch(event.end.epoch, most, f"member {event.number + 1}")
        )
    place = place_of(finished.store, key)
    console.print(f"model      {place}", highlight=False, soft_wrap=True, markup=False)
    console.print(
        f"use it     {shlex.join(['ser', 'predict', str(place), 'FILES'])}", highlight=False, soft_wrap=True, markup=False
    )
    export = shlex.join(["ser", "export", str(place), "FOLDER"])
    console.print(f"take it    {export}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"in MLflow  {_logged(finished, place, register)}", highlight=False, soft_wrap=True, markup=False)
    console.print("trained on everyone" if trained else "already trained", highlight=False)
    return 0


def _logged(finished: StudyResult, place: Path, register: str) -> str:
    """Logs a model to MLflow, and returns its address; if its encoders are large, only when it is to be registered."""
    from cluster.models.mlflow_model import LARGEST_ENCODERS, encoder_bytes, log_model

    size = encoder_bytes(place)
    if size > LARGEST_ENCODERS and not register:
        return f"not logged, since it would copy {size / 1e9:.1f} GB of encoders; --register NAME logs it all the same"
    return log_model(place, finished.study.id, finished.tracker.uri, register)


def list_models(console: Console, folder: Path) -> None:
    """Implements `ser models`."""
    found = known_models(RunStore(folder))
    if not found:
        console.print(f"{folder} has no models; `ser train` makes one", highlight=False, markup=False)
    for place in found:
        one = read_description(place)
        first = next(iter(one.expected), "")
        score = f"{long_name(first)} {number(one.expected[first]['value'], first)} expected" if first else ""
        console.print(f"{place.name}  {one.name}, {one.members} members, {score}", highlight=False, soft_wrap=True, markup=False)


def export_to(console: Console, model: str, target: Path, store: Path, asked: ExportAsked) -> None:
    """Implements `ser export`."""
    found = export_model(model, target, store, asked)
    console.print(f"{found.name} is in {target}; its card is README.md", highlight=False, soft_wrap=True, markup=False)
    if asked.onnx:
        console.print("model.onnx answers as the model does; the card says what it reads", highlight=False, markup=False)
    if found.encoders and not asked.with_encoder:
        named = ", ".join(f"{channel}={each['checkpoint']}" for channel, each in found.encoders.items())
        console.print(
            f"encoders stay outside ({named}); --with-encoder copies them", highlight=False, soft_wrap=True, markup=False
        )


def predict_inputs(
    console: Console, loading: Loading, inputs: Sequence[str], settings: InputSettings, target: Path | None, form: str
) -> int:
    """Implements `ser predict`. Returns 1 when no input could be used."""
    errors, model = Console(stderr=True, emoji=False), loading.load()

    def report(file: str, error: Exception) -> None:
        errors.print(f"left out {file}: {error}", highlight=False, soft_wrap=True, markup=False)

    with watching(errors) as watch:
        found = predict_files(model, inputs, settings, target, form, report, lambda done: watch(done, 0, f"{done} so far"))
    named = f", {found.refused} left out" if found.refused else ""
    errors.print(
        f"{found.written} predicted{named}" + (f"; written to {target}" if target else ""), highlight=False, markup=False
    )
    if found.cut:
        heard = model.config.audio
        part = "centre" if heard.longer == "centre" else "first"
        errors.print(
            f"{found.cut} of them {'are' if found.cut > 1 else 'is'} longer than the {heard.max_seconds:g} s that the model "
            f"hears at once: only the {part} {heard.max_seconds:g} s count. --window {heard.max_seconds:g} hears all of it",
            highlight=False,
            soft_wrap=True,
        )
    return 0 if found.written or not found.refused else 1


def serve_model(console: Console, loading: Loading, host: str, port: int, token_file: Path | None) -> None:
    """Implements `ser serve`."""
    check_port(host, port)
    token, new = token_for(host, token_file)
    model = loading.load()
    where = f"http://{'localhost' if host in LOOPBACK else host}:{port}"
    console.print(
        f"{model.description.name} answers at {where}/predict; {where}/docs describes it", highlight=False, markup=False
    )
    if token:
        shown = token if new else "TOKEN, the one that you gave"
        console.print(f"clients need the header Authorization: Bearer {shown}", highlight=False, soft_wrap=True, markup=False)
    serve(model, host, port, token)
