"""Copy one stream to its topic, as a member of a consumer group.

An entry is acknowledged after Kafka has confirmed its message. If a delivery fails, all events of a subject from the
first undelivered one on come again, so that a topic never has a subject's later event before an earlier one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shopstream.consume.consumer import EventConsumer
from shopstream.events import Event
from shopstream.kafka.bridge_log import BridgeLog
from shopstream.kafka.kafka_failures import DeliveryFailure, KafkaRefused, Lasts
from shopstream.kafka.kafka_message import KafkaMessage, encode
from shopstream.kafka.kafka_producer import KafkaProducer

BATCH: Final = 500
"""Events that are on their way at once, and so in memory."""
_WITHIN_SECONDS: Final = 0.02
_AGAIN_SECONDS: Final = 1.0


@dataclass(slots=True)
class BridgeCounts:
    """The numbers of events since the start.

    Attributes:
        delivered: confirmed by Kafka, each time it was.
        given_up: moved to the group's dead stream, since Kafka refuses them for good.
        failed: not confirmed, and to be delivered again.
    """

    delivered: int = 0
    given_up: int = 0
    failed: int = 0


class StreamBridge:
    """The copy of one stream.

    Attributes:
        stream: its name.
        counts: the numbers of events since the start.
        consumer: the member of the group.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        stream: str,
        group: str,
        start: str,
        topic: str,
        timeout: float,
        properties: Mapping[str, str],
    ) -> None:
        """Prepare without sending anything.

        Args:
            redis_url: the workers' Redis.
            stream: its name.
            group: the consumer group.
            start: the beginning of a new group, as EventConsumer has it.
            topic: the topic.
            timeout: seconds after which a delivery has failed.
            properties: librdkafka's.

        Raises:
            ValueError: an argument is not valid.
            KafkaRefused: librdkafka refuses a property.
        """
        self.stream = stream
        self.counts = BridgeCounts()
        self.consumer = EventConsumer(
            redis_url, stream=stream, group=group, start=start, count=BATCH, max_deliveries=None
        )
        self._log = BridgeLog()
        self._topic = topic
        self._producer = KafkaProducer(properties, topic)
        self._timeout = timeout
        self._away = False

    async def check(self) -> None:
        """Look for the topic.

        Raises:
            KafkaRefused: the topic can't be written to.
        """
        await self._producer.check()

    async def run(self) -> None:
        """Copy until `stop`.

        Raises:
            KafkaRefused: Kafka refuses everything until a person acts.
            RedisError: a lasting one of redis's.
        """
        async with self.consumer:
            async for batch in self.consumer.batches(size=BATCH, within=_WITHIN_SECONDS):
                await self._copy(batch)

    def stop(self, seconds: float) -> None:
        """End after the batch in hand, in so many seconds at the latest."""
        self.consumer.stop()
        self._producer.hurry(seconds)

    async def aclose(self) -> None:
        """Close the connections to both sides."""
        await self._producer.aclose()
        await self.consumer.aclose()

    async def _copy(self, events: Sequence[Event]) -> None:
        failures = await self._deliver(events)
        if any(one is not None and one.lasts is Lasts.FOR_THE_MESSAGE for one in failures):
            failures = await self._deliver_alone(events, failures)
        await self._settle(events, failures)
        lasting = next((one for one in failures if one is not None and one.lasts is Lasts.UNTIL_MENDED), None)
        if lasting is not None:
            raise KafkaRefused(f"topic {self._topic}: {lasting.name}: {lasting.text}")
        self._note_away(next((one for one in failures if one is not None and one.lasts is Lasts.FOR_A_WHILE), None))

    async def _deliver(self, events: Sequence[Event]) -> list[DeliveryFailure | None]:
        failures: list[DeliveryFailure | None] = [None] * len(events)
        messages: list[KafkaMessage] = []
        places: list[int] = []
        for at, event in enumerate(events):
            try:
                messages.append(encode(event.fields))
                places.append(at)
            except ValueError as error:
                failures[at] = DeliveryFailure(Lasts.FOR_THE_MESSAGE, "unmapped", str(error))
        for at, failure in zip(places, await self._producer.send(messages, self._timeout), strict=True):
            failures[at] = failure
        return failures

    async def _deliver_alone(
        self, events: Sequence[Event], failures: Sequence[DeliveryFailure | None]
    ) -> list[DeliveryFailure | None]:
        """Deliver the undelivered events again, one by one: a broker refuses a whole batch for one message in it."""
        found = list(failures)
        for at, event in enumerate(events):
            if found[at] is None:
                continue
            (found[at],) = await self._deliver([event])
            failure = found[at]
            if failure is not None and failure.lasts is not Lasts.FOR_THE_MESSAGE:
                return [*found[: at + 1], *(one and failure for one in found[at + 1 :])]
        return found

    async def _settle(self, events: Sequence[Event], failures: Sequence[DeliveryFailure | None]) -> None:
        """Acknowledge, give up, or have delivered again with all later ones of the subject."""
        held: set[str] = set()
        for event, failure in zip(events, failures, strict=True):
            if event.subject in held or (failure is not None and failure.lasts is not Lasts.FOR_THE_MESSAGE):
                held.add(event.subject)
                self.counts.failed += 1
                await event.nack(_AGAIN_SECONDS)
            elif failure is None:
                self.counts.delivered += 1
                await event.ack()
            else:
                self.counts.given_up += 1
                await event.give_up(failure.text)

    def _note_away(self, failure: DeliveryFailure | None) -> None:
        """Log that Kafka is away, once until it is back."""
        if failure is not None and not self._away:
            self._log.warning("kafka_away", stream=self.stream, error=failure.name, reason=failure.text)
        elif failure is None and self._away:
            self._log.info("kafka_back", stream=self.stream)
        self._away = failure is not None
