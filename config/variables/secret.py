"""Hold a secret among the settings, so that no text shows it by accident."""

from typing import final


@final
class Secret:
    """A text that `repr`, `str` and formatting hide."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hide the text."""
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def split(self) -> list[str]:
        """Return the parts between commas, without spaces around them."""
        return [one.strip() for one in self._text.split(",") if one.strip()]

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret()"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)
