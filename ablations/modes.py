"""What happens to all other settings when a variant changes one: the mode, which stands in the caption of every table.

A mode is a sentence here and, in cluster/study.py, the overrides that a variant is trained with.
"""

MODES: dict[str, str] = {"fixed": "Mode fixed: all other settings stay as they are."}
"""Every mode with the sentence of the caption."""


def caption(question: str, mode: str) -> str:
    """The question with the sentence of the mode.

    >>> caption("Does it help?", "fixed")
    'Does it help? Mode fixed: all other settings stay as they are.'
    """
    return f"{question} {MODES[mode]}"
