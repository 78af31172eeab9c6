"""Compress and decompress short values by a dictionary: zstd frames without dictionary id and checksum.

A dictionary holds the texts that most values share, so that a frame has only what is a value's own. Its compressors
serve one call at a time. Each thread therefore makes its own, once.
"""

import threading
from pathlib import Path
from typing import Final

import zstandard

LEVEL: Final = 3
VALUE_MAX: Final = 64 * 2**20
"""Bytes of a decompressed value, at most. A frame that names more is damaged."""


class BrokenFrame(ValueError):
    """These bytes are no frame of this dictionary."""


class Dictionary:
    """A dictionary, known by its number within a deployment.

    Attributes:
        number: its number, 1 to 65,535.
        data: its bytes, in the format of zstd.
    """

    def __init__(self, number: int, data: bytes) -> None:
        """Load a dictionary.

        Raises:
            ValueError: the bytes are no dictionary of zstd.
        """
        try:
            self._loaded = zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_FULLDICT)
            self._loaded.precompute_compress(level=LEVEL)
        except zstandard.ZstdError as error:
            raise ValueError(f"these bytes are no dictionary of zstd ({error})") from None
        self.number = number
        self.data = data
        self._thread = threading.local()

    def compress(self, value: bytes) -> bytes:
        """Compress a value to a frame, with the value's length."""
        compressor: zstandard.ZstdCompressor | None = getattr(self._thread, "compressor", None)
        if compressor is None:
            compressor = self._thread.compressor = zstandard.ZstdCompressor(
                level=LEVEL, dict_data=self._loaded, write_checksum=False, write_content_size=True, write_dict_id=False
            )
        return compressor.compress(value)

    def decompress(self, frame: bytes) -> bytes:
        """Decompress a frame.

        Raises:
            BrokenFrame: the frame is damaged, or another dictionary's.
        """
        decompressor: zstandard.ZstdDecompressor | None = getattr(self._thread, "decompressor", None)
        if decompressor is None:
            decompressor = self._thread.decompressor = zstandard.ZstdDecompressor(dict_data=self._loaded)
        try:
            if not 0 <= zstandard.frame_content_size(frame) <= VALUE_MAX:
                raise BrokenFrame("the frame does not name the length of its value")
            return decompressor.decompress(frame)
        except zstandard.ZstdError as error:
            raise BrokenFrame(str(error)) from None


GENERAL_PATH: Final = Path(__file__).with_name("1.zdict")
"""Dictionary 1, which never changes: `benchmarks/states/train_general.py` made it, and the contract publishes it."""


def load_general() -> Dictionary:
    """Load dictionary 1, the general one of this package."""
    return Dictionary(1, GENERAL_PATH.read_bytes())
