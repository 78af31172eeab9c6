"""`SHOPSTREAM_X_FILE` stands for `SHOPSTREAM_X`: the same text, or one line that says why not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream.named_files import read_named_files

SECRET = "named-canary-5b1e"


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1),
    end=st.sampled_from(["", "\n", "\r\n"]),
)
def test_a_file_gives_its_text_without_the_newline_that_editors_add(
    tmp_path_factory: pytest.TempPathFactory, text: str, end: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "text"
    path.write_bytes((text + end).encode())
    assert read_named_files({"SHOPSTREAM_APP_SECRET_FILE": str(path)}).values == {"SHOPSTREAM_APP_SECRET": text}


def test_files_of_other_programs_and_empty_names_are_none_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("text")
    variables = {"POSTGRES_PASSWORD_FILE": str(path), "SHOPSTREAM_FILE": str(path), "SHOPSTREAM_APP_SECRET_FILE": ""}
    found = read_named_files(variables)
    assert (found.values, found.faults) == ({}, {})


def test_a_fault_is_half_a_line_without_the_secret(tmp_path: Path) -> None:
    (tmp_path / "large").write_text(SECRET * 10_000)
    (tmp_path / "binary").write_bytes(SECRET.encode() + b"\xff")
    (tmp_path / "both").write_text(SECRET)
    names = {name: f"SHOPSTREAM_{name.upper()}" for name in ("missing", "folder", "large", "binary", "both")}
    variables = {f"{variable}_FILE": str(tmp_path / name) for name, variable in names.items()}
    variables |= {"SHOPSTREAM_FOLDER_FILE": str(tmp_path), "SHOPSTREAM_BOTH": SECRET}
    found = read_named_files(variables)
    assert found.values == {}
    assert set(found.faults) == set(names.values())
    assert "can't be read (No such file or directory)" in found.faults["SHOPSTREAM_MISSING"]
    assert "can't be read (Is a directory)" in found.faults["SHOPSTREAM_FOLDER"]
    assert "more than 65536 bytes" in found.faults["SHOPSTREAM_LARGE"]
    assert "no text in UTF-8" in found.faults["SHOPSTREAM_BINARY"]
    assert "set one of the two" in found.faults["SHOPSTREAM_BOTH"]
    assert all(SECRET not in fault and "\n" not in fault for fault in found.faults.values())


def test_a_value_is_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(SECRET)
    assert SECRET not in repr(read_named_files({"SHOPSTREAM_APP_SECRET_FILE": str(tmp_path / "text")}))
