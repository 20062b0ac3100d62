"""Secrets beside the journal: a 0600 file a deployment, and the references that stand for them everywhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bbq.errors import JournalError
from bbq.journal.model import SecretStore
from bbq.journal.private import make_private_directory, remove_private, write_private
from bbq.topology.values import Secret


class FileSecretStore:
    """See `SecretStore`. One JSON object of strings; rewritten whole and at once, so a crash loses nothing."""

    def __init__(self, directory: str | os.PathLike[str], deployment_id: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", deployment_id):
            raise ValueError(f"a deployment's id is a file name, not {deployment_id!r}")
        self._path = Path(directory).absolute() / f"{deployment_id}.json"
        self._lock = threading.Lock()
        # what was read, and of which file: another process (a notebook beside the command line) may have replaced it since
        self._values: dict[str, str] = {}
        self._read: tuple[int, int, int] | None = None

    def __repr__(self) -> str:
        return f"FileSecretStore({str(self._path)!r})"

    def get(self, name: str) -> str | None:
        with self._lock:
            return self._load().get(name)

    def put(self, name: str, value: str) -> None:
        self.put_all({name: value})

    def put_all(self, values: Mapping[str, str]) -> None:
        """Several in one durable step."""
        with self._lock:
            known = self._load()
            if all(known.get(name) == value for name, value in values.items()):
                return
            merged = {**known, **values}
            try:
                make_private_directory(self._path.parent)
                write_private(self._path, json.dumps(merged, indent=1).encode())
                self._values, self._read = merged, self._signature()
            except OSError as error:
                raise self._unusable(error) from None

    def forget(self) -> None:
        with self._lock:
            try:
                remove_private(self._path)
            except OSError as error:
                raise self._unusable(error) from None

    def _signature(self) -> tuple[int, int, int] | None:
        """Changes whenever the file is replaced; None where there is none."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _load(self) -> dict[str, str]:
        try:
            signature = self._signature()
            if signature is None:
                return {}
            if signature != self._read:
                self._values, self._read = self._parsed(self._path.read_bytes()), signature
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error) from None
        return self._values

    def _parsed(self, content: bytes) -> dict[str, str]:
        try:
            values = json.loads(content)
        except ValueError:  # the decoder's message would quote the content
            values = None
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise JournalError(
                f"the secrets file {self._path} is damaged",
                hint="put back a copy of it; without it the generated passwords of this deployment are lost: "
                "destroy and deploy again (destroy needs no secrets)",
            )
        return values

    def _unusable(self, error: OSError) -> JournalError:
        return JournalError(
            f"the secrets file {self._path} cannot be used: {error.strerror}",
            hint="its directory must be writable by you and have room",
        )


def digest(value: Any, salt: str) -> str:
    """Tells whether a secret changed, and nothing else about it: HMAC-SHA-256 under the deployment's salt, 128 bits."""
    return hmac.new(salt.encode(), _text(value).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def encode(value: Any, store: SecretStore, salt: str, prefix: str) -> Any:
    """A copy of `value` fit for the journal: each `Secret` in it is put into `store` under `prefix` and its path
    (`db.attributes.password`), and `{"$secret": that name, "digest": ...}` stands in its place."""
    found: dict[str, str] = {}

    def replaced(item: Any, name: str) -> Any:
        if isinstance(item, Secret):
            known = item.reveal()
            found[name] = _text(known)
            reference = {"$secret": name, "digest": digest(known, salt)}
            return reference if isinstance(known, str) else {**reference, "json": True}
        if isinstance(item, Mapping):
            return {key: replaced(inner, f"{name}.{key}") for key, inner in item.items()}
        if isinstance(item, (list, tuple)):
            return [replaced(inner, f"{name}[{index}]") for index, inner in enumerate(item)]
        return item

    result = replaced(value, prefix)
    if found:
        store.put_all(found)
    return result


def decode(value: Any, store: SecretStore) -> Any:
    """The opposite of `encode`. A reference whose value is gone stays as it is: after `forget` there is nothing to show."""
    if isinstance(value, Mapping):
        if isinstance(name := value.get("$secret"), str):
            text = store.get(name)
            if text is None:
                return dict(value)
            return Secret(json.loads(text) if value.get("json") else text)
        return {key: decode(item, store) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [decode(item, store) for item in value]
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
