"""What is answered in place of data, as exceptions that carry number, words and HTTP status."""

from shopstream_sandbox.refusal.sentences import SENTENCES


class Refusal(Exception):
    """An envelope with code ≠ 0. Most come with HTTP 200, as at TikTok. `html`: a gateway's page and no envelope."""

    def __init__(
        self, code: int, message: str, status: int = 200, *, retry_after: str | None = None, html: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.html = html


def said(name: str, *, status: int | None = None, retry_after: str | None = None) -> Refusal:
    """Refuse by a sentence of TikTok's, under the name it has in `sentences.py`; `status` instead of the usual one."""
    code, words, usual = SENTENCES[name]
    return Refusal(code, words, usual if status is None else status, retry_after=retry_after)


def invalid(what: str) -> Refusal:
    """Refuse a parameter that TikTok has no public sentence for, by 36009004. The words are ours."""
    return Refusal(36009004, what)


def missing(field: str) -> Refusal:
    """Refuse a body without a field that it must have, by 36009004, in words that users of the Event API have met."""
    return Refusal(36009004, f"param body.{field} is missing")


def malformed(product_id: object) -> Refusal:
    """Refuse an id that is none, by 12019008. The words are ours."""
    return Refusal(12019008, f"Malformed id: {str(product_id)[:40]}")


def not_found() -> Refusal:
    """Refuse a product that isn't there, or is frozen, by 12052032."""
    return said("not_found")


def not_yours(product_id: str) -> Refusal:
    """Refuse another shop's product, by 12052034. The words are ours."""
    return Refusal(12052034, f"Product {product_id} does not belong to this shop")


def throttled(retry_after: str | None) -> Refusal:
    """Refuse by HTTP 429."""
    return said("throttled", retry_after=retry_after)


def hour_used_up(retry_after: str | None) -> Refusal:
    """Refuse until the next hour, by HTTP 429 and 36009037. The words are ours."""
    return Refusal(36009037, "Too many requests: the hour's calls are used up", 429, retry_after=retry_after)
