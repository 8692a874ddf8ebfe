"""Serves the MLflow dashboard on loopback, without its job runner, and says how to open it."""

import os
import subprocess
import sys

from ser_core.errors import RecordError
from ser_core.records import RunStore


def server_command(uri: str, port: int) -> list[str]:
    """The MLflow server for a tracking database."""
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", uri),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]


def server_environment() -> dict[str, str]:
    """The environment it runs in: no job runner (2 GB of idle processes), no telemetry."""
    return {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def serve(store: RunStore, uri: str, port: int) -> int:
    """Runs the dashboard until it is stopped. Raises RecordError when there is nothing to show yet."""
    if uri.startswith("sqlite:///") and not os.path.exists(uri.removeprefix("sqlite:///")):
        raise RecordError(f"nothing to show in {store.folder} yet; run `ser ablate fusion` first")
    try:
        return subprocess.run(server_command(uri, port), env=server_environment(), check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        return 0
