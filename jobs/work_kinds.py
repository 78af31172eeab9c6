"""Name the kinds of work, as members of the due set begin with them, and do one piece."""

from typing import Final

import structlog

from jobs.notices import notice_drain
from jobs.products import product_drain
from jobs.shops import consents, coverage
from jobs.shops.shop_access import put_off
from jobs.stock import stock_drain
from jobs.upkeep import forget, glances, subscriptions, trim, warehouses
from jobs.walks import dry, walk_runs
from shopstream.enqueue.consent import read_app_code
from shopstream.redis.keys import Partition
from shopstream.registry.shop_of_apps import DEFAULT_APP, list_working_apps
from worker.instrumentation.timer import timed
from worker.publishing.publisher import Fenced
from worker.runtime import Runtime
from worker.wakeups.due_queue import UPKEEP, Piece

JOBS: Final = {
    "products": product_drain.drain,
    "authorize": consents.authorize,
    "refresh": consents.refresh,
    "list": coverage.list_again,
    "warehouses": warehouses.look,
    "retry": consents.retry,
    "trim": trim.trim,
    "stock": stock_drain.drain,
    "delta": walk_runs.delta,
    "full": walk_runs.full,
    "poll": walk_runs.poll,
    "dry": dry.run,
    "forget": forget.forget,
    "notices": notice_drain.drain,
    "webhooks": subscriptions.follow_order,
    "glance": glances.look,
}
OF_TOKENS: Final = frozenset({"products", "stock", "delta", "full", "poll", "warehouses", "refresh", "list", "retry"})
"""Kinds of work that call TikTok with the tokens of the shop or authorization that they name."""
OF_AUTHORIZATIONS: Final = frozenset({"refresh", "list"})
"""Those of them that name an authorization. The others name a shop."""


async def do_work(runtime: Runtime, piece: Piece) -> bool:
    """Do one piece of work. Return True if the slot may go on with another one."""
    kind, _, name = piece.member.partition(":")
    if runtime.aside() or (runtime.held() and kind not in UPKEEP):
        return False  # due again in a second
    if runtime.left() and await _is_for_others(runtime, Partition(piece.partition), kind, name):
        return False
    if kind in OF_TOKENS and (wait := runtime.tokens.unusable.find_wait(name)):
        await put_off(runtime, Partition(piece.partition), piece.member, wait)
        return True
    with structlog.contextvars.bound_contextvars(job=kind), timed(runtime.instrument, kind, name) as timer:
        try:
            await JOBS[kind](runtime, Partition(piece.partition), name)
        except Fenced:
            timer.end = "fenced"  # another worker goes on with it
    return True


async def _is_for_others(runtime: Runtime, partition: Partition, kind: str, name: str) -> bool:
    """Tell whether this worker can't do a piece: it can't read the tokens, lacks the app, or is refused as each app."""
    refused = runtime.refusals.apps
    if kind == "authorize":
        # A code is taken once: a worker that fails with it costs the seller's consent.
        code = await runtime.redis.get(partition.code(name))
        app, _ = read_app_code(code.decode(errors="replace")) if code else ("", "")
        return bool(code) and ((app or DEFAULT_APP) in refused or not runtime.tokens.apps.has(app))
    if kind not in OF_TOKENS:
        return False
    if runtime.tokens.unusable.find_wait(name):
        return True
    if not refused:
        return False
    if kind in OF_AUTHORIZATIONS:
        issuer = await runtime.redis.hget(partition.token(name), "issuer")  # type: ignore[misc]
        owner = runtime.tokens.apps.owner(issuer)
        return owner is None or (owner.name or DEFAULT_APP) in refused
    stored = await runtime.redis.hget(partition.registry, name)  # type: ignore[misc]
    return bool(stored) and all((app or DEFAULT_APP) in refused for app in list_working_apps(stored))
