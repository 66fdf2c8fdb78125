"""Telnyx's refusals as they are really worded (protocol: Telnyx, "API errors")."""

from __future__ import annotations

from aiohttp import web

_BY_STATUS = {
    400: ("10015", "Bad Request", "The request failed because it was not well-formed."),
    401: ("10009", "Authentication failed", "Could not understand the provided credentials."),
    402: ("20100", "Insufficient Funds", "You have insufficient funds to perform this action."),
    403: (
        "10010",
        "Authorization failed",
        "You do not have permission to perform the requested action on the specified resource.",
    ),
    404: ("10005", "Resource not found", "The requested resource or URL could not be found."),
    408: ("10008", "Request timeout", "The request timed out."),
    415: ("10014", "Unsupported Media Type", "The server does not support the media type."),
    429: (
        "10011",
        "Too many requests",
        "You have exceeded the maximum number of allowed requests.",
    ),
}
_UNEXPECTED = ("10007", "Unexpected error", "An unexpected error occured.")


class TelnyxRefusalError(Exception):
    """A refusal; ``pointer`` is the JSON pointer of what is wrong, or empty."""

    def __init__(
        self, code: str, title: str, detail: str, pointer: str = "", *, status: int = 422
    ) -> None:
        super().__init__(f"{code} {pointer} {detail}".replace("  ", " "))
        self.code = code
        self.title = title
        self.detail = detail
        self.pointer = pointer
        self.status = status

    def response(self) -> web.Response:
        """Return what is answered."""
        error: dict[str, object] = {
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"},
        }
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        headers = {}
        if self.status == 429:
            headers = {
                "x-ratelimit-limit": "30",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1",
            }
        return web.json_response({"errors": [error]}, status=self.status, headers=headers)


def by_status(status: int) -> TelnyxRefusalError:
    """Return the refusal that goes with an HTTP status."""
    code, title, detail = _BY_STATUS.get(status, _UNEXPECTED)
    return TelnyxRefusalError(code, title, detail, status=status)


def account_suspended() -> TelnyxRefusalError:
    """The account may do nothing at all."""
    detail = "Your account is suspended. Contact support."
    return TelnyxRefusalError("10010", "Authorization failed", detail, status=403)


def missing(pointer: str) -> TelnyxRefusalError:
    """A required parameter is not there."""
    name = pointer.rsplit("/", 1)[-1]
    detail = f"The '{name}' parameter is required and cannot be blank."
    return TelnyxRefusalError("10004", "Missing required parameter", detail, pointer)


def malformed(pointer: str, detail: str) -> TelnyxRefusalError:
    """A parameter is of the wrong type or shape."""
    return TelnyxRefusalError("10015", "Bad Request", detail, pointer)


def bad_url(pointer: str) -> TelnyxRefusalError:
    """A parameter is not a URL of the right scheme."""
    detail = "The URL provided was invalid, malformed, or too long."
    return TelnyxRefusalError("10003", "Invalid URL", detail, pointer)


def bad_number(pointer: str) -> TelnyxRefusalError:
    """A phone number is not E.164."""
    detail = f"The '{pointer[1:]}' parameter must be in E164 format."
    title = "Phone number must be in +E.164 format"
    return TelnyxRefusalError("10016", title, detail, pointer)


def bad_choice(pointer: str, allowed: tuple[object, ...]) -> TelnyxRefusalError:
    """A value is not one of those that there are."""
    detail = (
        f"The value must be one of: {', '.join(str(value) for value in sorted(allowed, key=str))}."
    )
    return TelnyxRefusalError("10032", "Invalid enumerated value", detail, pointer)


def out_of_range(pointer: str, low: int, high: int) -> TelnyxRefusalError:
    """A number, or a text's length, is too small or too large."""
    detail = f"The value is outside of allowed range {low} to {high}"
    return TelnyxRefusalError("10033", "Value outside of range", detail, pointer)


def bad_connection() -> TelnyxRefusalError:
    """There is no such Call Control application."""
    return TelnyxRefusalError(
        "10015",
        "Invalid value for connection_id (Call Control App ID)",
        "The requested connection_id (Call Control App ID) is either invalid or does not exist. "
        "Only Call Control Apps with valid webhook URL are accepted.",
        "/connection_id",
    )


def no_such_call() -> TelnyxRefusalError:
    """The call control id was never given out."""
    detail = "The call_control_id provided was not valid."
    return TelnyxRefusalError("90015", "Invalid Call Control ID", detail, "/call_control_id")


def call_over() -> TelnyxRefusalError:
    """The call has ended."""
    detail = "This call is no longer active and can't receive commands."
    return TelnyxRefusalError("90018", "Call has already ended", detail)


def not_answered() -> TelnyxRefusalError:
    """The call has not been answered yet."""
    detail = "This call can't receive this command because it has not been answered yet."
    return TelnyxRefusalError("90034", "Call not answered yet", detail)


def streaming_used() -> TelnyxRefusalError:
    """There is a media stream already."""
    detail = "This command can't be issued when media streaming is used."
    return TelnyxRefusalError("90045", "Media Streaming is used", detail)


def transcription_running() -> TelnyxRefusalError:
    """There is a transcription already."""
    detail = "Call transcription can not be started more than once."
    return TelnyxRefusalError("90054", "Call transcription is already in progress", detail)


def relay_running() -> TelnyxRefusalError:
    """There is an assistant or a relay already."""
    detail = "AI Assistant cannot be started more than once."
    return TelnyxRefusalError("90061", "AI Assistant is already in progress", detail)
