"""Deliver messages to a topic by librdkafka, all or as many as Kafka has confirmed. It needs `shopstream[kafka]`.

librdkafka keeps the order of a partition and writes nothing twice, as long as one producer lives. After a failure the
producer may have lost a message, so it is dropped with all that it has, and the next delivery makes a new one.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import confluent_kafka

from shopstream.kafka import kafka_failures
from shopstream.kafka.kafka_failures import DeliveryFailure, KafkaRefused, Lasts, classify, hide, one_line
from shopstream.kafka.kafka_message import KafkaMessage
from shopstream.kafka.librdkafka_properties import list_secrets

_SILENT: Final = logging.getLogger("shopstream.kafka.librdkafka")
"""Takes the lines of librdkafka, which repeat what its errors say."""
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_STEP_SECONDS: Final = 0.1
START_SECONDS: Final = 10.0
_CREATE_SECONDS: Final = 5.0
"""Seconds that brokers may take to create a topic by themselves."""
_UNCONFIRMED: Final = DeliveryFailure(Lasts.FOR_A_WHILE, "unconfirmed", "no broker confirmed it in time")
_AT_THE_DOOR: Final = "refused before it was sent"


class KafkaProducer:
    """A producer of one topic. One call at a time."""

    def __init__(self, properties: Mapping[str, str], topic: str) -> None:
        """Check the properties, without connecting.

        Raises:
            KafkaRefused: librdkafka refuses a property. The text shows no secret.
        """
        self._properties = properties
        self._topic = topic
        self._secrets = list_secrets(properties)
        self._ends = float("inf")
        self._last: Any = None
        self._fatal: Any = None
        self._producer: Any = self._make()

    async def check(self, seconds: float = START_SECONDS) -> None:
        """Connect, and look for the topic, for so many seconds at most.

        Raises:
            KafkaRefused: no broker answers, they refuse this user, or the topic is missing.
        """
        await asyncio.to_thread(self._check, seconds)

    async def send(self, messages: Sequence[KafkaMessage], seconds: float) -> list[DeliveryFailure | None]:
        """Deliver messages in their order; return for each None if it is delivered, else the failure.

        After a failure that is none of the message itself, later messages are not delivered either, or their delivery
        is not known.

        Args:
            messages: as many as librdkafka's queue holds, or more.
            seconds: the time after which those that no broker has confirmed count as failed.
        """
        return await asyncio.to_thread(self._send, messages, seconds)

    def hurry(self, seconds: float) -> None:
        """End each delivery in `seconds` from now at the latest."""
        self._ends = min(self._ends, time.monotonic() + seconds)

    async def aclose(self) -> None:
        """Drop the producer with all messages that it still has."""
        await asyncio.to_thread(self._drop)

    def _make(self) -> Any:
        self._last = self._fatal = None
        try:
            return confluent_kafka.Producer({**self._properties, "error_cb": self._note_error}, logger=_SILENT)
        except (confluent_kafka.KafkaException, TypeError, ValueError) as error:
            raise KafkaRefused(self._describe(error)) from None

    def _describe(self, error: Exception) -> str:
        detail = error.args[0] if error.args else ""
        text = one_line(
            hide(detail.str() if isinstance(detail, confluent_kafka.KafkaError) else str(detail), self._secrets)
        )
        # librdkafka's own text quotes the value, and names a property by its older name.
        if named := re.search(r'[Pp]roperty:? "([^"]+)"', text):
            other = "" if named[1] in self._properties else " (this may be another name of it)"
            word = "unknown" if "No such" in text else "not valid"
            return f"the property {named[1]}{other} in the file of --config is {word}"
        return f"librdkafka refuses the properties in the file of --config: {text}"

    def _note_error(self, error: Any) -> None:
        self._last = error
        if error.fatal():
            self._fatal = error

    def _check(self, seconds: float) -> None:
        began = time.monotonic()
        place = f"topic {self._topic}"
        while True:
            try:
                found = self._producer.list_topics(self._topic, timeout=seconds)
            except confluent_kafka.KafkaException as error:
                self._serve(self._producer.poll)
                cause = self._last or error.args[0]
                waits = classify(cause).lasts is Lasts.FOR_A_WHILE
                raise self._refuse("no broker answers" if waits else "the brokers refuse", cause) from None
            missing = found.topics[self._topic].error
            if missing is None:
                return
            passing = missing.code() in kafka_failures.UNKNOWN_TOPIC or classify(missing).lasts is Lasts.FOR_A_WHILE
            if not passing or time.monotonic() - began > min(seconds, _CREATE_SECONDS):
                raise self._refuse(place, missing)
            self._serve(self._producer.poll)

    def _refuse(self, place: str, error: Any) -> KafkaRefused:
        return KafkaRefused(hide(str(kafka_failures.refuse(place, error)), self._secrets))

    def _send(self, messages: Sequence[KafkaMessage], seconds: float) -> list[DeliveryFailure | None]:
        if self._producer is None:
            self._producer = self._make()
        self._last = None
        failures: list[DeliveryFailure | None] = [_UNCONFIRMED] * len(messages)
        until = time.monotonic() + seconds
        for at, message in enumerate(messages):
            if not self._produce(message, partial(self._note, failures, at), failures, at, until):
                break
        while self._serve(self._producer.flush) and not self._fatal and time.monotonic() < min(until, self._ends):
            pass
        # Each failure but a refusal at the door is one of this producer.
        if any(one is not None and one.name != _AT_THE_DOOR for one in failures):
            self._drop()
            failures = [self._explain(one) for one in failures]
        return failures

    def _produce(
        self, message: KafkaMessage, note: Any, failures: list[DeliveryFailure | None], at: int, until: float
    ) -> bool:
        """Queue a message. Return False if no further one may be queued."""
        while True:
            try:
                self._producer.produce(
                    self._topic, key=message.key, value=message.value, headers=list(message.headers), on_delivery=note
                )
            except BufferError:
                self._serve(self._producer.poll)
                if self._fatal or time.monotonic() > min(until, self._ends):
                    return False
            except confluent_kafka.KafkaException as error:
                failure = classify(error.args[0])
                refused = failure.lasts is Lasts.FOR_THE_MESSAGE
                failures[at] = DeliveryFailure(failure.lasts, _AT_THE_DOOR, failure.text) if refused else failure
                return refused
            else:
                return True

    def _note(self, failures: list[DeliveryFailure | None], at: int, error: Any, _message: Any) -> None:
        failures[at] = None if error is None else classify(error)

    def _explain(self, failure: DeliveryFailure | None) -> DeliveryFailure | None:
        """Name the cause of a failure that only says that the producer ended, or was dropped."""
        cause = self._fatal or self._last
        if failure is None or failure.lasts is not Lasts.FOR_A_WHILE or cause is None:
            return failure
        named = classify(cause)
        lasts = Lasts.FOR_A_WHILE if named.lasts is Lasts.FOR_THE_MESSAGE else named.lasts
        return DeliveryFailure(lasts, named.name, hide(named.text, self._secrets))

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            self._serve(producer.flush)

    def _serve(self, wait: Callable[[float], int]) -> int:
        """Have librdkafka hand over what it has to say, for a tenth of a second. Return what `wait` does."""
        try:
            return wait(_STEP_SECONDS)
        except confluent_kafka.KafkaException as error:  # the producer has ended
            self._note_error(error.args[0])
            return 1
