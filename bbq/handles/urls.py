"""URLs of servers: read without quoting what may be a password."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from bbq.errors import UsageError


def split(url: str) -> SplitResult:
    """The URL's parts; `UsageError` where there is no port that can be one. What is wrong with it is not quoted: a password
    that is not percent-encoded ends up in the place of the port."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError(
            "the server's URL has no host and port that can be read",
            hint="scheme://user:password@host:port, with /, ?, #, [ and @ in the password percent-encoded",
        ) from None
    return parts


def without_password(url: str) -> str:
    """The URL as scheme://host:port/path, fit for a message."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
