"""The rules of the text channel: laws over any text, one version and hash on every card, and what is fed to whom."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.corpus import texts
from ser_core.corpus.corpus import Corpus, complete
from ser_core.corpus.texts import SPECIMENS, clean, normalisation, normalise, without_tags, words
from ser_core.encoders.words import word_numbers

WRITTEN = st.text(st.sampled_from("ab Cé\u0301'\u2019.,[]{}<>()3\n\t\U0001f62d")) | st.text()


def card() -> dict[str, object]:
    table = complete(pd.DataFrame([{"utterance": "a", "file": "a.wav", "speaker": "1"}]))
    return Corpus("made", table, (), (), "none", "made here").card("")


@given(WRITTEN)
def test_every_rule_applied_twice_is_the_rule(text: str) -> None:
    for rule in (without_tags, clean, normalise):
        assert rule(rule(text)) == rule(text)
    assert words(" ".join(words(text))) == words(text)


@given(WRITTEN, WRITTEN)
def test_a_tag_leaves_no_trace(before: str, after: str) -> None:
    """Texts without brackets of their own: what is between brackets goes, and nothing else does."""
    before, after = (re.sub(r"[\[\]{}<>]", "", part) for part in (before, after))
    for tag in ("[LAUGHTER]", "{breath}", "<LAUGH>", "[a [b] c]", "[]"):
        assert without_tags(f"{before} {tag} {after}") == " ".join(f"{before} {after}".split())
        assert normalise(f"{before} {tag} {after}") == " ".join(words(f"{before} {after}"))


@pytest.mark.parametrize("text", ["", "I <3 you", "2 < 3", "a [ b", "half ] open", "} {", "<" + "x" * 41 + ">"])
def test_what_is_no_tag_stays(text: str) -> None:
    assert without_tags(text) == text


def test_one_spelling_whatever_the_file_system_wrote() -> None:
    assert clean("Cafe\u0301  au\u00a0lait") == "Caf\u00e9 au lait"
    assert word_numbers("Cafe\u0301", 1000).tolist() == word_numbers("caf\u00e9", 1000).tolist() != [0]


def test_the_rules_stand_on_the_card_and_are_pinned() -> None:
    """A rule that changes on purpose changes this literal, raises VERSION, and raises ser_core.EDITION: models read otherwise."""
    assert card()["text_normalisation"] == normalisation() == "words-1 5a51e601"


@pytest.mark.parametrize("rule", ["TAG", "WORD_OR_SIGN", "VERSION", "clean", "without_tags", "words", "normalise"])
def test_another_rule_is_another_card(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = card()
    others = {"TAG": re.compile(r"\[[A-Z]+\]"), "WORD_OR_SIGN": re.compile(r"\w+"), "VERSION": "words-2"}
    rules = {"clean": str.strip, "without_tags": str.strip, "words": str.split, "normalise": str.lower}
    monkeypatch.setattr(texts, rule, (others | rules)[rule])
    changed = card()
    assert changed.pop("text_normalisation") != before.pop("text_normalisation")
    assert changed == before


@pytest.mark.parametrize("text", SPECIMENS)
def test_a_specimen_shows_every_rule_at_work(text: str) -> None:
    shown = {" ".join(words(text)), normalise(text), clean(text), text}
    assert len(shown) >= 3
