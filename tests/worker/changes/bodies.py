"""The fields of drafts, as tests look at them: by name, whatever the type of the event."""

from typing import Any

from worker.changes.drafts import Draft
from worker.shops.standing import Notice


def body(of: Draft | Notice) -> Any:
    """Give the own fields of an event."""
    return of.data
