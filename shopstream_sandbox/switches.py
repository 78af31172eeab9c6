"""The switches: what is not known about TikTok, and slowness. `README.md` says what each does."""

from dataclasses import dataclass, field
from typing import Any, Final

from shopstream_sandbox import positions

VIEWS: Final = ("search", "detail", "inventory")
Lag = float | tuple[float, float]


@dataclass
class Switches:
    """All positions; the defaults are what is likeliest of TikTok."""

    stock_moves_update_time: bool = True
    unknown_ids: str = "refuse"
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    page_token_life_seconds: float | None = None
    most_results: int = 10_000
    repeat_page: str = "never"
    token_http: int = 401
    token_words: str = "x-tts-access-token"  # noqa: S105 - the name of a header
    version_code: int = 36009014
    uncovered: str = "106011"
    frozen_detail: str = "refuse"
    frozen_inventory: str = "answer"
    all_includes_deleted: bool = False
    total_count: str = "right"
    empty_lists: str = "list"
    list_order: str = "fixed"
    lag_seconds: dict[str, Lag] = field(default_factory=dict)
    seed: int = 0
    detail_without: tuple[str, ...] = ()
    line_without: tuple[str, ...] = ()
    without_share: float = 1.0
    inventory_leaves_out: tuple[str, ...] = ()
    shuffle_skus: bool = False
    category_order: str = "root_first"
    compress: bool = False

    def turn(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Set what is asked for, all or nothing, and give the positions.

        Raises ValueError for a switch or a position that there is not.
        """
        return positions.turn(self, _READERS, asked)


def _lags(value: object) -> dict[str, Lag]:
    """The seconds by view, those of 0 left out: a number, or the lowest and the highest of what is drawn."""
    if not isinstance(value, dict) or not set(value) <= set(VIEWS):
        raise ValueError(f"lag_seconds are seconds by view: {', '.join(VIEWS)}")
    lags: dict[str, Lag] = {}
    for view, given in value.items():
        ends = given if isinstance(given, list) and len(given) == 2 else (given, given)
        low, high = map(positions.number, ends)
        if not 0 <= low <= high:
            raise ValueError("a lag is 0 or more, and its lowest is not above its highest")
        if high:
            lags[view] = low if low == high else (low, high)
    return lags


_READERS: Final[dict[str, positions.Reader]] = {
    "stock_moves_update_time": positions.flag,
    "unknown_ids": positions.one_of("refuse", "omit"),
    "latency_ms": positions.number,
    "jitter_ms": positions.number,
    "page_token_life_seconds": positions.number_or_none,
    "most_results": lambda value: int(positions.number(value)),
    "repeat_page": positions.one_of("never", "once", "forever"),
    "token_http": positions.one_of(200, 401),
    "token_words": positions.one_of("x-tts-access-token", "access_token"),
    "version_code": positions.one_of(36009014, 36009004),
    "uncovered": positions.one_of("106011", "101000", "105005"),
    "frozen_detail": positions.one_of("refuse", "answer"),
    "frozen_inventory": positions.one_of("answer", "omit", "refuse"),
    "all_includes_deleted": positions.flag,
    "total_count": positions.one_of("right", "wavers", "over"),
    "empty_lists": positions.one_of("list", "null", "absent", "no_data"),
    "list_order": positions.one_of("fixed", "update_time_asc", "update_time_desc"),
    "lag_seconds": _lags,
    "seed": lambda value: int(positions.number(value)),
    "detail_without": positions.names,
    "line_without": positions.names,
    "without_share": positions.share,
    "inventory_leaves_out": positions.names,
    "shuffle_skus": positions.flag,
    "category_order": positions.one_of("root_first", "leaf_first"),
    "compress": positions.flag,
}
