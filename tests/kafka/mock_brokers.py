"""librdkafka's mock brokers as a process of their own: `python -m tests.kafka.mock_brokers`, steered by JSON lines.

confluent_kafka gives no access to the brokers that it brings, so they are called in the library that its wheel has.
Prints the bootstrap addresses, then a line after each order: `{"do": "errors", "codes": [10]}` for the next produce
requests, `down` and `up` for the brokers, `slow` with the `ms` until each answer, `topic` with `name`, `partitions` and
perhaps `code`.
"""

import ctypes
import json
import sys
from pathlib import Path
from typing import Any, Final

import confluent_kafka

_PRODUCE: Final = 0
_INIT_PRODUCER_ID: Final = 22
BROKERS: Final = 3


def _library() -> ctypes.CDLL:
    (file,) = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs").glob("librdkafka*")
    return ctypes.CDLL(str(file))


class MockBrokers:
    """A cluster of this process."""

    def __init__(self) -> None:
        self._library = _library()
        handle = self._call("rd_kafka_new", 0, None, None, ctypes.c_size_t(0))
        self._cluster = self._call("rd_kafka_mock_cluster_new", handle, BROKERS)

    @property
    def bootstrap(self) -> str:
        found: bytes = ctypes.string_at(self._call("rd_kafka_mock_cluster_bootstraps", self._cluster))
        return found.decode()

    def obey(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "errors":
                api = _INIT_PRODUCER_ID if order.get("start") else _PRODUCE
                codes = (ctypes.c_int * len(order["codes"]))(*order["codes"])
                count = ctypes.c_size_t(len(order["codes"]))
                self._call("rd_kafka_mock_push_request_errors_array", self._cluster, ctypes.c_short(api), count, codes)
            case "down" | "up" as way:
                for number in range(1, BROKERS + 1):
                    self._call(f"rd_kafka_mock_broker_set_{way}", self._cluster, number)
            case "slow":
                for number in range(1, BROKERS + 1):
                    self._call("rd_kafka_mock_broker_set_rtt", self._cluster, number, order["ms"])
            case "topic":
                name = order["name"].encode()
                self._call("rd_kafka_mock_topic_create", self._cluster, name, order["partitions"], 1)
                if code := order.get("code"):
                    self._call("rd_kafka_mock_topic_set_error", self._cluster, name, code)

    def _call(self, name: str, *arguments: Any) -> Any:
        function: Any = getattr(self._library, name)
        function.restype = ctypes.c_void_p
        return function(*(ctypes.c_void_p(one) if isinstance(one, int) and one > 2**31 else one for one in arguments))


def main() -> None:
    brokers = MockBrokers()
    print(brokers.bootstrap, flush=True)  # noqa: T201 - its answer
    for line in sys.stdin:
        brokers.obey(json.loads(line))
        print("done", flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
