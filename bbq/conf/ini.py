"""Where each value stands in a configuration file, in oslo.config's dialect of ini, without importing oslo.config.

oslo.config reads the values; this finds their lines for messages, unknown names, and the one value that `validate` needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bbq.errors import ConfigurationError

PREFIX = "BBQ_"
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment: `[group] option = value` at `file:line`, or of the variable `file` (line 0)."""

    group: str
    option: str
    value: str
    file: str
    line: int

    @property
    def origin(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


SYSTEM_FILE = "/etc/bbq/bbq.conf"


def default_files(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The configuration files that exist at the usual places, the system's before the user's."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME") or os.path.expanduser("~"), ".config")  # noqa: PTH111, PTH118
    return [path for path in (SYSTEM_FILE, f"{home}/bbq/bbq.conf") if os.path.isfile(path)]  # noqa: PTH113


def state_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_STATE_HOME/bbq`, `~/.local/state/bbq` by default."""
    home = environment.get("XDG_STATE_HOME")
    base = Path(home) if home and home.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return base / "bbq"


def entries(files: Sequence[str]) -> list[Entry]:
    """Every assignment of the files in order. Raises `ConfigurationError` for a file that cannot be read or parsed."""
    return [entry for file in files for entry in _entries(file)]


def _entries(file: str) -> Iterator[Entry]:
    group, option, value, at = "", "", "", 0
    for number, line in enumerate(_lines(file), 1):
        text = line.rstrip()
        if option and text and text[0] in " \t":
            value = f"{value}\n{text.strip()}"
            continue
        if option:
            yield Entry(group, option, value, file, at)
            option = ""
        if not text or text[0] in "#;":
            continue
        if text[0] == "[":
            if not text.endswith("]") or len(text) < 3:
                raise ConfigurationError(
                    f"{file}:{number}: this is not a section header: {text}", hint="write it like [engine]"
                )
            group = text[1:-1]
            continue
        if text[0] in " \t":
            raise ConfigurationError(
                f"{file}:{number}: an indented line without an option above it", hint="remove the indentation"
            )
        name, separator, rest = _split(text)
        if not separator or not name:
            raise ConfigurationError(f"{file}:{number}: this is not an option", hint="write it like option = value")
        if not group:
            raise ConfigurationError(
                f"{file}:{number}: {name} stands before any section", hint="put a line like [engine] above it"
            )
        option, value, at = name.replace("-", "_"), _unquoted(rest), number
    if option:
        yield Entry(group, option, value, file, at)


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8") as stream:  # noqa: PTH123 - pathlib costs start-up time
            text = stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"the configuration file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the configuration file {file} is not UTF-8 (byte {error.start})") from None
    if len(text) > LARGEST:
        raise ConfigurationError(f"the configuration file {file} is larger than 1 MiB", hint="is it the right file?")
    return text.splitlines()


def _split(text: str) -> tuple[str, str, str]:
    """At the first `=` or `:`, whichever comes first."""
    places = [place for place in (text.find("="), text.find(":")) if place >= 0]
    if not places:
        return text, "", ""
    return text[: min(places)].strip(), text[min(places)], text[min(places) + 1 :].strip()


def _unquoted(value: str) -> str:
    return value[1:-1] if value and value[0] == value[-1] and value[0] in "\"'" else value


def environment_entries(environment: Mapping[str, str] = os.environ) -> list[Entry]:
    """`BBQ_<GROUP>__<OPTION>=value`; other names that start with `BBQ_` are not ours, and an empty value counts as none."""
    found = []
    for name, value in sorted(environment.items()):
        group, separator, option = name.removeprefix(PREFIX).partition("__")
        if name.startswith(PREFIX) and separator and group and option and value:
            found.append(Entry(group.lower(), option.lower(), value, name, 0))
    return found


def import_map(given: Sequence[str], files: Sequence[str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The effective `[tosca] import_map`: of the flags, else of the environment, else of the last file that has one."""
    return mappings(_values("import_map", given, files, environment, several=True))


def allowed_hosts(given: Sequence[str], files: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """The effective `[tosca] allowed_hosts`, found as `import_map` is."""
    return _values("allowed_hosts", given, files, environment, several=False)


def _values(
    option: str, given: Sequence[str], files: Sequence[str], environment: Mapping[str, str], *, several: bool
) -> list[str]:
    """The values of an option of `[tosca]`; it may be given `several` times, or is a list separated by commas."""
    if given:
        return list(given)
    own = [e for e in environment_entries(environment) if (e.group, e.option) == ("tosca", option)]
    if own:
        return _parts(own[-1].value)
    named = [e for e in entries(files or default_files(environment)) if (e.group, e.option) == ("tosca", option)]
    if several:
        return [entry.value for entry in named if entry.file == named[-1].file]
    return _parts(named[-1].value) if named else []


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def mappings(pairs: Iterable[str]) -> dict[str, str]:
    """Each `PREFIX=DIRECTORY` as `parse_mapping` has it. `ConfigurationError` for one that leads nowhere, used or not."""
    found = dict(map(parse_mapping, pairs))
    for prefix, target in found.items():
        if not os.path.exists(target):  # noqa: PTH110
            raise ConfigurationError(
                f"import_map {prefix}={target}: there is no such file or directory",
                hint="see --import-map and [tosca] import_map",
            )
    return found


def parse_mapping(text: str) -> tuple[str, str]:
    """`PREFIX=DIRECTORY` -> (prefix, absolute directory); the last `=` divides, as URLs may hold one."""
    prefix, separator, directory = text.strip().rpartition("=")
    if not separator or not prefix or not directory:
        raise ConfigurationError(
            f"import_map {text!r} is not PREFIX=DIRECTORY", hint="for example https://example.org/types/=./types/"
        )
    return prefix, os.path.abspath(os.path.expanduser(directory))  # noqa: PTH100, PTH111
