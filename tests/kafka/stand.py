"""A bridge as its users run it, between a real Valkey and brokers of another process; and a reader of the topics."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks.costs.consumer import entry
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.processes import Child, program, until

P = Partition(0)
TOPIC = "shopstream.stock"


@dataclass
class Brokers:
    child: Child
    bootstrap: str

    async def order(self, do: str, **more: Any) -> None:
        stdin = self.child.stdin
        assert stdin is not None
        stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
        await self._line()

    async def _line(self) -> bytes:
        assert self.child.stdout is not None
        return await asyncio.wait_for(self.child.stdout.readline(), 60)


@asynccontextmanager
async def brokers(partitions: int = 4, topics: Sequence[str] = (TOPIC,)) -> AsyncIterator[Brokers]:
    """Mock brokers that have these topics."""
    async with program("tests.kafka.mock_brokers", stdin=asyncio.subprocess.PIPE) as child:
        made = Brokers(child, "")
        made.bootstrap = (await made._line()).decode().strip()
        for topic in topics:
            await made.order("topic", name=topic, partitions=partitions)
        yield made


@dataclass
class Running:
    child: Child
    lines: list[dict[str, Any]]

    async def logged(self, event: str, seconds: float = 30) -> dict[str, Any]:
        async def find() -> dict[str, Any] | None:
            return next((line for line in self.lines if line.get("event") == event), None)

        found: dict[str, Any] = await until(find, seconds=seconds)
        return found

    async def end(self) -> int:
        """SIGTERM, and its exit code."""
        self.child.terminate()
        return await asyncio.wait_for(self.child.wait(), 60)


@asynccontextmanager
async def bridge(
    redis_url: str, bootstrap: str, *options: str, streams: Sequence[str] = ("stock",)
) -> AsyncIterator[Running]:
    """`shopstream bridge kafka`, and its log as it comes."""
    named = [word for stream in streams for word in ("--stream", stream)]
    arguments = ("bridge", "kafka", "--bootstrap", bootstrap, "--redis-url", redis_url, "--json", *named, *options)
    async with program("shopstream.cli", *arguments) as child:
        running = Running(child, [])

        async def read() -> None:
            assert child.stdout is not None
            while line := await child.stdout.readline():
                running.lines.append(json.loads(line))

        reading = asyncio.create_task(read())
        yield running
        if child.returncode is None:
            child.kill()
        await child.wait()
        await reading


async def publish(redis: Redis, numbers: range, subjects: int = 50, **more: str) -> None:
    """Stock events, as a worker publishes them. Each subject's `seq` counts from 1."""
    await redis.set(PARTITIONS, 1)
    async with redis.pipeline(transaction=False) as pipe:
        for number in numbers:
            pipe.xadd(P.stream("stock"), {**entry(number, subjects), **more})  # type: ignore[dict-item]
        await pipe.execute()


async def copied(redis: Redis, group: str = "kafka", stream: str = "stock") -> bool:
    """Everything is acknowledged."""
    found = await redis.xinfo_groups(P.stream(stream)) if await redis.exists(P.stream(stream)) else []
    one = next((one for one in found if one["name"] == group.encode()), None)
    return one is not None and one["pending"] == 0 and one["lag"] == 0


async def read(bootstrap: str, topic: str = TOPIC) -> list[Any]:
    """All messages of a topic, by partition and in its order."""
    return await asyncio.to_thread(_read, bootstrap, topic)


def _read(bootstrap: str, topic: str) -> list[Any]:
    import confluent_kafka

    reader = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})
    try:
        numbers = reader.list_topics(topic, timeout=60).topics[topic].partitions
        places = [confluent_kafka.TopicPartition(topic, number, 0) for number in numbers]
        ends = {one.partition: reader.get_watermark_offsets(one, timeout=60)[1] for one in places}
        left = sum(ends.values())
        found: list[Any] = []
        reader.assign(places)
        while left > 0:
            for message in reader.consume(min(1_000, left), 1):
                assert message.error() is None, message.error()
                found.append(message)
                left -= 1
        return found
    finally:
        reader.close()


def seqs(messages: Sequence[Any]) -> dict[bytes, list[int]]:
    """The numbers of each subject in the order of their first appearance; a subject is in one partition alone."""
    found: dict[bytes, list[int]] = {}
    partitions: dict[bytes, int] = {}
    for message in messages:
        assert partitions.setdefault(message.key(), message.partition()) == message.partition()
        seq = int(dict(message.headers())["ce_seq"])
        order = found.setdefault(message.key(), [])
        if seq not in order:
            order.append(seq)
    return found


def assert_whole(messages: Sequence[Any], events: int, subjects: int = 50) -> None:
    """Nothing is missing, and each subject's events appear in order."""
    found = seqs(messages)
    assert len(found) == min(subjects, events)
    assert all(order == list(range(1, len(order) + 1)) for order in found.values()), found
    assert sum(len(order) for order in found.values()) == events


def config(folder: Path, text: str) -> str:
    """A file for --config."""
    file = folder / "kafka.properties"
    file.write_text(text)
    return str(file)
