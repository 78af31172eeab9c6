"""Name the app and the hosts by which a consent was given, since its tokens are good there alone."""

from dataclasses import asdict, dataclass, fields

import orjson


@dataclass(frozen=True, slots=True)
class Issuer:
    """The app and the hosts that an authorization's tokens belong to. Nothing of it is secret.

    Attributes:
        app_key: the key of the app in Partner Center.
        api_url: the URL of the API host.
        auth_url: the URL of the token host.
    """

    app_key: str
    api_url: str
    auth_url: str

    def to_json(self) -> str:
        """Encode the issuer for a token record. Scripts compare the text."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, stored: bytes | str | None) -> "Issuer | None":
        """Decode an issuer made by `to_json`; None if there is none, or another program's."""
        try:
            document = orjson.loads(stored) if stored else None
        except orjson.JSONDecodeError:
            return None
        if not isinstance(document, dict):
            return None
        values = {each.name: document.get(each.name) for each in fields(cls)}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        return cls(**texts) if len(texts) == len(values) else None
