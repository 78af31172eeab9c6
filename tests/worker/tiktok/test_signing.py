from hypothesis import given
from hypothesis import strategies as st

from worker.tiktok.signing import sign

text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
queries = st.dictionaries(text, text, max_size=8)


def test_the_official_vector() -> None:
    query = {"app_key": "29a39d", "timestamp": "1623812664"}
    expected = "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"
    assert sign("e59af819cc", "/authorization/202309/shops", query) == expected


@given(secret=st.text(alphabet="0123456789abcdef", min_size=1, max_size=40), path=text, query=queries, body=text)
def test_it_signs_as_the_sdk_generated_from_tiktoks_description(
    secret: str, path: str, query: dict[str, str], body: str
) -> None:
    from tiktok_shop_api.signing import Signer  # a second of a core

    theirs = Signer.sign(
        path=path, query=list(query.items()), content_type="application/json", body=body.encode(), app_secret=secret
    )
    assert sign(secret, path, query, body.encode()) == theirs


def test_sign_and_access_token_are_not_signed_and_the_order_of_parameters_does_not_matter() -> None:
    query = {"b": "2", "a": "+/&= ü"}
    more = {"sign": "x", "a": "+/&= ü", "access_token": "y", "b": "2"}
    assert sign("s", "/p", query) == sign("s", "/p", more)


def test_every_byte_of_the_body_counts() -> None:
    assert sign("s", "/p", {}, b'{"a":1}') != sign("s", "/p", {}, b'{"a": 1}')
