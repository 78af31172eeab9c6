"""The suite: an implementation subclasses these, and gives the fixture `harness`.

`Consent` and `Details` are for any marketplace, `Lists`, `Stock`, `Warehouses` and `Webhooks` for those whose abilities
say so.
"""

import time
import traceback
from dataclasses import replace

import pytest

from tests.marketplace.harness import PRODUCTS, WEBHOOK_URL, Breakage, Harness, calls_of
from worker.marketplace import call_errors as errors
from worker.marketplace.call_errors import CallError
from worker.marketplace.product_answers import ProductAnswer
from worker.marketplace.values import Access, Grant, ListFilter

FAR = 4_000_000_000
"""Unix seconds after which nothing was made."""


async def granted(harness: Harness) -> Grant:
    return await harness.marketplace.authorize(await harness.make_code())


async def access_of(harness: Harness) -> Access:
    grant = await granted(harness)
    shops = {shop.id: shop for shop in await harness.marketplace.list_shops(grant.access_token)}
    return Access(harness.shop, shops[harness.shop].cipher, grant.access_token)


async def failure_of(call: object, *secrets: str) -> CallError:
    with pytest.raises(CallError) as caught:
        await call  # type: ignore[misc]
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert not any(secret in shown for secret in ("http://", *secrets) if secret)
    assert caught.value.__context__ is None, "an error leads to nothing that may hold a URL"
    return caught.value


class Consent:
    async def test_a_code_becomes_a_pair_that_lists_the_shop(self, harness: Harness) -> None:
        grant = await granted(harness)
        assert grant.open_id
        assert grant.access_token
        assert grant.refresh_token
        assert grant.access_expires_at > time.time() - 3_600  # absolute, whatever the clocks say
        assert grant.access_token not in repr(grant)
        assert grant.refresh_token not in repr(grant)
        (shop,) = await harness.marketplace.list_shops(grant.access_token)
        assert shop.id == harness.shop
        assert shop.cipher not in repr(shop)

    async def test_a_code_is_good_once(self, harness: Harness) -> None:
        code = await harness.make_code()
        await harness.marketplace.authorize(code)
        assert isinstance(await failure_of(harness.marketplace.authorize(code), code), errors.RefreshRefused)

    async def test_a_refreshed_pair_works(self, harness: Harness) -> None:
        grant = await granted(harness)
        renewed = await harness.marketplace.refresh(grant.refresh_token)
        assert renewed.access_token != grant.access_token
        assert renewed.open_id in {"", grant.open_id}
        assert await harness.marketplace.list_shops(renewed.access_token)

    async def test_a_refused_refresh_ends_the_consent(self, harness: Harness) -> None:
        failure = await failure_of(harness.marketplace.refresh("spent-canary"), "spent-canary")
        assert isinstance(failure, errors.RefreshRefused)

    async def test_a_refresh_whose_end_is_unknown_ends_nothing(self, harness: Harness) -> None:
        grant = await granted(harness)
        await harness.crash_consent()
        failure = await failure_of(harness.marketplace.refresh(grant.refresh_token), grant.refresh_token)
        assert isinstance(failure, errors.Transient)
        assert not isinstance(failure, errors.Unreachable | errors.UnknownCode)
        await harness.mend()
        assert (await harness.marketplace.refresh(grant.refresh_token)).access_token

    async def test_a_refresh_that_was_never_sent_is_told_as_such(self, harness: Harness) -> None:
        failure = await failure_of(harness.unreachable.refresh("spent-canary"), "spent-canary")
        assert isinstance(failure, errors.Unreachable)


class Details:
    async def test_a_detail_is_the_product_with_its_stock(self, harness: Harness) -> None:
        access, product = await access_of(harness), harness.products[0]
        answer, request_id = await harness.marketplace.read_product(access, product)
        assert request_id
        assert (answer.kind, answer.whole, answer.product_id, answer.deleted) == ("product", True, product, False)
        whole = answer.normalize()
        assert whole.product.product_id == product
        assert whole.stock
        assert {one.sku_id for one in whole.stock} == {sku["sku_id"] for sku in whole.product.skus or ()}
        assert all(one.available is not None for one in whole.stock)

    async def test_equal_answers_have_one_digest_and_a_change_another(self, harness: Harness) -> None:
        access, product = await access_of(harness), harness.products[0]

        async def read() -> ProductAnswer:
            return (await harness.marketplace.read_product(access, product))[0]

        first, second = await read(), await read()
        assert len(first.digest) == 16
        assert (first.digest, first.normalize()) == (second.digest, second.normalize())
        await harness.retitle(product)
        changed = await read()
        assert changed.digest != first.digest
        assert changed.normalize().product.title != first.normalize().product.title

    async def test_a_product_that_is_not_there_is_not_found(self, harness: Harness) -> None:
        access = await access_of(harness)
        failure = await failure_of(harness.marketplace.read_product(access, harness.unknown), access.token)
        assert isinstance(failure, errors.NotFound)
        assert failure.request_id

    @pytest.mark.parametrize("hostile", ["", "../1", "1?x=", "1" * 22, "\u0661"])
    async def test_an_id_that_is_none_goes_nowhere(self, harness: Harness, hostile: str) -> None:
        access = Access(harness.shop, "cipher-canary", "token-canary")
        with pytest.raises(ValueError, match="is not a"):
            await harness.unreachable.read_product(access, hostile)

    @pytest.mark.parametrize(
        ("breakage", "kind"),
        [
            (Breakage.THROTTLED, errors.Throttled),
            (Breakage.TOKEN_REFUSED, errors.TokenRefused),
            (Breakage.SERVER_ERROR, errors.Transient),
            (Breakage.UNREADABLE, errors.Unreadable),
        ],
    )
    async def test_each_call_fails_by_the_class_of_its_failure(
        self, harness: Harness, breakage: Breakage, kind: type[CallError]
    ) -> None:
        access = await access_of(harness)
        await harness.crash(breakage)
        for name, call in calls_of(harness, access).items():
            failure = await failure_of(call(), access.token, access.cipher)
            assert isinstance(failure, kind), name
            if breakage is Breakage.SERVER_ERROR:
                assert not isinstance(failure, errors.Unreachable | errors.Unreadable | errors.UnknownCode), name
            if isinstance(failure, errors.Throttled):
                assert failure.retry_after is None or failure.retry_after >= 0, name
        await harness.mend()

    async def test_a_wrong_cipher_is_no_products_fault(self, harness: Harness) -> None:
        access = replace(await access_of(harness), cipher="cipher-canary")
        failure = await failure_of(harness.marketplace.read_product(access, harness.products[0]), "cipher-canary")
        assert isinstance(failure, errors.CipherRefused)

    async def test_a_call_that_was_never_sent_is_told_as_such(self, harness: Harness) -> None:
        access = Access(harness.shop, "cipher-canary", "token-canary")
        failure = await failure_of(harness.unreachable.read_product(access, harness.products[0]), "canary")
        assert isinstance(failure, errors.Unreachable)


async def listed(harness: Harness, access: Access, wanted: ListFilter, page_size: int = 100) -> list[ProductAnswer]:
    found: list[ProductAnswer] = []
    token, pages = "", 0
    while token or not pages:
        page = await harness.marketplace.list_products(access, wanted, token, page_size=page_size)
        assert page.listed
        assert page.lines <= page_size
        assert page.total in {None, *range(len(harness.products) + 1)}
        found += page.products
        token, pages = page.next_token, pages + 1
        assert pages <= len(harness.products) + 1, "a list without end"
    return found


class Lists:
    @pytest.mark.parametrize("page_size", [2, 100])
    async def test_a_list_shows_each_product_once_page_by_page(self, harness: Harness, page_size: int) -> None:
        access = await access_of(harness)
        found = await listed(harness, access, ListFilter(), page_size)
        assert sorted(one.product_id for one in found) == sorted(harness.products)
        assert len(harness.products) == PRODUCTS
        for one in found:
            assert one.created
            assert one.updated
            line = one.normalize("s")
            assert line.product.skus
            assert line.stock
            assert all(stock.available is not None for stock in line.stock)

    async def test_a_line_and_a_detail_agree(self, harness: Harness) -> None:
        access, product = await access_of(harness), harness.products[0]
        line = next(one for one in await listed(harness, access, ListFilter()) if one.product_id == product)
        detail, _ = await harness.marketplace.read_product(access, product)
        assert line.normalize("s").stock == detail.normalize("d").stock
        assert line.normalize("s").product.title == detail.normalize("d").product.title
        assert (line.created, line.updated) == (detail.created, detail.updated)

    async def test_a_list_is_narrowed_by_skus_and_by_times(self, harness: Harness) -> None:
        access, product = await access_of(harness), harness.products[1]
        everything = {one.product_id: one for one in await listed(harness, access, ListFilter())}
        made, updated = everything[product].created, everything[product].updated
        (sku_id, *_) = [one.sku_id for one in everything[product].normalize("s").stock or ()]
        assert [one.product_id for one in await listed(harness, access, ListFilter(sku_ids=[sku_id]))] == [product]
        for inside in (ListFilter(made_from=made, made_to=made), ListFilter(updated_from=updated)):
            assert product in {one.product_id for one in await listed(harness, access, inside)}
        for outside in (ListFilter(made_from=FAR), ListFilter(made_to=1), ListFilter(updated_from=FAR)):
            assert await listed(harness, access, outside) == []

    async def test_a_deleted_product_is_on_the_list_of_the_deleted_alone(self, harness: Harness) -> None:
        access, product = await access_of(harness), harness.products[0]
        await harness.delete(product)
        assert product not in {one.product_id for one in await listed(harness, access, ListFilter())}
        (gone,) = await listed(harness, access, ListFilter(deleted=True))
        assert (gone.product_id, gone.deleted) == (product, True)

    async def test_a_page_token_that_is_none_has_expired(self, harness: Harness) -> None:
        access = await access_of(harness)
        call = harness.marketplace.list_products(access, ListFilter(), "no-token", page_size=2)
        assert isinstance(await failure_of(call, access.token), errors.PageExpired)


class Stock:
    async def test_the_stock_of_products_is_that_of_their_details(self, harness: Harness) -> None:
        access = await access_of(harness)
        found, request_id = await harness.marketplace.read_stock(access, product_ids=harness.products)
        assert request_id
        assert sorted(one.product_id for one in found) == sorted(harness.products)
        for one in found:
            assert (one.kind, one.whole, len(one.digest)) == ("stock", True, 16)
            rows = one.normalize()
            assert rows
            assert [row.sku_id for row in rows] == list(one.sku_ids)
            detail, _ = await harness.marketplace.read_product(access, one.product_id)
            known = {row.sku_id: row.available for row in detail.normalize().stock or ()}
            assert {row.sku_id: row.available for row in rows} == known

    async def test_of_skus_only_those_are_told_that_were_asked_for(self, harness: Harness) -> None:
        access = await access_of(harness)
        whole, _ = await harness.marketplace.read_stock(access, product_ids=harness.products[:2])
        wanted = [one.sku_ids[0] for one in whole]
        found, _ = await harness.marketplace.read_stock(access, sku_ids=wanted)
        assert sorted(sku for one in found for sku in one.sku_ids) == sorted(wanted)
        for one in found:
            assert (one.kind, one.whole, one.digest) == ("stock", False, "")
            assert {row.sku_id for row in one.normalize() or ()} == set(one.sku_ids)

    async def test_an_unknown_product_is_left_out_or_refuses_the_call(self, harness: Harness) -> None:
        access, known = await access_of(harness), harness.products[0]
        try:
            found, _ = await harness.marketplace.read_stock(access, product_ids=[known, harness.unknown])
        except (errors.ProductRefused, errors.BadParameter):
            found, _ = await harness.marketplace.read_stock(access, product_ids=[known])
        assert [one.product_id for one in found] == [known]

    async def test_an_id_of_stock_that_is_none_goes_nowhere(self, harness: Harness) -> None:
        access = Access(harness.shop, "cipher-canary", "token-canary")
        for asked in ({"product_ids": ["1", "x"]}, {"sku_ids": ["1", "x"]}):
            with pytest.raises(ValueError, match="is not a"):
                await harness.unreachable.read_stock(access, **asked)


class Warehouses:
    async def test_warehouses_are_listed_by_id(self, harness: Harness) -> None:
        access = await access_of(harness)
        found, request_id = await harness.marketplace.list_warehouses(access)
        assert request_id
        assert found
        names = [one["warehouse_id"] for one in found]
        assert names == sorted(set(names))


class Webhooks:
    async def test_an_event_is_subscribed_moved_and_unsubscribed(self, harness: Harness) -> None:
        access, here = await access_of(harness), harness.marketplace
        first, second, *_ = here.abilities.webhook_events
        listed, request_id = await here.list_subscriptions(access)
        assert (listed, bool(request_id)) == ([], True)
        for event, url in ((second, WEBHOOK_URL), (first, f"{WEBHOOK_URL}/old"), (first, WEBHOOK_URL)):
            assert await here.subscribe(access, event, url)
        listed, _ = await here.list_subscriptions(access)
        assert [one.event for one in listed] == sorted([first, second])
        assert {one.url for one in listed} == {WEBHOOK_URL}
        for _ in range(2):  # there is none the second time
            assert await here.unsubscribe(access, first)
        listed, _ = await here.list_subscriptions(access)
        assert [one.event for one in listed] == [second]

    async def test_a_refused_event_is_no_shops_fault(self, harness: Harness) -> None:
        access = await access_of(harness)
        failure = await failure_of(harness.marketplace.subscribe(access, "NO_EVENT", WEBHOOK_URL), access.token)
        assert isinstance(failure, errors.UnknownCode | errors.BadParameter | errors.Misconfigured)
        assert not isinstance(failure, errors.CredentialsRefused)
