"""`shopstream dictionary`: list the dictionaries that compress states, train one, and choose the one in use."""

from dataclasses import asdict
from typing import Annotated

import typer

from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.redis.partition_count import partition_count

app = typer.Typer(invoke_without_command=True, help="List, train and choose the dictionaries that compress states.")


@app.callback()
def dictionary(context: typer.Context, redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """List, train and choose the dictionaries that compress states.

    Workers compress the stored states of products by the dictionary in use, and read those of all others.
    """
    if context.invoked_subcommand:
        return

    async def act(client: SyncClient) -> None:
        from shopstream.compression.dictionary_store import list_dictionaries

        await partition_count(client.redis)
        found = await list_dictionaries(client.redis)
        if json:
            for one in found:
                print_json(asdict(one))
        else:
            print_table(("dictionary", "bytes", "in use"), [(one.number, one.size, _tell(one.in_use)) for one in found])
            if not any(one.in_use for one in found):
                warn("States are stored as plain JSON. Once no older process runs: shopstream dictionary use 1")

    with_client(redis_url, act)


@app.command("train")
def train_dictionary(
    redis_url: Url = DEFAULT_URL,
    *,
    size: Annotated[int, typer.Option("--size", min=1, max=112, help="KB of the new dictionary, at most.")] = 16,
    json: Json = False,
) -> None:
    """Train a dictionary on this deployment's states, and use it if it makes them smaller. It takes about a minute."""

    async def act(client: SyncClient) -> None:
        from shopstream.compacting.choosing import train_on_states

        done = await train_on_states(client.redis, await partition_count(client.redis), size * 1024)
        if json:
            print_json(asdict(done))
            return
        say(f"trained on {done.states:,} states, measured on {done.measured:,} others; bytes a state, on average:")
        rows = [("JSON", done.as_json), ("the dictionary before", done.before), ("the new one", done.after)]
        print_table(("by", "bytes"), [(name, f"{value:.0f}") for name, value in rows])
        if done.number is None:
            say("The new one saves less than a 50th, so the dictionary in use stays.")
        else:
            say(f"dictionary {done.number} is in use: workers take it up within a minute")

    with_client(redis_url, act)


@app.command("use")
def use_dictionary(
    number: int,
    redis_url: Url = DEFAULT_URL,
    *,
    rewrite: Annotated[bool, typer.Option("--rewrite", help="Rewrite all stored states at once.")] = False,
    json: Json = False,
) -> None:
    """Have workers compress states by a dictionary, or store plain JSON for 0. States that are there stay readable."""

    async def act(client: SyncClient) -> None:
        from shopstream.compacting.choosing import choose
        from shopstream.compacting.rewriting import rewrite_states

        partitions = await partition_count(client.redis)
        await choose(client.redis, number)
        done = await rewrite_states(client.redis, partitions) if rewrite else None
        if json:
            print_json({"number": number, "rewritten": asdict(done) if done else None})
            return
        say(f"dictionary {number} is in use" if number else "states are stored as plain JSON from now on")
        if done:
            say(f"rewritten: {done.states:,} states, {done.before:,} bytes before and {done.after:,} after")
            if done.unreadable:
                warn(f"{done.unreadable:,} states can't be read: docs/state.md")

    with_client(redis_url, act)


def _tell(in_use: bool) -> str:  # noqa: FBT001 - a cell of the table
    return "yes" if in_use else "no"
