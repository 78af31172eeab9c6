"""What `data` holds on the stream `dead`."""

from typing import Annotated, Final, Literal, TypedDict

from shopstream.payloads import NAMESPACE, Identity, event
from shopstream.payloads.vocabulary import OPEN, Rule

__all__ = [
    "DEAD_LETTER",
    "DeadLetter",
]


class LetterIdentity(Identity):
    """The identity of a dead letter."""

    shop_id: str | None
    """The shop as it was asked for, which may be no id at all; null if empty."""


class DeadLetterBody(TypedDict):
    """The own fields of a `DeadLetter`. Publication adds its identity."""

    kind: Annotated[Literal["products", "stock"], OPEN]
    """What was asked for."""
    id: str
    """The id as it was asked for, shortened and without control characters."""
    error_class: str
    """The class of the last failure: `not_found`, `not_this_shop`, `transient`, `invalid_id`, …; may grow."""
    code: int
    """TikTok's error code; 0 where there was none."""
    message: str
    """One line that says what is wrong."""
    attempts: Annotated[int, Rule(minimum=1)]
    """How often it was tried."""


DEAD_LETTER: Final = NAMESPACE + "dead.letter"


@event("dead", DEAD_LETTER)
class DeadLetter(LetterIdentity, DeadLetterBody):
    """An id that was asked for and given up: why, and after how many tries. Its `seq` is 0: nothing is counted."""
