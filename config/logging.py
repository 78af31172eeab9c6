"""Write logs, one JSON line an event or in colours on a terminal, without secrets under any key."""

import logging
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRET_KEYS: Final = re.compile(r"secret|token|password|passwd|auth_code|cipher|cookie|sign$", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(
    r"(?P<name>(?:app_secret|access_token|refresh_token|auth_code|shop_cipher|sign|x-tts-access-token|password)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s&\"',}]+"
    r"|\b(?:ROW|TTP|GCP)_[A-Za-z0-9_\-]{8,}"
    r"|(?<=://)[^/@\s]*:[^/@\s]+(?=@)",
    re.IGNORECASE,
)
_TEXT_MAX: Final = 4_000
"""Characters of a text at most."""
_NAME_MAX: Final = 60
"""Characters of a name at most."""
_PARTS_MAX: Final = 20
"""Members of a mapping in a line that was too long, and four times those of a list."""
_INTEGER_MAX: Final = 2**63
"""Integers of this size and more are written as text, since JSON writers refuse them."""
_SEPARATORS: Final = [
    (text.encode(), b"\\u%04x" % ord(text)) for text in "\x85\u2028\u2029"
]  # line ends to some readers
LINE_MAX: Final = 8_000
"""Bytes of a line at most, since collectors of logs cut or drop longer ones."""
GONE: Final = "[redacted]"
"""Stands for a secret."""


def setup(log_format: str | None, level: str = "info", *, secrets: Iterable[str] = ()) -> None:
    """Configure structlog and the standard library's logging for a process.

    Args:
        log_format: `json`, `console`, or None for console on a terminal and JSON elsewhere.
        level: `debug`, `info`, `warning` or `error`: the lowest that is logged. Of libraries nothing below `warning`
            is, since they know nothing of secrets.
        secrets: values that must never appear in a line.
    """
    console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    shared: list[Callable[..., Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets),
    ]
    renderer: Callable[..., Any] = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(serializer=_dumps)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))


class Redactor:
    """A structlog processor that cuts out secrets, in case one is handed to a log by mistake."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known = [secret for secret in secrets if len(secret) >= 6]

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the event without its secrets."""
        return {key: self._clean(str(key), value) for key, value in event.items()}

    def _clean(self, key: str, value: object) -> object:
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if abs(value) < _INTEGER_MAX else str(value)[:_TEXT_MAX]
        if _SECRET_KEYS.search(key):
            return GONE
        if isinstance(value, dict):
            return {_whole(str(name)[:_NAME_MAX]): self._clean(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple | set):
            return [self._clean(key, inner) for inner in value]
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        # Replace before the text is cut, since half of a secret would not be found.
        for secret in self._known:
            text = text.replace(secret, GONE)
        if len(text) > _TEXT_MAX:
            # The end of a traceback names the error.
            text = "…" + text[-_TEXT_MAX:] if key == "exception" else text[:_TEXT_MAX] + "…"
        return _SECRET_TEXT.sub(lambda found: (found["name"] or "") + GONE, _whole(text))


def _whole(text: str) -> str:
    """Return the text without lone surrogates, which JSON can't have."""
    return text.encode(errors="replace").decode()


def _dumps(event: EventDict, **_: Any) -> str:
    """Write an event as one line of at most LINE_MAX bytes, with each part cut to the same length if needed."""
    line = _json(event)
    for most in (1_000, 250, 60):
        if len(line) <= LINE_MAX:
            break
        line = _json(_cut(event, most))
    if len(line) > LINE_MAX:
        line = _json({name: _cut(str(event.get(name)), 60) for name in ("event", "level", "timestamp")})
    return line.decode()


def _json(document: Any) -> bytes:
    line = orjson.dumps(document, default=str)
    for separator, escaped in _SEPARATORS:
        line = line.replace(separator, escaped)
    return line


def _cut(value: Any, most: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= most else value[:most] + "…"
    if isinstance(value, dict):
        return {name: _cut(inner, most) for name, inner in list(value.items())[:_PARTS_MAX]}
    return [_cut(inner, most) for inner in value[: _PARTS_MAX // 4]] if isinstance(value, list) else value
