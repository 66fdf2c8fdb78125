"""A refusal: what the listeners answer to requests that get nowhere."""

from __future__ import annotations


class Refusal(Exception):
    """The request is answered with ``status`` and nothing else.

    ``why`` is one of a few fixed words, for counting; it holds nothing of the request.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Forgery(Refusal):
    """The request carried a signature, and it was wrong."""
