"""What happens to all other settings when a variant changes one: the mode, which stands in the caption of every table."""

MODES: dict[str, str] = {
    "fixed": "Mode fixed: all other settings stay as they are.",
    "retuned": "Mode retuned: the other settings in the space were searched anew for each variant, with equal budgets.",
}
"""Every mode with the sentence of the caption; a variant masked at test is no mode of training and is not among them."""


def caption(question: str, mode: str) -> str:
    """The question with the sentence of the mode.

    >>> caption("Does it help?", "fixed")
    'Does it help? Mode fixed: all other settings stay as they are.'
    """
    return f"{question} {MODES[mode]}"
