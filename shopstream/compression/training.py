"""Train a dictionary on values, and measure it on others. Pure."""

from collections.abc import Sequence
from typing import Final

import zstandard

from shopstream.compression.dictionary import LEVEL, Dictionary

SIZE: Final = 16 * 1024
"""Bytes of a trained dictionary. On states, 8 and 64 KB differ from it by a 50th."""
SAMPLES_LEAST: Final = 2_000
"""Values without which a dictionary is not trained: it would hold the texts of a few products."""
HELD_OUT: Final = 5
"""One of so many values is kept from the training, to measure by."""


def train(samples: Sequence[bytes], size: int = SIZE) -> bytes:
    """Train a dictionary of at most `size` bytes.

    Raises:
        ValueError: the samples are too few or too much alike.
    """
    try:
        return zstandard.train_dictionary(size, list(samples), level=LEVEL).as_bytes()
    except zstandard.ZstdError as error:
        raise ValueError(f"no dictionary can be trained on {len(samples)} values ({error})") from None


def measure(dictionary: Dictionary, values: Sequence[bytes]) -> float:
    """Measure the mean length of the values' frames, in bytes."""
    return sum(len(dictionary.compress(one)) for one in values) / len(values)
