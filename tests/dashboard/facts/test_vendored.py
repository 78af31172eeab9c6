"""The one library of others in the dashboard is the file that npm has for its version."""

import hashlib
from pathlib import Path

import gateway.dashboard

STATIC = Path(gateway.dashboard.__file__).parent / "static"
IDIOMORPH_0_8_0 = "4cbd535caf7663a51eda9bce6595371c384fc430d54b8d414e29a61167f19f96"
"""SHA-256 of `package/dist/idiomorph.min.js` of `npm pack idiomorph@0.8.0`."""


def test_idiomorph_is_that_of_npm_with_its_licence() -> None:
    assert hashlib.sha256((STATIC / "idiomorph.js").read_bytes()).hexdigest() == IDIOMORPH_0_8_0
    assert (STATIC / "idiomorph.LICENSE").read_text().startswith("Zero-Clause BSD")


def test_our_own_script_is_short_and_evaluates_nothing() -> None:
    script = (STATIC / "dashboard.js").read_text()
    assert len(script.splitlines()) <= 80
    assert not {"eval(", "innerHTML", "document.write", "new Function"} & set(script.split())
