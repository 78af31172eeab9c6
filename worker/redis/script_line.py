"""Send a worker's script calls to each server over one shared connection: packed by turns, answered in order.

redis-py's pool makes the connection and its parser reads the answers. Retries are the connection's own, as for any
other command. The reasons: docs/decisions/0046-one-line-for-scripts.md.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.redis.sentinel.primary import Primary
from shopstream.redis.sentinel.to_primary import ToPrimary

_SCRIPTS: Final = frozenset({"EVALSHA", "EVAL"})
"""No script blocks, and none depends on what its connection has sent before."""
_TURNS: Final = 3
"""Turns that the loop gets to read answers before calls are overdue: it runs timers before it reads."""
_TURN: Final = 0.01
"""Seconds of a turn at least."""


class ScriptRedis(Redis):
    """A client whose script calls share one connection. All other commands take one of the pool's for themselves.

    The pool's retry policy serves many calls at a time, so it must keep nothing of one.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._line: ScriptLine | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command; a client with a connection of its own sends all over it.

        Raises:
            RedisError: redis-py's, after its retries.
        """
        if args[0] not in _SCRIPTS or self.single_connection_client:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        line = await self._find_line()
        connection = line.opened.result()
        packed = connection.pack_command(*args)

        async def ask() -> Any:
            nonlocal line
            if line.retired:
                line = await self._find_line()
            return await line.ask(packed)

        async def fail(error: Exception) -> None:
            line.retire()
            if not isinstance(error, tuple(connection.retry_on_error)):
                raise error

        return await connection.retry.call_with_retry(ask, fail)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's
        """Close all connections for good. Calls that still wait fail."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().aclose(close_connection_pool)

    async def _find_line(self) -> "ScriptLine":
        """Give the present line, or a new one once it is connected. Callers at the same time share it."""
        primary: Primary | None = self.connection_pool.connection_kwargs.get("primary")
        if primary:
            await primary.check()
        line = self._line
        if line and line.is_outdated(primary):
            line.retire()
        if line is None or line.retired:
            if self._closed:
                raise RedisConnectionError("this client is closed")
            line = self._line = ScriptLine(self.connection_pool)
            self._tasks.add(line.task)
            line.task.add_done_callback(self._tasks.discard)
        if not line.opened.done():
            await asyncio.shield(line.opened)
        return line


class ScriptLine:
    """One connection of a pool, with the calls that wait for its answers in order.

    Attributes:
        opened: gets the connection, or the error of connecting.
        retired: true if further calls take another line. This one ends with its last answer.
        task: connects, and reads until the end.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._unsent: list[tuple[Sequence[bytes], asyncio.Future[Any]]] = []
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()  # with the moment of sending
        self._heard = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.opened: asyncio.Future[Any] = self._loop.create_future()
        self.retired = False
        self.task = self._loop.create_task(self._run())

    def is_outdated(self, primary: Primary | None) -> bool:
        """Tell whether the primary has moved, or the line has rested so long that it may have broken unseen."""
        if not self.opened.done() or self.retired:
            return False
        connection = self.opened.result()
        if primary and connection.generation != primary.generation:
            return True
        rested = 0.0 if self._waiting or self._unsent else self._loop.time() - self._heard
        return bool(rested > connection.health_check_interval > 0)

    def ask(self, packed: Sequence[bytes]) -> asyncio.Future[Any]:
        """Send a packed command with all others of this turn of the loop. One that is cancelled before isn't sent."""
        if self._ended:
            raise RedisConnectionError("Connection closed by server.")
        answer: asyncio.Future[Any] = self._loop.create_future()
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append((packed, answer))
        return answer

    def retire(self) -> None:
        """Take no further calls, and end as soon as none waits."""
        self.retired = True
        if not self._ended and not self._unsent and all(answer.done() for answer, _ in self._waiting):
            self.task.cancel()

    async def _run(self) -> None:
        lost = "this client is closed"
        try:
            connection = await self._pool.get_connection()
        except BaseException as error:  # noqa: BLE001 - the callers raise it
            self.retired = self._ended = True
            self.opened.set_exception(error if isinstance(error, Exception) else RedisConnectionError(lost))
            self.opened.exception()  # perhaps all callers were cancelled
            return
        self.opened.set_result(connection)
        try:
            await self._read(connection)
        except (RedisError, OSError, IndexError) as error:
            lost = f"Error while reading from {connection._host_error()} : {error.args}"  # noqa: SLF001 - as redis-py
        finally:
            self.retired = self._ended = True
            if self._timer:
                self._timer.cancel()
            for answer in [*(one for one, _ in self._waiting), *(one for _, one in self._unsent)]:
                if not answer.done():
                    answer.set_exception(RedisConnectionError(lost))
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    async def _read(self, connection: Any) -> None:
        parser = connection._parser  # noqa: SLF001 - redis-py has no other way to it
        reader = parser._reader  # noqa: SLF001
        while not self.retired or self._waiting or self._unsent:
            await parser.read_from_socket()
            self._heard = self._loop.time()
            while (found := reader.gets()) is not NOT_ENOUGH_DATA:
                answer, _ = self._waiting.popleft()
                if isinstance(found, Exception) and isinstance(connection, ToPrimary):
                    connection.notice(found)
                if answer.done():  # its caller was cancelled, or waits no longer
                    continue
                if isinstance(found, Exception):
                    answer.set_exception(found)
                else:
                    answer.set_result(found)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        sent = [one for one in unsent if not one[1].done()]
        self._waiting.extend((answer, self._loop.time()) for _, answer in sent)
        connection = self.opened.result()
        if not sent:
            if self.retired:
                self.retire()
        elif connection.is_connected and not connection._writer.transport.is_closing():  # noqa: SLF001
            connection._writer.writelines([part for packed, _ in sent for part in packed])  # noqa: SLF001
            if self._timer is None and connection.socket_timeout:
                self._timer = self._loop.call_later(connection.socket_timeout, self._look)

    def _look(self, turns: int = _TURNS) -> None:
        """Fail the calls whose answer is overdue. The others keep their time, and new calls take another line.

        A server that answers the calls before is not frozen but busy. To fail then would repeat work of which it has
        too much already. The same holds for a worker that was held up: what has come meanwhile is read first.
        """
        self._timer = None
        connection, late = self.opened.result(), False
        for answer, sent in self._waiting:
            end = max(sent, self._heard) + connection.socket_timeout
            if end > self._loop.time():
                self._timer = self._loop.call_at(end, self._look)
                break
            if turns:
                self._timer = self._loop.call_later(_TURN, self._look, turns - 1)
                break
            late = True
            if not answer.done():
                answer.set_exception(RedisTimeoutError(f"Timeout reading from {connection._host_error()}"))  # noqa: SLF001
        if late:
            if isinstance(connection, ToPrimary):
                connection.notice(RedisTimeoutError())
            self.retire()
