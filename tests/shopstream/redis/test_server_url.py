"""What redis-py would take for another database, or fail by at the first command, is refused with the URL."""

import traceback

import pytest

from config.redis_url import check_redis
from config.variables.secret import Secret
from shopstream.redis.connection import connect

CANARY = "canary-5d1f"
WRONG = {
    "redis://:P@h:6379/production": "database that is no number",
    "rediss://:P@h:6379/db1": "database that is no number",
    "redis://:P@h:6379/1/2": "database that is no number",
    "redis+sentinel://:P@h:26379/name/x": "database that is no number",
    "redis://:P@h:6379/0?max_wait=3": "parameter that is unknown",
    "redis://:P@h:6379/0?ssl_ca_certs=ca.pem": "parameter that is unknown",
    "redis://:P@h:6379/0?retry=3": "parameter that is unknown",
    "redis+cluster://:P@h:6379?max_wait=3": "parameter that is unknown",
    "redis://:1#P@h:6379/0": "Redis URL",
}


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_means_something_else_is_refused_by_clients_and_settings(url: str) -> None:
    url, words = url.replace("P", CANARY), WRONG[url]
    with pytest.raises(ValueError, match=words) as of_client:
        connect(url)
    with pytest.raises(ValueError, match=words) as of_settings:
        check_redis(Secret(url))
    for caught in (of_client, of_settings):
        assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://h", None), ("redis://h/", None), ("redis://h:1/7", 7), ("redis://h/3/", 3), ("redis://h?db=4", 4),
        ("unix:///run/valkey.sock?db=5", 5), ("rediss://h/6?health_check_interval=9&client_name=erp", 6),
        ("redis://h/1?max_connections=20&socket_timeout=1.5", 1),
    ],
)  # fmt: skip
def test_what_redis_py_understands_is_taken(url: str, database: int | None) -> None:
    assert connect(url).connection_pool.connection_kwargs.get("db") == database
    check_redis(Secret(url))
