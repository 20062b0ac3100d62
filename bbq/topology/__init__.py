"""The provider-neutral graph: `build` makes it from a service template, inputs and a provider's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.topology.model import Topology
    from bbq.tosca.model import ServiceTemplate

__all__ = ["build"]


def build(
    service: ServiceTemplate,
    *,
    inputs: Mapping[str, Any],
    provider: str,
    overrides: Mapping[str, int] | None = None,
    template_dirs: Sequence[str | Path] = (),
    digests: bool = True,
    lacking: Collection[str] = (),
    elsewhere: bool = False,
) -> tuple[Topology | None, list[Diagnostic]]:
    """See `bbq.topology.builder.build`, which is imported at the first call."""
    from bbq.topology.builder import build as implementation

    return implementation(
        service,
        inputs=inputs,
        provider=provider,
        overrides=overrides,
        template_dirs=template_dirs,
        digests=digests,
        lacking=lacking,
        elsewhere=elsewhere,
    )
