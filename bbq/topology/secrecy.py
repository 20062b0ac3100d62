"""Which values are secret: by a definition's type or metadata, down into lists, maps and data types."""

from __future__ import annotations

from typing import Any, Final

from bbq.topology.values import Expr, GeneratedSecret, Secret
from bbq.tosca.model import ParameterDef, Schema, ServiceTemplate

SECRET_TYPE: Final = "bbq.datatypes.Secret"


class Secrecy:
    """Remembers for each type whether it holds secrets, since nearly none does."""

    def __init__(self) -> None:
        self._holding: dict[tuple[str, str], bool] = {}

    def protect(self, value: Any, definition: ParameterDef, service: ServiceTemplate, path: str | None = None) -> Any:
        """`value` with its secret parts as `Secret`s; expressions stay as they are.

        With `path` (`node.property`) fields of data types that have the metadata `generate: true` and are unset become
        generated secrets called `path.key.field`. In lists they do not: the place in a list is no name to keep one under.
        """
        if definition.secret:
            return value if value is None or isinstance(value, (Secret, Expr)) else Secret(value)
        return self._protect(value, definition.schema, service, path) if self.holds(definition.schema, service) else value

    def is_secret(self, definition: ParameterDef, service: ServiceTemplate) -> bool:
        """Whether values of this parameter are or hold secrets."""
        return definition.secret or self.holds(definition.schema, service)

    def holds(self, schema: Schema | None, service: ServiceTemplate) -> bool:
        if schema is None:
            return False
        return self._type_holds(schema.type, service) or self.holds(schema.entry, service)

    def _type_holds(self, name: str, service: ServiceTemplate) -> bool:
        key = (service.path, name)
        if key not in self._holding:
            self._holding[key] = False  # a data type that contains itself adds nothing new
            type_ = service.types.get(("data", name))
            self._holding[key] = type_ is not None and (
                SECRET_TYPE in type_.ancestry or any(self.is_secret(item, service) for item in type_.properties.values())
            )
        return self._holding[key]

    def _protect(self, value: Any, schema: Schema, service: ServiceTemplate, path: str | None) -> Any:
        if value is None or isinstance(value, (Secret, Expr)) or not self.holds(schema, service):
            return value
        type_ = service.types.get(("data", schema.type))
        if type_ is not None and SECRET_TYPE in type_.ancestry:
            return Secret(value)
        if isinstance(value, dict) and type_ is not None and type_.properties:
            fields = type_.properties
            found = {
                k: self.protect(v, fields[k], service, path and f"{path}.{k}") if k in fields else v for k, v in value.items()
            }
            for name, field in fields.items():
                if path and found.get(name) is None and field.metadata.get("generate") is True:
                    found[name] = GeneratedSecret(f"{path}.{name}")
            return found
        if schema.entry is not None and isinstance(value, dict):
            return {key: self._protect(item, schema.entry, service, path and f"{path}.{key}") for key, item in value.items()}
        if schema.entry is not None and isinstance(value, list):
            return [self._protect(item, schema.entry, service, None) for item in value]
        return value
