"""Programs that check what launchers write. They do not fit beside our pins, so they live in an environment of their own.

    uv venv /tmp/ser-tools && uv pip install --python /tmp/ser-tools/bin/python 'moto[server,s3]' skypilot kubernetes-validate
Run it outside of the clone, whose constraints would apply. SER_TOOLS names another folder.
"""

import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(os.environ.get("SER_TOOLS", "/tmp/ser-tools")) / "bin"


def needs(program: str) -> pytest.MarkDecorator:
    """Skips a test where this program of the environment is missing."""
    return pytest.mark.skipif(not (TOOLS / program).exists(), reason=f"no {program}; see tests/cluster/submit/other_tools.py")


def tool_python(program: str, given: str) -> "subprocess.CompletedProcess[str]":
    """Runs a Python program in that environment, with text on its standard input."""
    quiet = {"SKYPILOT_DISABLE_USAGE_COLLECTION": "1", "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/tmp")}
    return subprocess.run([TOOLS / "python", "-c", program], input=given, capture_output=True, text=True, env=quiet, timeout=120)
