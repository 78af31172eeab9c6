"""Copy streams to Kafka until a signal, each stream by itself."""

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from redis.exceptions import RedisError

from shopstream.kafka.bridge_log import BridgeLog
from shopstream.kafka.stream_bridge import StreamBridge
from shopstream.redis.passing import raise_lasting

GRACE_SECONDS: Final = 5.0
"""Seconds after a signal in which deliveries end. Redis gets the rest of the ten that a container has."""
_REPORT_SECONDS: Final = 60.0


class KafkaBridge:
    """The copies of some streams."""

    def __init__(
        self,
        redis_url: str,
        *,
        streams: Sequence[str],
        group: str,
        start: str,
        prefix: str,
        timeout: float,
        properties: Mapping[str, str],
    ) -> None:
        """Prepare without sending anything; raise as StreamBridge does."""
        self._log = BridgeLog()
        self._topics = {stream: f"{prefix}.{stream}" for stream in dict.fromkeys(streams)}
        self._group = group
        self._bridges = [
            StreamBridge(
                redis_url,
                stream=stream,
                group=group,
                start=start,
                topic=topic,
                timeout=timeout,
                properties=properties,
            )
            for stream, topic in self._topics.items()
        ]

    async def run(self) -> None:
        """Copy until SIGTERM or SIGINT, or until one of the copies fails.

        Raises:
            KafkaRefused: Kafka refuses everything until a person acts.
            RedisError: a lasting one of redis's.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        try:
            for bridge in self._bridges:
                await bridge.check()
            self._log.info("bridge_started", group=self._group, topics=",".join(self._topics.values()))
            await self._run_all()
        finally:
            for bridge in self._bridges:
                await bridge.aclose()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        self._log.info("bridge_stopped")

    def _stop(self) -> None:
        for bridge in self._bridges:
            bridge.stop(GRACE_SECONDS)

    async def _run_all(self) -> None:
        copies = [asyncio.create_task(bridge.run()) for bridge in self._bridges]
        reports = asyncio.create_task(self._report())
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._stop()
            ends = await asyncio.gather(*copies, return_exceptions=True)
            reports.cancel()
            await asyncio.gather(reports, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _report(self) -> None:
        """Log counts and lag of each stream, once a minute."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_REPORT_SECONDS)
            for bridge in self._bridges:
                await self._report_stream(bridge, time.monotonic() - began)

    async def _report_stream(self, bridge: StreamBridge, seconds: float) -> None:
        try:
            lag = await bridge.consumer.lag()
        except (RedisError, OSError) as error:
            raise_lasting(error)
            return  # the consumer has said that Redis is away
        self._log.info(
            "bridge_counts",
            stream=bridge.stream,
            seconds=round(seconds),
            **asdict(bridge.counts),
            unread=lag.unread,
            pending=lag.pending,
        )
