"""Words become the same numbers everywhere."""

import pytest

from ser_core.encoders.words import word_numbers, words


def test_words_are_hashed_alike_everywhere() -> None:
    assert word_numbers("So sad, SAD!", 4096).tolist() == word_numbers("so sad sad", 4096).tolist()
    assert word_numbers("happy", 4096).tolist() == [2621]
    numbers = word_numbers(" ".join(f"word{n}" for n in range(5000)), 64)
    assert set(numbers.tolist()) == set(range(1, 64))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("?!… — ...", []),
        ("It\u2019s GREAT", ["it's", "great"]),
        ("wow 😭😭", ["wow", "😭", "😭"]),
        ("Äpfel_und 3,5", ["äpfel", "und", "3", "5"]),
        ("悲しい", ["悲しい"]),
    ],
)
def test_what_counts_as_a_word(text: str, found: list[str]) -> None:
    assert words(text) == found
    assert len(word_numbers(text, 4096)) == max(1, len(found))
    assert (word_numbers(text, 4096).tolist() == [0]) == (not found)
