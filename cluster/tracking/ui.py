"""Serves the MLflow dashboard on the loopback address, without its job runner, and prints how to open it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from cluster.tracking.tracking_store import tracking_uri
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, SettingError

ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # saves 2 GB of idle processes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}


def server_command(store: RunStore, uri: str, port: int) -> list[str]:
    """Returns the command of an MLflow server for a tracking database. Artifacts are next to the records."""
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", uri, "--artifacts-destination", str(store.folder / "artifacts")),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]


def serve(store: RunStore, tracking: str, port: int) -> int:
    """Runs the dashboard until Ctrl-C. Raises RecordError when there is nothing to show, SettingError for a port in use."""
    uri = tracking_uri(store, tracking)
    if uri.startswith(("http:", "https:")):
        raise SettingError(f"{uri} is already a server; open it in a browser")
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise RecordError(f"nothing to show in {store.folder} yet; run `ser ablate fusion` first")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SettingError(f"--port {port} cannot be used ({error.strerror}); choose another") from None
    print(f"MLflow on http://127.0.0.1:{port} in about 20 s (press Ctrl-C to stop it)", flush=True)
    command, environment = server_command(store, uri, port), {**os.environ, **ENVIRONMENT}
    server = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(server)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """Stops the server and all its processes, first with SIGTERM."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, way)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
