"""Every Redis key of shopstream, made in this one place.

All keys of a shop carry the hash tag of its partition, `shopstream:{p}:…` with p = crc32(shop id) mod partitions,
so that each script touches one slot and the data can live on a Redis Cluster.
"""

from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

PREFIX = "shopstream"
PARTITIONS = f"{PREFIX}:partitions"
"""String: the number of partitions, chosen once."""

TOKENS = f"{PREFIX}:{{*}}:token:*"
"""A pattern for SCAN: the token records of all partitions. Workers only."""

STREAMS = ("products", "stock", "shops", "dead")
"""The streams of a partition. Each entry is one event, except on `dead`, where it is one id given up."""

KINDS = ("products", "stock")
"""What a backlog can ask for: products by their id; the stock of products by theirs, or of SKUs as `sku:ID`."""

SKU = "sku:"
"""What stands before a SKU's id in the stock backlog."""

AGAIN = "again:"
"""What stands before a product's id in the stock backlog if it sells fast: nobody waits for it, and it has a time."""

WALKS = ("delta", "full", "poll")
"""What is done to a whole shop: read what changed, read everything, read all stock."""

WORKER_MS = 15_000
"""A worker that has not been heard of for so long is gone."""


def partition_of(name: str, partitions: int) -> int:
    """The partition that holds everything of the shop (or authorization) `name`."""
    return crc32(name.encode()) % partitions


@dataclass(frozen=True)
class Partition:
    """The keys of one partition."""

    number: int

    @cached_property
    def prefix(self) -> str:
        """The beginning of all keys of this partition."""
        return f"{PREFIX}:{{{self.number}}}"

    @cached_property
    def due(self) -> str:
        """Sorted set: what is to be done next; member `KIND:NAME`, score = when, in ms of Redis's clock."""
        return f"{self.prefix}:due"

    @cached_property
    def ready(self) -> str:
        """Sorted set: members of `due` whose time has come, in the order in which they are taken. Workers only."""
        return f"{self.prefix}:ready"

    @cached_property
    def clock(self) -> str:
        """Hash: `noted`, ms of the server's clock at the last look; `back`, ms by which it has been set back so far."""
        return f"{self.prefix}:clock"

    @cached_property
    def registry(self) -> str:
        """Hash: shop id → JSON of what is publicly known of an authorized shop; no secret in it."""
        return f"{self.prefix}:registry"

    @cached_property
    def epoch(self) -> str:
        """Hash: the events' epoch, and the replication id of the server that it was drawn on."""
        return f"{self.prefix}:epoch"

    @cached_property
    def retention(self) -> str:
        """Hash: what trimming took from each stream: see worker/retention/trimming.py."""
        return f"{self.prefix}:retention"

    @cached_property
    def gone(self) -> str:
        """Sorted set: `SHOP:PRODUCT` of deleted products of which a tombstone is kept, score = ms since when."""
        return f"{self.prefix}:gone"

    def stream(self, name: str) -> str:
        """Stream: one of STREAMS."""
        return f"{self.prefix}:{name}"

    @cached_property
    def backlogs(self) -> str:
        """The beginning of each backlog's key; the rest is the member in `due` that the backlog belongs to."""
        return f"{self.prefix}:backlog:"

    def backlog(self, kind: str, shop: str) -> str:
        """Sorted set: ids asked for; score = 0 urgent, else the ms from which it may be fetched (1: any time)."""
        return f"{self.backlogs}{kind}:{shop}"

    def claimed(self, kind: str, shop: str) -> str:
        """Sorted set: ids a drain has taken; score = how often a drain died with it."""
        return f"{self.prefix}:claimed:{kind}:{shop}"

    def lease(self, kind: str, shop: str) -> str:
        """Hash: `fence` (a number per drain) and `until` (ms), of the drain that runs."""
        return f"{self.prefix}:lease:{kind}:{shop}"

    def tries(self, kind: str, shop: str) -> str:
        """Hash: id → failed attempts so far."""
        return f"{self.prefix}:tries:{kind}:{shop}"

    def asked(self, kind: str, shop: str) -> str:
        """Hash: id → JSON `{origin, cause, traceparent}`, only for ids asked for with a reason worth telling."""
        return f"{self.prefix}:asked:{kind}:{shop}"

    def state(self, shop: str) -> str:
        """Hash: what was last published, `p:PRODUCT` → JSON, and `d:PRODUCT` → what it is compared by."""
        return f"{self.prefix}:state:{shop}"

    @cached_property
    def settings(self) -> str:
        """Hash: shop id → JSON of its settings, where they differ from the defaults."""
        return f"{self.prefix}:settings"

    def walk(self, shop: str) -> str:
        """Hash: `at:WALK` → JSON, where a walk is; `done:WALK` → JSON of the last; `since:WALK`, `watermark`, `seen`.

        `since`: ms when the one that runs began, there before its place is; `watermark`: Unix seconds up to which all
        changes have been seen; `seen`: ms when all stock was; `told:WALK`: ms at which the one that runs is due, and
        `every:WALK`: seconds to the next one, if that was changed meanwhile. Under a run's id instead of a shop's,
        short-lived: type → events of the details that the run asked for.
        """
        return f"{self.prefix}:walk:{shop}"

    def page_size(self, shop: str) -> str:
        """String, for some days: how many products of the shop fit on a page that is read at once."""
        return f"{self.prefix}:page_size:{shop}"

    def listed(self, run: str) -> str:
        """Set, short-lived: ids of the products that a walk's list has shown; with `:pass` behind it, in this pass."""
        return f"{self.prefix}:listed:{run}"

    def order(self, request: str) -> str:
        """String, short-lived: JSON, what a dry run shall look at."""
        return f"{self.prefix}:order:{request}"

    def request(self, token: str) -> str:
        """List, short-lived: the ids of a big request, part by part, each with commas between."""
        return f"{self.prefix}:request:{token}"

    def pace(self, shop: str) -> str:
        """Hash: when the next call may leave, and what was learnt of the quota, by endpoint."""
        return f"{self.prefix}:pace:{shop}"

    def sequence(self, shop: str) -> str:
        """String: `fetch_seq`, the number of the shop's latest call, by which answers are ordered. Never deleted."""
        return f"{self.prefix}:sequence:{shop}"

    def token(self, authorization: str) -> str:
        """Hash: the encrypted token pair of an authorization, with its lock. Workers only."""
        return f"{self.prefix}:token:{authorization}"

    def code(self, request: str) -> str:
        """String, short-lived: an authorization code on its way to a worker."""
        return f"{self.prefix}:code:{request}"

    def reply(self, request: str) -> str:
        """String, short-lived: JSON, what became of that code."""
        return f"{self.prefix}:reply:{request}"

    def of_shop(self, shop: str) -> list[str]:
        """All keys that hold one shop alone: what goes when it is forgotten."""
        per_kind = (self.backlog, self.claimed, self.tries, self.asked)
        leases = [self.lease(kind, shop) for kind in (*KINDS, "walk")]
        return [key(kind, shop) for key in per_kind for kind in KINDS] + [
            *leases, self.state(shop), self.walk(shop), self.pace(shop), self.sequence(shop), self.page_size(shop),
        ]  # fmt: skip

    def members(self, stream: str, group: str) -> str:
        """Sorted set, in partition 0 only: living consumers of a group → ms until which each counts as living."""
        return f"{self.prefix}:members:{stream}:{group}"

    def owner(self, stream: str, group: str) -> str:
        """String with a time to live: the token of the consumer that alone reads this partition for the group."""
        return f"{self.prefix}:owner:{stream}:{group}"

    def dead_of(self, stream: str, group: str) -> str:
        """Stream: entries that the group gave up on, with all of their fields, and `reason`, `group`, `deliveries`."""
        return f"{self.prefix}:dead-of:{stream}:{group}"


def workers_key() -> str:
    """Sorted set, in partition 0: names of the workers that are there; score = when last heard of, in Redis's ms."""
    return f"{Partition(0).prefix}:workers"


def worker_key(name: str) -> str:
    """String, gone after WORKER_MS: JSON of one worker: host, pid, started, slots, in_use, full."""
    return f"{Partition(0).prefix}:worker:{name}"


def wake_key() -> str:
    """Sorted set, in partition 0: numbers of partitions with something that is due; see shopstream/redis/due.py."""
    return f"{Partition(0).prefix}:wake"


def partition_for(name: str, partitions: int) -> Partition:
    """The keys of the partition that holds the shop (or authorization) `name`."""
    return Partition(partition_of(name, partitions))
