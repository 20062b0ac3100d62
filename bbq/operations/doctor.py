"""What there is for a provider. For the local one: the same searches that it makes itself; nothing is started or changed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bbq.errors import BbqError, UsageError
from bbq.providers import NAMES
from bbq.providers.finding import Finding

if TYPE_CHECKING:
    from bbq.operations.workspace import Workspace

ROOM = 2 << 30
"""Bytes that a small deployment needs on the disk, with Spark's work files."""


def examine(workspace: Workspace, provider: str = "local") -> Iterator[Finding]:
    """One finding a check. `UsageError` for a provider that has no checks."""
    if provider != "local":
        if provider not in NAMES or importlib.util.find_spec(f"bbq.providers.{provider}.doctor") is None:
            able = [name for name in NAMES if name == "local" or importlib.util.find_spec(f"bbq.providers.{name}.doctor")]
            raise UsageError(f"doctor knows nothing of the provider {provider!r}", hint=f"one of {', '.join(able)}")
        yield from importlib.import_module(f"bbq.providers.{provider}.doctor").examine(workspace.config)
        return
    yield Finding("Python", "ok", f"{platform.python_version()} ({sys.executable})")
    yield from _state(workspace)
    for name, search, needed in (
        ("Java", lambda: _java(workspace), "Spark"),
        ("Spark", _spark, "SparkCluster, SparkApplication"),
        ("PostgreSQL", _postgresql, "Database"),
        ("NATS", _nats, "MessageQueue"),
        ("RabbitMQ", _rabbitmq, "MessageQueue with engine: rabbitmq"),
        ("MariaDB", _mariadb, "Database with engine: mariadb"),
        ("Ansible", _ansible, "operations of templates"),
    ):
        yield _found(name, search, needed)
    yield _namespaces()


def _found(name: str, search: Callable[[], str | None], needed: str) -> Finding:
    from bbq.engine.contract import ConfigurationFault

    try:
        detail = search()
    except ConfigurationFault as fault:
        return Finding(name, "missing", f"{fault}" + (f"; {fault.hint}" if fault.hint else ""))
    return Finding(name, "ok", detail) if detail else Finding(name, "missing", f"not found; needed by {needed}")


def _state(workspace: Workspace) -> Iterator[Finding]:
    try:
        directory = workspace.state_directory
    except BbqError as error:
        yield Finding("State directory", "failed", f"{error}; {error.hint}")
        return
    yield Finding("State directory", "ok", str(directory) if directory.exists() else f"{directory}: made by the first `up`")
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / (1 << 30):.1f} GiB free"
    yield Finding(
        "Disk", "ok" if free >= ROOM else "missing", text if free >= ROOM else f"{text}; a Spark cluster needs about 2 GiB"
    )
    try:
        count = len(workspace.journal.deployments())
    except BbqError as error:
        yield Finding("Journal", "failed", f"{error}; {error.hint}" if error.hint else str(error))
    else:
        made = f"{workspace.no_journal}: made by the first `up`" if workspace.no_journal else ""
        yield Finding("Journal", "ok", made or f"{count} deployment{'' if count == 1 else 's'}")


def _java(workspace: Workspace) -> str:
    from bbq.providers.local.java import find_java

    java = find_java(workspace.config.local.java_home)
    return f"{java.version} ({java.home})"


def _spark() -> str:
    from bbq.providers.local.spark import spark_home

    return str(spark_home())


def _postgresql() -> str | None:
    from bbq.providers.local.postgresql import programs

    found = programs()
    return str(found) if found else None


def _nats() -> str | None:
    from bbq.providers.local.nats import program

    found = program()
    if found and importlib.util.find_spec("nats") is None:
        return None
    return str(found) if found else None


def _rabbitmq() -> str | None:
    from bbq.providers.local.rabbitmq import programs

    found = programs()
    return str(found[0]) if found else None


def _mariadb() -> str | None:
    from bbq.providers.local.mariadb import programs

    found = programs()
    return str(found[0]) if found else None


def _ansible() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    from bbq.providers.ansible.checks import missing_programs

    if missing_programs():
        return None
    try:
        runner = version("ansible-runner")
    except PackageNotFoundError:
        return None
    ssh = shutil.which("ssh")
    return f"ansible-runner {runner}, " + (f"ssh ({ssh})" if ssh else "no ssh: on this machine only")


def _namespaces() -> Finding:
    """PostgreSQL refuses root: as root it is run as somebody else, in a user namespace where the kernel allows one."""
    if os.geteuid() != 0:
        return Finding("User namespaces", "ok", "not needed: you are not root")
    from bbq.providers.local.privilege import user_namespaces

    if user_namespaces():
        return Finding("User namespaces", "ok", "allowed")
    return Finding("User namespaces", "missing", "not allowed; databases are run as nobody from a copy of their programs")
