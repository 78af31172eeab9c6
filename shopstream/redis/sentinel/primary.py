"""Find the primary by asking the Sentinels, and notice that it has moved."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from redis.exceptions import AuthenticationError, RedisError, ResponseError

from shopstream.errors import UntrustedRedis
from shopstream.redis.sentinel.sentinel_errors import NoPrimary, WrongSentinel
from shopstream.redis.sentinel.sentinel_url import PASSWORD, USERNAME
from shopstream.redis.urls.asking import ASK_SECONDS
from shopstream.redis.urls.host_list import Address

RECHECK_SECONDS: Final = 1.0
"""Seconds between two questions of a pool in use: an old primary that still answers gets no command for longer."""
_DOWN: Final = {"s_down", "o_down"}


@dataclass(frozen=True, slots=True)
class PrimarySeen:
    """One Sentinel's answer: the address of the primary, and whether that Sentinel sees it up."""

    address: Address
    up: bool

    @classmethod
    def read(cls, facts: Sequence[bytes], address: Sequence[bytes]) -> Self:
        """Read the answers of SENTINEL MASTER, names and values by turns, and of GET-MASTER-ADDR-BY-NAME.

        During a failover the second one names the new primary first, while the flags are still the old one's.
        """
        found = dict(zip(facts[::2], facts[1::2], strict=False))
        same = [found[b"ip"], found[b"port"]] == list(address)
        flags = set(found[b"flags"].decode().split(","))
        host, port = address
        return cls((host.decode(), int(port)), up=not same or not flags & _DOWN)


Ask = Callable[[Address, str], Awaitable[PrimarySeen]]
"""Asks one Sentinel for a primary by name."""


class Primary:
    """The address of the primary, as a pool's connections know it.

    Attributes:
        address: host and port; None before the first answer.
        generation: rises whenever the primary has moved or is suspected. Connections of an older one are not used.
    """

    def __init__(self, sentinels: Sequence[Address], name: str, ask: Ask) -> None:
        self._sentinels = list(sentinels)
        self._name = name
        self._ask = ask
        self._checked = 0.0
        self._doubted = False
        self.address: Address | None = None
        self.generation = 0

    @property
    def sentinels(self) -> Sequence[Address]:
        """The Sentinels of the URL, the one that answered last first."""
        return self._sentinels

    def __deepcopy__(self, _: object) -> Self:
        """Stay one: redis-py copies the retry policy, which knows the primary, for each connection."""
        return self

    async def find(self) -> Address:
        """Ask the Sentinels in turn, first the one that answered last.

        Without an answer the known primary stays as long as no connection to it fails: it takes work all the same.

        Raises:
            NoPrimary: no Sentinel answers, or all of them see the primary down.
            WrongSentinel: no Sentinel gives an answer, and one says that a setting is wrong.
        """
        self._checked = time.monotonic()
        down, wrong = 0, None
        for sentinel in tuple(self._sentinels):
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    answer = await self._ask(sentinel, self._name)
            except (ResponseError, AuthenticationError) as error:
                wrong = self._describe(sentinel, error)
            except (RedisError, OSError) as error:  # includes the time-out
                if isinstance(error, UntrustedRedis):
                    wrong = WrongSentinel(
                        f"TLS: the certificate of Sentinel {_show(sentinel)} was not accepted: check ssl_ca_certs"
                    )
            else:
                if answer.up:
                    self._prefer(sentinel)
                    self._note(answer.address)
                    return answer.address
                down += 1
        if self.address and not self._doubted and not down:
            return self.address
        if wrong and not down:
            raise wrong
        raise NoPrimary(self._describe_down(down) if down else self._silence())

    async def list_silent(self) -> list[Address]:
        """Ask all Sentinels at the same time, and list those that give no answer."""
        heard = await asyncio.gather(*map(self._hears, self._sentinels))
        return [sentinel for sentinel, one in zip(self._sentinels, heard, strict=True) if not one]

    async def _hears(self, sentinel: Address) -> bool:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await self._ask(sentinel, self._name)
        except (RedisError, OSError):
            return False
        return True

    async def check(self) -> None:
        """Ask again if the last answer is older than RECHECK_SECONDS. Without an answer the address stays."""
        if time.monotonic() - self._checked < RECHECK_SECONDS:
            return
        try:
            await self.find()
        except (NoPrimary, WrongSentinel):
            return

    def suspect(self, generation: int) -> None:
        """Have all connections made anew, and the Sentinels asked, since one of this generation has failed."""
        if generation == self.generation:
            self.generation += 1
            self._checked = 0.0

    def doubt(self, address: Address) -> None:
        """Have a Sentinel's word before an address is used again, since no connection to it could be made.

        Nothing happens if the primary has moved since: the try that fails last may be one at the former address.
        """
        if address == self.address:
            self._doubted = True

    def _note(self, address: Address) -> None:
        if self.address != address:
            self.generation += self.address is not None
            self.address = address
        self._doubted = False

    def _prefer(self, sentinel: Address) -> None:
        self._sentinels.remove(sentinel)
        self._sentinels.insert(0, sentinel)

    def _describe_down(self, answers: int) -> str:
        """Describe a primary that is down. Sentinels that are no majority promote nothing, and a person must act."""
        if 2 * answers > len(self._sentinels):
            return f"Sentinel sees the primary {self._name!r} down: it fails over"
        return (
            f"{answers} of {len(self._sentinels)} Sentinels answer, and see the primary {self._name!r} down: "
            "start the others, since a minority promotes no replica"
        )

    def _silence(self) -> str:
        hosts = ", ".join(map(_show, self._sentinels))
        return f"no Sentinel answers at {hosts}: check the hosts of the URL, and that the Sentinels run"

    def _describe(self, sentinel: Address, error: RedisError) -> WrongSentinel:
        place, text = _show(sentinel), str(error)
        if isinstance(error, AuthenticationError):
            return WrongSentinel(f"Sentinel {place} refused user or password; set {USERNAME} and {PASSWORD} to its own")
        if "No such master" in text:
            return WrongSentinel(
                f"Sentinel {place} watches no primary {self._name!r}: end the URL in the name of `sentinel monitor`"
            )
        if "unknown command" in text.lower():
            return WrongSentinel(f"{place} is no Sentinel: write the Sentinels' ports, or redis:// for Redis itself")
        return WrongSentinel(
            f"Sentinel {place} refused a question: its user needs +sentinel|master +sentinel|get-master-addr-by-name"
        )


def _show(address: Address) -> str:
    host, port = address
    return f"{host}:{port}"
