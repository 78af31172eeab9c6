import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.marketplace import call_errors as errors
from worker.tiktok.decoding import Decoder, refusal
from worker.tiktok.reading.answers import Page, Product202309
from worker.tiktok.refusals import TABLE, error_for, error_of, plain

SENTENCES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "fixtures" / "errors.json").read_text())
# TikTok's sentences as they come, with what each means: the judge is not ours.
MEANINGS: dict[str, type[errors.CallError]] = {
    "throttled": errors.Throttled,
    "transient": errors.Transient,
    "our mistake": errors.Misconfigured,
    "our mistake, at the token host: says nothing about the consent": errors.Misconfigured,
    "our parameter": errors.BadParameter,
    "not allowed": errors.CallError,
    "cipher or shop wrong": errors.CipherRefused,
    "token expired": errors.TokenExpired,
    "token invalid": errors.TokenInvalid,
    "shop or seller inactive": errors.Inactive,
    "the product's own": errors.ProductRefused,
    "too many results": errors.TooManyResults,
    "refresh refused for good": errors.RefreshRefused,
    "refresh or code refused for good": errors.RefreshRefused,
}


@pytest.mark.parametrize("row", SENTENCES, ids=lambda row: f"{row['http']}-{row['code']}-{row['message'][:40]}")
def test_each_sentence_of_tiktoks_means_what_the_facts_say(row: dict[str, Any]) -> None:
    known = error_for(row["code"], row["message"])
    error = known if row["http"] == 200 else error_of(row["http"], known)
    assert isinstance(error, MEANINGS[row["class"]])
    assert type(error) is not errors.UnknownCode
    if row["class"] == "not allowed":
        assert isinstance(error, errors.NotAllowed | errors.AddressRefused)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (36009037, "sandbox cap", errors.HourlyCap),
        *[(code, "", errors.Transient) for code in (36009003, 36009007, 12001000, 12052881, 33001002)],
        *[(code, "", errors.Inactive) for code in (12052700, 12052704, 12019112, 12019114, 12009014, 12052995)],
        *[(code, "", errors.BadParameter) for code in (98001004, 11050001, 12052910, 12019118, 12019119, 12019027)],
        *[(code, "", errors.BadParameter) for code in (36009021, 36009022, 36009023)],
        (98001006, "", errors.RefreshRefused),
        (12019150, "", errors.NotFound),
        (12052034, "", errors.NotThisShop),
        (12019008, "", errors.ProductRefused),
        (12999999, "", errors.Unlisted),
        (36009004, "something else", errors.UnknownCode),
        (36009004, "The page_token has expired", errors.PageExpired),
        (36009004, "Invalid credentials. The `shop_cipher` query parameter is invalid.", errors.CipherRefused),
        (36009004, "The `category_asset_cipher` query parameter is not required", errors.Misconfigured),
        (36009004, "X-TTS-Access-Token header is invalid", errors.TokenInvalid),
        (36009004, "Invalid credentials. The refresh token", errors.RefreshRefused),
        (1, "never seen", errors.UnknownCode),
        # An unknown number with a known sentence is that sentence.
        (4711, "Invalid credentials. The `x-tts-access-token` header is invalid.", errors.TokenInvalid),
        (4711, "The seller is inactive.", errors.Inactive),
        (12999998, "The shop is inactive", errors.Inactive),
        (4711, "Too many requests", errors.Throttled),
        (4711, "Invalid shop_cipher", errors.CipherRefused),
        (4711, "Your IP address is not in the IP allow list", errors.AddressRefused),
        (4711, "Invalid app secret", errors.CredentialsRefused),
        (4711, "the refresh_token is invalid", errors.RefreshRefused),
        (4711, "too many refresh token requests", errors.Throttled),
        (4711, "The refresh_token parameter is missing", errors.UnknownCode),
        (4711, "The refresh token does not exist", errors.RefreshRefused),
        # A refresh token that is named and not judged ends no consent.
        (4711, "Invalid grant_type, must be authorized_code or refresh_token", errors.UnknownCode),
        (4711, "Failed to check the refresh_token: invalid response", errors.UnknownCode),
        (4711, "refresh_token service is unavailable, try again", errors.UnknownCode),
        (4711, "The refresh_token could not be read", errors.UnknownCode),
        (4711, "Rate limit exceeded", errors.Throttled),
        (12999998, "Requests are too frequent", errors.Throttled),
        (4711, "App QPS exceeded", errors.Throttled),
        (4711, "The app has reached its daily limit of calls", errors.HourlyCap),
        (12999998, "Hourly quota exceeded", errors.HourlyCap),
    ],
)
def test_a_code_and_its_words_stand_for_what_the_caller_must_do(
    code: int, message: str, kind: type[errors.CallError]
) -> None:
    assert type(error_for(code, message, "r1")) is kind


@pytest.mark.parametrize(
    ("status", "found", "kind"),
    [
        (429, None, errors.Throttled),
        (429, errors.HourlyCap("hour", code=36009037), errors.HourlyCap),
        (429, errors.NotFound("?"), errors.Throttled),
        (503, errors.Throttled("slow", code=36009002), errors.Throttled),
        (500, errors.RefreshRefused("rt", code=36004001), errors.Transient),
        (502, None, errors.Transient),
        (401, None, errors.Transient),
        (403, None, errors.Transient),
        (404, None, errors.Transient),
        (401, errors.TokenInvalid("token", code=36009004), errors.TokenInvalid),
        (401, errors.Inactive("inactive", code=36009043), errors.Inactive),
    ],
)
def test_the_http_status_is_read_together_with_the_envelope(
    status: int, found: errors.CallError | None, kind: type[errors.CallError]
) -> None:
    assert type(error_of(status, found)) is kind


@given(st.integers(1, 10**9), st.text(max_size=60))
def test_whatever_is_said_is_one_error_that_ends_a_consent_only_if_it_names_it(code: int, message: str) -> None:
    error = error_for(code, message)
    known = {one for row in TABLE if row.kind is errors.RefreshRefused for one in row.codes}
    if isinstance(error, errors.RefreshRefused):
        assert code in known or "refresh_token" in plain(message)


def test_no_code_stands_in_two_rows() -> None:
    codes = [code for row in TABLE for code in row.codes]
    assert len(codes) == len(set(codes))


def test_an_error_is_one_printable_line_with_code_and_request_id() -> None:
    error = error_for(105005, "no\nscope\x1b[31m" + "x" * 500, "req-1")
    assert str(error).isprintable()
    assert len(str(error)) < 300
    assert "105005" in str(error)
    assert "req-1" in str(error)


@pytest.mark.parametrize(
    "body",
    [b'{"code":0', b'{"data":{}}', b'{"code":"x"}', b'{"code":0}', b'{"code":0,"data":null}',
     b'{"code":0,"data":{"id":{}}}', b'{"code":0,"data":{"product_id":"1"}}', b'{"code":0,"data":NaN}',
     b'{"code":' + b"[" * 100_000, b' \r\n{"code":0,"data":{"id":"\xff\xfe"}}', b'\xef\xbb\xbf{"code":0}'],
)  # fmt: skip
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(errors.Unreadable):
        Decoder(Product202309)(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", b"\n<!doctype html>", b"OK", b"[]", b"null", b"[" * 100_000, b"\xff\xfe"]
)
def test_what_a_proxy_says_in_tiktoks_place_is_no_word_about_the_id(body: bytes) -> None:
    with pytest.raises(errors.Transient) as caught:
        Decoder(Product202309)(body)
    assert type(caught.value) is errors.Transient


def test_a_refusal_counts_whatever_its_data_looks_like() -> None:
    body = b'{"code":12052034,"message":"not yours","request_id":"r","data":{"id":{}}}'
    with pytest.raises(errors.NotThisShop, match="not yours"):
        Decoder(Product202309)(body)
    assert isinstance(refusal(body), errors.NotThisShop)


words = st.none() | st.text("abcXYZ", max_size=20)


def envelope(code: int, message: str | None, request_id: str | None, data: str) -> bytes:
    return b'{"code":%d,"message":%b,"request_id":%b,"data":%b}' % (
        code, json.dumps(message).encode(), json.dumps(request_id).encode(), data.encode(),
    )  # fmt: skip


@given(code=st.sampled_from([12052034, 36009005, 105005]), message=words, request_id=words, broken=st.booleans())
def test_an_error_has_the_words_of_its_envelope(
    *, code: int, message: str | None, request_id: str | None, broken: bool
) -> None:
    body = envelope(code, message, request_id, '{"id":{}}' if broken else "null")
    with pytest.raises(errors.CallError) as caught:
        Decoder(Product202309)(body)
    for error in (caught.value, refusal(body)):
        assert error is not None
        assert (error.code, error.request_id) == (code, request_id or "")
        assert (message or "") in error.message


@pytest.mark.parametrize("data", ['{"id":"1"}', '{"id":"1","title":{}}'])
@given(request_id=words)
def test_an_answer_has_the_id_of_its_request_whatever_else_is_odd(data: str, request_id: str | None) -> None:
    product, found = Decoder(Product202309)(envelope(0, None, request_id, data))
    assert (str(product.id), found) == ("1", request_id or "")


@given(request_id=words, odd_words=st.booleans())
def test_a_list_without_data_is_an_empty_list(request_id: str | None, *, odd_words: bool) -> None:
    body = envelope(0, None, request_id, "null")
    page, found = Decoder(Page)(body.replace(b'"message":null', b'"message":[]') if odd_words else body)
    assert (page.total_count, page.next_page_token, found) == (None, None, request_id or "")


@pytest.mark.parametrize(("code", "known"), [(2**53, True), (-(2**53), True), (2**53 + 1, False), (-(2**60), False)])
def test_a_code_that_is_no_number_of_tiktoks_has_no_meaning(code: int, *, known: bool) -> None:
    body = envelope(code, "words", "r", "null")
    with pytest.raises(errors.CallError) as caught:
        Decoder(Product202309)(body)
    for error in (caught.value, refusal(body)):
        assert error is not None
        assert (type(error) is errors.Unreadable, error.code) == ((False, code) if known else (True, 0))


def test_ids_may_be_integers_beyond_what_a_double_holds() -> None:
    product, _ = Decoder(Product202309)(b'{"code":0,"data":{"id":576486316948490001}}')
    assert str(product.id) == "576486316948490001"
