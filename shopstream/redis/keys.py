"""Name the Redis keys of shops, by partition; those of the whole deployment are in deployment_keys.py.

All keys of a shop carry the hash tag of its partition, `shopstream:{p}:…` with p = crc32(shop id) mod partitions,
so that each script touches one slot and the data can live on a Redis Cluster.
"""

from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

PREFIX = "shopstream"
MOVING = "moving:"
"""The member of `due` that stops all work of a partition while its keys are moved. It is never due itself."""

TOKENS = f"{PREFIX}:{{*}}:token:*"
"""SCAN pattern: the token records of all partitions. Workers only."""

STREAMS = ("products", "stock", "shops", "dead")
"""The streams of a partition. An entry is an event; on `dead` it is the dead letter of an id."""

KINDS = ("products", "stock")
"""The kinds of backlogs: `products` holds product ids, `stock` holds product ids and SKU ids as `sku:ID`."""

SKU = "sku:"
"""The prefix of a SKU id in the stock backlog."""

AGAIN = "again:"
"""The prefix of a product id that the oversell guard puts into the stock backlog, to be fetched at a set time."""

WALKS = ("delta", "full", "poll")
"""The walks of a whole shop: `delta` reads changes, `full` reads everything, `poll` reads all stock."""


def partition_of(name: str, partitions: int) -> int:
    """Compute the number of the partition that holds the keys of the shop (or authorization) `name`."""
    return crc32(name.encode()) % partitions


@dataclass(frozen=True)
class Partition:
    """The keys of one partition."""

    number: int

    @cached_property
    def prefix(self) -> str:
        """Return the beginning of all keys of this partition."""
        return f"{PREFIX}:{{{self.number}}}"

    @cached_property
    def due(self) -> str:
        """Name the sorted set of due members: `KIND:NAME`, scored by the moment in ms of Redis's clock."""
        return f"{self.prefix}:due"

    @cached_property
    def due_kept(self) -> str:
        """Name the sorted set that has the members of `due` from the moment at which a move closes the partition."""
        return f"{self.prefix}:due_kept"

    @cached_property
    def ready(self) -> str:
        """Name the sorted set of `due` members whose moment has come, in the order of their start. Workers only."""
        return f"{self.prefix}:ready"

    @cached_property
    def clock(self) -> str:
        """Name the hash of clock facts.

        Its fields are `noted`, ms of Redis's clock when a worker last read it, and `back`, ms by which the clock has
        been set back so far.
        """
        return f"{self.prefix}:clock"

    @cached_property
    def registry(self) -> str:
        """Name the hash of authorized shops: shop id → JSON of its public facts, without a secret."""
        return f"{self.prefix}:registry"

    @cached_property
    def glance(self) -> str:
        """Name the hash of glances: shop id → JSON of the facts from which its state is judged."""
        return f"{self.prefix}:glance"

    @cached_property
    def rings(self) -> str:
        """Name the hash of the partition's history: name → bytes of 24 hours, as in `shopstream/glance/rings.py`."""
        return f"{self.prefix}:rings"

    def ring(self, shop: str) -> str:
        """Name the hash of a shop's history: endpoint → bytes of 24 hours, as in `shopstream/glance/rings.py`."""
        return f"{self.prefix}:ring:{shop}"

    @cached_property
    def epoch(self) -> str:
        """Name the hash of the events' epoch and of the replication id of the server that it was drawn on.

        Before a planned move of its slot, `next` is the replication id of the server that gets it.
        """
        return f"{self.prefix}:epoch"

    @cached_property
    def retention(self) -> str:
        """Name the hash of entries trimmed from each stream, as in `worker/retention/trimming.py`."""
        return f"{self.prefix}:retention"

    @cached_property
    def gone(self) -> str:
        """Name the sorted set of tombstones: `SHOP:PRODUCT` of a deleted product, scored by ms of the deletion."""
        return f"{self.prefix}:gone"

    @cached_property
    def notified(self) -> str:
        """Name the sorted set of TikTok's notifications that were taken: `TYPE:SHOP:ID`, scored by ms of their arrival.

        A gateway keeps each for 24 hours, and 200,000 at most.
        """
        return f"{self.prefix}:notified"

    @cached_property
    def sellers(self) -> str:
        """Name the hash of sellers in the partition of their open id: open id → JSON list of their shops' ids."""
        return f"{self.prefix}:sellers"

    def stream(self, name: str) -> str:
        """Name one of the streams in STREAMS."""
        return f"{self.prefix}:{name}"

    @cached_property
    def backlogs(self) -> str:
        """Return the beginning of each backlog's key; its rest is the backlog's member in `due`."""
        return f"{self.prefix}:backlog:"

    def backlog(self, kind: str, shop: str) -> str:
        """Name the sorted set of ids to fetch.

        The score of an urgent id is 0, or a little less (`shopstream/enqueue/backlog.py`). Any other score is the ms
        from which the id may be fetched; 1 is at once.
        """
        return f"{self.backlogs}{kind}:{shop}"

    def claimed(self, kind: str, shop: str) -> str:
        """Name the sorted set of claimed ids, scored by takeovers: the deaths of drains that held the id."""
        return f"{self.prefix}:claimed:{kind}:{shop}"

    def lease(self, kind: str, shop: str) -> str:
        """Name the hash of the running drain's lease: its `fence` number, and its end `until` in ms."""
        return f"{self.prefix}:lease:{kind}:{shop}"

    def tries(self, kind: str, shop: str) -> str:
        """Name the hash of tries: id → failed attempts so far."""
        return f"{self.prefix}:tries:{kind}:{shop}"

    def asked(self, kind: str, shop: str) -> str:
        """Name the hash of reasons: id → JSON `{origin, cause, traceparent}`, without ids of plain requests."""
        return f"{self.prefix}:asked:{kind}:{shop}"

    def notices(self, shop: str) -> str:
        """Name the list of notices that wait for a worker, oldest first: ms of their arrival, a space, and JSON.

        A gateway writes them by `shopstream/enqueue/notifications.py`.
        """
        return f"{self.prefix}:notices:{shop}"

    def state(self, shop: str) -> str:
        """Name the hash of states: `p:PRODUCT` → JSON of the last known state, `d:PRODUCT` → its mark.

        Under `publish=stock` a known product may be newer than its events. The published one is then kept beside it.
        """
        return f"{self.prefix}:state:{shop}"

    @cached_property
    def settings(self) -> str:
        """Name the hash of settings: shop id → JSON of those that differ from the defaults."""
        return f"{self.prefix}:settings"

    def walk(self, shop: str) -> str:
        """Name the hash of a shop's walks.

        `at:WALK` is the running walk's checkpoint as JSON, and `done:WALK` the last one's summary as JSON.
        `since:WALK` is the ms when the running walk began; it is written before the checkpoint.
        `told:WALK` is the ms at which the running walk is due.
        `every:WALK` is the seconds to the next walk, if its interval was changed meanwhile.
        `watermark` is Unix seconds up to which all changes have been seen, and `seen` the ms when all stock was.
        `changes` is the ms at which the last complete walk for changes began. The watermark may be much older: it is
        the moment of the newest change.

        A run's id in place of the shop's names a short-lived hash: event type → events of the run's details.
        """
        return f"{self.prefix}:walk:{shop}"

    def page_size(self, shop: str) -> str:
        """Name the string, kept for some days, of the number of products on a page that a worker reads at once."""
        return f"{self.prefix}:page_size:{shop}"

    def listed(self, run: str) -> str:
        """Name the short-lived set of product ids that a walk has listed; with the suffix `:pass`, in this pass."""
        return f"{self.prefix}:listed:{run}"

    def order(self, request: str) -> str:
        """Name the short-lived string of an order: JSON, of a dry run's kind, shop and ids, or of a subscription's."""
        return f"{self.prefix}:order:{request}"

    def request(self, token: str) -> str:
        """Name the short-lived list of a big request's ids, part by part, with commas between the ids of a part."""
        return f"{self.prefix}:request:{token}"

    def pace(self, shop: str) -> str:
        """Name the hash of paces: the moment of the next call and the learnt rate, by endpoint."""
        return f"{self.prefix}:pace:{shop}"

    def sequence(self, shop: str) -> str:
        """Name the string of `fetch_seq`, the number of the shop's latest call, which orders answers.

        Only forgetting the shop deletes it.
        """
        return f"{self.prefix}:sequence:{shop}"

    def token(self, authorization: str) -> str:
        """Name the hash of an authorization's encrypted token pair, with its lock. Workers only."""
        return f"{self.prefix}:token:{authorization}"

    def sound(self, mark: str) -> str:
        """Name the hash of token records that were found sealed by the key of a mark: authorization → their digest.

        Workers only. No secret is in it, and it can be deleted: the next survey then decrypts all records.
        """
        return f"{self.prefix}:sound:{mark}"

    @cached_property
    def token_ends(self) -> str:
        """Name the hash of the ends of access tokens: authorization → Unix seconds. No secret is in it."""
        return f"{self.prefix}:token_ends"

    def code(self, request: str) -> str:
        """Name the short-lived string of an authorization code on its way to a worker."""
        return f"{self.prefix}:code:{request}"

    def reply(self, request: str) -> str:
        """Name the short-lived string of a worker's reply to a request, as JSON."""
        return f"{self.prefix}:reply:{request}"

    def of_shop(self, shop: str) -> list[str]:
        """Name all keys that hold one shop alone, which `forget` removes."""
        per_kind = (self.backlog, self.claimed, self.tries, self.asked)
        leases = [self.lease(kind, shop) for kind in (*KINDS, "walk")]
        return [key(kind, shop) for key in per_kind for kind in KINDS] + [
            *leases, self.state(shop), self.walk(shop), self.pace(shop), self.sequence(shop), self.page_size(shop),
            self.notices(shop), self.ring(shop),
        ]  # fmt: skip

    def members(self, stream: str, group: str) -> str:
        """Name the sorted set, in partition 0 only, of a group's members, scored by the end of their life in ms."""
        return f"{self.prefix}:members:{stream}:{group}"

    def owner(self, stream: str, group: str) -> str:
        """Name the string "TOKEN END" of a lease: its owner alone reads this partition for the group. END is in ms."""
        return f"{self.prefix}:owner:{stream}:{group}"

    def dead_of(self, stream: str, group: str) -> str:
        """Name the stream of entries that a group gave up, with all their fields, `reason`, `group`, `deliveries`."""
        return f"{self.prefix}:dead-of:{stream}:{group}"


def partition_for(name: str, partitions: int) -> Partition:
    """Return the partition that holds the keys of the shop (or authorization) `name`."""
    return Partition(partition_of(name, partitions))
