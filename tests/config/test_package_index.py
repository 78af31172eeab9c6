"""uv asks the index that pip asks, whichever way pip was told it."""

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.project import package_index
from config.project.lock import BASE_PYTHON

WHEEL = "doors_of_shopstream-1.0-py3-none-any.whl"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def index(folder: Path) -> Iterator[str]:
    """Serve a package index with one package."""
    packages = folder / "simple" / "doors-of-shopstream"
    packages.mkdir(parents=True)
    about = "doors_of_shopstream-1.0.dist-info"
    with zipfile.ZipFile(packages / WHEEL, "w") as wheel:
        wheel.writestr("doors_of_shopstream.py", "")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: doors-of-shopstream\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    (packages / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("way", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"])
def test_uv_installs_from_the_index_that_pip_knows(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    with index(tmp_path) as url:
        settings = {"PIP_INDEX_URL": url, "PIP_EXTRA_INDEX_URL": url}
        if way == "PIP_EXTRA_INDEX_URL":
            settings["PIP_INDEX_URL"] = f"{url}/none-here"
        if way == "PIP_CONFIG_FILE":
            configuration = tmp_path / "pip.conf"
            configuration.write_text(f"[global]\nindex_url = {url}\nextra_index_url = {url}\n")
            settings = {"PIP_CONFIG_FILE": str(configuration)}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        digest = hashlib.sha256((tmp_path / "simple" / "doors-of-shopstream" / WHEEL).read_bytes()).hexdigest()
        wanted = tmp_path / "wanted.txt"
        wanted.write_text(f"doors-of-shopstream==1.0 --hash=sha256:{digest}\n")
        target = tmp_path / "target"
        options = ("--require-hashes", "--no-cache", "--target", str(target), "-r", str(wanted))
        done = subprocess.run(  # noqa: S603
            [str(Path(sys.executable).with_name("uv")), "pip", "install", *options],
            env=package_index.environment(BASE_PYTHON), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (target / "doors_of_shopstream.py").exists()


def test_each_setting_of_pip_has_its_variable_and_the_environment_goes_before_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip itself prints them: no line of its output is of our making."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        """
[global]
index_url = https://one.test
extra_index_url =
    https://three.test
    file:///four
cert = /seven.pem
trusted_host = eight.test nine.test
constraint = /ten.txt
[install]
find_links = /five /six
[download]
index_url = https://eleven.test
"""
    )
    given = {
        "PIP_CONFIG_FILE": str(configuration), "PIP_INDEX_URL": "https://two.test", "PIP_DEFAULT_TIMEOUT": "180"
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment = package_index.environment(BASE_PYTHON)
    expected = {
        "UV_DEFAULT_INDEX": "https://two.test",
        "UV_INDEX": "https://three.test file:///four",
        "UV_FIND_LINKS": "/five,/six",
        "UV_HTTP_TIMEOUT": "180",
        "SSL_CERT_FILE": "/seven.pem",
        "UV_INSECURE_HOST": "eight.test nine.test",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_NO_CONFIG": "1",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert "/ten.txt" not in environment.values()


def test_an_index_that_uv_alone_was_told_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://elsewhere.test/simple")
    monkeypatch.setenv("UV_CACHE_DIR", "/kept")
    given = package_index.environment(BASE_PYTHON)
    assert given.get("UV_DEFAULT_INDEX") != "https://elsewhere.test/simple"
    assert given["UV_CACHE_DIR"] == "/kept"
