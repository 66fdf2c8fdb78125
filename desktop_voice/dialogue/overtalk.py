"""Overtalk: what becomes of a reply while somebody talks over it."""

from __future__ import annotations

from collections.abc import Sequence

from desktop_voice.dialogue.ear import Ear
from desktop_voice.dialogue.interruption import InterruptionPolicy, SustainedVoice
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.dialogue.overlap import Overlap, judge_overlap, words_of
from desktop_voice.dialogue.spoken_reply import SpokenReply

_LONGEST_HOLD_S = 2.0


class Overtalk:
    """Judges what is said over replies, and silences them in time; one object a conversation.

    A sustained voice silences ("holds") a reply before its words are known. If they turn out to be
    a listening noise or the reply's own echo, it goes on with the clause that was cut.
    """

    def __init__(
        self, line: Line, ear: Ear, policy: InterruptionPolicy, stop_words: Sequence[str]
    ) -> None:
        self._line = line
        self._ear = ear
        self._voice = SustainedVoice()
        self.policy = policy
        self.stop_words = stop_words

    def begin(self) -> None:
        """Another reply begins."""
        self._voice.reset()

    def judge(self, reply: SpokenReply, text: str, *, is_whole: bool) -> Overlap:
        """Return what ``text`` means that was said over ``reply``, as far as it is allowed to.

        A protected reply has no stop word, and its interruption comes after it.
        """
        verdict = judge_overlap(text, reply.speech.text, self.stop_words, is_whole=is_whole)
        if verdict is Overlap.INTERRUPTION:
            enough = len(words_of(text)) >= self.policy.min_words
            allowed = self.policy.by_speech and enough
            return Overlap.INTERRUPTION if allowed else Overlap.BACKCHANNEL
        if verdict is Overlap.STOP and (reply.is_protected or not self.policy.by_stop_word):
            return Overlap.BACKCHANNEL
        return verdict

    def follow(self, reply: SpokenReply) -> str | None:
        """Hold the reply under a voice or let it go on; to be called with every frame.

        Returns the words that were said while it was held, once they show that it is over.
        """
        if reply.is_protected or not self.policy.by_speech:
            return None
        if reply.held_s is None:
            goes_on = self._voice.push(self._ear.voice_probability, self.policy)
            if goes_on and reply.may_be_held and self._is_being_heard(reply):
                self._hold(reply)
            return None
        words = self._ear.words_at_pause
        if words is not None:
            if self.judge(reply, words, is_whole=False) in (Overlap.STOP, Overlap.INTERRUPTION):
                return words
            self.resume(reply)
        elif self._line.now() - reply.held_s > _LONGEST_HOLD_S:
            self.resume(reply)
        return None

    def _is_being_heard(self, reply: SpokenReply) -> bool:
        if not reply.has_sounded:
            return False
        heard_samples = self._line.played_samples - reply.speech.first_sample
        return heard_samples * 1000 >= self.policy.not_before_ms * self._line.output_rate_hz

    def _hold(self, reply: SpokenReply) -> None:
        reply.held_heard = reply.heard_text(self._line.played_samples, self._line.output_rate_hz)
        reply.held_s = self._line.now()
        self._line.clear()
        reply.speech.hold(self._line.played_samples)

    def resume(self, reply: SpokenReply) -> None:
        """Go on with a reply that was silenced for nothing; from now on words are waited for."""
        if reply.held_s is None:
            return
        reply.held_s = None
        reply.may_be_held = False
        self._voice.reset()
        self._line.set_gain(1.0)
        reply.speech.resume()
