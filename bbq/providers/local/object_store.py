"""An object store: a directory with one directory for each bucket, for this user only.

There is no S3 server here: no Python or Debian package was found to bring one. An application gets a `file://` URL, which
Spark, fsspec and pyarrow take as it is, and `bbq.handles.open_store` for put, get, list and delete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from bbq.engine.contract import Check, Handle, PermanentFault, Wanted
from bbq.errors import BbqError
from bbq.handles import store_of
from bbq.handles.objects import check_bucket
from bbq.providers.local.process import NodeDir, ProcessResource, Unit


class ObjectStore(ProcessResource):
    type = "bbq.nodes.local.ObjectStore"
    updatable = frozenset({"buckets"})
    ignored = frozenset({"port"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 30.0, "ready": 30.0, "delete": 60.0}

    def prepare(self, node: NodeDir, wanted: Wanted) -> None:
        root = node.directory("buckets")
        for name in wanted.properties.get("buckets") or ():
            try:
                (root / check_bucket(str(name))).mkdir(mode=0o700, exist_ok=True)
            except BbqError as error:
                raise PermanentFault(str(error), hint=error.hint) from None

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        return {}

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        return {"url": f"file://{quote(str(node.path / 'buckets'))}"}

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        try:
            buckets = store_of(handle.attributes).buckets()
        except BbqError as error:
            return Check(False, str(error), failed=True)
        return Check(True, f"buckets: {', '.join(buckets) or 'none yet'}")
