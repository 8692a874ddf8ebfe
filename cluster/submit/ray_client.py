"""Ray's Job Submission API over the dashboard, with a time limit on every request and one sentence for every failure.

this machine --http, token in a header--> dashboard of the head, port 8265 --> job
"""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ser_core.errors import BridgeworkError, SettingError

ANSWER = 20
"""Seconds that the dashboard has for an answer."""
UPLOAD = 300
"""Seconds that it has to take a package or to return a log."""
ADDRESSES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""Variables by which Ray would silently replace the address that it is given."""
TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


def find_token() -> str:
    """Returns the token of the cluster, or "": RAY_AUTH_TOKEN, then the file RAY_AUTH_TOKEN_PATH, then ~/.ray/auth_token."""
    if token := os.environ.get(TOKEN, "").strip():
        return token
    named = os.environ.get(f"{TOKEN}_PATH", "")
    file = Path(named).expanduser() if named else Path.home() / ".ray" / "auth_token"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        if named:
            raise SettingError(f"RAY_AUTH_TOKEN_PATH names {file}, which does not exist; correct or unset it") from None
        return ""


def check_address(address: str) -> str:
    """Returns the address of a dashboard in full. Raises SettingError for other addresses."""
    example = "write the dashboard's address, for instance --address http://HOST:8265"
    if not address:
        raise SettingError(f"--on ray needs an address; {example}")
    scheme, found, rest = address.rpartition("://")
    if (found and scheme not in ("http", "https")) or "@" in rest or not rest or rest == "auto":
        raise SettingError(f"--address {address} is no dashboard; {example}")
    try:
        _ = urlsplit(f"//{rest}").port
    except ValueError:
        raise SettingError(f"--address {address}: the port must be a number from 0 to 65535; {example}") from None
    return f"{scheme or 'http'}://{rest.rstrip('/')}"


class Dashboard:
    """A cluster's dashboard. Methods raise BridgeworkError with one sentence when it does not answer or refuses."""

    def __init__(self, address: str) -> None:
        self.address = check_address(address)
        token = find_token()
        self._has_token, headers = bool(token), {"Authorization": f"Bearer {token}"} if token else {}
        with self._sentences(), _without_addresses():
            self._client = _bounded_client()(self.address, headers=headers)

    def submit(self, name: str, command: str, environment: Mapping[str, Any]) -> str:
        """Starts a shell command as a job with this name and returns its id."""
        with self._sentences():
            return self._client.submit_job(entrypoint=command, submission_id=name, runtime_env=dict(environment))

    def status(self, job: str) -> str:
        """Returns PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED, or "" for a job that the cluster does not know."""
        with self._sentences():
            try:
                return str(self._client.get_job_status(job).value)
            except RuntimeError as error:
                if "status code 404" in str(error):  # `_sentences` would make an error of it
                    return ""
                raise

    def log(self, job: str) -> str:
        """Returns all that a job has printed."""
        with self._sentences():
            return self._client.get_job_logs(job)

    def follow(self, job: str) -> Iterator[str]:
        """Yields what a job prints until it ends."""
        loop, pieces = asyncio.new_event_loop(), self._client.tail_job_logs(job)
        try:
            while True:
                with self._sentences():
                    try:
                        piece = loop.run_until_complete(anext(pieces))
                    except StopAsyncIteration:
                        return
                yield piece
        finally:
            loop.run_until_complete(pieces.aclose())
            loop.close()

    def stop(self, job: str) -> None:
        """Sends SIGTERM to a job."""
        with self._sentences():
            self._client.stop_job(job)

    def wait(self, job: str, seconds: float) -> str:
        """Returns the last state of a job, once it has ended or after so long."""
        end = time.monotonic() + seconds
        while (state := self.status(job)) not in (*ENDED, "") and time.monotonic() < end:
            time.sleep(0.3)
        return state

    def run(self, command: str, environment: Mapping[str, Any], last: str, seconds: float = 600) -> str:
        """Runs a short job until it has printed `last` or ended, and returns what it printed. Then stops and forgets the job."""
        job, end = self.submit(f"fetch-{secrets.token_hex(6)}", command, environment), time.monotonic() + seconds
        while (state := self.status(job)) not in (*ENDED, "") and last not in self.log(job) and time.monotonic() < end:
            time.sleep(0.5)
        text = self.log(job)
        if state not in ENDED:
            self.stop(job)
            self.wait(job, ANSWER)
        if state not in ENDED and last not in text:
            raise BridgeworkError(f"{self.address} has not run a short job within {seconds:.0f} s; look at: ray job status {job}")
        with contextlib.suppress(BridgeworkError), self._sentences():
            self._client.delete_job(job)
        return text

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turns Ray's, aiohttp's and requests' errors into BridgeworkError."""
        import aiohttp
        import requests
        from ray.exceptions import AuthenticationError

        try:
            yield
        except AuthenticationError:
            raise BridgeworkError(self._refused()) from None
        except (requests.Timeout, TimeoutError):
            raise BridgeworkError(
                f"{self.address} has not answered within {ANSWER} s; check the address, or open a tunnel with "
                "`ssh -L 8265:localhost:8265 HOST` and use --address http://localhost:8265"
            ) from None
        except (ConnectionError, requests.RequestException, aiohttp.ClientError) as error:
            raise BridgeworkError(
                f"no dashboard answers at {self.address} ({_reason(error)}); check host and port, and that the head was started "
                "with `ray start --head --include-dashboard=true` (through a tunnel, or with --dashboard-host=0.0.0.0)"
            ) from None
        except (RuntimeError, ValueError, KeyError) as error:
            if "status code 404" in str(error):
                raise BridgeworkError(
                    f"{self.address} no longer knows this job, since Ray forgets its jobs when its head restarts; submit the "
                    "command again, which trains nothing twice"
                ) from error
            raise BridgeworkError(f"{self.address} refused the request: {_reason(error)}") from error

    def _refused(self) -> str:
        if not self._has_token:
            return (
                f"{self.address} requires a token and this machine has none; copy the cluster's token into ~/.ray/auth_token "
                f"(mode 600) or set {TOKEN}"
            )
        return f"{self.address} does not accept this machine's token; get the cluster's (on its head: ray get-auth-token)"


def _bounded_client() -> Any:
    """Returns Ray's client with a time limit on each request. Ray's own waits for ever."""
    from ray.job_submission import JobSubmissionClient

    for name in ("ray.dashboard.modules.job.sdk", "ray.dashboard.modules.dashboard_sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)

    class BoundedClient(JobSubmissionClient):
        def _do_request(self, method: str, endpoint: str, **named: Any) -> Any:
            patient = method != "GET" or endpoint.endswith("/logs")
            return super()._do_request(method, endpoint, timeout=(ANSWER, UPLOAD if patient else ANSWER), **named)

    return BoundedClient


@contextlib.contextmanager
def _without_addresses() -> Iterator[None]:
    """Hides the variables that would replace the address."""
    hidden = {name: os.environ.pop(name) for name in ADDRESSES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _reason(error: BaseException) -> str:
    """Returns the end of a chain of errors, such as `Connection refused`, in one line."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = " ".join(lines[0].split())[:200].rstrip(" .:")
    return reason if reason.isprintable() and reason.isascii() else "its answer is not HTTP"
