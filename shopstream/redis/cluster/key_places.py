"""Find the key of a command by a table, so that no server is asked for it (COMMAND GETKEYS)."""

from collections.abc import Sequence
from typing import Any, Final

_SECOND: Final = frozenset({"OBJECT", "XINFO", "XGROUP", "MEMORY", "BITOP"})
"""Commands with a subcommand before their key."""
_NUMBERED: Final = {
    "EVAL": 2, "EVALSHA": 2, "EVAL_RO": 2, "EVALSHA_RO": 2, "FCALL": 2, "FCALL_RO": 2, "BLMPOP": 2, "BZMPOP": 2,
    "LMPOP": 1, "ZMPOP": 1, "SINTERCARD": 1, "ZINTERCARD": 1, "ZDIFF": 1, "ZINTER": 1, "ZUNION": 1,
}  # fmt: skip
"""Commands that name the number of their keys, and the place of this number. The keys come after it."""
_AFTER_STREAMS: Final = frozenset({"XREAD", "XREADGROUP"})
_KEYLESS: Final = frozenset({
    "ACL", "ASKING", "AUTH", "BGREWRITEAOF", "BGSAVE", "CLIENT", "CLUSTER", "COMMAND", "COMMANDLOG", "CONFIG",
    "DBSIZE", "DISCARD", "ECHO", "EXEC", "FLUSHALL", "FLUSHDB", "FUNCTION", "HELLO", "INFO", "KEYS", "LASTSAVE",
    "LATENCY", "LOLWUT", "MODULE", "MONITOR", "MULTI", "PING", "PSUBSCRIBE", "PUBLISH", "PUBSUB", "PUNSUBSCRIBE",
    "QUIT", "RANDOMKEY", "READONLY", "READWRITE", "RESET", "ROLE", "SAVE", "SCAN", "SCRIPT", "SELECT", "SHUTDOWN",
    "SLOWLOG", "SUBSCRIBE", "SWAPDB", "TIME", "UNSUBSCRIBE", "UNWATCH", "WAIT", "WAITAOF",
})  # fmt: skip


def find_key(command: Sequence[Any]) -> str | bytes | None:
    """Find the first key of a command with its arguments; None if it has none. Any other key is in the same slot."""
    # redis-py writes a subcommand into the name, as in "XGROUP CREATE".
    name, *sub = str(command[0]).upper().split()
    if name in _KEYLESS:
        return None
    if name in _AFTER_STREAMS:
        # A group of XREADGROUP may have any name.
        begin = 4 if name == "XREADGROUP" else 1
        place = next(at for at in range(begin, len(command)) if _is_streams(command[at])) + 1
    elif number := _NUMBERED.get(name):
        place = number + 1 if int(command[number]) else len(command)
    else:
        place = 2 if name in _SECOND and not sub else 1
    if len(command) <= place:
        return None
    key = command[place]
    return key if isinstance(key, str | bytes) else str(key)


def _is_streams(argument: Any) -> bool:
    text = argument.decode(errors="replace") if isinstance(argument, bytes) else str(argument)
    return text.upper() == "STREAMS"
