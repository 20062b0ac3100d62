"""The last look, by tag: nothing of a destroyed deployment is left, nothing of a living one exists twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from bbq.engine.contract import ConfigurationFault, Handle, ProviderFault, Tag
from bbq.engine.loop import Call, Sleep
from bbq.engine.retry import Backoff, error_of
from bbq.engine.run import NodeRun, Shared
from bbq.errors import BbqError, DeadlineExceeded

T = TypeVar("T")
Found = list[tuple[Tag, Handle, str]]


class Sweep:
    """`left` names the nodes whose things could not be deleted, `error` says why; `done` once `everything` is gone."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.left: tuple[str, ...] = ()
        self.error: BbqError | None = None
        self.done = False

    async def duplicates(self, runs: Mapping[str, NodeRun]) -> None:
        """Nodes that were made a second time after a lost answer: the first one, should it turn up, goes."""
        shared = self._shared
        await Sleep(shared.provider.list_grace)  # whatever was made by now is in the lists by then
        found = await self._list()
        doubles = []
        for tag, handle, kind in found:
            run = runs.get(tag.node)
            if tag.node in shared.twice and run is not None and run.handle is not None and run.handle.id != handle.id:
                doubles.append((tag, handle, kind))
        await self._delete(doubles)

    async def everything(self) -> None:
        """Until a fresh listing is empty; then what belongs to the deployment as a whole goes."""
        try:
            pause, limit = 0.0, self._shared.loop.clock.monotonic() + self._limit()
            while found := await self._list():
                if self._shared.loop.clock.monotonic() > limit:
                    names = sorted({tag.node for tag, _, _ in found})
                    self.left = tuple(names)
                    self.error = DeadlineExceeded(
                        f"still there after {self._limit():g} s: {', '.join(names[:10])}",
                        hint="`bbq-deploy destroy` tries again",
                    )
                    return
                await self._delete(found)
                await Sleep(pause)
                pause = min(5.0, max(0.2, 2 * pause))
            provider, id = self._shared.provider, self._shared.row.id
            await self._retrying(lambda: provider.finish_destroy(id))
            self.done = True
        except ProviderFault as fault:
            self.error = error_of(fault, self._shared.scope.scrub(f"the last look for things left behind failed: {fault}"))

    def _limit(self) -> float:
        return self._shared.options.delete_timeout or 300.0

    async def _list(self) -> Found:
        provider, id = self._shared.provider, self._shared.row.id
        return await self._retrying(lambda: list(provider.list_tagged(id)))

    async def _delete(self, found: Iterable[tuple[Tag, Handle, str]]) -> None:
        shared = self._shared
        for tag, handle, kind in found:
            resource = shared.provider.resource((kind,))
            if resource is None:
                raise ConfigurationFault(f"the provider {shared.provider.name} does not make {kind} ({tag.node})")
            # known by its tag alone: the tag is its record, so a crash here loses nothing
            await self._retrying(partial(resource.delete, handle, tag))

    async def _retrying(self, fn: Callable[[], T]) -> T:
        backoff = Backoff(self._shared.options, self._shared.random)
        while True:
            try:
                result: T = await Call(fn, mutates=True)
                return result
            except ProviderFault as fault:
                pause = backoff.pause(fault)
                if pause is None:
                    raise
                await Sleep(pause)
