"""What the simulated cloud knows of types: how long a thing takes to get ready, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from bbq.engine.contract import Wanted
from bbq.topology.values import Secret, masked


@dataclass(frozen=True, slots=True)
class Kind:
    """`ready` and `delete` are seconds; `port` is the usual one; `attributes` are told besides the declared ones."""

    ready: float
    delete: float = 3.0
    port: int = 8080
    scheme: str = "http"
    attributes: tuple[str, ...] = ()


_CONNECTION: Final = ("url", "host", "port", "user", "password", "engine")

KINDS: Final[Mapping[str, Kind]] = {
    "tosca.nodes.Root": Kind(5),
    "tosca.nodes.Abstract.Compute": Kind(40, 10),
    "tosca.nodes.Compute": Kind(40, 10, 22, "ssh", ("private_address", "public_address", "networks", "ports")),
    "tosca.nodes.SoftwareComponent": Kind(20),
    "tosca.nodes.WebServer": Kind(20, 3, 80),
    "tosca.nodes.WebApplication": Kind(10, 2, 80),
    "tosca.nodes.DBMS": Kind(60, 5, 5432, "postgresql"),
    "tosca.nodes.Database": Kind(10, 2, 5432, "postgresql"),
    "tosca.nodes.LoadBalancer": Kind(30, 5, 80),
    "tosca.nodes.network.Network": Kind(3, 2),
    "tosca.nodes.network.Port": Kind(2, 1),
    "tosca.nodes.network.FloatingIP": Kind(2, 1),
    "tosca.nodes.Abstract.Storage": Kind(6, 3),
    "tosca.nodes.Storage.BlockStorage": Kind(6, 3),
    "tosca.nodes.BlockStorage": Kind(6, 3),
    "tosca.nodes.ObjectStorage": Kind(3, 2),
    "tosca.nodes.Container.Runtime": Kind(15),
    "tosca.nodes.Container.Application": Kind(10),
    "bbq.nodes.Root": Kind(5),
    "bbq.nodes.SparkCluster": Kind(120, 15, 7077, "spark", ("master_url", "webui_url")),
    "bbq.nodes.KubernetesCluster": Kind(300, 60, 6443, "https", ("api_url", "kubeconfig")),
    "bbq.nodes.HTCondorCluster": Kind(180, 20, 9618, "condor", ("collector",)),
    "bbq.nodes.SlurmCluster": Kind(180, 20, 6817, "slurm", ("controller", "login")),
    "bbq.nodes.MessageQueue": Kind(20, 3, 4222, "nats", (*_CONNECTION, "queues")),
    "bbq.nodes.Database": Kind(90, 10, 5432, "postgresql", (*_CONNECTION, "database")),
    "bbq.nodes.ObjectStore": Kind(10, 5, 9000, "http", ("url", "access_key", "secret_key")),
    "bbq.nodes.Application": Kind(8, 2),
    "bbq.nodes.SparkApplication": Kind(30, 5, 4040, "http", ("state",)),
    "bbq.nodes.Service": Kind(8, 2, 8080, "http", ("url", "host", "port")),
    "bbq.nodes.Function": Kind(12, 2, 8080, "http", ("url",)),
}
UPDATABLE: Final = frozenset(
    {"arguments", "buckets", "capacity", "command", "configuration", "count", "environment", "instances", "operations"}
    | {"cluster", "connection", "queues", "replicas", "size", "source_digests", "sources", "workers"}
)
"""Properties and requirements that the cloud changes in place, of whatever type; another change replaces the thing."""
IGNORED: Final = frozenset({"timeouts", "readiness"})

_ROOT: Final = KINDS["tosca.nodes.Root"]

SECRET_TYPE: Final = "bbq.datatypes.Secret"
_PYTHON_TYPES: Final[Mapping[str, type]] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "list": list,
    "map": dict,
}
_SECRETS: Final = frozenset({"password", "secret_key", "kubeconfig", "token", "private_key"})


def kind_of(ancestry: Sequence[str]) -> Kind:
    """Of the nearest type of the ancestry that the cloud knows."""
    return next((KINDS[name] for name in ancestry if name in KINDS), _ROOT)


def chance(*key: Any) -> float:
    """A number in [0, 1) that depends on the key alone: independent of the order of calls, the same in every process."""
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=7).digest(), "big") / (1 << 56)


def attributes(wanted: Wanted, thing_id: str) -> dict[str, Any]:
    """Everything that the thing tells once it is ready; secrets are `Secret`s. The same for the same arguments."""
    kind = kind_of(wanted.node.ancestry)
    facts = _Facts(wanted, thing_id, kind)
    names = dict.fromkeys([*kind.attributes, *wanted.node.attributes, *wanted.node.declared])
    told = {name: facts.attribute(name) for name in names}
    for name, values in wanted.capabilities.items():
        if "protocol" in values:  # a tosca.capabilities.Endpoint: get_attribute asks it for its address
            told[name] = {**values, "ip_address": facts.address()}
    return told


class _Facts:
    def __init__(self, wanted: Wanted, thing_id: str, kind: Kind) -> None:
        self._wanted = wanted
        self._id = thing_id
        self._kind = kind

    def attribute(self, name: str) -> Any:
        value = self._plain(name)
        return Secret(value) if self._wanted.node.declared.get(name) == SECRET_TYPE else value

    def _plain(self, name: str) -> Any:
        wanted = self._wanted
        assigned = wanted.node.attributes.get(name)
        if assigned is not None and masked(assigned) == assigned:
            return assigned
        given = wanted.properties.get(name)
        if given not in (None, 0):
            return given
        type_ = wanted.node.declared.get(name, "")
        if name in _SECRETS:
            return Secret(f"simulated-{self._number(name, 10**12):012d}")
        likely = self._by_name(name)
        if likely is not None and isinstance(likely, _PYTHON_TYPES.get(type_, object)):
            return likely
        return self._by_type(name, type_)

    def _by_name(self, name: str) -> Any:
        if name == "port" or name.endswith("_port"):
            return self._port()
        if name in ("url", "collector") or name.endswith("_url"):
            return self._url(name)
        if name == "host" or name.endswith(("address", "_ip")):
            return self.address(public=name.startswith("public"))
        if name == "queues":
            return [self._wanted.node.name]
        if name == "state":
            return {"batch": "FINISHED", "streaming": "RUNNING"}.get(self._wanted.properties.get("mode", ""), "started")
        if name in ("tosca_name", "tosca_id"):
            return self._wanted.node.name if name == "tosca_name" else self._id
        if name in ("networks", "ports"):
            return {}
        return None

    def _by_type(self, name: str, type_: str) -> Any:
        made: dict[str, Any] = {
            "integer": self._number(name, 1000),
            "float": self._number(name, 1000) / 10,
            "boolean": True,
            "list": [],
            "map": {},
            "timestamp": "2020-01-01T00:00:00Z",
            "version": "1.0",
            "range": [0, 1],
            "scalar-unit.size": "1 GB",
            "scalar-unit.time": "1 s",
            "scalar-unit.frequency": "1 GHz",
            "scalar-unit.bitrate": "1 Mbps",
        }
        if type_ in made:
            return made[type_]
        return {} if "." in type_ and type_ != SECRET_TYPE else f"{self._wanted.node.name}-{name}"

    def _number(self, name: str, limit: int) -> int:
        return int(chance(self._id, name) * limit)

    def _port(self) -> int:
        endpoint = next((c["port"] for c in self._wanted.capabilities.values() if isinstance(c.get("port"), int)), 0)
        return int(self._wanted.properties.get("port") or endpoint or self._kind.port)

    def address(self, *, public: bool = False) -> str:
        number = self._number("public" if public else "address", 65024)
        # RFC 2544's and RFC 1918's: addresses that nobody has
        return f"198.18.{number // 254}.{number % 254 + 1}" if public else f"10.0.{number // 254}.{number % 254 + 1}"

    def _url(self, name: str) -> Any:
        kind, properties = self._kind, self._wanted.properties
        place = f"{self.address()}:{self._port()}"
        if name == "collector":
            return place
        if name not in ("url", "master_url", "api_url"):
            return f"http://{self.address()}:{KINDS['bbq.nodes.Service'].port}"
        if name != "url" or "password" not in kind.attributes:
            return f"{kind.scheme}://{place}"
        password = Secret(self.attribute("password")).reveal()
        path = f"/{properties['database']}" if "database" in properties else ""
        scheme = "amqp" if properties.get("engine") == "rabbitmq" else properties.get("engine", kind.scheme)
        return Secret(f"{scheme}://{self.attribute('user')}:{password}@{place}{path}")
