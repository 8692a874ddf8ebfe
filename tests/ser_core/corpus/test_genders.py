"""The usual spellings of a gender are female and male, whatever language; any other stays and is told."""

import pandas as pd
import pytest

from ser_core.corpus.corpus import Corpus, complete
from ser_core.corpus.genders import read_genders
from ser_core.tasks.gender import Gender


@pytest.mark.parametrize(
    ("woman", "man"),
    [
        ("F", "M"),
        ("w", "m"),
        ("W", "M."),
        ("Female", "Male"),
        ("FEMALE", "MALE"),
        ("woman", "man"),
        ("weiblich", "männlich"),
        ("Frau", "Mann"),
        ("femme", "homme"),
        ("F", "H"),
        ("mujer", "hombre"),
        ("v", "m"),
        ("K", "E"),
        ("k", "m"),
        ("女", "男"),
        ("женский", "мужской"),
        ("fe\u00admale", "ma\u0308nnlich "),
        ("\uff26", "\uff4d"),
    ],
)
def test_the_usual_spellings_are_known(woman: str, man: str) -> None:
    table = complete(pd.DataFrame({"utterance": ["a", "b", "c"], "file": "x", "speaker": "s", "gender": [woman, man, ""]}))
    assert table["gender"].tolist() == ["female", "male", ""]
    made = Corpus("made", table, (), (), "none", "made here")
    assert not any(notice.startswith("column gender: '") for notice in made.notices)
    assert Gender().available(made) and Gender().targets(made).tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("cells", "genders", "told"),
    [
        (["0", "1", "1"], ["0", "1", "1"], "'1' (2 cells), '0' (1 cell) is not known as female or male"),
        (["Diverse", "f", "m"], ["diverse", "female", "male"], "'diverse' (1 cell) is not known"),
        (["m", "w", "d"], ["male", "female", "d"], "'d' (1 cell)"),
        (["h", "m"], ["h", "m"], "'h' (1 cell), 'm' (1 cell) is not known"),
        (["n", "f"], ["n", "f"], "is not known"),
        (["non-binary", "Female"], ["non-binary", "female"], "leave these utterances out"),
        (["Unknown", "F", "?"], ["", "female", ""], "'Unknown' (1 cell), '?' (1 cell) counts as not given"),
        (["child", "girl", "boy"], ["child", "female", "male"], "'child' (1 cell)"),
    ],
)
def test_another_gender_stays_and_is_told(cells: list[str], genders: list[str], told: str) -> None:
    read, notices = read_genders(cells)
    assert read == genders and len(notices) == 1 and told in notices[0]


def test_genders_of_the_corpora_that_name_them_in_words_stay() -> None:
    assert read_genders(["female", "male", ""]) == (["female", "male", ""], [])
