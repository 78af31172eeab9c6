"""The options of `shopstream bridge kafka`, and its ends with one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shopstream.kafka.kafka_failures import KafkaRefused
from shopstream.kafka.kafka_producer import KafkaProducer
from shopstream.kafka.librdkafka_properties import read_properties
from shopstream.redis.deployment_keys import PARTITIONS
from tests.commands.running import Done, command
from tests.kafka.stand import config
from tests.processes import free_port


async def ended(redis_url: str, *options: str) -> Done:
    return await command(redis_url, "bridge", "kafka", *options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no.such.thing=1", "the property no.such.thing in the file of --config is unknown"),
        (
            "linger.ms=S3CRET",
            "the property queue.buffering.max.ms (this may be another name of it) in the file of --config is not valid",
        ),
        ("security.protocol=S3CRET", "the property security.protocol in the file of --config is not valid"),
        ("error_cb=S3CRET", "the property error_cb in the file of --config is not librdkafka's"),
        ("on_delivery=S3CRET", "the property on_delivery in the file of --config is not librdkafka's"),
        ("ssl.key.pem=S3CRET\nssl.certificate.pem=S3CRET\nsecurity.protocol=ssl", "librdkafka refuses the properties"),
        ("acks=1", "acks must stay all"),
    ],
)
async def test_a_property_that_is_wrong_is_one_line(redis_url: str, tmp_path: Path, text: str, said: str) -> None:
    done = await ended(redis_url, "--bootstrap", "127.0.0.1:1", "--config", config(tmp_path, text))
    assert done.code == 1, done
    (line,) = done.err.splitlines()
    assert said in line
    assert "S3CRET" not in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "no broker is named"),
        (("--bootstrap", "a:1", "--config", "/nowhere"), "can't be read"),
        (("--bootstrap", "a:1", "--stream", "nothing"), "is not a stream"),
        (("--bootstrap", "a:1", "--prefix", "a b"), "a prefix has letters"),
        (("--bootstrap", "a:1", "--timeout", "0"), "--timeout"),
        (("--bootstrap", "a:1", "--from", "yesterday"), "start is 0, $"),
    ],
)
async def test_wrong_options_are_said(redis_url: str, options: tuple[str, ...], said: str) -> None:
    done = await ended(redis_url, *options)
    assert done.code in {1, 2}, done
    assert said in done.err
    assert "Traceback" not in done.err


async def test_brokers_that_do_not_answer_are_said() -> None:
    producer = KafkaProducer(read_properties(None, f"127.0.0.1:{free_port()}"), "shopstream.stock")
    with pytest.raises(KafkaRefused, match=r"no broker answers: .*check the addresses") as refused:
        await producer.check(0.5)
    assert "\n" not in str(refused.value)
    await producer.aclose()


async def test_an_empty_redis_is_waited_for_or_said(redis: Redis, redis_url: str) -> None:
    """As by every consumer."""
    assert not await redis.exists(PARTITIONS)
    done = await ended(redis_url, "--config", "/dev/null")
    assert done.code == 1


def test_without_the_extra_one_line_says_what_to_install() -> None:
    code = """
import sys
sys.modules["confluent_kafka"] = None
sys.argv = ["shopstream", "bridge", "kafka", "--bootstrap", "a:1"]
from shopstream.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 1
    assert done.stderr == "the bridge needs one package more: pip install 'shopstream[kafka]'\n"


@pytest.mark.parametrize("arguments", [["--help"], ["bridge", "--help"], ["bridge", "kafka", "--help"], ["--version"]])
def test_no_other_command_imports_the_client_of_kafka(arguments: list[str]) -> None:
    code = f"""
import atexit, sys
atexit.register(lambda: print("confluent_kafka" in sys.modules, file=sys.stderr))
sys.argv = ["shopstream", *{arguments!r}]
from shopstream.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.stderr.strip() == "False"
