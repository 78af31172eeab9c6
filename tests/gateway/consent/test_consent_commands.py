"""`shopstream invite`: a link, the held consents, and one line for each mistake."""

import json
import time

import pytest
from redis.asyncio import Redis

from shopstream import NoWorker, UnknownHold
from shopstream.consents import held_consents, invites
from shopstream.ids import InvalidArgument
from shopstream.redis.deployment_keys import held_key, invite_key
from shopstream.redis.keys import PREFIX
from tests.processes import patient, program

BASE = {"SHOPSTREAM_GATEWAY_URL": "https://shops.example.com/app/"}


async def run(redis_url: str, *arguments: str, **env: str) -> tuple[int, str, str]:
    async with program("shopstream.cli", "invite", *arguments, "--redis-url", redis_url, env=env) as child:
        out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


@pytest.fixture
async def settled(redis: Redis) -> Redis:
    await redis.set(f"{PREFIX}:partitions", 1)
    return redis


async def test_the_link_alone_is_on_standard_output(settled: Redis, redis_url: str) -> None:
    code, out, err = await run(redis_url, "--label", "Tea", **BASE)
    assert code == 0, err
    (link,) = out.splitlines()
    assert link.startswith("https://shops.example.com/app/connect/")
    assert len(link.rpartition("/")[2]) == 43
    (key,) = [key async for key in settled.scan_iter(match="*:invite:*")]
    assert 0 < await settled.ttl(key) <= 7 * 86_400
    assert await settled.hget(key, "label") == b"Tea"  # type: ignore[misc]


@pytest.mark.usefixtures("settled")
async def test_the_document_of_an_invite(redis_url: str) -> None:
    code, out, err = await run(redis_url, "--json", "--days", "1", "--label", "Tea", **BASE)
    assert code == 0, err
    document = json.loads(out)
    assert set(document) == {"url", "label", "expires_at"}
    assert document["label"] == "Tea"
    assert document["expires_at"] == pytest.approx(time.time() + 86_400, abs=60)


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        ([], {}, "set SHOPSTREAM_GATEWAY_URL"),
        ([], {"SHOPSTREAM_GATEWAY_URL": "http://shops.example.com"}, "no https:// URL"),
        ([], {"SHOPSTREAM_GATEWAY_URL": "https://x?y"}, "no https:// URL"),
        (["--label", "x" * 101], BASE, "a label has at most 100"),
        (["--accept", "nothing"], {}, "no consent 'nothing' is held"),
    ],
)
@pytest.mark.usefixtures("settled")
async def test_a_mistake_is_one_line(redis_url: str, arguments: list[str], env: dict[str, str], words: str) -> None:
    code, out, err = await run(redis_url, *arguments, **env)
    assert (code, out, err.count("\n")) == (1 if "is held" in words else 2, "", 1)
    assert words in err


async def test_held_consents_are_listed(settled: Redis, redis_url: str) -> None:
    held = await held_consents.hold(settled, "code-55d1")
    assert held
    code, out, _ = await run(redis_url, "--held", "--json")
    assert (code, json.loads(out)) == (0, {"id": held.id, "expires_at": held.expires_at})
    code, out, _ = await run(redis_url, "--held")
    assert (code, held.id in out, "code-55d1" in out) == (0, True, False)


async def test_a_hold_ends_by_itself_and_holds_are_few(settled: Redis, redis_url: str) -> None:
    first = await held_consents.hold(settled, "code")
    assert first == await held_consents.hold(settled, "code")
    assert first
    assert 0 < await settled.ttl(held_key(first.id)) <= 1_500
    for number in range(98):
        await held_consents.hold(settled, f"code-{number}")
    assert await held_consents.hold(settled, "hundredth")
    assert await held_consents.hold(settled, "one-too-many") is None
    assert await held_consents.hold(settled, "code") == first
    await settled.delete(held_key(first.id))  # as at its end
    async with patient(redis_url) as client:
        with pytest.raises(UnknownHold):
            await client.accept_held_consent(first.id)
        assert first.id not in {held.id for held in await client.list_held_consents()}


async def test_without_a_worker_an_accepted_consent_stays_held(settled: Redis, redis_url: str) -> None:
    held = await held_consents.hold(settled, "code")
    assert held
    async with patient(redis_url) as client:
        with pytest.raises(NoWorker):
            await client.accept_held_consent(held.id, timeout=0.2)
        assert await client.list_held_consents() == [held]


async def test_an_invite_lives_seven_days_at_most(settled: Redis) -> None:
    for seconds in (0, 7 * 86_400 + 1):
        with pytest.raises(InvalidArgument):
            await invites.create(settled, "", seconds, us=False)
    made = await invites.create(settled, "", 60, us=False)
    begun = await invites.begin(settled, made.token)
    assert begun
    assert made.token not in repr(made)
    assert begun.state not in repr(begun)


async def test_one_consent_at_a_time_has_an_invite(settled: Redis) -> None:
    made = await invites.create(settled, "Tea", 60, us=False)
    one, other = await invites.begin(settled, made.token), await invites.begin(settled, made.token)
    assert one
    assert other
    claimed = await invites.claim(settled, one.state, one.cookie)
    assert claimed
    assert await invites.claim(settled, one.state, one.cookie) is None
    assert await invites.claim(settled, other.state, other.cookie) is None
    await invites.release(settled, claimed)
    again = await invites.begin(settled, made.token)
    assert again
    assert await invites.claim(settled, again.state, again.cookie) == claimed
    assert await invites.use_up(settled, claimed) == "Tea"
    assert not await settled.exists(invite_key(claimed))
    assert await invites.begin(settled, made.token) is None
