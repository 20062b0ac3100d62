"""The model of a Heat template, whatever its version and spelling: names are HOT's.

Values are plain Python (None, bool, int, float, str, list, dict) with a `Call` where a function stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from yaml import Node

from bbq.diagnostics import SourceRange
from bbq.hot.limits import Limit
from bbq.hot.values import Call
from bbq.hot.versions import Version

__all__ = ["Call", "FileReference", "HotTemplate", "Limit", "Output", "Parameter", "Resource"]


@dataclass(slots=True)
class Parameter:
    """`type` by HOT's name, "" where the template names none that is known. `default` is as Heat would use it."""

    name: str
    type: str
    at: SourceRange
    default: Any = None
    has_default: bool = False
    constraints: tuple[Limit, ...] = ()
    hidden: bool = False
    immutable: bool = False
    label: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(slots=True)
class Resource:
    """`implementation` is the type that makes it, after the environment's registry; `template` the nested one where that is a
    template. `needs` are the resources that have to be there before, by name."""

    name: str
    type: str
    at: SourceRange
    properties: Any = None
    metadata: Any = None
    depends_on: tuple[str, ...] = ()
    update_policy: Any = None
    deletion_policy: Any = None
    condition: Any = None
    external_id: Any = None
    description: str = ""
    implementation: str = ""
    template: HotTemplate | None = None
    needs: tuple[str, ...] = ()


@dataclass(slots=True)
class Output:
    name: str
    value: Any
    at: SourceRange
    description: str = ""
    condition: Any = None


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file that a template or environment names.

    kind     "template" (a nested one), "content" (of `get_file`) or "environment"
    status   "there"; "missing"; "outside" the project's folder; "remote", a URL that no import map maps
    path     where it is; None where it is remote
    written  how it is written, and where, each time
    """

    kind: Literal["template", "content", "environment"]
    status: Literal["there", "missing", "outside", "remote"]
    path: Path | None
    written: tuple[tuple[str, SourceRange], ...]

    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal. Raises OSError where it cannot be read."""
        if self.path is None:
            raise FileNotFoundError(self.written[0][0])
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(slots=True)
class HotTemplate:
    """One template with everything it refers to.

    path           as it was given
    files          what a stack's creation has to send, by path relative to the template's folder (the URL where it is remote);
                   nested templates' files too
    parameters     without the pseudo parameters
    environment    the merged environment: parameters, parameter_defaults, resource_registry, event_sinks; {} without one
    values         the parameters' values in force, as far as they are known (a hidden one's too: do not show them)
    digest         SHA-256 over the template, its nested templates and its environments
    roots          the YAML of every template that was read, by real path (for `bbq.hot.bundle`)
    registries     the YAML of the environments' `resource_registry`s, later ones laid over earlier ones
    """

    path: str
    version: Version
    at: SourceRange
    description: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    parameter_groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    files: dict[str, FileReference] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    roots: Mapping[Path, Node] = field(default_factory=dict)
    registries: tuple[Node, ...] = ()
