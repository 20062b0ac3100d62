"""What a run comes to: its result, its outputs, its last event, and what the journal says of the deployment from then on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bbq.diagnostics import SourceRange
from bbq.engine.contract import Resource
from bbq.engine.result import RunResult
from bbq.engine.run import NodeRun, Shared
from bbq.errors import BbqError, DeadlineExceeded
from bbq.journal.model import Journal, Lease
from bbq.topology.model import Topology
from bbq.topology.values import UNKNOWN, contains, evaluate


class Conclusion:
    """Of one run that began at `began`, a monotonic time. `critical_path` goes into the result."""

    def __init__(self, shared: Shared, runs: dict[str, NodeRun], journal: Journal, lease: Lease, began: float) -> None:
        self._shared = shared
        self._runs = runs
        self._journal = journal
        self._lease = lease
        self._began = began
        self.critical_path: tuple[str, ...] = ()

    def result(
        self,
        steps: Iterable[str],
        failed: Iterable[NodeRun],
        rolled_back: tuple[str, ...] = (),
        left: tuple[str, ...] = (),
        lost: tuple[str, ...] = (),
        *,
        error: BbqError | None = None,
    ) -> RunResult:
        """`steps` are the plan's nodes, in its order; `error` is what ended the run, where no node did."""
        shared, now = self._shared, self._shared.loop.clock.monotonic()
        nodes = {name: self._runs[name].result(now) for name in steps}
        unfinished = sum(1 for result in nodes.values() if result.status != "done")
        if shared.stopping == "timeout" and unfinished:
            error = DeadlineExceeded(
                f"the time limit of the run, {shared.options.timeout:g} s, passed: "
                f"{len(nodes) - unfinished} of {len(nodes)} steps were finished",
                hint=f"--timeout ([engine] timeout) sets it; `bbq-deploy resume {shared.row.name}` goes on from here",
            )
        return RunResult(
            nodes,
            [
                replace(failure, source=self._source(run), logged=self._has_log(run), cancels=self._can_be_cancelled(run))
                for run in failed
                if (failure := run.failure()) is not None
            ],
            elapsed=now - self._began,
            interrupted=shared.stopping == "interrupt" and unfinished > 0,
            partial=shared.options.on_error == "continue",
            rolled_back=rolled_back,
            left=left,
            lost=lost,
            critical_path=self.critical_path,
            run_error=error,
            deployment=shared.row.name,
        )

    def answer_outputs(self, result: RunResult, topology: Topology) -> None:
        """None for what cannot be known yet: an output of a node that `--target` left out."""
        try:
            for name, output in topology.outputs.items():
                value = evaluate(output.value, self._shared.scope)
                result.outputs[name] = None if contains(value, lambda item: item is UNKNOWN) else value
        except BbqError as error:
            result.run_error = type(error)(f"output {name}: {error}", hint=error.hint)

    def close(self, result: RunResult, *, changes: bool, outputs: bool = False, destroying: bool = False) -> None:
        """The end of a run that leaves a deployment; it is told of where the run had `changes` to make. One that was to be
        destroyed stays `destroying`: `resume` goes on with that, and does not make it whole again."""
        recorder, scrub, error = self._shared.recorder, self._shared.scope.scrub, result.error()
        text = scrub(str(error)) if error else None
        if changes:
            data = {
                "result": "ok" if error is None else "interrupted" if result.interrupted else "failed",
                "elapsed": result.elapsed,
                "exit_code": int(result.exit_code),
                "error": text,
                "rolled_back": list(result.rolled_back),
                "lost": list(result.lost),
            }
            recorder.flush()  # first, or a full disk would be told of after a good end
            recorder.write("run.finished", data=data)
        recorder.flush()
        status = "active" if error is None else "interrupted" if result.interrupted else "failed"
        if destroying:
            status = "destroying"
        update: dict[str, object] = {"status": status, "error": text}
        if error is None and outputs:
            update["outputs"] = recorder.encoded(result.outputs, "outputs")
        self._journal.update(self._lease, **update)

    def destroyed(self, result: RunResult) -> None:
        """The end of a run that leaves none. The secrets go first: as long as the deployment is known, so is where they are."""
        recorder = self._shared.recorder
        recorder.write("run.finished", data={"result": "ok", "elapsed": result.elapsed, "exit_code": 0})
        recorder.flush()
        self._shared.secrets.forget()
        self._journal.update(self._lease, status="destroyed", outputs={}, error=None)

    def _has_log(self, run: NodeRun) -> bool:
        """Of a provider's types some may have none: a stack."""
        provider = self._shared.provider
        if not provider.has_logs or run.handle is None:
            return False
        return provider.simulated or bool(provider.logs(run.handle))

    def _can_be_cancelled(self, run: NodeRun) -> bool:
        resource = self._shared.provider.resource(run.ancestry)
        return resource is not None and type(resource).cancel is not Resource.cancel

    def _source(self, run: NodeRun) -> SourceRange | None:
        """Where the user's template asks for it: for a member, the place of the node that it is a part of."""
        node = run.node
        while node is not None and node.parent in self._runs and (whole := self._runs[node.parent].node) is not None:
            node = whole
        return node.source if node else None
