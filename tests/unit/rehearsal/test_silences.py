from __future__ import annotations

from desktop_voice.rehearsal.silences import Silences


def _speak(silences: Silences, who: str, ms: int) -> None:
    for _ in range(ms // 20):
        silences.tick(app_speaks=who == "app", far_speaks=who == "far_end")


def test_a_silence_is_owed_after_the_answer_and_after_the_far_end_but_not_after_the_app() -> None:
    silences = Silences()
    for who, ms in (("", 1200), ("app", 500), ("", 9000), ("far_end", 500), ("", 2000)):
        _speak(silences, who, ms)
    assert silences.figures() == {
        "longest_silence_ms": 9000,
        "longest_owed_silence_ms": 2000,
        "silences": [
            {"after": "answer", "before": "app", "start_ms": 0, "ms": 1200},
            {"after": "app", "before": "far_end", "start_ms": 1700, "ms": 9000},
            {"after": "far_end", "before": "end", "start_ms": 11_200, "ms": 2000},
        ],
    }


def test_a_key_makes_it_the_apps_turn() -> None:
    silences = Silences()
    _speak(silences, "app", 500)
    _speak(silences, "", 3000)
    silences.far_acted()
    _speak(silences, "", 1500)
    figures = silences.figures()
    assert (figures["longest_silence_ms"], figures["longest_owed_silence_ms"]) == (3000, 1500)


def test_short_pauses_are_not_listed() -> None:
    silences = Silences()
    for who, ms in (("app", 500), ("", 900), ("app", 500)):
        _speak(silences, who, ms)
    assert silences.figures()["silences"] == []
