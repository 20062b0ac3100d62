"""An application of Murano, in an environment of its own. https://docs.openstack.org/api-ref/application-catalog/

Creating it makes the environment, with the tag in its description; the application is put into it and deployed through a
session by `probe`, which does so whenever the environment holds another one than it should. So whatever a dead client left
half-done, the next one goes on. A digest of what is deployed is kept with the application.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bbq import murano
from bbq.diagnostics import DiagnosticBag
from bbq.engine.contract import (
    AmbiguousFault,
    Changed,
    Check,
    ConfigurationFault,
    DeploymentContext,
    Ending,
    Handle,
    PermanentFault,
    State,
    Tag,
    TransientFault,
    Wanted,
)
from bbq.murano.inputs import check
from bbq.providers.openstack import tags
from bbq.providers.openstack.echoes import echoed, secret_texts
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.lookup import Unknown, known, place, problems
from bbq.providers.openstack.murano_packages import JSON, SERVICE, Packages
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node, Topology
from bbq.topology.values import Expr, contains, revealed

if TYPE_CHECKING:
    from bbq.providers.openstack.stack_needs import Needs

_BUSY: Final = 3.0
_PACKAGE: Final = re.compile(r"^Murano package (\S+)$", re.MULTILINE)
_DIGEST: Final = "bbq_digest"
_NETWORK: Final = "io.murano.resources.ExistingNeutronNetwork"


class MuranoApp(CloudResource):
    type: ClassVar = "bbq.nodes.openstack.MuranoApp"
    service: ClassVar = SERVICE
    instead: ClassVar = "`bbq-deploy up` of a TOSCA or Heat template needs none"
    updatable: ClassVar = frozenset({"package", "properties", "digest"})
    repairable: ClassVar = True  # Murano deploys what failed again, with all that there is of it
    poll_group: ClassVar = "murano-app"
    timeouts: ClassVar = {"create": 120.0, "ready": 3600.0, "delete": 1800.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self.packages = Packages(cloud)
        self._going: dict[str, tuple[str, str]] = {}  # environment -> deployment, node, of those that are on their way out
        self._sent: dict[str, str] = {}  # environment -> digest, where this process has deployed it

    def find(self, tag: Tag) -> Handle | None:
        found = self._environments("find the application " + tag.node)
        return next((_handle(item) for own, item in found if own is not None and _same(own, tag)), None)

    def create(self, wanted: Wanted) -> Handle:
        package = self._package(wanted)
        if package is not None:
            self._ensure(package, wanted.tag)
        name = tags.name_of(wanted.tag)
        body: dict[str, Any] = {"name": name, "description_text": tags.text(wanted.tag, _about(package, wanted))}
        if network := wanted.properties.get("network") or self.cloud.settings.network:
            body["defaultNetworks"] = {"environment": self._network(str(network), name), "flat": None}
        try:
            made = self.cloud.post(SERVICE, "/environments", f"create the environment {name}", body, headers=JSON)
        except Conflict as fault:  # the name is this node's own: an earlier call went through after all
            raise AmbiguousFault(str(fault)) from None
        return _handle(made)

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        """With nothing changed, what failed is deployed once more."""
        package = self._package(wanted)
        if package is not None:
            self._ensure(package, wanted.tag)
        self._deploy(handle, wanted, package)
        return handle

    def delete(self, handle: Handle, tag: Tag) -> None:
        """The environment first, which has the application destroy what it made; once none of the node's is there (the engine
        asks again as long as something is) the package."""
        self._going[handle.id] = _owner(tag)
        there = {item["id"]: item for own, item in self._environments("list the environments") if own and _same(own, tag)}
        if not there:
            self.packages.release(tag, self._users(tag))
            return
        for id, item in there.items():
            if item["status"] == "delete failure" and id in self._sent:
                raise PermanentFault(
                    f"{item['name']} cannot be deleted: {self.explain(_handle(item), state_of(item))}",
                    "bbq-deploy cancel --abandon has Murano forget it, and leaves what it made",
                )
            if item["status"] in ("deploying", "deleting"):
                continue  # Murano refuses: it has no way to end what it is doing
            with suppress(NotFound):
                try:
                    self.cloud.delete(SERVICE, f"/environments/{id}", f"delete the environment {item['name']}", headers=JSON)
                    self._sent[id] = ""
                except ConfigurationFault as fault:  # 403: it began to do something just now
                    if "status" not in str(fault):
                        raise

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        there = list(self._environments("list the environments"))
        found = {item["id"]: state_of(item) for _, item in there}
        if waiting := {id: owner for id, owner in self._going.items() if id in ids and id not in found}:
            alive = {_owner(own) for own, _ in there if own is not None}
            left = {_owner(own) for own, _ in self.packages.tagged()} - alive
            # `delete`, asked again, takes it away
            found |= {id: State("package left", stuck=True) for id, owner in waiting.items() if owner in left}
        return found

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        """Environments, then packages that are left of nodes without one."""
        seen = set()
        for own, item in chain(self._environments("list the environments"), self.packages.tagged()):
            if own is None or deployment_id not in (None, own.deployment_id) or (own.deployment_id, own.node) in seen:
                continue
            seen.add((own.deployment_id, own.node))
            yield own, _handle(item)

    def cancel(self, handle: Handle, ending: Ending) -> str | None:
        """Murano cannot end what it does; but it can forget an environment."""
        name = _name(handle)
        if ending == "abandon":
            what = f"abandon the environment {name}"
            self.cloud.delete(SERVICE, f"/environments/{handle.id}?abandon=true", what, headers=JSON)
            return f"Murano has forgotten the environment {name}; what its application has made is left"
        status = self._read(handle)["status"]
        if status not in ("deploying", "deleting"):
            return None
        raise PermanentFault(f"Murano cannot end what it does with {name} ({status})", "--abandon makes Murano forget it")

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """Is what is deployed what it should be? Else its deployment begins here."""
        item = self._read(handle)
        package = self._package(wanted)
        application = _application(item, wanted.tag)
        digest = _digest_of(wanted, package)
        kept = ((application or {}).get("?") or {}).get("metadata") or {}
        if application is None or (kept.get(_DIGEST) != digest and self._sent.get(handle.id) != digest):
            self._deploy(handle, wanted, package)
            return Check(False, "Murano to deploy it")
        secrets = secret_texts(wanted.properties.get("properties"))
        model = {key: echoed(value, secrets) for key, value in application.items() if key != "?"}
        attributes = {"id": item["id"], "name": item["name"], "status": item["status"], "model": model}
        return Check(True, attributes=attributes)

    def explain(self, handle: Handle, state: State) -> str:
        """What the application threw, and what it reported as errors, in the last deployment."""
        path = f"/environments/{handle.id}/deployments"
        try:
            deployments = self.cloud.get(SERVICE, path, f"list the deployments of {_name(handle)}", headers=JSON)["deployments"]
        except NotFound:
            return state.detail or state.name
        if not deployments:
            return state.detail or state.name
        last = deployments[0]
        result = (last.get("result") or {}).get("result") or {}
        said = [str(result.get("message") or "")] if isinstance(result, dict) else []
        what = f"read the reports of {_name(handle)}"
        reports = self.cloud.get(SERVICE, f"{path}/{last['id']}", what, headers=JSON)["reports"]
        said += [report["text"] for report in reports if report["level"] == "error"]
        lines = [" ".join(text.split()) for text in said]
        return (
            "\n".join(dict.fromkeys(line for line in lines if line)) or f"Murano gives no reason ({state.name}); its log has it"
        )

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        return self._problems(nodes)

    def preflight_changes(self, changed: Sequence[Changed]) -> list[str]:
        return self._problems([one.node for one in changed])

    # -- pieces

    def _problems(self, nodes: Sequence[Node]) -> list[str]:
        found: list[str] = []
        for node in nodes:
            bag = DiagnosticBag()
            package = None
            if path := node.properties.get("package"):
                file = _path(str(path), node)
                if file is None:
                    continue
                package, told = murano.load(str(file))
                found += [f"{place(node)}{node.name}: {item}" for item in told if item.severity == "error"]
                if any(item.severity == "error" for item in told):
                    continue
            given = node.properties.get("properties") or {}
            if package is not None and not contains(given, lambda value: isinstance(value, Expr)):
                check(package, revealed(given), bag)
            found += [f"{place(node)}{node.name}: {item.message}" for item in bag.items]
            found += problems(node, self._checks(node, package))
        return found

    def _checks(self, node: Node, package: murano.Package | None) -> Iterator[Callable[[], object]]:
        """What may raise `Unknown`."""
        given = known(node.properties)
        yield partial(self._consistent, given, package)
        if given.get("network"):
            yield partial(self.cloud.lookup.network, given["network"])

    def _consistent(self, given: Mapping[str, Any], package: murano.Package | None) -> None:
        if package is None and not given.get("application"):
            raise Unknown("neither a package nor an application of the catalogue is named", "give `package` or `application`")
        if package is None:
            if not self.packages.of_class(str(given["application"])):
                raise Unknown(f"Murano's catalogue has no class {given['application']}", "give the `package` that has it")
            return
        if package.kind != "Application":
            raise Unknown(f"{package.full_name} is a library: it has no application", "name the package that uses it")
        if not given.get("application") and package.application is None:
            raise Unknown(
                f"the package {package.full_name} has several classes",
                f"say which by `application`: {', '.join(package.classes)}",
            )
        there, errors = murano.beside(package)
        if errors:
            raise Unknown(f"a package that {package.full_name} requires cannot be used: {errors[0]}")
        for one in (package, *there.values()):
            for name in one.requires:
                if name not in there and not self.packages.of_name(name):
                    text = f"Murano's catalogue has no package {name}, which {one.full_name} requires"
                    raise Unknown(text, f"upload it first, or put {name}.zip beside the package")
        if (clash := self.packages.clash(package)) and "of the deployment " + self.context.name not in clash:
            raise Unknown(clash, "remove that one, or give this one another FullName")

    def _environments(self, what: str) -> Iterator[tuple[Tag | None, dict[str, Any]]]:
        """(tag, environment), all of the project in one list."""
        for item in self.cloud.get(SERVICE, "/environments", what, headers=JSON)["environments"]:
            yield tags.of_text(item.get("description_text")), item

    def _users(self, tag: Tag) -> dict[str, Tag | None]:
        """Full names of packages that other environments use. Those of others than bbq are asked one by one."""
        found: dict[str, Tag | None] = {}
        for own, item in self._environments("list the environments"):
            if own is not None and not _same(own, tag):
                for name in _PACKAGE.findall(item.get("description_text") or ""):
                    found[name] = own
            elif own is None:
                with suppress(NotFound):
                    read = self.cloud.get(SERVICE, f"/environments/{item['id']}", "look at an environment", headers=JSON)
                    for kind in re.findall(r'"type": "([^"]+)"', json.dumps(read.get("services") or [])):
                        found.setdefault(kind.partition("@")[2] or kind, None)
        return found

    def _ensure(self, package: murano.Package, tag: Tag) -> None:
        """What it requires, where that is beside it and the catalogue lacks it, and the package itself."""
        for name, one in murano.beside(package)[0].items():
            if not self.packages.of_name(name):
                self.packages.ensure(one, tag, replaceable=lambda: False)
        self.packages.ensure(package, tag, replaceable=lambda: package.full_name not in self._users(tag))

    def _read(self, handle: Handle) -> dict[str, Any]:
        found: dict[str, Any] = self.cloud.get(
            SERVICE, f"/environments/{handle.id}", f"look at the environment {_name(handle)}", headers=JSON
        )
        return found

    def _package(self, wanted: Wanted) -> murano.Package | None:
        path = wanted.properties.get("package")
        if not path:
            return None
        package, found = murano.load(str(Path(wanted.template_dir, str(path))))
        errors = [item for item in found if item.severity == "error"]
        if package is None or errors:
            raise PermanentFault(
                f"the package of {wanted.node.name} cannot be used: {errors[0]}", "bbq-deploy validate tells all"
            )
        return package

    def _network(self, name: str, environment: str) -> dict[str, Any]:
        self.cloud.lookup.network(name)
        header = {"id": uuid.uuid4().hex, "type": _NETWORK}
        return {"?": header, "name": f"{environment}-network", "internalNetworkName": name}

    def _deploy(self, handle: Handle, wanted: Wanted, package: murano.Package | None) -> None:
        """The application into a session, and that session deployed. A session that is left open does no harm."""
        environment, name, digest = f"/environments/{handle.id}", _name(handle), _digest_of(wanted, package)
        model = _model(wanted, package, digest)
        busy = None
        try:
            session = self.cloud.post(
                SERVICE, f"{environment}/configure", f"open a session of {name}", creates=False, headers=JSON
            )
            headers = {**JSON, "X-Configuration-Session": session["id"]}
            there = self.cloud.get(SERVICE, f"{environment}/services", f"look at the applications of {name}", headers=headers)
            what = f"put {model['?']['type']} into {name}"
            if there:
                kept = [_merged(item, model) if _id(item) == _id(model) else item for item in there]
                whole = kept if any(_id(item) == _id(model) for item in there) else [*kept, model]
                self.cloud.put(SERVICE, f"{environment}/services", what, whole, headers=headers)
            else:
                self.cloud.post(SERVICE, f"{environment}/services", what, model, creates=False, headers=headers)
            self._sent[handle.id] = digest
            path = f"{environment}/sessions/{session['id']}/deploy"
            self.cloud.post(SERVICE, path, f"deploy {name}", creates=False, headers=JSON)
        except ConfigurationFault as fault:  # 403: it is being deployed already
            if "status" not in str(fault) and "session" not in str(fault).lower():
                raise
            busy = str(fault)
        if busy:
            raise TransientFault(busy, _BUSY)


def state_of(item: Mapping[str, Any]) -> State:
    """An environment's state from its entry in a list. `ready` and `pending` may mean that nothing was deployed yet: `probe`
    looks."""
    status = str(item["status"])
    if status == "delete failure":
        return State(status, detail="its deletion failed", stuck=True)
    if status == "deploy failure":
        return State(status, failed=True, detail="its deployment failed")
    return State(status, ready=status in ("ready", "pending"), detail="" if status == "ready" else status)


def _model(wanted: Wanted, package: murano.Package | None, digest: str) -> dict[str, Any]:
    """The application as Murano is sent it; objects in it have ids that are always the same."""
    given = revealed(dict(wanted.properties.get("properties") or {}))
    if package is not None and not wanted.properties.get("application"):
        given = check(package, given, DiagnosticBag())
    header = {
        "type": _class_of(wanted, package),
        "id": _object_id(wanted.tag),
        "name": wanted.node.name,
        "metadata": {_DIGEST: digest},
    }
    properties = {key: _identified(value, f"{_object_id(wanted.tag)}.{key}") for key, value in given.items()}
    return {"?": header, "name": wanted.node.name, **properties}


def _class_of(wanted: Wanted, package: murano.Package | None) -> str:
    if wanted.properties.get("application"):
        return str(wanted.properties["application"])
    assert package is not None and package.application is not None
    return package.application.name


def _identified(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        found = {key: _identified(item, f"{path}.{key}") for key, item in value.items() if key != "?"}
        if isinstance(value.get("?"), dict):
            found["?"] = {"id": uuid.uuid5(uuid.NAMESPACE_OID, path).hex, **value["?"]}
        return found
    if isinstance(value, list):
        return [_identified(item, f"{path}.{index}") for index, item in enumerate(value)]
    return value


def _merged(before: Any, after: Any) -> Any:
    """What an object has found out about itself is kept, as long as it is the same object."""
    if isinstance(before, dict) and isinstance(after, dict) and (_id(before) == _id(after)):
        return {**before, **{key: _merged(before.get(key), value) if key != "?" else value for key, value in after.items()}}
    return after


def _id(item: Mapping[str, Any]) -> str | None:
    return (item.get("?") or {}).get("id") if isinstance(item.get("?"), dict) else None


def _application(item: Mapping[str, Any], tag: Tag) -> dict[str, Any] | None:
    return next((one for one in item.get("services") or () if _id(one) == _object_id(tag)), None)


def _digest_of(wanted: Wanted, package: murano.Package | None) -> str:
    told = [
        package.digest if package is not None else "",
        wanted.properties.get("application"),
        revealed(dict(wanted.properties.get("properties") or {})),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _object_id(tag: Tag) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{tag.deployment_id}/{tag.node}").hex


def _about(package: murano.Package | None, wanted: Wanted) -> str:
    names = [wanted.properties["application"]] if package is None else [package.full_name, *murano.beside(package)[0]]
    return "\n".join(f"Murano package {name}" for name in names)


def with_digests(topology: Topology) -> Topology:
    """The topology with the digests of packages that are there, so that a plan notices another content."""
    found = {}
    for name, node in topology.nodes.items():
        path = node.properties.get("package")
        if MuranoApp.type in node.ancestry and isinstance(path, str) and not node.properties.get("digest"):
            package, _ = murano.load(str(Path(topology.directory, path)))
            if package is not None:
                found[name] = replace(node, properties={**node.properties, "digest": package.digest})
    return replace(topology, nodes={**topology.nodes, **found}) if found else topology


def _path(path: str, node: Node) -> Path | None:
    """Relative to the template; None where that is not a file beside it: in an archive, or a substitution template of bbq's."""
    if Path(path).is_absolute():
        return Path(path)
    if node.source is None or node.parent is not None or "!/" in node.source.file:
        return None
    return Path(node.source.file).absolute().parent / path


def _same(own: Tag, tag: Tag) -> bool:
    return _owner(own) == _owner(tag)


def _owner(tag: Tag) -> tuple[str, str]:
    return tag.deployment_id, tag.node


def _handle(item: Mapping[str, Any]) -> Handle:
    return Handle(item["id"], {"id": item["id"], "name": item["name"]})


def _name(handle: Handle) -> str:
    return str(handle.attributes.get("name") or handle.id)
