"""The pytest fixture `bbq_deployment`; it comes with the package and imports nothing else of it before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bbq.api import Deployment


def import_for_threads() -> None:
    """Import what provider calls would import in worker threads.

    pytest rewrites the modules of a package that has a plugin, with the parser of `ast`, which until Python 3.12 is not safe in
    several threads at once ("AST constructor recursion depth mismatch").
    """
    from importlib import import_module
    from pkgutil import iter_modules

    for name in ("bbq.engine", "bbq.handles", "bbq.providers.local", "bbq.providers.simulator", "bbq.topology"):
        for module in iter_modules(import_module(name).__path__, f"{name}."):
            import_module(module.name)


@pytest.fixture
def bbq_deployment() -> Iterator[Callable[..., Deployment]]:
    """A factory: `bbq_deployment(path, provider="local", inputs={...}) -> Deployment`, as `bbq.ephemeral` takes them.

    Each call makes a deployment of its own, under a name of its own; all are destroyed at the end of the test, the last one
    first, whether it passed or not. They expire after two hours unless `ttl` says otherwise, so that `bbq-deploy reap` finds
    what a killed test run left behind.
    """
    import_for_threads()
    with ExitStack() as stack:

        def make(path: str, **options: Any) -> Deployment:
            from bbq.api import ephemeral

            options.setdefault("ttl", "2h")
            return stack.enter_context(ephemeral(path, **options))

        yield make
