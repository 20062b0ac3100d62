"""A job that Sahara runs on a cluster (EDP). https://docs.openstack.org/api-ref/data-processing/v2/

It is made of several things: files in Sahara's own database (which only API 1.1 takes), job binaries that point at files, a job
template, and its run, which has no name and is known by its template. All the others have names of the node's own and, where
there is a place for it, the tag in the description. The handle's id is the template's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bbq.engine.contract import (
    AmbiguousFault,
    Check,
    DeploymentContext,
    Handle,
    PermanentFault,
    State,
    Tag,
    UnreachableFault,
    Wanted,
)
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.lookup import Unknown, known, problems
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.sahara import SERVICE, name_of
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node
from bbq.topology.values import revealed

if TYPE_CHECKING:
    from bbq.providers.openstack.stack_needs import Needs

_MAINS: Final = frozenset({"Pig", "Hive", "Shell", "Spark", "Storm", "Storm.Pyleus"})
"""Types of jobs whose program is a main one; the others' are libs."""
_ENDED_WELL: Final = "SUCCEEDED"
_ENDED_BADLY: Final = frozenset({"FAILED", "KILLED", "DONEWITHERROR"})
_FILE: Final = "file:"  # before the id of a file, in the handle of one that nothing points at
_OF_DEPLOYMENT: Final = re.compile(r"\.([0-9a-f]{16})$")  # at the end of a file's name
_URL: Final = re.compile(r"[a-z0-9-]+://")


class DataProcessingJob(CloudResource):
    type: ClassVar = "bbq.nodes.openstack.DataProcessingJob"
    service: ClassVar = SERVICE
    poll_group: ClassVar = "data-processing-job"
    timeouts: ClassVar = {"create": 120.0, "ready": 24 * 3600.0, "delete": 300.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._going: set[str] = set()  # ids of templates that have to go after their runs

    def find(self, tag: Tag) -> Handle | None:
        """Only with its run: what else there is of it, `create` makes anew."""
        for item in self._list("job-templates", "job_templates"):
            if item["name"] == name_of(tag):
                runs = [run for run in self._list("jobs", "jobs") if run["job_template_id"] == item["id"]]
                return Handle(item["id"], {"id": runs[0]["id"]}) if runs else None
        return None

    def create(self, wanted: Wanted) -> Handle:
        cluster = wanted.target("cluster")
        if cluster is None or not cluster.attributes.get("id"):
            raise PermanentFault(f"{wanted.node.name} has no cluster of the data-processing service to run on")
        try:
            template = self._prepare(wanted)
        except Conflict:  # left over from an earlier try
            self._delete_parts(wanted.tag)
            template = self._prepare(wanted)
        given = wanted.properties
        configs: dict[str, Any] = {"configs": dict(revealed(given.get("configs")) or {})}
        if given.get("main_class"):
            configs["configs"]["edp.java.main_class"] = given["main_class"]
        if given.get("arguments"):
            configs["args"] = [str(revealed(one)) for one in given["arguments"]]
        if given.get("params"):
            configs["params"] = dict(revealed(given["params"]))
        body = {"job_template_id": template, "cluster_id": cluster.attributes["id"], "job_configs": configs}
        run = self.cloud.post(SERVICE, "/jobs", f"run the job {name_of(wanted.tag)}", body)["job"]
        return Handle(template, {"id": run["id"]})

    def delete(self, handle: Handle, tag: Tag) -> None:
        """Its runs (which ends them), then what they were made of: a template goes only after its runs."""
        if handle.id.startswith(_FILE):
            with suppress(NotFound):
                path = f"{self._files}/{handle.id.removeprefix(_FILE)}"
                self.cloud.delete(SERVICE, path, f"delete the file {tag.node}")
            return
        self._going.add(handle.id)
        runs = [run for run in self._list("jobs", "jobs") if run["job_template_id"] == handle.id]
        for run in runs:
            with suppress(NotFound):
                self.cloud.delete(SERVICE, f"/jobs/{run['id']}", f"delete the run of {tag.node}")
        if not runs:
            self._delete_parts(tag)

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        found = {run["job_template_id"]: state_of(run) for run in self._list("jobs", "jobs")}
        if self._going.intersection(ids) - set(found):
            left = {item["id"] for item in self._list("job-templates", "job_templates")} & self._going
            found |= {id: State("template left") for id in left if id not in found}
        return found

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        """By templates, then by job binaries that have none; files, which have no description, go with these, and are told of
        by themselves once nothing else of their deployment is left."""
        told = set()
        for kind, key in (("job-templates", "job_templates"), ("job-binaries", "binaries")):
            for item in self._list(kind, key):
                tag = tags.of_text(item.get("description"))
                if tag is None or deployment_id not in (None, tag.deployment_id):
                    continue
                if (tag.deployment_id, tag.node) not in told:
                    told.add((tag.deployment_id, tag.node))
                    yield tag, Handle(item["id"])
        whose = {id for id, _ in told}
        if deployment_id in whose:
            return
        for item in self.cloud.get(SERVICE, self._files, "list the files of jobs")["binaries"]:
            found = _OF_DEPLOYMENT.search(item["name"])
            if found and found[1] not in whose and deployment_id in (None, found[1]):
                yield Tag(self.context.name, found[1], item["name"], 0), Handle(f"{_FILE}{item['id']}")

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        return Check(True, attributes={**handle.attributes, "state": _ENDED_WELL})

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        return [problem for node in nodes for problem in problems(node, [partial(_consistent, known(node.properties))])]

    # -- pieces

    @property
    def _files(self) -> str:
        """The address of the database of files, which only API 1.1 has. Their names end in the deployment's id."""
        endpoint = str(self.cloud.endpoint(SERVICE)).rstrip("/")
        base = re.sub(r"/v\d[\d.]*(/[^/]+)?$", "", endpoint)
        return f"{base}/v1.1/{self.cloud.access.project_id}/job-binary-internals"

    def _list(self, kind: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cloud.get(SERVICE, f"/{kind}", f"list the {kind.replace('-', ' ')}")[key]
        return found

    def _prepare(self, wanted: Wanted) -> str:
        """Files, job binaries and the template, whose id is the answer."""
        given, name = wanted.properties, name_of(wanted.tag)
        kind = str(given["job_type"])
        main = [self._binary(wanted, f"{name}-main", str(given["main"]))] if given.get("main") else []
        libs = [self._binary(wanted, f"{name}-{index}", str(lib)) for index, lib in enumerate(given.get("libs") or ())]
        body: dict[str, Any] = {"name": name, "type": kind, "description": tags.text(wanted.tag, "made by bbq")}
        body |= {"mains": main, "libs": libs} if kind.split(".")[0] in _MAINS else {"libs": main + libs}
        made = self.cloud.post(SERVICE, "/job-templates", f"create the job template {name}", body)
        return str(made["job_template"]["id"])

    def _binary(self, wanted: Wanted, name: str, place: str) -> str:
        if not _URL.match(place):
            path = Path(wanted.template_dir) / place
            try:
                content = path.read_bytes()
            except OSError as error:
                raise PermanentFault(f"{wanted.node.name}: {path}: {error.strerror}") from None
            stored = self._stored(f"{self._files}/{name}.{wanted.tag.deployment_id}", name, content)
            place = f"internal-db://{stored['id']}"
        body = {"name": name, "url": place, "description": tags.text(wanted.tag, "made by bbq")}
        made = self.cloud.post(SERVICE, "/job-binaries", f"create the job binary {name}", body)
        return str(made["job_binary"]["id"])

    def _stored(self, url: str, name: str, content: bytes) -> Mapping[str, Any]:
        headers = {"Content-Type": "application/octet-stream"}
        try:
            made = self.cloud.put(SERVICE, url, f"store the file {name}", data=content, headers=headers)
        except UnreachableFault as fault:  # a PUT that makes something: a second one would find the name taken
            raise AmbiguousFault(str(fault)) from None
        found: Mapping[str, Any] = made["job_binary_internal"]
        return found

    def _delete_parts(self, tag: Tag) -> None:
        name = name_of(tag)
        own = re.compile(re.escape(name) + r"(-main|-\d+)?(\." + re.escape(tag.deployment_id) + ")?")
        places = (("/job-templates", "job_templates"), ("/job-binaries", "binaries"), (self._files, "binaries"))
        for path, key in places:
            for item in self.cloud.get(SERVICE, path, "list the parts of jobs")[key]:
                if own.fullmatch(item["name"]):
                    with suppress(NotFound):
                        self.cloud.delete(SERVICE, f"{path}/{item['id']}", f"delete {item['name']}")


def state_of(run: Mapping[str, Any]) -> State:
    """A run's state from its entry in the list."""
    info = run.get("info") or {}
    status = str(info.get("status") or "PENDING").upper()
    if status in _ENDED_BADLY:
        return State(status, failed=True, detail=str(info.get("reason") or "").strip() or f"the job ended as {status}")
    return State(status, ready=status == _ENDED_WELL, detail="" if status == _ENDED_WELL else status)


def _consistent(given: Mapping[str, Any]) -> None:
    kind, main, libs = str(given.get("job_type")), given.get("main"), given.get("libs")
    if kind.split(".")[0] in _MAINS and not main:
        raise Unknown(f"a job of type {kind} has a program: give `main`")
    if not main and not libs and kind != "MapReduce.Streaming":
        raise Unknown(f"a job of type {kind} needs its program: give `main` or `libs`")
