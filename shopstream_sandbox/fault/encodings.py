"""Compressed answers: right ones, wrongly labelled ones, and bombs, whose zeros are far more than their bytes.

Brotli and Zstandard are written here without a library, since the standard library reads and writes neither before
Python 3.14: both formats can carry bytes as they are (RFC 7932, section 9.2; RFC 8878, section 3.1.1.2).
"""

import functools
import zlib
from collections.abc import Callable
from typing import Final

_ZEROS: Final = bytes(2**20)
_GZIP: Final = 31  # zlib's window bits for a gzip wrapper
_BR_FIRST: Final = bytes.fromhex("a7ffff074002201e0b24f7fec100")
_BR_NEXT: Final = bytes.fromhex("faff7f002400e2b00074ef1f0c")  # both by Google's encoder: 1 MiB of zeros each, flushed
_BR_END: Final = b"\x03"
_ZSTD_HEAD: Final = bytes.fromhex("28b52ffd0038")  # magic number, no content size, a window of 128 KiB
_ZSTD_BLOCK: Final = 2**17


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, wbits=_GZIP)


def _brotli(body: bytes) -> bytes:
    """One uncompressed meta-block per 64 KiB."""
    written, bits, number = bytearray(), 1, 0  # window bits 16: one zero bit
    for start in range(0, len(body), 2**16):
        part = body[start : start + 2**16]
        number |= (len(part) - 1) << (bits + 3) | 1 << (bits + 19)  # not the last, four nibbles, length - 1, as it is
        written += number.to_bytes((bits + 20 + 7) // 8, "little") + part
        bits, number = 0, 0
    return bytes(written) + _BR_END


def _zstd(body: bytes) -> bytes:
    """One raw block per 128 KiB."""
    parts = [body[i : i + _ZSTD_BLOCK] for i in range(0, len(body), _ZSTD_BLOCK)]
    blocks = ((len(part) << 3 | (part is parts[-1])).to_bytes(3, "little") + part for part in parts)
    return _ZSTD_HEAD + b"".join(blocks)


RIGHT: Final[dict[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "gzip": ("gzip", _gzip),
    "deflate": ("deflate", zlib.compress),
    "br": ("br", _brotli),
    "zstd": ("zstd", _zstd),
    "encoding_wrong": ("gzip", lambda body: body),  # labelled so, and isn't
    "encoding_unknown": ("snappy", lambda body: body),
}
"""By kind of fault: the header Content-Encoding, and what becomes of the right body."""


def _deflated(mib: int) -> bytes:
    """Raw deflate. Each MiB ends with a full flush, so that all are the same bytes and only one has to be made."""
    squeeze = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    one = squeeze.compress(_ZEROS) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return one * mib + squeeze.flush()


def _gzip_bomb(mib: int) -> bytes:
    check = 0
    for _ in range(mib):
        check = zlib.crc32(_ZEROS, check)
    end = check.to_bytes(4, "little") + (mib * len(_ZEROS) % 2**32).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + _deflated(mib) + end


def _deflate_bomb(mib: int) -> bytes:
    check = 1
    for _ in range(mib):
        check = zlib.adler32(_ZEROS, check)
    return b"\x78\xda" + _deflated(mib) + check.to_bytes(4, "big")


def _zstd_bomb(mib: int) -> bytes:
    def block(*, last: bool) -> bytes:
        return (_ZSTD_BLOCK << 3 | 1 << 1 | last).to_bytes(3, "little") + b"\0"  # one byte, repeated

    return _ZSTD_HEAD + block(last=False) * (8 * mib - 1) + block(last=True)


_BOMBS: Final[dict[str, tuple[str, Callable[[int], bytes]]]] = {
    "gzip_bomb": ("gzip", _gzip_bomb),
    "deflate_bomb": ("deflate", _deflate_bomb),
    "br_bomb": ("br", lambda mib: _BR_FIRST + _BR_NEXT * (mib - 1) + _BR_END),
    "zstd_bomb": ("zstd", _zstd_bomb),
}
BOMBS: Final = tuple(_BOMBS)


@functools.lru_cache(maxsize=8)
def bomb(kind: str, mib: int) -> tuple[str, bytes]:
    """Content-Encoding and body of `mib` MiB of zeros; 1,000 MiB as gzip take about 1 s to make, once."""
    encoding, make = _BOMBS[kind]
    return encoding, make(mib)
