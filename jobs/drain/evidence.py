"""Keep the evidence by which a product is given up or known to be gone. Pure."""

from typing import Final, NotRequired, TypedDict

GONE_STATUS: Final = "TikTok says that it is deleted"


class AnswerEvidence(TypedDict):
    """The words of the answer that ended an id."""

    error_class: str
    """The class of the error, or `status` if the answer shows the product as deleted."""
    code: int
    """TikTok's error code; 0 if there was none."""
    message: str
    """One line."""
    attempts: int
    """Calls for the id so far, this one included."""
    walk: NotRequired[str]
    """The run id of the complete walk that did not see the product."""
    confirmed_by: NotRequired[str]
    """The second answer that says the same."""
    updated_at: NotRequired[str | None]
    """The product's `update_time` in the answer, RFC 3339."""


def make_evidence(error_class: str, message: str, code: int = 0, attempts: int = 1) -> AnswerEvidence:
    """Make the evidence of one answer."""
    return {"error_class": error_class, "code": code, "message": message, "attempts": attempts}
