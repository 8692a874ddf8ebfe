"""Writes YAML for people: scripts as blocks, one line per line, and no anchors."""

import shlex
from collections.abc import Sequence
from typing import Any

import yaml

from cluster.submit.job import Job


class _Readable(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _Readable.represent_text)


def readable_yaml(job: Job, remark: str, documents: Sequence[dict[str, Any]]) -> str:
    """Returns documents as YAML, below the command that they run and a remark."""
    head = f"# {shlex.join(('ser', *job.words))}\n# {remark}\n"
    return head + "---\n".join(yaml.dump(each, Dumper=_Readable, sort_keys=False, width=1000) for each in documents)
