"""Classify what Kafka refuses: a message for good, everything until a person acts, or for a while."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from shopstream.errors import ShopstreamError

Text = str


class ErrorOfKafka(Protocol):
    """The part of confluent_kafka.KafkaError that is used here."""

    def code(self) -> int:
        """Give librdkafka's number of the error."""

    def name(self) -> Text:
        """Give its name, such as `_TRANSPORT`."""

    def str(self) -> Text:
        """Give its sentence."""


class KafkaRefused(ShopstreamError):
    """Kafka or librdkafka refuses this bridge until a person acts. The text is one line that names the remedy."""


class Lasts(Enum):
    """The time for which a failure lasts."""

    FOR_THE_MESSAGE = "message"
    """This message is never accepted. Others are."""
    UNTIL_MENDED = "mended"
    """No message is accepted until a person has changed something."""
    FOR_A_WHILE = "while"
    """The same message may be accepted later."""


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """The reason why a message was not delivered.

    Attributes:
        lasts: the time for which it lasts.
        name: librdkafka's name of the error, such as `MSG_SIZE_TOO_LARGE`.
        text: one line, with the remedy if a person must act.
    """

    lasts: Lasts
    name: str
    text: str


_REFUSED: Final = frozenset({4, 10, 18, 32, 44, 87})
"""INVALID_MSG_SIZE, MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, POLICY_VIOLATION, INVALID_RECORD."""
_REMEDIES: Final = {
    3: "create the topic, or let the brokers create it",
    17: "the name of the topic is not valid: choose another --prefix",
    29: "give this user the right to write to and describe the topic",
    31: "give this user the right IdempotentWrite on the cluster",
    35: "the brokers are too old: an idempotent producer needs 0.11 or later",
    58: "check the user, the password and sasl.mechanism in the file of --config",
    -169: "check the user, the password and sasl.mechanism in the file of --config",
    -181: "check the properties ssl.* in the file of --config",
    -188: "create the topic, or let the brokers create it",
}
"""Remedies of the failures that last until a person acts, by code: librdkafka's own codes are negative."""
UNKNOWN_TOPIC: Final = frozenset({3, -188})


def classify(error: ErrorOfKafka) -> DeliveryFailure:
    """Classify an error of a message, of a topic or of the connection."""
    code = error.code()
    if code in _REFUSED:
        return DeliveryFailure(Lasts.FOR_THE_MESSAGE, error.name(), f"Kafka refused it: {one_line(error.str())}")
    if code in _REMEDIES:
        return DeliveryFailure(Lasts.UNTIL_MENDED, error.name(), f"{one_line(error.str())}: {_REMEDIES[code]}")
    return DeliveryFailure(Lasts.FOR_A_WHILE, error.name(), one_line(error.str()))


def refuse(place: str, error: ErrorOfKafka) -> KafkaRefused:
    """Build the error with which the bridge ends: the place, Kafka's own words, and the remedy."""
    failure = classify(error)
    remedy = "" if failure.lasts is Lasts.UNTIL_MENDED else ": check the addresses, and that the brokers run"
    return KafkaRefused(f"{place}: {failure.name}: {failure.text}{remedy}")


def hide(text: str, secrets: Iterable[str]) -> str:
    """Replace secrets in a text."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def one_line(text: str) -> str:
    """Bring a text of another program into one line of at most 300 characters."""
    return re.sub(r"\s+", " ", text).strip()[:300]
