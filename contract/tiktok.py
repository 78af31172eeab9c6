"""The table of docs/tiktok.md: which answers make which error, and what it means for the id and for the shop."""

from typing import Final

from worker.marketplace import call_errors as errors
from worker.marketplace.call_errors import CallError
from worker.tiktok.refusals import REUSED, TABLE

BEGIN: Final = "<!-- the table, by make contract -->"
END: Final = "<!-- end of the table -->"
_BESIDES: Final[dict[type[CallError], str]] = {
    errors.Throttled: "HTTP 429, whatever the envelope says",
    errors.Transient: "HTTP 5xx; any HTTP status without an envelope, as proxies and gateways answer (200 or 401"
    " with HTML, nothing at all); a redirect, no answer within 20 s, a broken connection",
    errors.Unreachable: "no connection could be made",
    errors.Unreadable: "HTTP 200 with a broken envelope: JSON or UTF-8 that can't be read, an id that is none,"
    " another product",
    errors.TooLarge: "a body over 8 MiB, decoded",
    errors.UnknownCode: "a code that no row has, and no words of a row that hold anywhere",
    errors.CredentialsRefused: "a certificate that isn't trusted",
    errors.Unlisted: "a code that begins with 12 and that no row has",
}
_MEANING: Final[dict[type[CallError], tuple[str, str]]] = {
    errors.Throttled: ("goes back, no try counted", ("stops at once, for every worker; goes on with one call after"
                       " `Retry-After`, or 1 s, 3 s, 9 s … 60 s, then at a rate that has learnt")),
    errors.HourlyCap: ("as above", "degraded until the next full hour"),
    errors.Transient: ("tried again after 1 s, 2 s, 4 s … 5 min; given up after 12 tries, about half an hour",
                       ("after 5 failures in a row it pauses, and none of them is counted; degraded if that lasts a"
                       " minute")),
    errors.Unreachable: ("as above", "as above"),
    errors.Unreadable: ("as above, given up after 5 tries", "as above"),
    errors.TooLarge: (("a page is halved and its size kept, a batch is halved, a product is given up after 5"
                      " tries"), "-"),
    errors.UnknownCode: ("kept: a batch is split once; if both halves are refused alike, it is no id's fault",
                         "degraded, tried again after 15 s, 30 s … 10 min"),
    errors.TokenExpired: ("sent again after one refresh", "-"),
    errors.TokenInvalid: ("sent again after one refresh", ("`reauthorization_required` if the refresh token is refused"
                          " too; degraded if a fresh token is refused")),
    errors.CipherRefused: ("sent again with the new cipher", ("its consent's shops are listed again, once a minute;"
                           " `deauthorized` if it is not on the list")),
    errors.NotAllowed: ("kept", "degraded, looked at again after 1, 2, 4 … 60 min"),
    errors.Inactive: ("kept", "degraded, looked at again after 1, 2, 4 … 60 min"),
    errors.Misconfigured: ("kept", "degraded, tried again after 1, 2, 4 … 10 min"),
    errors.CredentialsRefused: ("kept", "degraded, tried again after 5, 10, 20 … 60 s, by another worker if one lives"),
    errors.AddressRefused: ("kept", "as above"),
    errors.BadParameter: ("of a batch: found by halves and given up, the others are told; alone: given up", "-"),
    errors.RefreshRefused: ("waits in the backlog", ("only at a refresh: `reauthorization_required`, until the seller"
                            " authorizes again")),
    errors.TooManyResults: ("-", "the window of creation time is halved"),
    errors.PageExpired: ("-", "the window is begun anew"),
    errors.ProductRefused: ("given up", "-"),
    errors.NotFound: (("the list decides: `product.deleted` if it isn't on it or deleted there; frozen ones are told"
                      " as the list shows them; an unknown one is given up; while the list has further pages and"
                      " doesn't show it, it is tried again, and given up after 12 tries"), "-"),
    errors.NotThisShop: ("given up", "-"),
    errors.Unlisted: ("given up after 5 tries, unless three products in a row get it: then kept",
                      "in that case degraded as by an unknown code"),
}  # fmt: skip


def table() -> str:
    """Write the table in Markdown, a row for each class of error."""
    lines = ["| class | when | the id | the shop |", "|---|---|---|---|"]
    for kind, (of_id, of_shop) in _MEANING.items():
        lines.append(f"| `{kind.__name__}` (`{kind.error_class}`) | {_when(kind)} | {of_id} | {of_shop} |")
    return "\n".join(lines)


def filled(page: str) -> str:
    """Put the table into the page between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _when(kind: type[CallError]) -> str:
    conditions = [_BESIDES[kind]] if kind in _BESIDES else []
    for row in TABLE:
        if row.kind is not kind:
            continue
        if row.codes:
            conditions.append(", ".join(map(str, row.codes)))
        if row.words:
            words = " or ".join(" and ".join(f"“{word.strip('_')}”" for word in words) for words in row.words)
            conditions.append(f"{'any unknown code' if row.anywhere else REUSED} with {words}")
    return "; ".join(conditions)
