"""Which values are secret: by a definition's type or metadata, down into lists, maps and data types."""

from __future__ import annotations

from typing import Any, Final

from bbq.topology.values import Expr, Secret
from bbq.tosca.model import ParameterDef, Schema, ServiceTemplate

SECRET_TYPE: Final = "bbq.datatypes.Secret"


class Secrecy:
    """Remembers for each type whether it holds secrets, since nearly none does."""

    def __init__(self) -> None:
        self._holding: dict[tuple[str, str], bool] = {}

    def protect(self, value: Any, definition: ParameterDef, service: ServiceTemplate) -> Any:
        """`value` with its secret parts as `Secret`s; expressions stay as they are."""
        if definition.secret:
            return value if value is None or isinstance(value, (Secret, Expr)) else Secret(value)
        return self._protect(value, definition.schema, service) if self.holds(definition.schema, service) else value

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

    def _protect(self, value: Any, schema: Schema, service: ServiceTemplate) -> Any:
        if value is None or isinstance(value, (Secret, Expr)) or not self.holds(schema, service):
            return value
        type_ = service.types.get(("data", schema.type))
        if type_ is not None and SECRET_TYPE in type_.ancestry:
            return Secret(value)
        if isinstance(value, dict) and type_ is not None and type_.properties:
            fields = type_.properties
            return {k: self.protect(v, fields[k], service) if k in fields else v for k, v in value.items()}
        if schema.entry is not None and isinstance(value, dict):
            return {key: self._protect(item, schema.entry, service) for key, item in value.items()}
        if schema.entry is not None and isinstance(value, list):
            return [self._protect(item, schema.entry, service) for item in value]
        return value
