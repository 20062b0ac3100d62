"""What runs `sweep` again and again where no client has to be: `templates/sweep/`, one file a kind."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bbq.datafiles import data_dir


def schedule(kind: str, provider: str, config_files: Sequence[str] = ()) -> str:
    """The text of it. A crontab is for this machine: with this program, these configuration files and this cloud."""
    text = (data_dir("templates") / "sweep" / kind).read_text(encoding="utf-8")
    if kind != "cron":
        return text
    files = [part for file in config_files for part in ("--config-file", str(Path(file).absolute()))]
    names = ("OS_CLOUD", "OS_CLIENT_CONFIG_FILE")  # no other variable: those hold passwords
    environment = "".join(f"{name}={shlex.quote(os.environ[name])} " for name in names if os.environ.get(name))
    program = [sys.executable, "-m", "bbq"]
    reap = shlex.join([*program, "reap", *files])
    sweep = shlex.join([*program, "sweep", "--provider", provider, *files])
    return text.format(reap=_escaped(reap), environment=_escaped(environment), sweep=_escaped(sweep))


def _escaped(text: str) -> str:
    """A crontab ends a command at an unescaped `%`."""
    return text.replace("%", "\\%")
