"""`shopstream status`, `pause` and `resume`: the state of the whole system, and its brake."""

from typing import Annotated

import typer
from redis.exceptions import RedisError

from shopstream.authorizations.findings import merge_findings
from shopstream.cli.operating.lost_apps import count_lost_apps
from shopstream.cli.output.operation_documents import NeedDocument, PauseDocument, StatusDocument
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, describe_redis_error, print_json, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.doctor.worker_reports import GO_ON, check_keys
from shopstream.durations import write_duration
from shopstream.glance.needs import Need, list_needs
from shopstream.glance.shop_states import STATES
from shopstream.glance.situation import Situation, read_situation
from shopstream.glance.wording import write_plural

_NO_REDIS = 2
ShopOrAll = Annotated[str | None, typer.Argument(help="One shop. Default: all shops.", metavar="[SHOP]")]


def status(redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """Show the state of everything. Exit with 0 if all is well, 1 if somebody is needed, 2 without Redis."""

    async def act(client: SyncClient) -> None:
        try:
            situation = await read_situation(client.redis)
        except (RedisError, OSError) as error:
            reason = describe_redis_error(error)
            if json:
                print_json({"error": reason})
            else:
                warn(reason, "red")
            raise typer.Exit(_NO_REDIS) from None
        needs = list_needs(situation)
        if json:
            print_json(_document(situation, needs))
        else:
            _show(situation, needs)
        raise typer.Exit(1 if needs else 0)

    with_client(redis_url, act)


def _document(situation: Situation, needs: list[Need]) -> StatusDocument:
    overview, workers = situation.overview, situation.workers or ()
    return {
        "shops": {name: overview.states[name] for name in STATES},
        "paused": overview.paused,
        "needs": [
            NeedDocument(name=need.name, level=need.level, title=need.title, detail=need.detail, page=need.page)
            for need in needs
        ],
        "workers": len(workers),
        "slots": sum(worker.slots for worker in workers),
        "slots_in_use": sum(worker.in_use for worker in workers),
        "waiting": sum(one.waiting for one in overview.shops.judged),
        "oldest_seconds": _find_oldest(situation),
        "groups": [
            {"stream": group.stream, "group": group.group, "unread": group.unread, "members": group.members,
             "behind_seconds": group.oldest_unread_seconds, "lost": group.lost}
            for group in situation.groups
        ],
        "dead_last_hour": dict(situation.dead_last_hour),
        "memory_share": situation.memory_share,
        "lost_apps": count_lost_apps(overview),
        "webhooks_last_day": situation.webhooks.last_day,
        "now_ms": overview.now_ms,
    }  # fmt: skip


def _summarize(situation: Situation) -> str:
    states, total = situation.overview.states, len(situation.overview.shops)
    if not total and not situation.workers:  # as after an import: workers alone know how shops are
        return "No worker has looked at a shop yet. Those that are authorized: shopstream shops"
    if not total:
        return "No shops yet. Start with: shopstream authorize-url. After a loss of Redis: docs/backup.md"
    if states["in_step"] == total:
        return f"All {total:,} shops are in step."
    needy = f" {states['stopped']:,} need you." if states["stopped"] else ""
    return f"{states['in_step']:,} of {total:,} shops are in step.{needy}"


def _show(situation: Situation, needs: list[Need]) -> None:
    overview, workers = situation.overview, situation.workers or ()
    say(_summarize(situation), "bold")
    say("  " + "   ".join(f"{state.replace('_', ' ')} {overview.states[state]:,}" for state in STATES))
    if needs:
        say("Needs you:", "bold")
    for need in needs:
        say(f"  {need.title}", "red" if need.level == "stop" else "yellow")
        say(f"    {need.detail}")
    slots, in_use = sum(worker.slots for worker in workers), sum(worker.in_use for worker in workers)
    versions = ", ".join(sorted({worker.version or "unknown" for worker in workers}))
    running = f", version {versions}" if versions else ""
    say(f"Workers       {len(workers)}, {in_use} of {slots} slots in use{running}")
    if workers and workers[0].key:
        say(f"Token keys    {check_keys(workers).text}")
    oldest = _find_oldest(situation)
    waits = sum(one.waiting for one in overview.shops.judged)
    say(f"Waiting       {waits:,} ids" + (f", the oldest for {write_duration(oldest)}" if oldest else ""))
    if lost := count_lost_apps(overview):
        listed = ", ".join(f"{app} of {write_plural(number, 'shop')}" for app, number in lost.items())
        say(f"Apps          lost consents: {listed}; {GO_ON}", "yellow")
    for finding, _ in merge_findings(worker.findings for worker in workers):
        if finding.is_left_out:
            say(f"Apps          {finding.title}; {GO_ON}", "yellow")
    for group in situation.groups:
        say(f"Group         {_describe(group)}")
    say(f"Dead letters  {sum(situation.dead_last_hour.values()):,} in the last hour")
    if situation.memory_share is not None:
        say(f"Redis         {situation.memory_share:.0%} of maxmemory used")
    if situation.webhooks.newest_ms is not None:
        ago = write_duration(max(0, overview.now_ms - situation.webhooks.newest_ms) / 1000)
        say(f"Webhooks      {situation.webhooks.last_day:,} in 24 h, the last {ago} ago")


def _describe(group: ConsumerGroup) -> str:
    text = f"{group.group} on {group.stream}: {group.unread:,} unread"
    if group.oldest_unread_seconds is not None:
        text += f", {write_duration(group.oldest_unread_seconds)} behind"
    text += f", {group.members} alive"
    return text + (f", {group.lost:,} lost" if group.lost else "")


def _find_oldest(situation: Situation) -> float:
    """Find the seconds for which the oldest id waits."""
    overview = situation.overview
    moments = [one.oldest_ms for one in overview.shops.judged if one.oldest_ms]
    return max(0.0, overview.now_ms - min(moments)) / 1000 if moments else 0.0


def pause(shop: ShopOrAll = None, redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """Have no worker fetch SHOP, or anything. Requests wait, and consents are kept alive."""

    async def act(client: SyncClient) -> None:
        await client.pause(shop)
        if json:
            print_json(PauseDocument(shop_id=shop, paused=True))
        else:
            what = f"shop {shop} is" if shop else "all shops are"
            say(f"{what} paused; go on with: shopstream resume{f' {shop}' if shop else ''}")

    with_client(redis_url, act)


def resume(shop: ShopOrAll = None, redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """End the pause of SHOP, or that of all. A shop that was paused by its id needs its id here."""

    async def act(client: SyncClient) -> None:
        was = await client.resume(shop)
        if json:
            print_json(PauseDocument(shop_id=shop, paused=False))
        elif was:
            say(f"shop {shop} goes on" if shop else "all shops go on, but those that were paused by their id")
        else:
            warn(f"shop {shop} was not paused" if shop else "there was no pause of all shops; one shop: resume SHOP")

    with_client(redis_url, act)
