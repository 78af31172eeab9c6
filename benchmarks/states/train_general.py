"""Train dictionary 1 of the package: `python -m benchmarks.states.train_general FILE`.

The states are those of sandbox products, and of products like TikTok's samples in the languages of its markets.
Dictionary 1 never changes once it is published: a deployment's states would become unreadable. A better general one
would be another number.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from benchmarks.states.made_states import list_sandbox_states, list_varied_states
from shopstream.compression.training import train
from shopstream.state.packed_state import pack

HALF: Final = 0
"""The half of the words that the training sees; `make bench ONLY=state` measures by the other."""
_SHOPS: Final = range(1, 9)
_SHOP_PRODUCTS: Final = 250
_VARIED: Final = ((1, 1200), (2, 1200), (3, 1200))


def list_samples() -> Iterator[bytes]:
    """Give the packed states of the training."""
    for place in _SHOPS:
        yield from list_sandbox_states(place, _SHOP_PRODUCTS)
    for skus, products in _VARIED:
        yield from list_varied_states(skus, products, HALF, skus=skus)


def main() -> None:
    """Train, and write the dictionary to the file that is named."""
    parser = argparse.ArgumentParser("python -m benchmarks.states.train_general", description=__doc__)
    parser.add_argument("file", type=Path, help="where to write it; not shopstream/compression/1.zdict")
    samples = [orjson.dumps(pack(orjson.loads(one))) for one in list_samples()]
    parser.parse_args().file.write_bytes(train(samples))


if __name__ == "__main__":
    main()
