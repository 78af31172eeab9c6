"""Read the situation of a deployment: all from which its needs are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from redis.asyncio import Redis

from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.glance.overview import Overview, read_overview
from shopstream.glance.system_state import SystemState, WebhookTraffic, read_system
from shopstream.redis.partition_count import partition_count
from shopstream.registry.workers import WorkerSeen


@dataclass(frozen=True, slots=True)
class Situation:
    """All from which needs are found.

    Attributes:
        overview: the state of all shops.
        workers: the living workers; None if that is not known.
        groups: the consumer groups of all streams.
        dead_last_hour: dead letters of the last hour, by error class.
        memory_share: the used share of Redis's memory, 0 to 1; None without a limit.
        held_consents: consents that wait for an operator's yes.
        webhooks: the notifications that gateways have taken.
    """

    overview: Overview
    workers: Sequence[WorkerSeen] | None = None
    groups: Sequence[ConsumerGroup] = ()
    dead_last_hour: Mapping[str, int] = field(default_factory=dict)
    memory_share: float | None = None
    held_consents: int = 0
    webhooks: WebhookTraffic = field(default_factory=WebhookTraffic)


def judge_situation(overview: Overview, system: SystemState) -> Situation:
    """Make the situation of what was read."""
    used, most = system.memory_used, system.memory_most
    return Situation(
        overview,
        workers=system.workers,
        groups=system.groups,
        dead_last_hour={one.error_class: one.recent for one in system.dead if one.recent},
        memory_share=used / most if used is not None and most else None,
        held_consents=system.held_consents,
        webhooks=system.webhooks,
    )


async def read_situation(redis: Redis) -> Situation:
    """Read the situation. Parts that this user of Redis may not read are left out.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    partitions = await partition_count(redis)
    return judge_situation(await read_overview(redis, partitions), await read_system(redis, partitions))
