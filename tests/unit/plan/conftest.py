from __future__ import annotations

import pytest
from plan_workshop import World


@pytest.fixture
def world() -> World:
    return World()
