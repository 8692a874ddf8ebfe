"""How a corpus on disk is compared with its release: by its counts, with differences refused or noted."""

from collections.abc import Mapping, Sequence

from ser_core.errors import CorpusError

COUNTS = ("release", "any")
"""Values of the setting `counts`."""
AS_RELEASED = "as released"


def check_counts(
    corpus: str, expected: Mapping[str, int], found: Mapping[str, int], counts: str, closed: Sequence[str] = ()
) -> str:
    """Returns the protocol card's words about the counts. Raises CorpusError if they differ and `counts` is release.

    `closed` are sentences about folders that could not be opened, which may explain the difference.

    >>> check_counts("x", {"utterances": 2}, {"utterances": 2}, "release")
    'as released'
    >>> check_counts("x", {"utterances": 2}, {"utterances": 1}, "any")
    'not those of the release: utterances 2 expected, 1 found'
    """
    names = [*expected, *(name for name in found if name not in expected)]
    differ = [
        f"{name} {expected.get(name, 0)} expected, {found.get(name, 0)} found"
        for name in names
        if expected.get(name, 0) != found.get(name, 0)
    ]
    if not differ:
        return AS_RELEASED
    if counts == "release":
        raise CorpusError(
            f"corpus {corpus} does not match the release: {'; '.join([*differ, *closed])}; complete the files below corpus.root, "
            "or accept it with corpus.counts=any"
        )
    return f"not those of the release: {'; '.join(differ)}"
