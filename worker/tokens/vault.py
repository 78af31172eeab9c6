"""Encrypt secrets at rest by Fernet, with renewable keys, each ciphertext bound to its owner."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_HOW: Final = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


class InvalidKeys(ValueError):
    """The token keys are missing or malformed. The text says how to make one and shows none."""


class Undecryptable(Exception):
    """The ciphertext is sealed with a missing key, damaged, or another owner's.

    Attributes:
        moved: True if it is another owner's.
    """

    def __init__(self, text: str, *, moved: bool = False) -> None:
        super().__init__(text)
        self.moved = moved


class Vault:
    """Seals with the first key, opens with any of them.

    Attributes:
        mark: eight hex digits that tell the first key from others, and nothing of it: a key has 256 random bits.
        marks: those of all keys, in order.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Take keys of 32 url-safe base64-encoded bytes each.

        Raises:
            InvalidKeys: there is no key, or one is malformed.
        """
        if not keys:
            raise InvalidKeys(f"SHOPSTREAM_TOKEN_KEYS is empty: make a key with {_HOW}")
        fernets = []
        for key in keys:
            with suppress(ValueError):
                fernets.append(Fernet(key))
        if len(fernets) < len(keys):
            raise InvalidKeys(f"SHOPSTREAM_TOKEN_KEYS holds something that is no Fernet key: make one with {_HOW}")
        self._first = fernets[0]
        self.marks = [hashlib.sha256(b"shopstream:" + key.encode()).hexdigest()[:8] for key in keys]
        self.mark = self.marks[0]
        self._all = MultiFernet(fernets)

    def seal(self, owner: str, plaintext: bytes) -> bytes:
        """Encrypt a plaintext for its owner. Fernet binds no owner, so the owner is inside."""
        return self._first.encrypt(owner.encode() + b"\0" + plaintext)

    def open(self, owner: str, sealed: bytes) -> bytes:
        """Decrypt a ciphertext of this owner.

        Raises:
            Undecryptable: no key fits, or it was sealed for another owner.
        """
        return _check_owner(owner, self._decrypt(self._all, sealed))

    def check(self, owner: str, sealed: bytes) -> bool:
        """Return whether the first key opens a ciphertext of this owner.

        Raises:
            Undecryptable: as `open`.
        """
        with suppress(Undecryptable):
            _check_owner(owner, self._decrypt(self._first, sealed))
            return True
        self.open(owner, sealed)
        return False

    @staticmethod
    def _decrypt(keys: Fernet | MultiFernet, sealed: bytes) -> bytes:
        with suppress(InvalidToken):
            return keys.decrypt(sealed)
        raise Undecryptable("no key of SHOPSTREAM_TOKEN_KEYS opens this record: was a key dropped too early?")

    def needs_rotation(self, sealed: bytes) -> bool:
        """Tell whether the record was sealed with another key than the first."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return True
        return False


def _check_owner(owner: str, opened: bytes) -> bytes:
    named, _, plaintext = opened.partition(b"\0")
    if named != owner.encode():
        raise Undecryptable("this record was sealed for another authorization: somebody has moved it", moved=True)
    return plaintext
