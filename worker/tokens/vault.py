"""Secrets at rest: Fernet, with keys that can be renewed, and each ciphertext bound to its owner."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_HOW: Final = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


class InvalidKeys(ValueError):
    """The token keys are missing or malformed. The text says how to make one and shows none."""


class Undecryptable(Exception):
    """Sealed with a key that isn't there, damaged, or belonging to somebody else."""


class Vault:
    """Seals with the first key, opens with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are 32 url-safe base64-encoded bytes each; InvalidKeys if there is none, or one isn't that."""
        if not keys:
            raise InvalidKeys(f"SHOPSTREAM_TOKEN_KEYS is empty: make a key with {_HOW}")
        fernets = []
        for key in keys:
            with suppress(ValueError):
                fernets.append(Fernet(key))
        if len(fernets) < len(keys):
            raise InvalidKeys(f"SHOPSTREAM_TOKEN_KEYS holds something that is no Fernet key: make one with {_HOW}")
        self._first = fernets[0]
        self._all = MultiFernet(fernets)

    def seal(self, owner: str, plaintext: bytes) -> bytes:
        """Ciphertext that opens only for the same owner: Fernet binds nothing, so the owner is inside."""
        return self._first.encrypt(owner.encode() + b"\0" + plaintext)

    def open(self, owner: str, sealed: bytes) -> bytes:
        """The plaintext.

        Raises:
            Undecryptable: no key fits, or it was sealed for another owner.
        """
        try:
            named, _, plaintext = self._all.decrypt(sealed).partition(b"\0")
        except InvalidToken:
            named, plaintext = b"", None
        if plaintext is None:
            raise Undecryptable("no key of SHOPSTREAM_TOKEN_KEYS opens this record: was a key dropped too early?")
        if named != owner.encode():
            raise Undecryptable("this record was sealed for another authorization: somebody has moved it")
        return plaintext

    def needs_rotation(self, sealed: bytes) -> bool:
        """Tell whether the record was sealed with another key than the first."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return True
        return False
