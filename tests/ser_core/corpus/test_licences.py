"""What corpora ask of their users: told once per store, known for every corpus that is not the user's own or the demo."""

from pathlib import Path

import pytest

from ser_core.corpus import CORPORA
from ser_core.corpus.emobox import EmoBox
from ser_core.corpus.licences import first_use
from ser_core.errors import CorpusError


def test_terms_are_told_once_per_store(tmp_path: Path) -> None:
    terms = CORPORA["iemocap"]().terms()
    assert first_use("iemocap", terms, tmp_path / "one") == terms
    assert first_use("iemocap", terms, tmp_path / "one") is None
    assert first_use("iemocap", terms, tmp_path / "two") == terms
    assert first_use("iemocap", f"{terms}, changed", tmp_path / "one") == f"{terms}, changed"
    for place in ("emodb", "iemocap"):
        own = EmoBox(path=f"/data/{place}").terms()
        assert [first_use("emobox", own, tmp_path) for _ in range(2)] == [own, None]


def test_the_demo_corpus_asks_for_nothing_and_leaves_no_trace(tmp_path: Path) -> None:
    assert first_use("demo", CORPORA["demo"]().terms(), tmp_path / "cache") is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("corpus", CORPORA)
def test_every_corpus_of_others_says_what_it_asks(corpus: str) -> None:
    if corpus == "audformat":
        with pytest.raises(CorpusError, match=r"add corpus\.root=PATH"):
            CORPORA[corpus]().terms()
        return
    terms = CORPORA[corpus]().terms()
    assert bool(terms) == (corpus not in ("demo", "table", "emobox"))
    if terms:
        assert [line.partition(":")[0] for line in terms.splitlines()] == [
            *("licence", "access", "commercial", "redistribution", "citation")
        ]
        assert CORPORA[corpus].licence_terms.licence in terms
