"""Defines the commands for models in use: `ser train`, `models`, `export`, `predict`, `evaluate`, `cross` and `serve`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.job_app import STORE, Store, console

model_app = typer.Typer()
Model = Annotated[str, typer.Argument(help="A model: its folder, or the beginning of its key in the store.")]
Encoders = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder",
        help="CHANNEL=FOLDER of an encoder that lies elsewhere than in training, or of the features of these files; repeatable.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
SpeechOnly = Annotated[bool, typer.Option("--speech-only", help="Hide the text; only for models that were trained for it.")]


@model_app.command()
def train(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="A configuration, such as @selected.yaml from `ser select`.")
    ] = None,
    members: Annotated[int, typer.Option(help="Models with different seeds whose answers are averaged.")] = 1,
    epochs: Annotated[int, typer.Option(help="Epochs of the last stage; 0: the median that the folds chose.")] = 0,
    register: Annotated[str, typer.Option(help="Name under which MLflow registers the model; empty does not register it.")] = "",
) -> None:
    """Train a configuration on all speakers, to be taken away. Cross-validates it first if that is not recorded."""
    from cluster.cli.model_commands import train_on_everyone

    sys.exit(train_on_everyone(console, overrides or [], members, epochs, register))


@model_app.command()
def models(store: Store = STORE) -> None:
    """List trained models."""
    from cluster.cli.model_commands import list_models

    list_models(console, store)


@model_app.command()
def export(
    model: Model,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    with_encoder: Annotated[bool, typer.Option("--with-encoder", help="Copy the encoders into the folder, too.")] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write model.onnx, from the waveform to the answers.")] = False,
    encoder: Encoders = None,
    store: Store = STORE,
) -> None:
    """Copy a model to a folder that stands alone: weights, settings, card."""
    from cluster.cli.model_commands import encoder_folders, export_to
    from cluster.models.export import ExportAsked

    export_to(console, model, folder, store, ExportAsked(with_encoder, onnx, encoder_folders(encoder or ())))


@model_app.command()
def predict(
    model: Model,
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, tables with a column file, or - for a list on stdin.")],
    to: Annotated[Path | None, typer.Option(help="File to write; its ending names the format.", dir_okay=False)] = None,
    form: Annotated[str, typer.Option("--format", help="jsonl, csv, parquet or audformat.")] = "",
    text_column: Annotated[str, typer.Option(help="Column of a table with what was said.")] = "",
    transcripts: Annotated[str, typer.Option(help="A table with the columns file and text.")] = "",
    window: Annotated[float, typer.Option(help="Seconds of a window, for long recordings; 0 takes each file whole.")] = 0.0,
    hop: Annotated[float, typer.Option(help="Seconds from window to window; 0 is half a window.")] = 0.0,
    active_only: Annotated[bool, typer.Option("--active-only", help="Leave out windows without speech.")] = False,
    speech_only: SpeechOnly = False,
    encoder: Encoders = None,
    device: Device = "auto",
    store: Store = STORE,
) -> None:
    """Predict the emotions of recordings."""
    from cluster.cli.model_commands import Loading, predict_inputs
    from cluster.models.inputs import InputSettings

    settings = InputSettings(text_column, transcripts, window, hop, active_only)
    loading = Loading(model, store, device, encoder or (), speech_only)
    sys.exit(predict_inputs(console, loading, inputs, settings, to, form))


@model_app.command()
def evaluate(
    model: Model,
    overrides: Annotated[list[str] | None, typer.Argument(help="A corpus, such as corpus=ravdess corpus.root=FOLDER.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--map", help="LABEL=CLASS renames a label of the corpus; repeatable.")
    ] = None,
    all_classes: Annotated[
        bool, typer.Option("--all-classes", help="Let the model answer with classes that the corpus does not have, too.")
    ] = False,
    to: Annotated[Path | None, typer.Option(help="CSV of all predictions.", dir_okay=False)] = None,
    speech_only: SpeechOnly = False,
    encoder: Encoders = None,
    device: Device = "auto",
    store: Store = STORE,
) -> None:
    """Test a model on any corpus."""
    from cluster.cli.evaluate_commands import evaluate_on, label_map
    from cluster.cli.model_commands import Loading
    from cluster.models.evaluation_store import EvaluationAsked

    asked = EvaluationAsked(label_map(label or []), all_classes)
    sys.exit(evaluate_on(console, Loading(model, store, device, encoder or (), speech_only), overrides or [], asked, to))


@model_app.command()
def cross(
    overrides: Annotated[list[str] | None, typer.Argument(help="The configuration, without a corpus.")] = None,
    on: Annotated[
        list[str] | None, typer.Option(help='A corpus, such as "corpus=emodb corpus.root=FOLDER"; at least two.')
    ] = None,
    members: Annotated[int, typer.Option(help="Models with different seeds whose answers are averaged.")] = 1,
    metric: Annotated[str, typer.Option(help="Metric of the matrix.")] = "uar",
    label: Annotated[
        list[str] | None, typer.Option("--map", help="LABEL=LABEL: two labels that mean the same; repeatable.")
    ] = None,
) -> None:
    """Train a configuration on each corpus and test it on each other one: a cross-corpus matrix."""
    from cluster.cli.evaluate_commands import cross_corpora, label_map
    from cluster.models.cross import CrossAsked

    sys.exit(cross_corpora(console, overrides or [], CrossAsked(on or [], metric, label_map(label or [])), members))


@model_app.command()
def serve(
    model: Model,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token of clients; or set SER_SERVE_TOKEN. A new one unless on loopback.")
    ] = None,
    speech_only: SpeechOnly = False,
    encoder: Encoders = None,
    device: Device = "auto",
    store: Store = STORE,
) -> None:
    """Serve a model over HTTP: POST a recording to /predict."""
    from cluster.cli.model_commands import Loading, serve_model

    serve_model(console, Loading(model, store, device, encoder or (), speech_only), host, port, token_file)
