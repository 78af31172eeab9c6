"""What TikTok answers when it refuses, as exceptions that carry code, words and HTTP status."""


class Refusal(Exception):
    """An envelope with code ≠ 0. Most come with HTTP 200, as at TikTok."""

    def __init__(self, code: int, message: str, status: int = 200, *, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after


def bad_signature() -> Refusal:
    """106001."""
    return Refusal(106001, "Invalid credentials: the sign is invalid")


def invalid(what: str) -> Refusal:
    """36009004, which stands for a dozen things."""
    return Refusal(36009004, what)


def malformed(product_id: object) -> Refusal:
    """12019008."""
    return Refusal(12019008, f"Malformed id: {str(product_id)[:40]}")


def not_found(product_id: str) -> Refusal:
    """12052032."""
    return Refusal(12052032, f"Product {product_id} does not exist")


def not_yours(product_id: str) -> Refusal:
    """12052034."""
    return Refusal(12052034, f"Product {product_id} does not belong to this shop")


def throttled(retry_after: str | None, code: int = 36009002, why: str = "") -> Refusal:
    """HTTP 429."""
    return Refusal(code, f"Too many requests{why}", 429, retry_after=retry_after)
