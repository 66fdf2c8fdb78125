"""Conversations over recordings of real people, from the wake word to the spoken reply."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from desktop_voice.agent.brain import NO_MODEL
from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.vad import VoiceGate
from desktop_voice.audio.wav import read_pcm
from desktop_voice.core.settings import Settings
from desktop_voice.desk.talk import NO_CALL, NO_CALLS, NO_TIMERS
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText
from tests.helpers.hearing import MOST_WORDS, share_of_words
from tests.helpers.recordings import Recordings, join, quiet, trim, write_wav
from tests.helpers.talk import Talker, word_errors, words

QUESTIONS = {
    "stt/azure/whatstheweatherlike.wav": "what's the weather like",
    "stt/livekit/weather_question.wav": "what is the weather in paris",
    "phone/google/audio.wav": "how old is the brooklyn bridge",
    "stt/speechbrain/spk2_snt2.wav": "what joy there is in living",
}
WAKE_CLIPS = {
    "wake/pymww/hey_jarvis/1.wav": "hey_jarvis",
    "wake/pymww/hey_jarvis/2.wav": "hey_jarvis",
    "wake/pymww/alexa/1.wav": "alexa",
    "wake/pymww/alexa/2.wav": "alexa",
    "wake/pymww/hey_mycroft/1.wav": "hey_mycroft",
    "wake/pymww/hey_mycroft/2.wav": "hey_mycroft",
    "wake/pymww/okay_nabu/1.wav": "okay_nabu",
    "wake/pymww/okay_nabu/2.wav": "okay_nabu",
    "wake/oww/alexa_test.wav": "alexa",
    "wake/oww/hey_mycroft_test.wav": "hey_mycroft",
    "wake/wyoming-oww/alexa.wav": "alexa",
    "wake/wyoming-oww/hey_mycroft.wav": "hey_mycroft",
}
NO_WAKE_WORDS = [
    "wake/oww/hey_jane.wav",
    "wake/oww/negative_reference.wav",
    "wake/oww/turn_on_the_office_lights_test_clip.wav",
    "wake/porcupine/porcupine.wav",
    "wake/pymww/computer/hey_peppa_pig.wav",
    "wake/wyoming-oww/computer.wav",
    "wake/wyoming-oww/hey_rhasspy.wav",
    "wake/wyoming-oww/snowboy.wav",
    "stt/jfk.wav",
]
ALL_PHRASES = '[wake]\nphrases = ["hey_jarvis", "okay_nabu", "hey_mycroft", "alexa"]\n'


def voiced_frames(pcm: Pcm) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return of each 20 ms whether the real voice activity detector hears speech."""
    gate = VoiceGate(registry.load_vad(Settings()))
    whole = len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES
    return np.array([gate.push(frame) for frame in pcm[:whole].reshape(-1, FRAME_SAMPLES)])


def trimmed(pcm: Pcm) -> Pcm:
    """Return the speech in ``pcm``, with 0.1 s to either side."""
    (voiced,) = np.nonzero(voiced_frames(pcm))
    return trim(pcm, max(0.0, voiced[0] * 0.02 - 0.1), voiced[-1] * 0.02 + 0.1)


# --- a wake word and a question ---


@pytest.mark.parametrize("gap_ms", [150, 500, 1200])
@pytest.mark.parametrize(
    ("wake_clip", "question"),
    [
        ("wake/pymww/hey_jarvis/1.wav", "stt/azure/whatstheweatherlike.wav"),
        ("wake/pymww/hey_jarvis/1.wav", "phone/google/audio.wav"),
        ("wake/pymww/hey_jarvis/2.wav", "stt/livekit/weather_question.wav"),
        ("wake/pymww/hey_jarvis/2.wav", "stt/speechbrain/spk2_snt2.wav"),
        ("wake/pymww/okay_nabu/1.wav", "stt/livekit/weather_question.wav"),
        ("wake/pymww/alexa/1.wav", "phone/google/audio.wav"),
    ],
)
def test_a_wake_word_and_a_question_are_answered(
    quick_talk: Talker,
    recordings: Recordings,
    tmp_path: Path,
    wake_clip: str,
    question: str,
    gap_ms: float,
) -> None:
    quick_talk.settings(ALL_PHRASES)
    pieces = [trimmed(recordings.load(wake_clip)), trimmed(recordings.load(question))]
    recording = write_wav(
        tmp_path / "question.wav", join(pieces, gap_ms=gap_ms, before_ms=700, after_ms=500)
    )
    reply = tmp_path / "reply.wav"
    result = quick_talk(recording, "--out", str(reply))
    assert result.status == 0, result.errors
    assert [event["phrase"] for event in result.of("wake")] == [WAKE_CLIPS[wake_clip]]
    assert len(result.heard) == 1
    assert word_errors(result.heard[0], QUESTIONS[question]) <= 1, result.heard
    assert result.said == NO_MODEL
    assert result.of("assistant_turn")[0]["heard"] == NO_MODEL
    assert len(read_pcm(reply)) > SAMPLE_RATE_HZ
    assert result.errors == ""


def test_the_reply_that_is_written_holds_the_words_of_the_reply(
    quick_talk: Talker, recordings: Recordings, stt: SpeechToText, tmp_path: Path
) -> None:
    pieces = [
        trimmed(recordings.load(name))
        for name in ("wake/pymww/hey_jarvis/1.wav", "stt/azure/whatstheweatherlike.wav")
    ]
    recording = write_wav(tmp_path / "question.wav", join(pieces, gap_ms=500, before_ms=700))
    reply = tmp_path / "reply.wav"
    result = quick_talk(recording, "--out", str(reply))
    assert share_of_words(result.said, stt.transcribe(read_pcm(reply))) >= MOST_WORDS


def test_events_tell_the_whole_story_in_order(
    quick_talk: Talker, recordings: Recordings, tmp_path: Path
) -> None:
    pieces = [
        trimmed(recordings.load(name))
        for name in ("wake/pymww/hey_jarvis/1.wav", "phone/google/audio.wav")
    ]
    recording = write_wav(tmp_path / "question.wav", join(pieces, gap_ms=500, before_ms=700))
    result = quick_talk(recording)
    wanted = ["wake", "speech_started", "partial", "speech_ended", "user_turn"]
    types = [event["type"] for event in result.events]
    assert [t for t in dict.fromkeys(types) if t in wanted] == wanted
    assert types.index("user_turn") < types.index("latency") < types.index("assistant_turn")
    latency = result.of("latency")[0]
    assert latency["first_audio_ms"] == pytest.approx(sum(latency["stages"].values()), abs=1)
    states = [event["state"] for event in result.of("state")]
    assert states == ["armed", "listening", "thinking", "speaking", "follow_up", "off"]


# --- wake words alone ---


@pytest.mark.parametrize(("clip", "phrase"), WAKE_CLIPS.items())
def test_every_wake_word_of_a_real_person_wakes(
    quick_talk: Talker, recordings: Recordings, tmp_path: Path, clip: str, phrase: str
) -> None:
    quick_talk.settings(f'[wake]\nphrases = ["{phrase}"]\n')
    clip_pcm = recordings.load(clip)
    recording = write_wav(tmp_path / "wake.wav", np.concatenate([quiet(800), clip_pcm, quiet(300)]))
    result = quick_talk(recording)
    assert [event["phrase"] for event in result.of("wake")] == [phrase]
    assert result.heard == []
    assert result.status == 1
    assert "TALK-02" in result.errors


@pytest.mark.parametrize("clip", NO_WAKE_WORDS)
def test_nothing_else_wakes(
    quick_talk: Talker, recordings: Recordings, tmp_path: Path, clip: str
) -> None:
    quick_talk.settings(ALL_PHRASES)
    recording = write_wav(tmp_path / "speech.wav", recordings.load(clip))
    result = quick_talk(recording)
    assert result.of("wake") == []
    assert result.heard == []
    assert result.status == 1
    assert "TALK-01" in result.errors


# --- speakers who pause ---


def split_between_words(pcm: Pcm, stt: SpeechToText) -> tuple[Pcm, Pcm] | None:
    """Cut speech at the quietest 100 ms of its middle fifth, if no word is hurt by it.

    The middle fifth lies between 40 and 60 % of the way from the first to the last voiced frame.
    Refused are speech with a pause of 300 ms or more of its own, and cuts after which the halves
    are not, but for one word, understood as the whole is: those go through a word.
    """
    voiced = voiced_frames(pcm)
    (spoken,) = np.nonzero(voiced)
    if not len(spoken):
        return None
    gaps = np.diff(spoken)
    if gaps.max(initial=1) * 20 >= 300:
        return None
    first, last = int(spoken[0]) * FRAME_SAMPLES, int(spoken[-1] + 1) * FRAME_SAMPLES
    window = SAMPLE_RATE_HZ // 10
    low, high = int(first + 0.4 * (last - first)), int(first + 0.6 * (last - first))
    starts = range(low, max(low + 1, high - window), SAMPLE_RATE_HZ // 100)
    loudness = [
        np.square(pcm[start : start + window].astype(np.float64)).mean() for start in starts
    ]
    cut = starts[int(np.argmin(loudness))] + window // 2
    halves = pcm[:cut], pcm[cut:]
    whole = stt.transcribe(pcm)
    apart = " ".join(stt.transcribe(half) for half in halves)
    is_between_words = len(words(whole)) >= 4 and word_errors(apart, whole) <= 1
    return halves if is_between_words else None


@pytest.mark.timeout(300)
def test_no_speaker_who_pauses_600_ms_is_cut_off(
    quick_talk: Talker, recordings: Recordings, stt: SpeechToText, tmp_path: Path
) -> None:
    """All recordings of 1.5 to 8 s of English speech that can be split between two words."""
    joined: list[str] = []
    cut_off: list[str] = []
    for name in recordings.names("stt", "phone"):
        pcm = recordings.load(name)
        if not 1.5 <= len(pcm) / SAMPLE_RATE_HZ <= 8:
            continue
        halves = split_between_words(pcm, stt)
        if halves is None:
            continue
        joined.append(name)
        recording = write_wav(
            tmp_path / "paused.wav", join(halves, gap_ms=600, before_ms=500, after_ms=500)
        )
        result = quick_talk(recording, "--no-wake")
        turn = " / ".join(result.heard)
        for half in halves:
            said = set(words(stt.transcribe(half)))
            if len(said & set(words(turn))) < len(said) - 1:
                cut_off.append(f"{name}: lost words of {sorted(said)}: {turn}")
        if len(result.heard) != 1:
            cut_off.append(f"{name}: {len(result.heard)} turns: {turn}")
    assert cut_off == []
    assert len(joined) >= 10


# --- recordings that are none ---


@pytest.fixture
def spoken(recordings: Recordings, tmp_path: Path) -> Path:
    """A question that needs no wake word."""
    return write_wav(tmp_path / "spoken.wav", recordings.load("phone/google/audio.wav"))


def assert_refused(talk: Talker, recording: Path, code: str, *options: str) -> str:
    """Assert a clear refusal and return what stderr says."""
    result = talk(recording, *options)
    assert result.status == 1
    assert [event["code"] for event in result.of("error")] == [code]
    assert all(event["what"] and event["do"] for event in result.of("error"))
    assert f"[{code}]" in result.errors
    assert "→" in result.errors
    assert "Traceback" not in result.errors
    return result.errors


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rubbish.wav", b"This is no sound at all. " * 100),
        ("empty.wav", b""),
        ("header.wav", b"RIFF\x24\x00\x00\x00WAVEfmt "),
    ],
)
def test_what_is_no_recording_is_refused(
    talk: Talker, tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert name in assert_refused(talk, path, "AUDIO-10")


def test_a_recording_that_is_not_there_is_refused(talk: Talker, tmp_path: Path) -> None:
    assert "gone.wav" in assert_refused(talk, tmp_path / "gone.wav", "AUDIO-10")
    assert_refused(talk, tmp_path, "AUDIO-10")


def test_a_recording_of_three_hours_is_refused(talk: Talker, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", quiet(10))
    size = 3 * 3600 * SAMPLE_RATE_HZ * 2
    with path.open("r+b") as file:
        header = bytearray(file.read(44))
        header[4:8] = (size + 36).to_bytes(4, "little")
        header[40:44] = size.to_bytes(4, "little")
        file.seek(0)
        file.write(header)
        file.truncate(44 + size)
    assert "180 minutes" in assert_refused(talk, path, "AUDIO-13")


def test_a_reply_that_cannot_be_written_is_refused(
    talk: Talker, spoken: Path, tmp_path: Path
) -> None:
    reply = tmp_path / "no such folder" / "reply.wav"
    assert_refused(talk, spoken, "AUDIO-11", "--no-wake", "--out", str(reply))


def test_the_recording_is_never_overwritten(talk: Talker, spoken: Path) -> None:
    before = spoken.read_bytes()
    assert_refused(talk, spoken, "AUDIO-14", "--no-wake", "--out", str(spoken))
    assert spoken.read_bytes() == before


def test_silence_holds_no_words(quick_talk: Talker, tmp_path: Path) -> None:
    recording = write_wav(tmp_path / "silence.wav", quiet(3000))
    assert_refused(quick_talk, recording, "TALK-02", "--no-wake")


def test_noise_holds_no_words(quick_talk: Talker, recordings: Recordings, tmp_path: Path) -> None:
    noise = recordings.load("noise/speechbrain/noise2.wav")
    assert_refused(quick_talk, write_wav(tmp_path / "noise.wav", noise), "TALK-02", "--no-wake")


def test_speech_without_a_wake_word_is_not_answered(quick_talk: Talker, spoken: Path) -> None:
    assert "--no-wake" in assert_refused(quick_talk, spoken, "TALK-01")


@pytest.mark.parametrize(
    ("rate_hz", "channels", "form"),
    [(44_100, 2, "WAV"), (48_000, 1, "FLAC"), (8_000, 1, "WAV"), (22_050, 2, "OGG")],
)
def test_any_rate_and_number_of_channels_will_do(
    quick_talk: Talker,
    recordings: Recordings,
    tmp_path: Path,
    rate_hz: int,
    channels: int,
    form: str,
) -> None:
    import soxr

    pcm = recordings.load("phone/google/audio.wav")
    other = soxr.resample(pcm, SAMPLE_RATE_HZ, rate_hz)
    path = tmp_path / f"other.{form.lower()}"
    soundfile.write(path, np.stack([other] * channels, axis=1), rate_hz, format=form)
    result = quick_talk(path, "--no-wake")
    assert result.status == 0, result.errors
    assert word_errors(result.heard[0], "how old is the brooklyn bridge") <= 1


# --- settings that are none ---


@pytest.mark.parametrize(
    "toml",
    [
        "this is no TOML [[[",
        "\x00\x01\x02",
        '[wake]\nsensitivity = "very"\n',
        "[turns]\nno_speech_s = -1\n",
    ],
)
def test_junk_settings_are_told_of_and_stop_nothing(
    quick_talk: Talker, spoken: Path, toml: str
) -> None:
    quick_talk.settings(toml)
    result = quick_talk(spoken, "--no-wake")
    assert result.status == 0
    assert len(result.heard) == 1
    assert "→" in result.errors
    assert "Traceback" not in result.errors
    assert len(result.of("error")) == 1


# --- engines that are missing ---


def test_a_missing_voice_leaves_the_reply_as_text(quick_talk: Talker, spoken: Path) -> None:
    quick_talk.settings('[speech]\ntts_engine = "nope"\n')
    result = quick_talk(spoken, "--no-wake")
    assert result.status == 0
    assert result.said == NO_MODEL
    (error,) = result.of("error")
    assert error["code"] == "TTS-01"
    assert "nope" in error["what"]
    assert error["do"]


def test_a_missing_recogniser_is_told_of(talk: Talker, spoken: Path) -> None:
    talk.settings('[speech]\nstt_engine = "nope"\n')
    result = talk(spoken, "--no-wake")
    assert result.status == 1
    assert [event["code"] for event in result.of("error")] == ["STT-01", "TALK-02"]
    assert "Traceback" not in result.errors


def test_a_missing_wake_word_engine_is_told_of(quick_talk: Talker, spoken: Path) -> None:
    quick_talk.settings('[wake]\nengine = "nope"\n')
    result = quick_talk(spoken)
    assert result.status == 1
    assert [event["code"] for event in result.of("error")] == ["WAKE-01", "TALK-01"]


# --- what cannot be done without the app ---


class _Understood:
    """A recogniser that understands the same words in everything."""

    def __init__(self, text: str) -> None:
        self._text = text

    def transcribe(self, _pcm: Pcm) -> str:
        return self._text

    def close(self) -> None:
        """Nothing was loaded."""


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("Set a timer for five minutes.", NO_TIMERS),
        ("Wake me at seven.", NO_TIMERS),
        ("Remind me in an hour to call home.", NO_TIMERS),
        ("Call +1 415 555 0123 and tell them I'm late.", NO_CALLS),
        ("Hang up.", NO_CALL),
    ],
)
def test_nothing_is_confirmed_that_will_not_be_done(
    talk: Talker,
    recordings: Recordings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    reply: str,
) -> None:
    monkeypatch.setattr(registry, "load_stt", lambda _settings: _Understood(said))
    question = trimmed(recordings.load("phone/google/audio.wav"))
    recording = write_wav(tmp_path / "said.wav", join([question], gap_ms=0, before_ms=500))
    result = talk(recording, "--no-wake")
    assert result.heard == [said]
    assert result.said == reply
    assert list(talk.home.rglob("alarms*")) == []
