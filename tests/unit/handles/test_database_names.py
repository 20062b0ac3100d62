"""What a database node may name: names go into statements that are told by their lines, files are read."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bbq.engine.contract import ConfigurationFault, PermanentFault
from bbq.providers.local.databases import refuse_reserved, schema_text


def wanted(directory: Path, **properties: Any) -> Any:
    return SimpleNamespace(template_dir=str(directory), properties={"user": "app", "database": "app", **properties})


@pytest.mark.parametrize("name", ['x"\nALTER SYSTEM SET a = b;\n"', "a\rb", "a\0b", "a\x1b[31m"])
@pytest.mark.parametrize("kind", ["user", "database"])
def test_a_name_is_one_line(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(PermanentFault, match=kind):
        refuse_reserved(wanted(tmp_path, **{kind: name}), users=(), databases=())


def test_a_schema_that_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", "/dev/zero"):
        with pytest.raises(ConfigurationFault, match="not a file"):
            schema_text(wanted(tmp_path, schema_file=name))
