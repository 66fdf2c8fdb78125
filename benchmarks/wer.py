"""Word error rate of a speech recogniser over the recordings whose words somebody wrote down.

    python -m benchmarks.wer [--engine moonshine] [--as-annotated] [--json]

Each recording is transcribed as it is and as it comes out of an 8 kHz mu-law telephone line.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import cast

import num2words

from desktop_voice.audio.frames import Pcm
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText
from tests.helpers.recordings import find_recordings, over_telephone

# The annotations of these four are wrong: the speakers read Harvard sentences, and read them right.
_CORRECTED = {
    "stt/speechbrain/spk1_snt2.wav": "drop the two when you add the figures",
    "stt/speechbrain/spk2_snt1.wav": "we are sure that one war is enough",
    "stt/speechbrain/spk2_snt3.wav": "tear a thin sheet from the yellow pad",
    "stt/speechbrain/spk2_snt5.wav": "jump the fence and hurry up the bank",
}
_SAME_WORDS = {"mister": "mr", "missus": "mrs", "doctor": "dr", "okay": "ok", "per cent": "percent"}
_CONDITIONS: dict[str, Callable[[Pcm], Pcm]] = {
    "clean": lambda pcm: pcm,
    "telephone": over_telephone,
}


def words_of(text: str) -> list[str]:
    """Return the words without case, punctuation and spellings that sound the same."""
    text = text.lower().replace("’", "'").replace("to-day", "today").replace("%", " percent")
    text = re.sub(
        r"\d+(st|nd|rd|th)?",
        lambda number: " " + _spoken(number[0]) + " ",
        re.sub(r"(?<=\d),(?=\d{3})", "", text),
    )
    for spelling, same in _SAME_WORDS.items():
        text = re.sub(rf"\b{spelling}\b", same, text)
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text)


def _spoken(number: str) -> str:
    digits = number.rstrip("stndrh")
    kind = "cardinal" if digits == number else "ordinal"
    return str(num2words.num2words(int(digits), to=kind)).replace(" and ", " ")


def word_errors(reference: str, heard: str) -> int:
    """Return the least number of words to replace, remove or add to make one the other."""
    wanted, got = words_of(reference), words_of(heard)
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the errors of each recording and in total; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.wer", description=__doc__)
    parser.add_argument("--engine", default="moonshine", choices=list(registry.available("stt")))
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--as-annotated", action="store_true", help="keep the four references that are wrong"
    )
    options = parser.parse_args(arguments)
    corrected = {} if options.as_annotated else _CORRECTED
    recordings = find_recordings()
    if recordings is None:
        print("No recordings: set DESKTOP_VOICE_TESTDATA to their folder.", file=sys.stderr)
        return 1
    clips = [clip for clip in recordings.transcripts() if clip.reference]
    stt = cast(SpeechToText, registry.load("stt", options.engine))
    for condition, changed in _CONDITIONS.items():
        all_words = all_errors = 0
        for clip in clips:
            reference = corrected.get(clip.name, clip.reference)
            heard = stt.transcribe(changed(recordings.load(clip.name)))
            errors, words = word_errors(reference, heard), len(words_of(reference))
            all_errors += errors
            all_words += words
            row = {"clip": clip.name, "condition": condition, "errors": errors, "words": words}
            if options.json:
                print(json.dumps({"type": "wer_clip", **row, "heard": heard}, ensure_ascii=False))
            else:
                print(f"{condition:9} {errors:2} of {words:2}  {clip.name}: {heard}")
        wer = 100 * all_errors / all_words
        total = {"condition": condition, "wer_percent": round(wer, 2), "words": all_words}
        if options.json:
            print(json.dumps({"type": "wer", "engine": options.engine, **total}))
        else:
            print(f"{condition:9} {wer:.1f} % word errors ({all_errors} of {all_words} words)\n")
    stt.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
