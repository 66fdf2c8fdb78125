"""Logs: JSON lines in a private rotating file, warnings in words on stderr, nothing personal."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import LogLevel
from desktop_voice.system.redaction import redact

_MAX_BYTES = 1024 * 1024
_OLD_FILES = 5
_TELLING_ERRORS = (OSError, ImportError, DesktopVoiceError)
_HANDLER_NAMES = ("desktop-voice-file", "desktop-voice-stderr")

log = structlog.get_logger()


def configure_logs(
    log_file: Path, level: LogLevel, *, stderr: bool = True
) -> DesktopVoiceError | None:
    """Send the logs to ``log_file``, and warnings to stderr as well; may be called again.

    The app's own loggers write from ``level`` on, those of third parties from WARNING on. The
    file is private to this user and is rotated at 1 MiB; five old ones stand beside it.

    Args:
        log_file: The newest log file; its folder is created.
        level: The least severe entry of the app that is written.
        stderr: Whether warnings are also written to stderr, in words.

    Returns:
        The error to show when the file cannot be opened, else None. Warnings then go to stderr
        whatever ``stderr`` says.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *_shared_processors(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if handler.name in _HANDLER_NAMES]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(logging.WARNING)
    logging.getLogger("desktop_voice").setLevel(level.upper())

    problem = None
    try:
        root.addHandler(_file_handler(log_file))
    except OSError as error:
        problem = DesktopVoiceError(
            "LOG-01",
            f"The log file cannot be opened: {error.strerror or 'the system refused'}.",
            f"Make {log_file.parent} writable; until then nothing is logged but warnings on "
            "the terminal.",
        )
    if sys.stderr is not None and (stderr or problem):
        root.addHandler(_stderr_handler(sys.stderr, with_traceback=problem is not None))
    return problem


def install_exception_hooks() -> None:
    """Log what nobody caught: in the main thread, in any other, and where nothing can be raised.

    Ctrl+C keeps its usual meaning.
    """
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


class _PrivateRotatingFileHandler(RotatingFileHandler):
    """Creates its files with mode 0600, and is silent when the disk is full."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
        return open(descriptor, "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _shared_processors() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _format_exception(exc_info: ExcInfo) -> str:
    """Return the traceback of an exception and of what led to it.

    Its message is told only where no word of a conversation can stand in it: many messages quote
    the value that was wrong.
    """
    chain: list[BaseException] = []
    error: BaseException | None = exc_info[1]
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = []
    for error in reversed(chain):
        lines.append("Traceback (most recent call last):\n")
        lines += traceback.format_list(traceback.extract_tb(error.__traceback__))
        message = f": {error}" if isinstance(error, _TELLING_ERRORS) else ""
        lines.append(f"{type(error).__qualname__}{message}\n")
    return "".join(lines).rstrip()


def _formatter(renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(_format_exception),
            redact,
            renderer,
        ],
        # The traceback as text is a part of the entry: the record must not carry a second one.
        keep_exc_info=False,
    )


def _file_handler(log_file: Path) -> logging.Handler:
    log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = _PrivateRotatingFileHandler(
        log_file, maxBytes=_MAX_BYTES, backupCount=_OLD_FILES, encoding="utf-8"
    )
    handler.name = _HANDLER_NAMES[0]
    handler.setFormatter(_formatter(structlog.processors.JSONRenderer(ensure_ascii=False)))
    return handler


def _stderr_handler(stream: TextIO, *, with_traceback: bool) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.name = _HANDLER_NAMES[1]
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_formatter(_in_words_with_traceback if with_traceback else _in_words))
    return handler


def _in_words(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    """Return ``warning: device lost (name=Headset)``; an exception is told by its last line."""
    rest = dict(event_dict)
    exception = str(rest.pop("exception", "")).strip()
    for key in ("timestamp", "logger"):
        rest.pop(key, None)
    event = str(rest.pop("event", "")).replace("_", " ")
    words = f"{rest.pop('level', 'warning')}: {event}"
    if rest:
        words += f" ({', '.join(f'{key}={value}' for key, value in rest.items())})"
    return f"{words}: {exception.splitlines()[-1]}" if exception else words


def _in_words_with_traceback(logger: WrappedLogger, method: str, event_dict: EventDict) -> str:
    words = _in_words(logger, method, event_dict)
    exception = event_dict.get("exception")
    return f"{words}\n{exception}" if exception else words


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("uncaught_exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return
    log.critical(
        "uncaught_exception_in_thread",
        thread=args.thread.name if args.thread else "",
        exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
    )


def _log_unraisable(args: sys.UnraisableHookArgs) -> None:
    if args.exc_value is None:
        return
    log.error(
        "unraisable_exception",
        where=type(args.object).__name__,
        exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
    )
