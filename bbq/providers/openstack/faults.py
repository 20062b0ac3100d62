"""What an answer of a cloud, or none, means for the engine. Decided by status and type, never by a text alone.

https://docs.openstack.org/api-ref/ (each service's page has its error codes);
https://docs.openstack.org/keystoneauth/latest/api/keystoneauth1.exceptions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from bbq.engine.contract import (
    AmbiguousFault,
    ConfigurationFault,
    PermanentFault,
    ProviderFault,
    QuotaFault,
    TransientFault,
    UnreachableFault,
)

if TYPE_CHECKING:
    from requests import Response

_QUOTA_TYPES: Final = frozenset(
    {"OverQuota", "RequestLimitExceeded", "overLimit", "QuotaExceeded", "StackResourceLimitExceeded", "QUOTA_ERROR"}
)
"""How services name it in the body: neutron's and Heat's `type`, the key of cinder's and trove's, Sahara's `error_name`."""
_CONFLICT_TYPES: Final = frozenset({"NAME_ALREADY_EXISTS", "DB_DUPLICATE_ENTRY"})
"""Sahara's, which come with 400."""
_QUOTA_TEXT: Final = re.compile(r"\bquota\b", re.IGNORECASE)
"""nova says `forbidden` for a quota, too; only its text tells it from a missing role."""
_LONGEST: Final = 600
WRONG_LOGIN: Final = "wrong user, password or project, or a credential that has expired or was deleted"


class NotFound(PermanentFault):
    """404 or 410: there is no such thing."""


class Conflict(PermanentFault):
    """409: the thing exists already, or is busy."""


class Unprocessable(PermanentFault):
    """422: it is not in a state for that (Trove), or it is asked for what is never possible."""


class NoService(ConfigurationFault):
    """The catalogue has no such service in this region."""


def fault_of_response(response: Response, what: str, *, creates: bool) -> ProviderFault:
    """The fault for an answer of 400 and above. `what` is what was asked for (`create the stack x`); `creates` says that the
    call makes something, so that doing it twice would make two."""
    status = response.status_code
    kind, said = message_of(response)
    text = f"{what}: {said or response.reason or 'no reason given'} ({status})"
    again = retry_after(response.headers)
    if status == 401:
        return ConfigurationFault(
            f"{what}: the cloud refused the token (401)", "are the credentials still valid? bbq-deploy doctor"
        )
    if kind in _QUOTA_TYPES and not (
        status == 413 and again is not None and kind == "overLimit" and not _QUOTA_TEXT.search(said)
    ):
        return QuotaFault(text)
    if status in (403, 413) and _QUOTA_TEXT.search(said):
        return QuotaFault(text)
    if status == 413 and again is None:  # what was sent is too large, now and later (RFC 9110, 15.5.14): Glance's limits
        return QuotaFault(text)
    if status == 403:
        return ConfigurationFault(text, "the account lacks a role for this; bbq-deploy doctor shows its roles")
    if status in (404, 410):
        return NotFound(text)
    if status == 409 or kind in _CONFLICT_TYPES:
        return Conflict(text)
    if status == 422:
        return Unprocessable(text)
    if status in (413, 429, 503):  # refused before anything was done
        return TransientFault(text, again)
    if status == 408 or status >= 500:
        return AmbiguousFault(text) if creates else TransientFault(text, again)
    return PermanentFault(text)


def fault_of_error(error: Exception, what: str, *, creates: bool) -> ProviderFault:
    """The fault for an exception of keystoneauth, openstacksdk or requests; one that is none of theirs is raised again."""
    from keystoneauth1 import exceptions as ks
    from openstack import exceptions as sdk
    from requests import exceptions as rq

    if isinstance(error, ProviderFault):
        return error
    if isinstance(error, (ks.HttpError, sdk.HttpException)) and error.response is not None:
        if getattr(error, "http_status", None) == 401 or error.response.status_code == 401:
            return _refused(error.response, what)
        return fault_of_response(error.response, what, creates=creates)
    if isinstance(error, (ks.SSLError, rq.SSLError)):
        return ConfigurationFault(
            f"{what}: {_host(error)}the certificate is not trusted, or TLS fails: {_root(error)}",
            "a cloud with a CA of its own needs `cacert` (clouds.yaml), OS_CACERT or [keystone] cafile",
        )
    if isinstance(error, (ks.ConnectionError, rq.ConnectionError, rq.Timeout)):
        text = f"{what}: no answer: {_root(error)}"
        return AmbiguousFault(text) if creates and not _never_sent(error) else UnreachableFault(text)
    if isinstance(error, (ks.EndpointNotFound, sdk.EndpointNotFound)):
        return NoService(f"{what}: {_brief(error)}", "bbq-deploy doctor shows what this cloud has")
    if isinstance(error, ks.MissingRequiredOptions):
        lacking = ", ".join(sorted(option.dest for option in error.options))
        return ConfigurationFault(f"{what}: the login lacks {lacking}", "give them in clouds.yaml, as OS_* or in [keystone]")
    if isinstance(error, (ks.DiscoveryFailure, sdk.ServiceDiscoveryException)):
        return ConfigurationFault(f"{what}: {_brief(error)}", "does the address (auth_url) lead to that service?")
    if isinstance(error, (ks.ClientException, sdk.SDKException, rq.RequestException)):
        return ConfigurationFault(f"{what}: {_brief(error)}")
    raise error


def message_of(response: Response) -> tuple[str, str]:
    """(type, message) of a body: each service has its own form; ("", "") where there is none of them."""
    try:
        body = response.json()
    except ValueError:
        return "", ""
    if not isinstance(body, Mapping):
        return "", ""
    if isinstance(errors := body.get("errors"), list) and errors and isinstance(errors[0], Mapping):  # placement, magnum
        return str(errors[0].get("code", "")), _short(errors[0].get("detail") or errors[0].get("title"))
    key, inner = next(iter(body.items()), ("", None))
    error = body.get("error")
    if isinstance(error, Mapping):  # keystone, Heat (its `error.type` is the engine's exception)
        return str(error.get("type") or error.get("code") or ""), _short(error.get("message") or body.get("explanation"))
    if isinstance(inner, Mapping):  # nova, cinder, trove: {"badRequest": {...}}; neutron: {"NeutronError": {...}}
        return str(inner.get("type") or key), _short(inner.get("message"))
    for name in ("NeutronError", "faultstring", "error_message", "message", "description", "explanation", "title"):
        if isinstance(body.get(name), str):
            return str(body.get("error_name") or ""), _short(body[name])
    return "", ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After`, at most an hour; a date there is left alone."""
    try:
        return min(3600.0, max(0.0, float(headers["Retry-After"])))
    except (KeyError, ValueError):
        return None


def _refused(response: Response, what: str) -> ConfigurationFault:
    _, said = message_of(response)
    return ConfigurationFault(f"{what}: the cloud refused the login: {said or 'no reason given'} (401)", WRONG_LOGIN)


def _never_sent(error: BaseException) -> bool:
    """The request cannot have arrived: no connection was made at all."""
    from requests.exceptions import ConnectTimeout
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    return any(isinstance(one, (ConnectTimeout, ConnectTimeoutError, NewConnectionError)) for one in _chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and all that it came from, by cause, context, arguments and `reason`."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__context__, one.__cause__]
    return found


def _root(error: BaseException) -> str:
    """What happened in the operating system's words, without addresses of memory and requests' nesting."""
    from requests.exceptions import Timeout

    chain = _chain(error)
    for one in chain:
        if isinstance(one, OSError) and one.strerror and one.errno:
            return one.strerror
    if any(isinstance(one, Timeout) for one in chain):
        return "timed out"
    return _short(re.sub(r"<[^<>]* object at 0x[0-9a-f]+>:? ?", "", str(chain[-1] if chain[-1].args else error)))


def _host(error: BaseException) -> str:
    found = re.search(r"host='([^']+)'|https?://([^/:\s]+)", str(error))
    return f"{found[1] or found[2]}: " if found else ""


def _brief(error: BaseException) -> str:
    return _short(str(error).splitlines()[0] if str(error).strip() else type(error).__name__)


def _short(text: Any) -> str:
    line = " ".join(str(text or "").replace("<br />", " ").split())  # webob writes some, in JSON, too
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
