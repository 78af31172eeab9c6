"""The gateway as its own user of Redis: consent and every call of the API work, and nothing is refused."""

from redis.asyncio import Redis

from gateway.api.routes import ALL
from tests.gateway.consent.test_consent_by_invite import begin, new_code
from tests.gateway.running import PUBLIC_URL, gateway
from tests.processes import patient, sandbox, until, worker
from tests.safety.test_acl import url_of, users

SEED, SKU = "1731029337055922770", "1731159324007369298"


async def test_consent_and_the_api_work_as_the_user_of_the_gateway(redis: Redis, redis_url: str) -> None:
    async with (
        users(redis),
        sandbox("--products", "5", "--shops", "1") as front,
        worker(front.env(url_of(redis_url, "worker"))),
        gateway(url_of(redis_url, "gateway"), SHOPSTREAM_GATEWAY_UNINVITED="hold") as running,
        patient(url_of(redis_url, "worker")) as operator,
    ):
        held = await running.visit(f"/oauth/callback?code={await new_code(front)}")
        assert "number" in held.text
        path = (await operator.invite()).url(PUBLIC_URL).removeprefix(PUBLIC_URL)
        state, cookie = await begin(running, path)
        failed = await running.visit(f"/oauth/callback?code=wrong&state={state}", cookie=cookie)
        assert failed.status == 502
        state, cookie = await begin(running, path)
        done = await running.visit(f"/oauth/callback?code={await new_code(front)}&state={state}", cookie=cookie)
        assert (done.status, "has begun: 5 products" in done.text) == (200, True)
        shop = front.shops[0]["shop_id"]
        bodies = {
            "sync_products": {"ids": [SEED, *(str(number) for number in range(401, 407))], "cause": "c-1"},
            "sync_stock": {"ids": [SEED], "sku_ids": [SKU], "urgent": True},
            "sync_shop": {"full": True},
        }
        names: list[str] = []
        for name, body in bodies.items():
            asked = f"/v1/shops/{shop}/{name.removeprefix('sync_').replace('shop', 'sync')}"
            accepted = await running.call("POST", asked, json=body, headers={"Idempotency-Key": name})
            assert accepted.status == 202, accepted.text
            names.append(accepted.json["request_id"])

        async def finished() -> bool:
            looks = [await running.call("GET", f"/v1/requests/{name}") for name in names]
            assert {look.status for look in looks} == {200}, looks
            return all(look.json["finished"] for look in looks)

        await until(finished)
        parts = {"{shop}": shop, "{sku}": SKU, "{product}": SEED, "{request}": names[0]}
        for endpoint in ALL:
            filled = endpoint.path
            for part, value in parts.items():
                filled = filled.replace(part, value)
            if endpoint.method == "GET":
                answer = await running.call("GET", filled)
                assert answer.status == 200, (filled, answer.text)
        requeued = await running.call("POST", "/v1/dead/requeue", json={"error_class": "not_found"})
        assert requeued.json == {"requeued": 6, "refused": {}}
        assert "call_unanswered" not in running.logs
        assert "consent_unavailable" not in running.logs
