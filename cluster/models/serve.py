"""`ser serve`: a model as an HTTP service. POST a file to /predict and get JSON; /docs has the OpenAPI page.

client --audio, token in a header where the service listens elsewhere than on loopback--> /predict --> Prediction as JSON
"""

import asyncio
import hmac
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Annotated, Any

from cluster.models.outputs import row_of
from ser_core.errors import AudioError, SettingError
from ser_core.trained.emotion_model import EmotionModel

LOOPBACK = ("127.0.0.1", "::1", "localhost")
LARGEST_MB = 50
SECONDS = 60.0
"""Longest time for a recording to arrive, and for its answer."""
VARIABLE = "SER_SERVE_TOKEN"
"""Environment variable with the token of clients."""
ABOUT = ("name", "classes", "dimensions", "expected")
"""Parts of the description that clients see."""
BODY = {"content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}}
"""The body of a request to /predict, for the OpenAPI page."""


def application(model: EmotionModel, token: str = "", largest_mb: float = LARGEST_MB, seconds: float = SECONDS) -> Any:
    """Returns the ASGI application. With a token, /model and /predict need `Authorization: Bearer TOKEN`."""
    from fastapi import FastAPI, Header, HTTPException, Query, Request

    app = FastAPI(title=model.description.name, description="Emotions of utterances. POST a recording as the body to /predict.")
    most = int(largest_mb * 1e6)

    def check(authorization: str | None) -> None:
        if token and not hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "this service needs its token: Authorization: Bearer TOKEN")

    @app.get("/model")
    def description(authorization: Annotated[str | None, Header()] = None) -> dict[str, Any]:
        """What the model is: classes, scales, expected scores."""
        check(authorization)
        return {**{name: getattr(model.description, name) for name in ABOUT}, "reads_text": model.reads_text}

    @app.post("/predict", openapi_extra={"requestBody": BODY})
    async def predict(
        request: Request,
        text: Annotated[str, Query(description="What was said, for a model that reads text.")] = "",
        authorization: Annotated[str | None, Header()] = None,
    ) -> dict[str, Any]:
        """The emotion of one recording, sent as the body."""
        check(authorization)
        try:
            content = await asyncio.wait_for(_body(request, most, largest_mb), seconds)
        except TimeoutError:
            raise HTTPException(408, f"the recording did not arrive within {seconds:g} s; send it faster") from None
        if model.reads_text and not text:
            raise HTTPException(422, "this model reads speech and text; add ?text=...")
        try:
            return await asyncio.wait_for(asyncio.to_thread(_answer, model, content, text), seconds)
        except AudioError as error:
            raise HTTPException(422, str(error)) from None
        except TimeoutError:
            raise HTTPException(503, f"the recording took more than {seconds:g} s; send a shorter one") from None

    return app


async def _body(request: Any, most: int, largest_mb: float) -> bytes:
    """Returns the body. Raises HTTPException for one that is empty or too large, before all of it is read."""
    from fastapi import HTTPException

    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > most:
            raise HTTPException(413, f"the recording has more than {largest_mb:g} MB; send a shorter one")
    if not content:
        raise HTTPException(422, "the body is empty; send a recording as the body")
    return bytes(content)


def _answer(model: EmotionModel, content: bytes, text: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ser-serve-") as folder:
        file = Path(folder) / "recording"
        file.write_bytes(content)
        try:
            found = model(file, text)
        except AudioError as error:
            raise AudioError(str(error).replace(f"{file}: ", "")) from None
    return {name: value for name, value in row_of("", found).items() if name != "file"}


def token_for(host: str, file: Path | None = None) -> tuple[str, bool]:
    """Returns the token and whether it is new: that of the file or of SER_SERVE_TOKEN, else none on loopback, else a new one.

    It is no option of the command line, because all users of a machine can read that. Raises SettingError for a file without one.
    """
    given = os.environ.get(VARIABLE, "")
    if file:
        try:
            given = file.expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"--token-file {file} cannot be read ({error}); give a file that holds the token") from None
        if not given:
            raise SettingError(f"--token-file {file} is empty; write the token into it")
    new = not given and host not in LOOPBACK
    return (secrets.token_urlsafe(32) if new else given), new


def check_port(host: str, port: int) -> None:
    """Raises SettingError for a port that does not exist, is taken, or may not be used, and for an unknown host."""
    if not 0 <= port < 65536:
        raise SettingError(f"--port must be a number from 0 to 65535, got {port}")
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise SettingError(f"cannot listen on {host}, port {port}: {error.strerror}; choose another --port or --host") from None


def serve(model: EmotionModel, host: str, port: int, token: str) -> None:
    """Serves until it is stopped."""
    import uvicorn

    uvicorn.run(application(model, token), host=host, port=port, log_level="warning", server_header=False)
