"""Read the properties of librdkafka from a file, and add those without which the bridge could not keep its promises."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shopstream.kafka.kafka_failures import KafkaRefused

_PROMISES: Final = {
    "enable.idempotence": "true",
    "acks": "all",
    # A producer that has lost a message ends, so that no later message of its subject overtakes it.
    "enable.gapless.guarantee": "true",
    # librdkafka never drops a message by itself: the bridge decides when to begin anew.
    "message.timeout.ms": "0",
}
_ALIASES: Final = {"request.required.acks": "acks", "delivery.timeout.ms": "message.timeout.ms"}
_EQUAL: Final = {"-1": "all", "1": "true", "t": "true"}
_OF_PYTHON: Final = {"on_delivery", "logger", "delivery.report.only.error", "default.topic.config"}
"""Names that the client in Python takes for its own, beside those that end in `_cb`."""
_DEFAULTS: Final = {
    "client.id": "shopstream",
    # As Java's clients: a subject has the same partition there.
    "partitioner": "murmur2_random",
    "topic.metadata.refresh.interval.ms": "60000",
}
_SECRET: Final = ("password", "secret", "token", "key.pem")


def read_properties(file: Path | None, bootstrap: str | None) -> dict[str, str]:
    """Read `NAME=VALUE` lines; empty lines and those that begin with `#` are comments. Add our own.

    Args:
        file: the file, or None.
        bootstrap: addresses `HOST:PORT`, separated by commas, which take precedence over the file's.

    Raises:
        KafkaRefused: the file can't be read or a line is not valid, no broker is named, or a property would break a
            promise of the bridge. The text shows no value.
    """
    found = _read_file(file) if file else {}
    if bootstrap:
        found.pop("metadata.broker.list", None)
        found["bootstrap.servers"] = bootstrap
    if not found.keys() & {"bootstrap.servers", "metadata.broker.list", "test.mock.num.brokers"}:
        raise KafkaRefused(
            "no broker is named: give --bootstrap HOST:PORT, or bootstrap.servers in the file of --config"
        )
    for name in [one for one in found if _ALIASES.get(one, one) in _PROMISES]:
        ours, value = _PROMISES[_ALIASES.get(name, name)], found.pop(name).lower()
        if ours not in {value, _EQUAL.get(value)}:
            raise KafkaRefused(f"{file}: {name} must stay {ours}, or events could be lost or change their order")
    if foreign := [name for name in found if name in _OF_PYTHON or name.endswith("_cb")]:
        raise KafkaRefused(f"the property {foreign[0]} in the file of --config is not librdkafka's")
    if "transactional.id" in found:
        raise KafkaRefused(f"{file}: transactional.id is not used: the bridge delivers at least once")
    return _DEFAULTS | found | _PROMISES


def list_secrets(properties: Mapping[str, str]) -> list[str]:
    """List the values that no text may show."""
    return [value for name, value in properties.items() if value and any(word in name for word in _SECRET)]


def _read_file(file: Path) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise KafkaRefused(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KafkaRefused(f"{file} is no text in UTF-8") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise KafkaRefused(f"line {number} of {file} is not NAME=VALUE")
        found[name.strip()] = value.strip()
    return found
