"""Write what a bridge does as lines of a log: text for people, or one JSON object a line."""

import logging
import time
from datetime import UTC, datetime
from typing import Final, TextIO

import orjson

_NAME: Final = "shopstream.kafka"
_FIELDS: Final = "bridge_fields"


class BridgeLog:
    """The log of a bridge. Each line is an event of docs/logs.md with its fields."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(_NAME)

    def info(self, event: str, **fields: object) -> None:
        """Write that something happened as it should."""
        self._logger.info(event, extra={_FIELDS: fields})

    def warning(self, event: str, **fields: object) -> None:
        """Write that something goes on in spite of a fault."""
        self._logger.warning(event, extra={_FIELDS: fields})


def write_to(output: TextIO, *, json: bool) -> None:
    """Have all lines of the package written to `output` from now on, those of consumers too."""
    handler = logging.StreamHandler(output)
    handler.setFormatter(_JsonLines() if json else _TextLines())
    root = logging.getLogger("shopstream")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return " ".join(f"{clock} {record.levelname.lower()} {record.getMessage()} {fields}".split())


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": moment.replace("+00:00", "Z"),
        }
        return orjson.dumps(line | _fields(record)).decode()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = getattr(record, _FIELDS, {})
    return found
