"""The arguments of `shopstream webhooks`: a wrong one is one line, and orders nothing."""

import pytest
from redis.asyncio import Redis

from shopstream import InvalidArgument, NoWorker, Subscriptions, SubscriptionsFailed, SyncClient
from shopstream.cli import webhook_commands
from shopstream.enqueue.subscribing import check_url, is_loopback
from shopstream.redis.keys import Partition
from tests.shopstream.test_cli import run

URL = "https://hooks.example.com/webhooks/tiktok"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        (URL, False), ("https://example.com", False), ("HTTPS://Hooks.Example.COM/a?b=c", False),
        ("https://xn--bcher-kva.example/", False), (f"https://example.com/{'x' * 235}", False),
        ("http://127.0.0.1:8400/webhooks/tiktok", True), ("http://localhost/x", True), ("http://[::1]:80/", True),
    ],
)  # fmt: skip
def test_an_address_that_tiktok_or_a_sandbox_takes(url: str, loopback: bool) -> None:  # noqa: FBT001
    assert check_url(url) == url
    assert is_loopback(url) == loopback


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "hooks.example.com", "http://hooks.example.com/", "https://hooks.example.com:443/",
        "https://hooks.example.com:/", "https://1.2.3.4/", "https://[::1]/", "https://localhost/", "https://example/",
        "https://canary:canary@example.com/", "https://canary@example.com/", "http://canary@127.0.0.1/",
        "https://example.com/#part", "https://exa mple.com/", "https://example.com/\n", "https://exam\tple.com/",
        "https://example.com\\@other.example/", "https://b\u00fccher.example/", "ftp://example.com/", "https:///x",
        "https://example.com:x/", "https://-a.example/", "https://a..example/", "https://[x/", "http://127.0.0.2/",
        f"https://example.com/{'x' * 236}", "https://" + "a" * 64 + ".example/", "https://a.example./",
    ],
)  # fmt: skip
def test_an_address_that_neither_takes(url: str) -> None:
    with pytest.raises(InvalidArgument, match="https on a domain, without port") as refused:
        check_url(url)
    assert "\n" not in str(refused.value)
    assert "canary" not in str(refused.value)


async def test_a_wrong_argument_orders_nothing(redis: Redis) -> None:
    client = SyncClient(redis)
    for call in (
        client.set_subscriptions("7495", "http://example.com"), client.set_subscriptions("x", URL),
        client.list_subscriptions(""), client.remove_subscriptions("0017"),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument):
            await call
    assert await redis.zcard(Partition(0).due) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name one shop, or all"),
        (["7495", "--all"], "name one shop, or all"),
        (["7495", "--url", URL, "--remove"], "give one of the two"),
        (["7495", "--url", "http://example.com/"], "a webhook URL is https on a domain"),
        (["77"], "77: shop 77 is not authorized"),
        (["x"], "is not a shop id"),
    ],
)
async def test_the_command_says_in_one_line_what_is_wrong(
    redis: Redis, redis_url: str, arguments: list[str], said: str
) -> None:
    await redis.set("shopstream:partitions", 1)
    done = await run(redis_url, "webhooks", *arguments)
    assert (done.returncode, done.stdout) == (1 if "not authorized" in said else 2, "")
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


async def test_the_first_shop_without_a_worker_ends_the_command() -> None:
    ordered: list[str] = []

    async def order(shop: str) -> Subscriptions:
        ordered.append(shop)
        if shop == "0":
            raise SubscriptionsFailed("refused")
        if shop == "5":
            raise NoWorker("nobody")
        return Subscriptions(shop, (), ())

    found: list[str] = []

    async def collect() -> None:
        async for shop, _ in webhook_commands._collect([str(number) for number in range(20)], order):
            found.append(shop)

    with pytest.raises(NoWorker):
        await collect()
    assert found == ["0", "1", "2", "3", "4"]
    assert ordered == [str(number) for number in range(8)]
