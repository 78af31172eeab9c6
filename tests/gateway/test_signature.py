"""TikTok's own vector, and whatever else is put in the place of a signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.signature import Verifier
from tests.gateway.process import sign

KEY, SECRET = "abcdef", "123"
BODY = (
    b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,'
    b'"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID","update_time":1718305585}}'
)
SIGNATURE = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"


def test_the_official_vector() -> None:
    assert Verifier(KEY, [SECRET]).find_app([SIGNATURE], BODY) == ""
    assert sign(BODY, SECRET, KEY) == SIGNATURE


@pytest.mark.parametrize("secrets", [["123", "456"], ["456", "123"], ["456", "789", "123"]])
def test_each_of_several_secrets_verifies(secrets: list[str]) -> None:
    assert Verifier(KEY, secrets).find_app([SIGNATURE], BODY) == ""


@pytest.mark.parametrize(
    "signatures",
    [
        [], [""], [SIGNATURE, SIGNATURE], [SIGNATURE.upper()], [SIGNATURE + "0"], [SIGNATURE[:-2]], [f" {SIGNATURE}"],
        [f"{SIGNATURE}\n"], [f"sha256={SIGNATURE}"], ["0" * 64], ["é" * 64], ["٣" * 64], [f"{SIGNATURE},{SIGNATURE}"],
    ],
)  # fmt: skip
def test_anything_else_is_refused(signatures: list[str]) -> None:
    assert Verifier(KEY, [SECRET]).find_app(signatures, BODY) is None


@given(body=st.binary(max_size=300), place=st.integers(0, 299), flip=st.integers(1, 255))
def test_no_other_body_has_the_signature(body: bytes, place: int, flip: int) -> None:
    verifier = Verifier(KEY, [SECRET])
    signature = sign(body, SECRET, KEY)
    assert verifier.find_app([signature], body) == ""
    assert Verifier("abcde", [SECRET]).find_app([signature], body) is None
    assert Verifier(KEY, ["1234"]).find_app([signature], body) is None
    if body:
        other = bytearray(body)
        other[place % len(body)] ^= flip
        assert verifier.find_app([signature], bytes(other)) is None


@given(text=st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    assert Verifier(KEY, [SECRET]).find_app([text], BODY) is None


def test_nothing_shows_a_secret() -> None:
    assert SECRET not in repr(Verifier(KEY, [SECRET]))
