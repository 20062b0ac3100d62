from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from newcomer import Newcomer


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    found = Newcomer(tmp_path)
    yield found
    found.close()
