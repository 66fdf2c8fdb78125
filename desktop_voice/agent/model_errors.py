"""What can go wrong with a language model, told so that a person can mend it."""

from __future__ import annotations

from desktop_voice.core.errors import ModelError

_SETTINGS = "Settings, under Language model"


def unreachable(base_url: str) -> ModelError:
    """Nothing answers at the address."""
    return ModelError(
        "MODEL-01",
        f"No language-model server answers at {base_url}.",
        f"Start the server, or correct its address in {_SETTINGS}.",
        retryable=True,
    )


def key_refused(base_url: str) -> ModelError:
    """The server wants another key, or no key was sent."""
    return ModelError(
        "MODEL-02",
        f"The server at {base_url} refused the API key.",
        "Put a valid key into the vault in Settings, under Keys and vault, or set the environment "
        f"variable named in {_SETTINGS} and start the app again; beyond this machine a key is "
        "only sent to an https address.",
    )


def unknown_model(base_url: str, model: str) -> ModelError:
    """The server has no such model, or no chat endpoint at this address."""
    return ModelError(
        "MODEL-03",
        f"The server at {base_url} does not know the model “{model}”.",
        f"Choose one of its models in {_SETTINGS}; with Ollama, run: ollama pull {model}. "
        "The address usually ends in /v1.",
    )


def too_many_requests(base_url: str) -> ModelError:
    """The server is at its limit, or the account is."""
    return ModelError(
        "MODEL-04",
        f"The server at {base_url} refused the question: too many requests or no credit left.",
        "Wait a minute, or check the plan and the credit of your account there.",
        retryable=True,
    )


def server_failed(base_url: str) -> ModelError:
    """The server met an error of its own."""
    return ModelError(
        "MODEL-05",
        f"The server at {base_url} failed while it was answering.",
        "Try again; if it stays so, look at the server's log and free memory.",
        retryable=True,
    )


def rubbish(base_url: str) -> ModelError:
    """What came back is no chat stream."""
    return ModelError(
        "MODEL-06",
        f"What answers at {base_url} does not speak the OpenAI chat protocol.",
        f"Check the address in {_SETTINGS}; it usually ends in /v1.",
    )


def died(base_url: str) -> ModelError:
    """The connection ended in the middle of the answer."""
    return ModelError(
        "MODEL-07",
        f"The server at {base_url} broke off in the middle of its answer.",
        "Ask again; if it stays so, look at the server's log and free memory.",
        retryable=True,
    )


def empty(base_url: str, model: str) -> ModelError:
    """The answer held no words."""
    return ModelError(
        "MODEL-08",
        f"The model “{model}” at {base_url} answered without a word.",
        f"Ask again, or choose another model in {_SETTINGS}.",
        retryable=True,
    )


def stalled(model: str) -> ModelError:
    """The model was silent for too long."""
    return ModelError(
        "MODEL-09",
        f"The language model “{model}” did not answer in time.",
        f"Choose a smaller model, or name a fallback model in {_SETTINGS}.",
        retryable=True,
    )


def request_refused(base_url: str, status: int) -> ModelError:
    """The server did not accept the request."""
    return ModelError(
        "MODEL-10",
        f"The server at {base_url} refused the question (HTTP {status}).",
        f"Check the model's name and the instructions in {_SETTINGS}.",
    )


def explain(error: Exception, base_url: str, model: str, *, answered: bool) -> ModelError:
    """Return the model error behind an exception of the client library.

    Args:
        error: What the client library raised.
        base_url: The server's address.
        model: The model's name.
        answered: Whether part of the answer had arrived.
    """
    import openai  # takes a second; whoever holds such an error has loaded it already

    if isinstance(error, openai.APIStatusError):
        return _of_status(error.status_code, base_url, model)
    if answered:
        return died(base_url)
    if isinstance(error, openai.APIConnectionError):
        return unreachable(base_url)
    if isinstance(error, openai.APIError) and not isinstance(
        error, openai.APIResponseValidationError
    ):
        return server_failed(base_url)
    return rubbish(base_url)


def _of_status(status: int, base_url: str, model: str) -> ModelError:
    if status in {401, 403}:
        return key_refused(base_url)
    if status == 404:
        return unknown_model(base_url, model)
    if status == 429:
        return too_many_requests(base_url)
    if status >= 500:
        return server_failed(base_url)
    return request_refused(base_url, status)
