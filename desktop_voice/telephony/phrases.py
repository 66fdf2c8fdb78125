"""What is said on calls besides replies; plain words, for any voice."""

from __future__ import annotations

ONE_MOMENT = "One moment."
STILL_THINKING = "I am still thinking."
STILL_THERE = "Are you still there?"
GOODBYE_SILENCE = "I cannot hear you, so I will hang up now. Goodbye."
GOODBYE = "Goodbye."
LIMIT_NEAR = "Just so you know, this call ends in half a minute."
LIMIT_REACHED = "Our time is up, so I have to end the call here. Goodbye."
TROUBLE = "Sorry, I had a technical problem. Please say that again."
GIVING_UP = "Sorry, something is wrong on my side. Please try again later. Goodbye."
ASK_CODE = "To talk to this assistant, say or type the eight digit code that its owner gives you."
WRONG_CODE = "That is not the code. Please try again."
NO_MORE_TRIES = "That is not the code. Goodbye."
WAIT_FOR_OWNER = "Thank you. Please wait until the owner lets you in."
STILL_WAITING = "Please stay on the line."
NOT_LET_IN = "The owner did not let you in. Goodbye."


def opening(disclosure: str, words: str) -> str:
    """Return the first words of a call: what it is, then what it wants."""
    return f"{disclosure} {words}".strip()
