"""The public API as its users write it. Never run: mypy checks it, and a change that breaks their types breaks here."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Literal, assert_type, cast

from redis.asyncio import Redis

from shopstream import (
    AuthorizationFailed,
    BackupRefused,
    Batch,
    ClientClosed,
    ConsumerGroup,
    EmptyRedis,
    Event,
    EventConsumer,
    Explanation,
    Exported,
    Forgotten,
    Freshness,
    GivenUp,
    GroupDead,
    GroupInUse,
    HeldConsent,
    Imported,
    InvalidArgument,
    InvalidEntry,
    InvalidId,
    InvalidSetting,
    Invite,
    Lag,
    Moved,
    NoSuchLetter,
    NotRedelivered,
    NoWorker,
    PartitionLag,
    ProductExplanation,
    ProductState,
    Progress,
    Reader,
    Request,
    Requeued,
    Shop,
    ShopParked,
    ShopSettings,
    ShopstreamError,
    Snapshot,
    SnapshotOutdated,
    SpreadSync,
    StockState,
    Subscription,
    Subscriptions,
    SubscriptionsFailed,
    SyncClient,
    TracingNotInstalled,
    UnknownGroup,
    UnknownHold,
    UnknownProduct,
    UnknownRequest,
    UnknownShop,
    UnknownSku,
    UnreadableState,
    Waiting,
    WalkProgress,
    WalkRequest,
    WorkerSeen,
    WrongClient,
)
from shopstream import events as ev
from shopstream.state.product_state import ProductFields


async def ask(redis: Redis) -> None:
    async with SyncClient("redis://localhost") as client:
        assert_type(client, SyncClient)
    client = SyncClient(redis)
    assert_type(await client.sync_products("1", ["2", 3]), Request)
    request = await client.sync_products(1, (2, 3), urgent=True, origin="webhook", cause="hook-1", traceparent=None)
    assert_type((request.kind, request.shop_id, request.ids), tuple[str, str, tuple[str, ...]])
    assert_type(await client.wait(request), Progress)
    await client.wait(request, timeout=1)
    assert_type(await client.find_request(request.id), Request | WalkRequest)
    assert_type(await client.wait(request.id), Progress | WalkProgress)
    async for progress in client.watch(request, every=0.5):
        assert_type((progress.total, progress.pending, progress.done), tuple[int, int, int])
        assert_type(progress.given_up, int)
        assert_type(progress.dead, Mapping[str, Event])
    assert_type(await client.list_shops(), list[Shop])
    assert_type(await client.list_workers(), list[WorkerSeen])
    assert_type(await client.list_groups(), list[ConsumerGroup])
    assert_type(await client.delete_group("stock", "erp"), ConsumerGroup)
    assert_type(await client.sync_all_shops(full=True, over_seconds=60), SpreadSync)
    assert_type(await client.authorize("code", timeout=60), list[Shop])
    invite = await client.invite(label="Seller", seconds=60, us=True)
    assert_type(invite, Invite)
    assert_type((invite.url("https://shops.example.com"), invite.label, invite.expires_at), tuple[str, str, int])
    for held in await client.list_held_consents():
        assert_type(held, HeldConsent)
        try:
            assert_type(await client.accept_held_consent(held.id, timeout=10), list[Shop])
        except (UnknownHold, UnknownGroup, GroupInUse):
            continue
    file = BytesIO()
    assert_type(await client.export_backup(file), Exported)
    try:
        assert_type(await client.import_backup(file, dry_run=True), Imported)
    except BackupRefused:
        file.close()
    gone = await client.forget("1", timeout=10)
    assert_type(gone, Forgotten)
    assert_type((gone.shop_id, gone.keys, gone.consent), tuple[str, int, bool])
    assert_type(await client.list_subscriptions("1", timeout=10), Subscriptions)
    assert_type(await client.remove_subscriptions(1), Subscriptions)
    hooks = await client.set_subscriptions("1", "https://hooks.example.com/webhooks/tiktok")
    assert_type((hooks.shop_id, hooks.missing, hooks.changed), tuple[str, tuple[str, ...], int])
    assert_type(hooks.refused, Mapping[str, str])
    for one in hooks.subscriptions:
        assert_type(one, Subscription)
        assert_type((one.event, one.url, one.updated_at), tuple[str, str, str | None])
    await client.aclose()


async def join(client: SyncClient) -> None:
    snapshot = await client.take_snapshot("1")
    assert_type(snapshot, Snapshot)
    async for state in snapshot:
        assert_type(state, ProductState)
        assert_type((state.product_id, state.seq, state.deleted), tuple[str, int, bool])
        assert_type(state.product, ProductFields | None)
        assert_type(state.stock, tuple[StockState, ...])
    async for event in snapshot.follow():
        assert_type(event, Event)
        assert_type(snapshot.contains(event), bool)
    for level in snapshot.stock.values():
        assert_type((level.available, level.seq, level.removed), tuple[int | None, int, bool])


async def ask_why(client: SyncClient) -> None:
    settings = await client.settings("1", low=5, guard=True, **{"low:2": 3})
    assert_type(settings.low_skus, Mapping[str, int])
    assert_type((settings.guard, settings.low_of("2")), tuple[bool, int])
    explanation = await client.explain("1", 2, changes=5)
    assert_type(explanation, Explanation)
    assert_type((explanation.shop, explanation.stock, explanation.seen_at), tuple[Shop, StockState | None, str | None])
    assert_type(
        (explanation.low, explanation.recovered, explanation.searched, explanation.bounded), tuple[int, int, int, bool]
    )
    assert_type(explanation.view, Literal["detail", "products_search", "inventory_search"] | None)
    assert_type(explanation.changes, tuple[Event, ...])
    for reader in explanation.readers:
        assert_type(reader, Reader)
        assert_type(reader.standing, Literal["not_read", "in_hand", "acknowledged"])
        assert_type(reader.knows, Event | None)
    for one in explanation.waiting:
        assert_type(one, Waiting)
        assert_type((one.kind, one.id, one.in_hand, one.due), tuple[str, str, bool, str | None])


async def ask_why_of_a_product(client: SyncClient) -> None:
    found = await client.explain_product("1", 2, changes=5)
    assert_type(found, ProductExplanation)
    assert_type((found.shop, found.state, found.seen_at), tuple[Shop, ProductState | None, str | None])
    assert_type((found.changes, found.letters), tuple[tuple[Event, ...], tuple[Event, ...]])
    assert_type((found.suppressed, found.next_walks), tuple[Mapping[str, str], Mapping[str, str]])
    assert_type((found.waiting, found.readers), tuple[tuple[Waiting, ...], tuple[Reader, ...]])
    assert_type((found.searched, found.bounded), tuple[int, bool])


async def mend(client: SyncClient) -> None:
    async for letter in client.list_dead_letters(shop_id="1", error_class="transient"):
        why = cast("ev.DeadLetter", letter.data)
        assert_type((why["id"], why["code"], why["attempts"]), tuple[str, int, int])
    assert_type(await client.show_dead_letter("1-0"), Event)
    assert_type(await client.requeue_dead_letters("1-0", "2-0"), Requeued)
    requeued = await client.requeue_dead_letters(everything=True)
    assert_type((requeued.done, requeued.refused), tuple[int, dict[str, str]])
    assert_type(await client.drop_dead_letters(error_class="not_found"), int)
    group = await client.open_group_dead("stock", "erp")
    assert_type(group, GroupDead)
    async for given_up in group.all("1"):
        assert_type(given_up, GivenUp)
        assert_type((given_up.event, given_up.reason, given_up.deliveries), tuple[Event | None, str, int])


async def refuse(client: SyncClient) -> None:
    """What must not type-check: mypy reports an ignore that ignores nothing."""
    await client.sync_products("1", ["2"], origin="whim")  # type: ignore[arg-type]
    await client.sync_products("1", [2.5])  # type: ignore[list-item]
    await client.sync_products("1", ["2"], True)  # type: ignore[call-arg]  # noqa: FBT003
    EventConsumer("redis://localhost", stream="stock")  # type: ignore[call-arg]
    request = await client.sync_products("1", ["2"])
    request.ids = ()  # type: ignore[misc]


async def consume(redis: Redis) -> None:
    EventConsumer(redis, stream="stock", group="erp", consumer="one", start="$", count=10, lease=30.0)
    async with EventConsumer("redis://localhost", stream="stock", group="erp") as consumer:
        assert_type(consumer, EventConsumer)
        assert_type(consumer.invalid, int)
        async for event in consumer:
            assert_type(event, Event)
            handle(event)
            await event.ack()
            await event.nack(delay=1.0)
        async for batch in consumer.batches(size=10, within=0.5):
            assert_type(batch, Batch)
            await batch.ack()
        lag = await consumer.lag()
        assert_type((lag, lag.total), tuple[Lag, int])
        assert_type(lag.partitions[0], PartitionLag)
        consumer.stop()


async def walk(client: SyncClient) -> None:
    request = await client.sync_shop("1", full=True)
    assert_type(request, WalkRequest)
    done = await client.wait(request, timeout=60)
    assert_type(done, WalkProgress)
    assert_type((done.complete, done.reason, done.events), tuple[bool, str | None, int])
    assert_type(await client.sync_stock("1"), WalkRequest)
    assert_type(await client.sync_stock("1", ["2"], sku_ids=["3"]), Request)
    assert_type(await client.dry_run("full", "1"), WalkRequest)
    settings = await client.settings("1", interval=300)
    assert_type(settings, ShopSettings)
    assert_type(await client.read_freshness("1"), Freshness)
    try:
        await client.settings("1", interval="soon")
    except InvalidSetting as wrong:
        assert_type(wrong, InvalidSetting)


def handle(event: Event) -> None:
    assert_type((event.id, event.type, event.name, event.source), tuple[str, str, str, str])
    assert_type((event.subject, event.time, event.shop_id), tuple[str, str, str])
    assert_type((event.seq, event.epoch, event.origin), tuple[int, str, str])
    assert_type((event.stream, event.entry_id), tuple[str, str])
    assert_type(event.causation_id, str | None)
    assert_type(event.data, Mapping[str, Any])
    if event.type == ev.STOCK_CHANGED:
        stock(cast("ev.StockChanged", event.data))
    elif event.type in {ev.PRODUCT_CREATED, ev.PRODUCT_UPDATED}:
        product(cast("ev.ProductChanged", event.data))
    elif event.type == ev.SHOP_SYNCED:
        synced(cast("ev.ShopSynced", event.data))


def stock(change: ev.StockChanged) -> None:
    assert_type((change["event_id"], change["shop_id"], change["sku_id"]), tuple[str, str, str])
    assert_type((change["available"], change["previous_available"]), tuple[int | None, int | None])
    assert_type(change["level"], Literal["in_stock", "low_stock", "out_of_stock", "unknown"])
    assert_type(change["threshold"]["low"], int)
    assert_type((change.get("units_per_hour"), change.get("hours_left")), tuple[float | None, float | None])
    for warehouse in change["warehouses"]:
        assert_type(warehouse["available"], int | None)
        assert_type(warehouse.get("removed", False), bool)
    change["quantity"]  # type: ignore[typeddict-item]  # it has no such field


def product(changed: ev.ProductChanged) -> None:
    for sku in changed["skus"] or ():
        price = sku["price"]
        if price is not None:
            assert_type((price["amount"], price["currency"]), tuple[str, str | None])
    assert_type(changed["changed"], list[str])
    assert_type(changed["state"]["key"], str)


def synced(run: ev.ShopSynced) -> None:
    assert_type((run["complete"], run["watermark"]), tuple[bool, str | None])
    assert_type(run["counts"]["changed"], int)


def parse(fields: dict[bytes, bytes]) -> Event | None:
    try:
        return ev.parse("shopstream:{0}:stock", "1-0", fields)
    except InvalidEntry as invalid:
        assert_type(invalid.entry_id, str)
        return None


def describe(error: ShopstreamError | InvalidId) -> str:
    if isinstance(error, InvalidArgument):
        wrong: ValueError = error
        return str(wrong)
    if isinstance(error, WrongClient | ClientClosed | EmptyRedis | Moved | UnknownRequest | NotRedelivered):
        misused: ShopstreamError = error
        return str(misused)
    if isinstance(
        error, TracingNotInstalled | UnknownShop | UnknownSku | UnknownProduct | ShopParked | UnreadableState
    ):
        unknown: ShopstreamError = error
        return str(unknown)
    if isinstance(error, AuthorizationFailed | NoWorker | NoSuchLetter | SnapshotOutdated | SubscriptionsFailed):
        parent: ShopstreamError = error
        return str(parent)
    return str(error)


def shop(one: Shop) -> str | None:
    assert_type(one.status, Literal["active", "reauthorization_required", "deauthorized"])
    assert_type((one.shop_id, one.name, one.region, one.refresh_expires_at), tuple[str, str, str, int])
    return one.reason
