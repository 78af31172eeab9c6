"""The file of --config: librdkafka's properties, with those that the promises need."""

from pathlib import Path

import pytest

from shopstream.kafka.kafka_failures import KafkaRefused, hide
from shopstream.kafka.librdkafka_properties import list_secrets, read_properties


def written(folder: Path, text: str) -> Path:
    file = folder / "kafka.properties"
    file.write_text(text)
    return file


def test_promises_are_added_and_comments_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, "# brokers\n\nbootstrap.servers = a:1,b:2\nsasl.password=x=y \nacks=-1\nlinger.ms=5\n")
    found = read_properties(file, None)
    assert found["bootstrap.servers"] == "a:1,b:2"
    assert found["sasl.password"] == "x=y"
    assert (found["acks"], found["enable.idempotence"], found["message.timeout.ms"]) == ("all", "true", "0")
    assert found["linger.ms"] == "5"
    assert list_secrets(found) == ["x=y"]
    assert hide("refused x=y", list_secrets(found)) == "refused ***"


def test_the_option_outweighs_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "metadata.broker.list=a:1\npartitioner=consistent\n")
    found = read_properties(file, "c:3")
    assert found["bootstrap.servers"] == "c:3"
    assert "metadata.broker.list" not in found
    assert found["partitioner"] == "consistent"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("linger.ms=5", "no broker is named"),
        ("bootstrap.servers=a:1\nacks=1", "acks must stay all"),
        ("bootstrap.servers=a:1\nrequest.required.acks=0", "request.required.acks must stay all"),
        ("bootstrap.servers=a:1\nenable.idempotence=false", "enable.idempotence must stay true"),
        ("bootstrap.servers=a:1\ndelivery.timeout.ms=5000", "delivery.timeout.ms must stay 0"),
        ("bootstrap.servers=a:1\ntransactional.id=me", "transactional.id is not used"),
        ("bootstrap.servers=a:1\nsecret-without-equals", "line 2 of"),
    ],
)
def test_faults_are_one_line_without_a_value(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(KafkaRefused) as refused:
        read_properties(written(tmp_path, text), None)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret-without" not in str(refused.value)


def test_a_file_that_can_not_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(KafkaRefused, match=r"can't be read: No such file"):
        read_properties(tmp_path / "none", "a:1")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(KafkaRefused, match="no text in UTF-8"):
        read_properties(tmp_path / "bytes", "a:1")
