import pytest

from worker.tiktok import errors
from worker.tiktok.answers import Decoder, Product202309, refusal
from worker.tiktok.errors import error_for

# The table of docs/tiktok.md, row by row.
CLASSES = [
    (36009002, "too many requests", errors.Throttled),
    (36009037, "sandbox cap", errors.HourlyCap),
    *[(code, "", errors.Transient) for code in (36009003, 36009007, 12001000, 12052881, 33001002)],
    (105002, "expired", errors.TokenExpired),
    (101000, "invalid", errors.Reauthorize),
    (36009004, "access_token is invalid", errors.Reauthorize),
    (36009004, "invalid signature", errors.Misconfigured),
    (36009004, "timestamp is out of range", errors.Misconfigured),
    (36009004, "app_key is unknown", errors.Misconfigured),
    *[(code, "", errors.NotAllowed) for code in (105005, 36009033, 36009043, 36009044)],
    *[(code, "", errors.Misconfigured) for code in (106001, 106013, 36009009, 36009010, 36009014)],
    *[(code, "", errors.NotFound) for code in (12019150, 12052032)],
    (12052034, "", errors.NotThisShop),
    (12019008, "", errors.ProductRefused),
    (12999999, "", errors.ProductRefused),
    (36009004, "something else", errors.Transient),
    (1, "never seen", errors.Transient),
]


@pytest.mark.parametrize(("code", "message", "kind"), CLASSES)
def test_a_code_stands_for_what_the_caller_must_do(code: int, message: str, kind: type[errors.TikTokError]) -> None:
    assert type(error_for(code, message, "r1")) is kind


def test_an_error_is_one_printable_line_with_code_and_request_id() -> None:
    error = error_for(105005, "no\nscope\x1b[31m" + "x" * 500, "req-1")
    assert str(error).isprintable()
    assert len(str(error)) < 300
    assert "105005" in str(error)
    assert "req-1" in str(error)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>busy</html>", b"[]", b"null", b'{"code":0', b'{"data":{}}', b'{"code":"x"}', b'{"code":0}',
     b'{"code":0,"data":null}', b'{"code":0,"data":{"id":{}}}', b'{"code":0,"data":{"id":"1","title":5}}',
     b'{"code":0,"data":{"product_id":"1"}}', b'{"code":0,"data":NaN}', b"[" * 100_000, b"\xff\xfe"],
)  # fmt: skip
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(errors.Unreadable):
        Decoder(Product202309)(body)


def test_a_refusal_counts_whatever_its_data_looks_like() -> None:
    body = b'{"code":12052034,"message":"not yours","request_id":"r","data":{"id":{}}}'
    with pytest.raises(errors.NotThisShop, match="not yours"):
        Decoder(Product202309)(body)
    assert isinstance(refusal(body), errors.NotThisShop)


def test_ids_may_be_integers_beyond_what_a_double_holds() -> None:
    product, _ = Decoder(Product202309)(b'{"code":0,"data":{"id":576486316948490001}}')
    assert str(product.id) == "576486316948490001"
