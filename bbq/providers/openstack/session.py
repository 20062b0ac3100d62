"""One cloud as all resources of the provider share it: one login, one session, one budget of requests, one way to ask.

The login comes from `[keystone] cloud` (a name in clouds.yaml), else `[keystone] auth_type` and its options (any plugin of
keystoneauth), else `OS_CLOUD`, `OS_*` or the only cloud in clouds.yaml: openstacksdk's own order.
https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from bbq.engine.contract import ConfigurationFault, PermanentFault
from bbq.errors import ConfigurationError
from bbq.providers.openstack.faults import WRONG_LOGIN, NoService, fault_of_error, fault_of_response
from bbq.providers.openstack.lookup import Lookup

if TYPE_CHECKING:
    from keystoneauth1.access import AccessInfo
    from keystoneauth1.session import Session
    from openstack.config.cloud_region import CloudRegion
    from openstack.connection import Connection
    from requests import Response

    from bbq.conf.loader import Config

SERVICES: Final[Mapping[str, str]] = {
    "application-catalog": "application catalogue (Murano)",
    "block-storage": "block storage (Cinder)",
    "compute": "compute (Nova)",
    "container-infrastructure-management": "container infrastructure (Magnum)",
    "data-processing": "data processing (Sahara)",
    "database": "database (Trove)",
    "identity": "identity (Keystone)",
    "image": "image (Glance)",
    "key-manager": "key manager (Barbican)",
    "load-balancer": "load balancing (Octavia)",
    "message": "messaging (Zaqar)",
    "network": "network (Neutron)",
    "object-store": "object store (Swift)",
    "orchestration": "orchestration (Heat)",
    "placement": "placement",
}
"""The service types of the authority (https://service-types.openstack.org), with what people call them."""

for _name in ("keystoneauth", "openstack"):  # what they warn of comes as an exception, too
    logging.getLogger(_name).addHandler(logging.NullHandler())

_lock = threading.Lock()


def shared(config: Config) -> Cloud:
    """The cloud of this configuration: a plan and the run after it log in once."""
    with _lock:
        if "cloud" not in config.kept:
            config.kept["cloud"] = Cloud(config)
        found: Cloud = config.kept["cloud"]
        return found


class Cloud:
    """Asks nothing before the first call. Used by several threads at once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._opening = threading.RLock()
        self.lookup = Lookup(self)
        self._overrides: dict[str, str | None] = {}
        self._endpoints: tuple[AccessInfo | None, dict[str, str | None]] = (None, {})
        """Of a login, as far as they were looked for: every call asks, and looking copies the whole catalogue."""

    @cached_property
    def connection(self) -> Connection:
        """openstacksdk's connection: `connection.compute` and the like, all in the one session with the one budget.

        What is called on it goes into `with cloud.faults("do this")`, which makes faults of its exceptions.
        Raises `ConfigurationFault` where no login is described.
        """
        with self._opening, self.faults("log in to OpenStack"):
            made = self.__dict__.get("connection")
            if made is None:
                from openstack.connection import Connection

                made = Connection(config=_region(self._config))
            return made

    @property
    def access(self) -> AccessInfo:
        """Who is logged in: user, project, roles, expiry, catalogue."""
        from keystoneauth1.exceptions import DiscoveryFailure

        session = self.connection.session
        plugin: Any = session.auth
        try:
            with self.faults("log in to OpenStack"), self._opening:
                try:
                    found: AccessInfo = plugin.get_access(session)
                except DiscoveryFailure:  # for an address without a version also where nobody answered: ask why
                    session.get(plugin.auth_url, authenticated=False)
                    raise
                return found
        except PermanentFault as fault:  # what is refused there is the login, whatever the status
            raise fault if isinstance(fault, ConfigurationFault) else ConfigurationFault(str(fault), WRONG_LOGIN) from None
        except Exception as error:
            if type(error) is Exception:  # keystoneauth's word for a password that was not given
                raise ConfigurationFault(f"log in to OpenStack: {error}") from None
            raise

    @property
    def settings(self) -> Any:
        """`[openstack]`."""
        return self._config.openstack

    @property
    def region(self) -> str | None:
        return self.connection.config.get_region_name()

    def has(self, service: str) -> bool:
        """Is there such a service in the catalogue, in this region? `service` is a type of `SERVICES`."""
        return self.endpoint(service) is not None

    def endpoint(self, service: str) -> str | None:
        """The service's address: of the configuration, else of the catalogue; None where neither has it."""
        config = self.connection.config
        if service not in self._overrides:
            self._overrides[service] = config.get_endpoint(service)
        if override := self._overrides[service]:
            return str(override)
        access = self.access
        of, known = self._endpoints
        if of is not access:
            self._endpoints = (access, known := {})
        if service not in known:
            known[service] = self._of_catalogue(access, service)
        return known[service]

    def _of_catalogue(self, access: AccessInfo, service: str) -> str | None:
        if not access.has_service_catalog():
            return None
        config = self.connection.config
        found = access.service_catalog.get_endpoints_data(
            service_type=config.get_service_type(service),
            service_name=config.get_service_name(service),
            interface=config.get_interface(service),
            region_name=config.get_region_name(service),
        )
        return next((str(endpoint.url) for endpoints in found.values() for endpoint in endpoints), None)

    def require(self, service: str) -> None:
        """`NoService` where the catalogue lacks it, `ConfigurationFault` where the whole region is unknown."""
        if self.has(service):
            return
        region, known = self.region, self.regions()
        if region and known and region not in known:
            raise ConfigurationFault(
                f"this cloud has no region {region}; it has {', '.join(known)}", "see OS_REGION_NAME, region_name"
            )
        where = f" in region {region}" if region else ""
        raise NoService(
            f"this cloud has no {SERVICES.get(service, service)} service{where}",
            "bbq-deploy doctor --provider openstack shows what it has",
        )

    def regions(self) -> list[str]:
        """The regions of the catalogue."""
        catalogue = self.access.service_catalog.catalog if self.access.has_service_catalog() else []
        found = {endpoint.get("region") for service in catalogue for endpoint in service.get("endpoints", [])}
        return sorted(name for name in found if name)

    def microversion(self, service: str, wanted: str) -> str | None:
        """`wanted` (`2.52`) where the service has it, else the nearest that it has; None for a service without microversions.
        For the option `microversion` of the calls below; without it they are of the oldest."""
        from keystoneauth1.discover import normalize_version_number, version_to_string

        with self.faults("ask for its versions"):
            data = self._client(service).get_endpoint_data()
        if data is None or not data.max_microversion:
            return None
        nearest = max(data.min_microversion, min(data.max_microversion, normalize_version_number(wanted)))
        return str(version_to_string(nearest))

    # Asking. `what` says what is asked for, as a fault's text begins; options are those of keystoneauth's `Adapter.request`

    def get(
        self, service: str, path: str, what: str, *, microversion: str | None = None, headers: Any = None, **params: Any
    ) -> Any:
        """`params` is the query."""
        return self._ask("GET", service, path, what, params=params, microversion=microversion, headers=headers or {})

    def get_bytes(self, service: str, path: str, what: str) -> bytes:
        """What is there as it is."""
        response: Response = self._send("GET", service, path, what, creates=False)
        return response.content

    def pages(self, service: str, path: str, key: str, what: str, **options: Any) -> Iterator[dict[str, Any]]:
        """Every entry of a list, whose key in the answer is `key`, however many of them the service gives at once; `options`
        are those of `get`."""
        while True:
            answer = self.get(service, path, what, **options) or {}
            yield from (items := answer.get(key) or ())
            marker = _next_marker(answer, key)
            if not items or not marker or marker == options.get("marker"):
                return
            options["marker"] = marker

    def post(self, service: str, path: str, what: str, body: Any = None, *, creates: bool = True, **options: Any) -> Any:
        """`creates` False for a POST that may be made twice without harm (an action that sets something)."""
        return self._ask("POST", service, path, what, json=body, creates=creates, **options)

    def put(self, service: str, path: str, what: str, body: Any = None, **options: Any) -> Any:
        return self._ask("PUT", service, path, what, json=body, **options)

    def patch(self, service: str, path: str, what: str, body: Any = None, **options: Any) -> Any:
        return self._ask("PATCH", service, path, what, json=body, **options)

    def delete(self, service: str, path: str, what: str, **options: Any) -> Any:
        return self._ask("DELETE", service, path, what, **options)

    def _ask(self, method: str, service: str, path: str, what: str, *, creates: bool = False, **options: Any) -> Any:
        """The answer's JSON, None where it has none."""
        return _body(self._send(method, service, path, what, creates=creates, **options))

    def _send(self, method: str, service: str, path: str, what: str, *, creates: bool, **options: Any) -> Response:
        """One request, no retry; every trouble is a fault (see `faults.py`)."""
        self.require(service)  # logs in: what goes wrong there says nothing of the call itself
        with self.faults(what):
            client = self._client(service)
        with self.faults(what, creates=creates):
            response: Response = client.request(path, method, raise_exc=False, **options)
            if response.status_code >= 400:
                raise fault_of_response(response, what, creates=creates)
            return response

    def _client(self, service: str) -> Any:
        """openstacksdk's proxy of the service; the first use of one asks for its versions."""
        with self._opening:
            return getattr(self.connection, service.replace("-", "_"))

    @contextmanager
    def faults(self, what: str, *, creates: bool = False) -> Iterator[None]:
        """Makes faults of what keystoneauth, openstacksdk and requests raise; `what` begins their text."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again where it is none of theirs
            raise fault_of_error(error, what, creates=creates) from None


def _next_marker(answer: Mapping[str, Any], key: str) -> str | None:
    """Of the link to the next page: in `<key>_links` (Nova, Neutron), `links` (Trove, Zaqar) or `next` (Glance, Magnum)."""
    links = answer.get(f"{key}_links") or answer.get("links") or ()
    address = next((link["href"] for link in links if link.get("rel") == "next"), None) or answer.get("next") or ""
    found = parse_qs(urlsplit(address).query).get("marker")
    return found[0] if found else None


def _body(response: Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        return None


def _region(config: Config) -> CloudRegion:
    """Where and how to log in, with the session that all services share."""
    settings, login = config.openstack, config.keystone
    session_class = budgeted(settings.concurrency, settings.request_interval)
    if not login.cloud and "auth_type" in login and login.auth_type:
        return _region_of_options(config, session_class)
    from openstack.config import OpenStackConfig
    from openstack.exceptions import ConfigException

    try:
        files = OpenStackConfig(session_constructor=session_class, app_name="bbq", app_version=_version())
        region = files.get_one(cloud=login.cloud or None)
    except ConfigException as error:
        raise ConfigurationFault(
            f"log in to OpenStack: {str(error).rstrip('.')}", "see [keystone] cloud, OS_CLOUD, OS_REGION_NAME and clouds.yaml"
        ) from None
    if not region.config.get("auth"):
        raise ConfigurationFault(
            "nothing says how to log in to OpenStack",
            "name a cloud of clouds.yaml (OS_CLOUD or [keystone] cloud), set OS_AUTH_URL and the like, or [keystone] auth_type",
        )
    region.config["api_timeout"] = float(region.config.get("api_timeout") or settings.request_timeout)
    return region


def _region_of_options(config: Config, session_class: type[Session]) -> CloudRegion:
    """By keystoneauth's own options in `[keystone]`: any plugin, its session's and its adapter's options."""
    from keystoneauth1 import loading
    from openstack.config.cloud_region import from_session

    try:
        oslo, group = config.oslo, "keystone"
    except ConfigurationError as error:
        raise ConfigurationFault(f"log in to OpenStack: {error}", error.hint) from None
    auth = loading.load_auth_from_conf_options(oslo, group)
    options = oslo[group]
    session = session_class(
        auth=auth,
        verify=False if options.insecure else options.cafile or True,
        cert=(options.certfile, options.keyfile) if options.certfile and options.keyfile else options.certfile,
        timeout=options.timeout or config.openstack.request_timeout,
        app_name="bbq",
        app_version=_version(),
    )
    more: dict[str, Any] = {}
    interfaces = options.valid_interfaces or ([options.interface] if options.interface else [])
    if interfaces:
        more["interface"] = [name.removesuffix("URL") for name in interfaces]
    return from_session(session, region_name=options.region_name, **more)


def budgeted(concurrency: int, interval: float) -> type[Session]:
    """keystoneauth's session with one budget for every request that goes through it, whatever the service. (An adapter's own
    `concurrency` and `rate_limit` count for one service only.)"""
    from keystoneauth1.session import Session

    budget = Budget(concurrency, interval)

    class BudgetedSession(Session):
        def request(self, *args: Any, **options: Any) -> Response:
            options["rate_semaphore"] = budget
            return super().request(*args, **options)

    return BudgetedSession


class Budget:
    """At most `concurrency` requests at once, and `interval` seconds at least from one's beginning to the next's; the others
    wait."""

    def __init__(self, concurrency: int, interval: float) -> None:
        self._places = threading.Semaphore(concurrency)
        self._interval = interval
        self._lock = threading.Lock()
        self._next = 0.0  # monotonic; guarded by _lock

    def __enter__(self) -> None:
        self._places.acquire()
        if self._interval:
            with self._lock:
                now = time.monotonic()
                begin = max(now, self._next)
                self._next = begin + self._interval
            time.sleep(begin - now)

    def __exit__(self, *_: object) -> None:
        self._places.release()


def _version() -> str:
    from bbq import __version__

    return __version__
