"""The sample file is what the options say, and every option says enough."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from oslo_config import types

from bbq.conf.opts import MODULES, list_opts

ROOT = Path(__file__).resolve().parents[3]
OWN = [(module.group.name, opt) for module in MODULES for opt in module.opts]


def without_keystone(text: str) -> str:
    """keystoneauth's own options change with its releases, not with ours."""
    before, _, rest = text.partition("[keystone]\n")
    following = rest.find("\n\n\n[")
    return before + (rest[following:] if following >= 0 else "")


def test_the_sample_is_up_to_date(tmp_path: Path) -> None:
    target = tmp_path / "sample"
    command = [sys.executable, "-m", "oslo_config.generator", "--config-file", "etc/bbq/config-generator.conf"]
    subprocess.run([*command, "--output-file", str(target)], cwd=ROOT, check=True, timeout=120)
    sample = (ROOT / "etc/bbq/bbq.conf.sample").read_text()
    assert without_keystone(sample) == without_keystone(target.read_text()), "run: make sample"
    assert "[keystone]" in sample


@pytest.mark.parametrize(("group", "opt"), OWN, ids=lambda value: getattr(value, "dest", value))
def test_an_option_says_what_it_is(group: str, opt: object) -> None:
    help_text = opt.help or ""  # type: ignore[attr-defined]
    assert len(help_text) > 20, "no help text"
    assert help_text.endswith("."), "a help text is a sentence"
    kind = opt.type  # type: ignore[attr-defined]
    if isinstance(kind, types.Number):
        assert kind.min is not None, "no lower bound"
        assert kind.max is not None or not isinstance(kind, types.Integer), "no upper bound"
    if isinstance(kind, types.Float) and kind.max != 1.0:
        assert "econds" in help_text, "no unit"


def test_every_group_explains_itself() -> None:
    assert all(group.help for group, _ in list_opts())
    names = [group.name for group, _ in list_opts()]
    assert len(names) == len(set(names))
