"""`shopstream workers`: list the living workers."""

import typer

from shopstream.authorizations.findings import Finding
from shopstream.cli.output.operation_documents import UnusableDocument, WorkerDocument
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, warn, with_client
from shopstream.client import SyncClient
from shopstream.redis.partition_count import partition_count
from shopstream.registry.workers import WorkerSeen


def workers(redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """List the living workers with version, slots and start. Exit with 1 if there is none."""

    async def act(client: SyncClient) -> None:
        found = await client.list_workers()
        if json:
            for one in found:
                print_json(_document(one))
        elif found:
            head = ("worker", "version", "slots", "in use", "since", "full", "app", "token key", "records")
            print_table(head, [_row(one) for one in found])
        if not found:
            await partition_count(client.redis)  # names the place to which the deployment has moved
            warn("No worker lives. Start one with: python -m worker")
            raise typer.Exit(1)

    with_client(redis_url, act)


def _row(one: WorkerSeen) -> tuple[object, ...]:
    full = "yes: Redis's memory is nearly used up" if one.full else "no"
    records = f"{one.records}" if one.records >= 0 else "not checked yet"
    records += f", {one.unreadable} unreadable" if one.unreadable else ""
    work = one.name, one.version or "unknown", one.slots, one.in_use, one.started, full
    return (*work, one.app_key, one.key, records if one.key else "")


def _document(one: WorkerSeen) -> WorkerDocument:
    return {
        "name": one.name,
        "host": one.host,
        "pid": one.pid,
        "version": one.version or None,
        "slots": one.slots,
        "in_use": one.in_use,
        "since": one.started,
        "full": one.full,
        "app_key": one.app_key or None,
        "token_key": one.key or None,
        "token_records": one.records if one.records >= 0 else None,
        "unreadable_records": one.unreadable,
        "unusable": [_describe(finding) for finding in one.findings],
        "seen_ms": one.seen_ms,
    }


def _describe(finding: Finding) -> UnusableDocument:
    return {
        "kind": finding.kind,
        "theirs": finding.theirs,
        "ours": finding.ours,
        "authorizations": finding.authorizations,
        "shops": finding.shops,
        "stopped": finding.stopped if finding.stopped >= 0 else None,
    }
