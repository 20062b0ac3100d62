"""Every problem of one template, by reading it anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bbq import facts, topology, tosca
from bbq.collection import paused
from bbq.errors import UsageError
from bbq.languages import language_of
from bbq.operations.wanted import NO_SUBSTITUTION
from bbq.topology.codes import MISSING_TARGET

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.tosca.model import ServiceTemplate


def findings(
    path: str,
    *,
    inputs: Mapping[str, Any] | None,
    import_map: Mapping[str, str] | None,
    offline: bool,
    environments: Sequence[str] = (),
    allowed_hosts: Sequence[str] = (),
) -> list[Diagnostic]:
    """Every problem of a template, be it TOSCA, HOT, CFN or a Murano package. The graph of a TOSCA template is checked,
    too, where all inputs have values; no provider is asked. Raises `UsageError` for environments,
    which are Heat's, of another."""
    with paused():
        language = language_of(path)
        if language == "Murano":
            if environments:
                raise UsageError(f"{path} is a Murano package: environments are for Heat's templates")
            return _murano_findings(path, inputs)
        if language != "TOSCA":
            return _heat_findings(path, inputs, import_map, environments)
        if environments:
            raise UsageError(f"{path} is no Heat template: environments are for those", hint="give inputs with --inputs FILE")
        return _findings(path, inputs, import_map, () if offline else allowed_hosts)


def _murano_findings(path: str, inputs: Mapping[str, Any] | None) -> list[Diagnostic]:
    from bbq import murano

    package, found = murano.load(path, inputs=inputs)
    known = package.application.properties if package is not None and package.application is not None else {}
    if any(name not in known or known[name].secret for name in inputs or ()):
        facts.unrepeatable()  # what is remembered of a run names its inputs, by a digest that could be guessed
    return found


def _heat_findings(
    path: str, inputs: Mapping[str, Any] | None, import_map: Mapping[str, str] | None, environments: Sequence[str]
) -> list[Diagnostic]:
    from bbq import hot

    template, found = hot.load(path, environments=environments, parameters=inputs, import_map=import_map)
    known = template.parameters if template is not None else {}
    if any(name not in known or known[name].hidden for name in inputs or ()):
        facts.unrepeatable()  # what is remembered of a run names its inputs, by a digest that could be guessed
    return found


def _findings(
    path: str, inputs: Mapping[str, Any] | None, import_map: Mapping[str, str] | None, allowed_hosts: Sequence[str]
) -> list[Diagnostic]:
    service, found = tosca.load(path, import_map=import_map, offline=False, allowed_hosts=allowed_hosts)
    if inputs and (service is None or _holds_secret(inputs, service)):
        facts.unrepeatable()  # what is remembered of a run names its inputs, by a digest that could be guessed
    return with_graph(service, found, inputs)


def with_graph(service: ServiceTemplate | None, found: list[Diagnostic], inputs: Mapping[str, Any] | None) -> list[Diagnostic]:
    """The findings about a template that was read, and those about its graph."""
    if service is None or any(item.code == "BBQ-T029" for item in found):
        return found  # of a partial template the graph would tell what is missing once more, as errors
    flawed = _has_errors(found)
    if flawed and (service.flaws.anywhere or service.archive is not None):
        return found  # what the graph would tell might come from that
    if (service.substitution is not None or "substitution" in service.flaws.parts) and inputs is None:
        return found  # it is to stand for a node of another template, which has what its requirements ask for
    values, wrong = tosca.check_inputs(service, inputs or {})
    if _has_errors(wrong):
        return found if inputs is None or "inputs" in service.flaws.parts else [*found, *wrong]
    _, more = topology.build(service, inputs=values, provider=NO_SUBSTITUTION, digests=False, elsewhere=True)
    if flawed:
        told = {_place(item) for item in found if item.severity == "error"}
        more = [item for item in more if _place(item) not in told]
    # what the template alone lets expect, the graph tells more exactly: of a requirement and of a function's value
    missing = {_place(item) for item in more if item.code == MISSING_TARGET}
    computed = {_place(item) for item in more if item.code.startswith("BBQ-T04")}
    better = {"BBQ-T062": missing, "BBQ-T046": computed}
    found = [item for item in found if _place(item) not in better.get(item.code, ())]
    return list(dict.fromkeys([*found, *wrong, *more]))


def _place(item: Diagnostic) -> tuple[str, int, int]:
    return item.file, item.line, item.column


def _has_errors(found: Iterable[Diagnostic]) -> bool:
    return any(item.severity == "error" for item in found)


def _holds_secret(given: Mapping[str, Any], service: ServiceTemplate) -> bool:
    from bbq.topology.secrecy import Secrecy

    secrecy = Secrecy()
    definitions = [service.inputs.get(name) for name in given]
    return any(item is None or secrecy.is_secret(item, service) for item in definitions)
