"""Pushes on their way: late, lost, repeated, out of order, refused, and tried again by TikTok's schedule."""

import asyncio
from dataclasses import fields
from typing import Any

import pytest

from shopstream_sandbox.webhook.options import Options
from tests.processes import free_port, until
from tests.sandbox.caller import Caller
from tests.sandbox.process import ROOT
from tests.sandbox.webhook.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCHEDULE = (120, 1800, 10_800, 43_200)  # seconds


async def log(me: Caller) -> list[dict[str, Any]]:
    return list((await me.box.see("webhooks/log"))["pushes"])


async def counts(me: Caller) -> dict[str, Any]:
    return dict((await me.box.see("stats"))["webhooks"])


async def settled(me: Caller) -> dict[str, Any]:
    """The counts as soon as nothing is being sent."""

    async def done() -> dict[str, Any] | None:
        now = await counts(me)
        return None if now["in_flight"] else now

    found: dict[str, Any] = await until(done, 30)
    return found


async def push(me: Caller, times: int = 1, **more: Any) -> list[str]:
    """Push so many notifications, each about a product of its own, and give their ids."""
    answers = [await me.box.control("push", shop_id=me.shop, type=16, product_id=one, **more)
               for one in (await me.ids())[:times]]  # fmt: skip
    return [one["id"] for one in answers]


async def turn(me: Caller, seconds: float) -> None:
    await me.box.control("clock", offset_seconds=seconds)


async def test_a_refused_push_is_tried_again_by_tiktoks_schedule(seller: Caller, receiver: Receiver) -> None:
    receiver.answers.extend([503, 500, 302, 404, 200])
    (number,) = await push(seller)
    await receiver.first(1)
    clock = 0
    for tries, wait in enumerate(SCHEDULE, 1):
        assert (await settled(seller))["retried"] == tries
        await turn(seller, clock + wait - 100)
        assert (await settled(seller))["waiting"] == 1
        clock += wait + 60  # a busy machine may take some seconds for all of it
        await turn(seller, clock)
        await receiver.first(tries + 1)
    end = await settled(seller)
    assert (end["pushed"], end["retried"], end["given_up"], end["waiting"]) == (5, 4, 0, 0)
    assert end["answers"] == {"503": 1, "500": 1, "302": 1, "404": 1, "200": 1}
    assert len({(one.raw, one.headers["Authorization"]) for one in receiver.got}) == 1  # the same each time
    (line,) = await log(seller)
    assert (line["id"], line["state"], line["status"]) == (number, "answered", "200")
    assert [answer for _, _, answer in line["attempts"]] == ["503", "500", "302", "404", "200"]


async def test_it_is_given_up_after_the_fifth_time(seller: Caller, receiver: Receiver) -> None:
    receiver.answers.extend([503] * 5)
    await seller.box.control("webhooks", retry_seconds=[100, 100, 100, 100])
    await push(seller)
    for tries in range(1, 5):
        await receiver.first(tries)
        await settled(seller)
        await turn(seller, tries * 1000)
    await receiver.first(5)
    end = await settled(seller)
    assert (end["pushed"], end["retried"], end["given_up"], end["waiting"]) == (5, 4, 1, 0)
    assert [one["state"] for one in await log(seller)] == ["given_up"]


async def test_a_401_counts_as_an_answer(seller: Caller, receiver: Receiver) -> None:
    receiver.answers.append(401)
    await push(seller)
    await receiver.first(1)
    end = await settled(seller)
    assert (end["answers"], end["retried"]) == ({"401": 1}, 0)


async def test_a_receiver_that_hangs_is_given_up_in_time(seller: Caller, receiver: Receiver) -> None:
    receiver.open.clear()
    await seller.box.control("webhooks", timeout_ms=200)
    await push(seller, 3)
    await receiver.first(3)

    async def waiting() -> bool:
        return bool((await counts(seller))["answers"] == {"timeout": 3})

    await until(waiting, 30)
    receiver.open.set()
    await turn(seller, 10_000)
    await receiver.first(6)
    end = await settled(seller)
    assert end["answers"] == {"timeout": 3, "200": 3}


async def test_many_that_hang_do_not_keep_the_others(seller: Caller, receiver: Receiver) -> None:
    receiver.open.clear()
    await seller.box.control("webhooks", timeout_ms=600_000)
    await push(seller, 40)
    assert len(await receiver.first(40)) == 40  # more than are sent at once to one that answers
    receiver.open.set()
    assert (await settled(seller))["answers"] == {"200": 40}


async def test_nobody_listening_is_a_failure_of_the_connection(seller: Caller) -> None:
    await seller.box.control("webhooks", url=f"http://127.0.0.1:{free_port()}/")
    await push(seller)

    async def failed() -> bool:
        return bool((await counts(seller))["answers"] == {"connection": 1})

    await until(failed, 30)
    assert (await counts(seller))["waiting"] == 1


@pytest.mark.parametrize(("response", "answer"), [
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "200"),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "202"),
    (b"HTTP/1.0 204 No Content\r\n\r\n", "204"),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "connection"),
    (b"SSH-2.0-OpenSSH\r\n\r\n", "connection"),
    (b"", "connection"),
])  # fmt: skip
async def test_odd_responses(seller: Caller, response: bytes, answer: str) -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        writer.write(response)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await seller.box.control("webhooks", url=f"http://127.0.0.1:{port}/")
        await push(seller)

        async def answered() -> dict[str, int]:
            return dict((await counts(seller))["answers"])

        assert await until(answered, 30) == {answer: 1}


async def test_losses_are_drawn_by_the_seed(seller: Caller, receiver: Receiver) -> None:
    lost: list[list[bool]] = []
    for seed in (7, 7, 8):
        await seller.box.control("webhooks", reset=True, url=receiver.url, loss_per_mille=300, seed=seed)
        receiver.got.clear()
        await push(seller, 60)
        lines = await log(seller)
        lost.append([one["state"] == "lost" for one in lines])
        kept = [one["id"] for one in lines if one["state"] != "lost"]
        got = await receiver.first(len(kept))
        assert sorted(one.body["tts_notification_id"] for one in got) == kept
        assert (await settled(seller))["lost"] == 60 - len(kept)
    assert lost[0] == lost[1] != lost[2]
    assert 5 <= sum(lost[0]) <= 35


async def test_repetitions_are_the_same_bytes(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control("webhooks", repeat_per_mille=500, repeat_ms=0, seed=3)
    numbers = await push(seller, 30)
    end = await settled(seller)
    assert end["pushed"] == 30 + end["repeated"]
    assert 5 <= end["repeated"] <= 25
    got = await receiver.first(end["pushed"])
    assert {one.body["tts_notification_id"] for one in got} == set(numbers)
    assert len({one.raw for one in got}) == 30


async def test_what_is_put_off_is_overtaken_until_the_clock_is_turned(seller: Caller, receiver: Receiver) -> None:
    # Ten minutes, so that nothing but the turned clock ends them.
    await seller.box.control("webhooks", reorder_per_mille=400, reorder_ms=600_000, seed=5)
    numbers = await push(seller, 30)
    held = (await settled(seller))["waiting"]
    assert 5 <= held <= 25
    assert (await counts(seller))["reordered"] == held
    assert len(await receiver.first(30 - held)) == 30 - held
    await turn(seller, 700)
    got = [one.body["tts_notification_id"] for one in await receiver.first(30)]
    assert sorted(got) == sorted(numbers)
    assert got != numbers


async def test_a_delay_is_by_the_clock_too(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control("webhooks", delay_ms=600_000, jitter_ms=1000)
    await push(seller, 5)
    assert (await settled(seller))["waiting"] == 5
    assert receiver.got == []
    await turn(seller, 700)
    await receiver.first(5)
    lines = await log(seller)
    assert all(600 <= one["attempts"][0][0] - one["made"] <= 800 for one in lines)


async def test_pushes_of_a_sku_come_in_order(seller: Caller, receiver: Receiver) -> None:
    sku = {"shop_id": seller.shop, "sku_id": "1731159324007369298"}
    await seller.box.control("webhooks", in_order_ms=60_000, timeout_ms=60_000)  # however busy the machine is
    await seller.box.control("stock", shop_id=seller.shop, changes=[{"sku_id": sku["sku_id"], "quantity": 100}])
    for _ in range(40):
        await seller.box.control("order", **sku, event="created")
    got = [one.data["quantity_snapshot_after_change"]["in_shop_quantity"] for one in await receiver.of(68, 40)][-40:]
    assert got == sorted(got, reverse=True)


async def test_the_log_is_read_by_pages(seller: Caller, receiver: Receiver) -> None:
    numbers = await push(seller, 7)
    await receiver.first(7)
    await settled(seller)
    first = await seller.box.see("webhooks/log?limit=5")
    rest = await seller.box.see(f"webhooks/log?from={first['next']}")
    assert (first["total"], first["next"], rest["next"]) == (7, 5, 7)
    assert [one["id"] for one in first["pushes"] + rest["pushes"]] == numbers
    line = rest["pushes"][-1]
    assert (line["type"], line["shop_id"], line["state"], line["status"]) == (16, seller.shop, "answered", "200")
    assert line["answered_at"] >= line["made"]
    assert (await seller.box.see(f"webhooks/log?from={rest['next']}"))["pushes"] == []


@pytest.mark.parametrize("document", [
    {"loss_per_mille": 1001}, {"delay_ms": -1}, {"body": "naked"}, {"ids": "roman"}, {"types": [1]}, {"url": "here"},
    {"shop_named_by": ["name"]}, {"retry_seconds": [-1]}, {"connections": 0}, {"speling": 1}, {"seed": "x"},
])  # fmt: skip
async def test_nonsense_turns_nothing(seller: Caller, document: dict[str, Any]) -> None:
    before = (await seller.box.see("webhooks"))["options"]
    async with seller.box.http.post(f"{seller.box.url}/_sandbox/webhooks", json={"low_stock": 3} | document) as answer:
        assert answer.status == 400
    assert (await seller.box.see("webhooks"))["options"] == before


async def test_the_manual_names_every_option() -> None:
    manual = await asyncio.to_thread((ROOT / "shopstream_sandbox" / "README.md").read_text)
    assert [one.name for one in fields(Options) if f"`{one.name}`" not in manual] == []
