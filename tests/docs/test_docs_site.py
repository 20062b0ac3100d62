"""The site builds without a warning, and what it and README refer to is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import hooks
import pages
import pytest


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    # Without --quiet: it hides warnings from --strict, too.
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=pages.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "WARNING -" not in said
    for name in ("index.html", "tutorial/index.html", *(f"{path.removesuffix('.md')}/index.html" for path in hooks.PAGES)):
        assert (tmp_path / name).stat().st_size > 1000, name


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    generated = {pages.ROOT / "docs" / path for path in hooks.PAGES}
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page)):
        parts = urlsplit(target)
        if parts.scheme or not parts.path:
            continue
        path = (page.parent / parts.path).resolve()
        if not path.exists() and path not in generated:
            wrong.append(target)
    assert not wrong


def test_files_and_tests_that_are_named_exist() -> None:
    wrong = []
    for page, text in pages.inline_code():
        match = re.fullmatch(r"((?:bbq|tests|examples|templates|benchmarks|etc|docs)/[\w./-]*)(?:::(\w+))?", text)
        if match is None:
            continue
        path = pages.ROOT / match[1]
        if not path.exists() or (match[2] and f"def {match[2]}(" not in path.read_text(encoding="utf-8")):
            wrong.append(f"{page.name}: {text}")
    assert not wrong


def test_every_page_of_the_reference_says_something() -> None:
    from bbq.cli.main import COMMANDS

    for path, make in hooks.PAGES.items():
        assert make().count("\n| ") + make().count("\n#") > 10, path
    commands = hooks.commands()
    assert all(f"## bbq-deploy {name}\n" in commands for name in COMMANDS)


def test_what_bbq_says_of_a_wrong_example_has_the_pages_code() -> None:
    from bbq.catalogue import codes

    said = {code: re.search(r"What bbq says:\n\n```text\n(.*?)```", hooks.diagnostic(code), re.DOTALL) for code in codes()}
    wrong = [code for code, match in said.items() if match and f" {code}: " not in match[1]]
    assert not wrong
    assert sum(match is not None for match in said.values()) > len(said) / 2
    assert all(said[code] for code in ("BBQ-T321", "BBQ-T330", "BBQ-T331", "BBQ-T332"))


def test_the_local_provider_page_has_every_type_that_it_makes() -> None:
    from bbq.providers.local.provider import RESOURCES

    text = (pages.ROOT / "docs/reference/local.md").read_text(encoding="utf-8")
    titles = {
        "MariaDB": "`engine: mariadb`",
        "NatsServer": "`engine: nats`",
        "PostgreSQL": "`engine: postgresql`",
        "RabbitMQ": "`engine: rabbitmq`",
        "SQLite": "`engine: sqlite`",
        "SparkMaster": "## SparkCluster",
        "SparkWorker": "## SparkCluster",
        "WorkerInstance": "## Worker",
    }
    for name in (type_name.rpartition(".")[2] for type_name in RESOURCES):
        assert titles.get(name, f"## {name}") in text, name
