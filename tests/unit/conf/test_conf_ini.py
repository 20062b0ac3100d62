"""The light reader agrees with oslo.config, and finds the import map on its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg

from bbq.conf import ini
from bbq.errors import ConfigurationError

Write = Callable[..., str]

NAMES = st.text("abcxyz_-", min_size=1, max_size=6)
VALUES = st.text("abc =:'\"#;$,é0", max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES, st.sampled_from(["=", " = ", ": "]), st.booleans()), max_size=6))
def test_the_same_values_as_oslo_config(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str, str, bool]]
) -> None:
    text = "# comment\n[group]\n"
    for name, value, separator, continued in lines:
        text += f"{name}{separator}{value}\n" + ("   more\n" if continued else "")
    file = tmp_path_factory.mktemp("ini") / "a.conf"
    file.write_text(text)
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(str(file), sections).parse()
    except Exception:  # noqa: BLE001 - whatever it refuses, ours may refuse or not
        return
    mine: dict[str, list[str]] = {}
    for entry in ini.entries([str(file)]):
        mine.setdefault(entry.option, []).append(entry.value)
    theirs: dict[str, list[str]] = {}
    for name, values in sections["group"].items():
        theirs.setdefault(name.replace("-", "_"), []).extend(values)
    assert {k: sorted(v) for k, v in mine.items()} == {k: sorted(v) for k, v in theirs.items()}


def test_import_map_precedence(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("f", "a", "b", "o", "rel"):
        (tmp_path / name).mkdir()
    at = str(tmp_path)
    write(f"[tosca]\nimport_map = https://file/={at}/f\n", ".config/bbq/bbq.conf")
    home = {"HOME": at}
    assert ini.import_map((), (), home) == {"https://file/": f"{at}/f"}
    variable = {**home, "BBQ_TOSCA__IMPORT_MAP": f"https://a/={at}/a,https://b/?x=y={at}/b"}
    assert ini.import_map((), (), variable) == {"https://a/": f"{at}/a", "https://b/?x=y": f"{at}/b"}
    assert ini.import_map(["https://flag/=rel"], (), variable) == {"https://flag/": f"{at}/rel"}
    other = write(f"[tosca]\nimport_map = https://other/={at}/o\n", "other.conf")
    assert ini.import_map((), [other], home) == {"https://other/": f"{at}/o"}


@pytest.mark.parametrize("text", ["https://a/", "=dir", "https://a/="])
def test_a_wrong_mapping(text: str) -> None:
    with pytest.raises(ConfigurationError, match="PREFIX=DIRECTORY"):
        ini.parse_mapping(text)


def test_state_directory() -> None:
    assert ini.state_directory({"HOME": "/h"}) == Path("/h/.local/state/bbq")
    assert ini.state_directory({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == Path("/s/bbq")
    assert ini.state_directory({"HOME": "/h", "XDG_STATE_HOME": "relative"}) == Path("/h/.local/state/bbq")  # XDG: ignored


def test_a_file_that_is_too_large(write: Write) -> None:
    with pytest.raises(ConfigurationError, match="larger than 1 MiB"):
        ini.entries([write("[a]\n" + "x = y\n" * 300_000)])
