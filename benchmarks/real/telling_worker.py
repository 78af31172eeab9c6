"""A worker that writes how many calls have left late, and how many permits it dropped, to stderr at each SIGUSR1."""

import os
import signal
import sys
from typing import Any, Final

import orjson

import worker.__main__ as program
from worker.pacing.pacer import Pacer

EVENT: Final = "lateness"
_made: Final[list[Pacer]] = []


class _KnownPacer(Pacer):
    """The worker's own, of which this module knows."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        _made.append(self)


def _tell(*_: object) -> None:
    (pacer,) = _made
    told = {"event": EVENT, "late": pacer.lateness.late, "dropped": pacer.lateness.dropped}
    os.write(sys.stderr.fileno(), orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    vars(program)["Pacer"] = _KnownPacer
    signal.signal(signal.SIGUSR1, _tell)
    sys.exit(program.main())
