"""Definitions of properties, attributes and parameters, their schemas and constraints.

TOSCA 1.3 sections 3.6.10 to 3.6.14; TOSCA 2.0 sections 9.6 to 9.11.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from bbq.tosca.checker import BROKEN, BUILT_IN, CONVERTED, SECRET, Checker, Path, locate
from bbq.tosca.files import Declaration, Unit
from bbq.tosca.functions import Converter, Owner, Uses
from bbq.tosca.model import Constraint, Function, ParameterDef, Schema, TypeDef
from bbq.tosca.reading import Reader, nearest, quoted
from bbq.tosca.secret_places import SecretPlaces
from bbq.tosca.validations import Stated, Validations, read_constraints
from bbq.yamlreader import at, is_null

OF_1X = frozenset(("scalar-unit.size", "scalar-unit.time", "scalar-unit.frequency", "scalar-unit.bitrate", "range", "any"))
"""Built-in types that 2.0 does not reserve: a file may define its own."""
_ONLY_2 = frozenset(("nil", "bytes", "scalar"))
_FOREIGN = {"int": "integer", "str": "string", "bool": "boolean"}
"""What templates in the wild write for a built-in type."""
_PREFIXES = {
    "data": ("tosca.datatypes.", "tosca.datatypes.network.", "tosca.datatypes.nfv."),
    "node": ("tosca.nodes.", "tosca.nodes.network.", "tosca.nodes.nfv."),
    "capability": ("tosca.capabilities.", "tosca.capabilities.network.", "tosca.capabilities.nfv."),
    "relationship": ("tosca.relationships.", "tosca.relationships.network.", "tosca.relationships.nfv."),
    "interface": ("tosca.interfaces.", "tosca.interfaces.node.lifecycle.", "tosca.interfaces.relationship."),
    "artifact": ("tosca.artifacts.", "tosca.artifacts.nfv."),
    "group": ("tosca.groups.", "tosca.groups.nfv."),
    "policy": ("tosca.policies.",),
}


_RENAMED = {
    "tosca.nodes.BlockStorage": "tosca.nodes.Storage.BlockStorage",
    "tosca.nodes.ObjectStorage": "tosca.nodes.Storage.ObjectStorage",
}
"""Normative types that 1.1 renamed."""


def find(unit: Unit, kind: str, name: str) -> Declaration | None:
    """The declaration of a type name. In 1.x files in the wild use names that only the template importing them has, too."""
    found = _find(unit, kind, name)
    if found is None and unit.outer is not None:
        found = _find(unit.outer, kind, name)
        if found is not None:
            unit.borrowed[kind, name] = found
    return found


def _find(unit: Unit, kind: str, name: str) -> Declaration | None:
    """TOSCA 1.x allows short (`Compute`) and qualified (`tosca:Compute`) names. A normative type that another 1.x version calls
    otherwise is found, too."""
    found = unit.lookup(kind, name)
    if found is None and not unit.grammar.two:
        short = name.removeprefix("tosca:")
        for prefix in _PREFIXES[kind]:
            found = found or unit.lookup(kind, prefix + short)
        if found is None and kind == "node" and short.rpartition(".")[2] in ("BlockStorage", "ObjectStorage"):
            for old, new in _RENAMED.items():
                other = new if old.endswith(short) and short != new else old if new.endswith(short) else None
                found = found or (unit.lookup(kind, other) if other is not None else None)
    return found


class Definitions(Reader):
    """Reads one file's definitions. Defaults are checked later, when every type is known: see `later`."""

    def __init__(self, unit: Unit, reader: Reader, uses: Uses | None = None) -> None:
        super().__init__(unit, reader.bag)
        self.uses = uses
        self.convert = Converter(self, uses)
        self.later: list[tuple[ParameterDef, Node, str]] = []
        self.stated: list[Stated] = []
        self.expected: list[tuple[Node, Schema, str]] = []

    def expect(self, node: Node, type_name: str, what: str, least: int | None = None) -> None:
        """Checks the value at `node`, one of the grammar's own, against a data type once the types are known."""
        constraints = () if least is None else (Constraint("greater_or_equal", least, at(node)),)
        self.expected.append((node, Schema(type_name, constraints), what))

    def type_name(self, node: Node | None, kind: str, what: str) -> str | None:
        """The full name of the type that `node` names; unknown ones are reported."""
        name = self.string(node, f"the {kind} type in {what}")
        if not name or node is None:
            return None
        return self.named(name, node, kind, what)

    def named(self, name: str, node: Node, kind: str, what: str) -> str | None:
        # 1.x's units and ranges are understood in 2.0, too: OASIS's own profile for 2.0 uses them.
        own = self.grammar.two and kind == "data" and name in OF_1X and find(self.unit, kind, name)
        if kind == "data" and name in BUILT_IN and (self.grammar.two or name not in _ONLY_2) and not own:
            if name == "scalar-unit.bitrate" and self.grammar.number < 13:
                self.practice("BBQ-T210", f"data type {quoted(name)} in {what} is from TOSCA 1.3", node)
            return name
        found = find(self.unit, kind, name)
        if found is not None:
            self.renamed(found, name, node, what)
            return canonical(found)
        if kind == "data" and name in _FOREIGN and not self.grammar.two:
            self.practice("BBQ-T201", f"data type {quoted(name)} in {what} is taken for TOSCA's {quoted(_FOREIGN[name])}", node)
            return _FOREIGN[name]
        if self.unit.incomplete:  # the import that failed was reported, and may well hold the type
            return None
        known = self.unit.names(kind) | (set(BUILT_IN) if kind == "data" else set())
        self.error("BBQ-T030", f"unknown {kind} type {quoted(name)} in {what}", node, nearest(name, known))
        return None

    def renamed(self, found: Declaration, name: str, node: Node, what: str) -> None:
        """Warns where `name`, which was found, is what another version calls the type."""
        full = name.removeprefix("tosca:")
        if full.endswith("Storage") and not found.name.endswith(full):
            self.practice("BBQ-T209", f"{quoted(name)} in {what} is called {quoted(found.name)} in this version", node)

    def schema(self, node: Node | None, what: str) -> Schema | None:
        """An entry or key schema: a type's name, or a map."""
        if node is None:
            return None
        if isinstance(node, ScalarNode):
            name = self.type_name(node, "data", what)
            if name is not None:
                self.check_schemas({}, Schema(name), what, node)
            return Schema(name) if name else None
        keys = self.entity(node, "schema", what, node)
        return self.schema_of(keys, what)

    def schema_of(self, keys: dict[str, Node], what: str) -> Schema | None:
        name = self.type_name(keys.get("type"), "data", what)
        if name is None:
            return None
        found = Schema(
            name,
            read_constraints(self, keys, name, what),
            self.schema(keys.get("entry_schema"), f"the entry schema of {what}"),
            self.schema(keys.get("key_schema"), f"the key schema of {what}"),
        )
        self.check_schemas(keys, found, what, keys["type"])
        return found

    def check_schemas(self, keys: dict[str, Node], schema: Schema, what: str, owner: Node) -> None:
        """2.0 sections 9.2 and 9.3: lists and maps have an entry schema, and nothing else has; keys are strings."""
        if not self.grammar.two or schema.type == "any":
            return
        base = self.base(schema.type)
        if base in ("list", "map"):
            if "entry_schema" not in keys and schema.entry is None and schema.type in BUILT_IN:
                self.error("BBQ-T011", f"{what} is a {base} and lacks the required keyname `entry_schema`", owner)
        elif "entry_schema" in keys:
            self.error("BBQ-T032", f"{what} is neither a list nor a map, and takes no `entry_schema`", keys["entry_schema"])
        if "key_schema" in keys and base != "map":
            self.error("BBQ-T032", f"{what} is no map, and takes no `key_schema`", keys["key_schema"])
        elif "key_schema" in keys and schema.key is not None and self.base(schema.key.type) != "string":
            self.error("BBQ-T032", f"the keys of {what} are {quoted(schema.key.type)}; keys are strings", keys["key_schema"])

    def base(self, name: str) -> str:
        """The built-in type that a type comes from; "" where it is a complex one."""
        if name in BUILT_IN:
            return name
        found = find(self.unit, "data", name)
        last = ancestry(found)[-1] if found is not None else ""
        return last if last in BUILT_IN else ""

    def parameters(
        self,
        node: Node | None,
        entity: str,
        what: str,
        inherited: dict[str, ParameterDef] | None = None,
        *,
        values: bool = False,
    ) -> dict[str, ParameterDef]:
        """Definitions by name over the inherited ones. With `values`, what is not a definition is a fixed value (1.x inputs of
        operations are often written so)."""
        result = dict(inherited or {})
        for name, (key, body) in self.entries(node, f"{entity}s of {what}").items():
            found = self.parameter(
                name, key, body, entity, f"{entity.split()[0]} {quoted(name)}", result.get(name), values=values
            )
            if found is not None:
                result[name] = found
        return result

    def parameter(
        self, name: str, key: Node, body: Node, entity: str, what: str, parent: ParameterDef | None, *, values: bool = False
    ) -> ParameterDef | None:
        given = {k.value for k, _ in body.value} if isinstance(body, MappingNode) else set()
        plain = values and not given & {"type", "default"} and not (given and given <= self.grammar.keynames(entity).allowed)
        call = self.grammar.two and bool(given) and all(keyname.startswith("$") for keyname in given)
        short = not is_null(body) and (not isinstance(body, MappingNode) or call or (plain and bool(given)))
        if plain and (parent is None or not self.grammar.two):
            return ParameterDef(name, Schema("any"), at(key), value=self.convert.value(body), has_value=True)
        if parent is not None and parent.has_value and (self.grammar.two or "value" in given):
            place = next((v for k, v in body.value if k.value == "value"), key) if given else body if short else key
            self.error(
                "BBQ-T033", f"the value of {what} is fixed by the parent type and cannot be refined", place, "leave it out"
            )
        if parent is not None and short:
            found = replace(parent, at=at(key))
            if self.grammar.two and entity != "attribute definition":
                return self._fixed(found, body)
            # The short form of the normative types of 1.x: `secure: true` refines the default.
            return self._defaulted(found, body, what)
        keys = self.entity(body, entity, name, key)
        schema = self._refined(keys, key, body, what, parent)
        if schema is None:
            return None
        required = self.boolean(keys.get("required"), f"`required` of {what}", parent.required if parent else True)
        if parent is not None and parent.required and not required and entity != "attribute definition":
            text = f"{what} is required in the parent type and cannot become optional"
            self.refinement(text, keys["required"], "make it optional there, or give it a default here")
        found = ParameterDef(
            name,
            schema,
            at(key),
            required=required,
            default=parent.default if parent else None,
            has_default=parent.has_default if parent else False,
            value=parent.value if parent else None,
            has_value=parent.has_value if parent else False,
            description=self.description(keys, what) or (parent.description if parent else ""),
            metadata={**(parent.metadata if parent else {}), **self.metadata(keys.get("metadata"), what)},
        )
        found.secret = self._secret(schema, found.metadata)
        if self.grammar.two and not required and "default" in keys and not (is_null(keys["default"]) or self.unit.bundled):
            text = f"{what} is not required, so it should stay undefined without a value, and takes no `default`"
            self.warning("BBQ-T211", text, keys["default"], "leave out `required: false`, or the default")
        if "value" in keys and "mapping" in keys:
            self.error("BBQ-T211", f"{what} has a `value` and a `mapping`; it can have one of them", keys["mapping"])
        if "value" in keys and entity == "property definition" and not self.grammar.two:
            return self._defaulted(found, keys["value"], what)  # 1.x has no fixed values; it is written for a default
        if "value" in keys:
            self._fixed(found, keys["value"])
        if "default" in keys:
            return self._defaulted(found, keys["default"], what)
        return found

    def _fixed(self, found: ParameterDef, node: Node) -> ParameterDef:
        found.has_value = True
        self.later.append((found, node, "value"))
        found.value = self.convert.value(node)
        return found

    def _defaulted(self, found: ParameterDef, node: Node, what: str) -> ParameterDef:
        # An empty default is how many templates say "none".
        if is_null(node):
            found.has_default = False
            found.required = False
            return found
        found.default = self.convert.value(node)
        found.has_default = True
        self.later.append((found, node, "default"))
        return found

    def _refined(self, keys: dict[str, Node], key: Node, body: Node, what: str, parent: ParameterDef | None) -> Schema | None:
        if "type" not in keys:
            if parent is None:
                if "value" in keys or "mapping" in keys or "default" in keys:  # an output takes its value's type
                    return Schema("any", read_constraints(self, keys, "any", what))
                self.lacks("type", body, what, key)
                return None
            old = parent.schema
            return Schema(
                old.type,
                self._joined(old, read_constraints(self, keys, old.type, what)),
                self.inner(keys, "entry_schema", old.entry, what),
                self.inner(keys, "key_schema", old.key, what),
            )
        schema = self.schema_of(keys, what)
        if schema is None:  # an unknown type, which was reported: the name is still known, its values are not checked
            return parent.schema if parent is not None else Schema("any")
        if parent is None or parent.schema.type == "any":
            return schema
        old = parent.schema
        self._is_derived(schema, old, keys["type"], what)
        schema.constraints = (
            self._joined(old, schema.constraints) if self.grammar.two else schema.constraints or old.constraints
        )
        return self._narrowed_inside(schema, old, keys, what)

    def inner(self, keys: dict[str, Node], keyname: str, old: Schema | None, what: str) -> Schema | None:
        """The `entry_schema` or `key_schema` over that of the parent type, which it refines."""
        title = f"the {keyname.partition('_')[0]} schema of {what}"
        return self._narrowed(self.schema(keys.get(keyname), title), old, keys.get(keyname), title)

    def _narrowed(self, new: Schema | None, old: Schema | None, node: Node | None, what: str) -> Schema | None:
        """2.0 section 9.3: of the same type or a derived one, validated by both, and so on inside."""
        if new is None or old is None or node is None or "any" in (new.type, old.type):
            return new or old
        keys = {key.value: value for key, value in node.value} if isinstance(node, MappingNode) else {"type": node}
        if not self._is_derived(new, old, keys.get("type", node), what):
            return new
        if self.grammar.two:
            new.constraints = self._joined(old, new.constraints)
        return self._narrowed_inside(new, old, keys, what)

    def _narrowed_inside(self, new: Schema, old: Schema, keys: dict[str, Node], what: str) -> Schema:
        new.entry = self._narrowed(new.entry, old.entry, keys.get("entry_schema"), f"the entry schema of {what}")
        new.key = self._narrowed(new.key, old.key, keys.get("key_schema"), f"the key schema of {what}")
        return new

    def _is_derived(self, new: Schema, old: Schema, node: Node, what: str) -> bool:
        """Whether the type of `new` is that of `old` or comes from it; another one is reported."""
        if new.type == old.type or self._derives(new.type, old.type):
            return True
        text = f"{what} is of type {quoted(old.type)} in the parent type; {quoted(new.type)} does not derive from it"
        self.refinement(text, node)
        return False

    def refinement(self, message: str, node: Node, hint: str | None = None) -> None:
        """A refinement that its parent does not allow. 1.x templates in the wild redefine types freely."""
        self.practice("BBQ-T033", message, node, hint)

    @staticmethod
    def _joined(old: Schema, new: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
        return old.constraints + tuple(item for item in new if item not in old.constraints)

    def _derives(self, name: str, ancestor: str) -> bool:
        found = find(self.unit, "data", name)
        return found is not None and ancestor in ancestry(found)

    def _secret(self, schema: Schema, metadata: dict[str, Any]) -> bool:
        if metadata.get("secret") is True or str(metadata.get("secret")).lower() == "true":
            return True
        found = find(self.unit, "data", schema.type) if schema.type not in BUILT_IN else None
        return found is not None and SECRET in ancestry(found)

    def finish(self, types: dict[tuple[str, str], TypeDef], *, inputs: bool = False) -> None:
        """Checks the constraints, and checks and normalises the defaults and fixed values, met so far. A template's `inputs`
        are usable without a default: in 1.x one that breaks its own constraints is as good as none, and somebody has to give
        a value."""
        checker, secrets = Checker(types), SecretPlaces(types, self.bag.sources)
        for found, node, attribute in self.later:
            secrets.mark(node, getattr(found, attribute), found)
            what = f"{attribute} of {quoted(found.name)}"
            unusable: list[str] | None = [] if inputs and attribute == "default" and not self.grammar.two else None
            value = self.checked(checker, getattr(found, attribute), node, found.schema, what, unusable)
            setattr(found, attribute, value)
            if unusable:
                found.default, found.has_default = None, False
        self.later.clear()
        validations = Validations(self, checker)
        for stated in self.stated:
            validations.check(stated)
        self.stated.clear()
        for node, schema, what in self.expected:
            self.checked(checker, self.convert.value(node, Owner("policy")), node, schema, what)
        self.expected.clear()

    def checked(
        self, checker: Checker, value: Any, node: Node, schema: Schema, what: str, unusable: list[str] | None = None
    ) -> Any:
        """`value`, converted from `node`, checked against `schema` with problems at their places. With a list `unusable`, a
        broken constraint is a warning whose text is put there, too."""

        def report(path: Path, code: str, message: str, hint: str | None) -> None:
            hint = self.convert.other_spelling(locate(node, path)) or hint
            if code == BROKEN and unusable is not None:
                unusable.append(message)
                self.practice(code, f"{message}; it is not used", locate(node, path), hint)
                return
            (self.warning if code == CONVERTED else self.error)(code, message, locate(node, path), hint)

        def text(path: Path) -> str | None:
            place = locate(node, path)
            return str(place.value) if isinstance(place, ScalarNode) else None

        return checker.check(value, schema, report, what=what, text=text, lenient=not self.grammar.two)

    def assigned(self, checker: Checker, node: Node, schema: Schema, what: str, owner: Owner) -> Any:
        """The value at `node` for `schema`: converted, functions recorded, checked."""
        value = self.convert.value(node, owner)
        if isinstance(value, Function) and self.uses is not None:
            self.uses.wanted.append((value, schema, what))
        return self.checked(checker, value, node, schema, what)


def canonical(declaration: Declaration) -> str:
    """The name of a type in the whole template: its own, unless another file's type has it, too."""
    return declaration.unit.canonical.get((declaration.kind, declaration.name), declaration.name)


def parent_of(declaration: Declaration) -> tuple[str, Node] | None:
    """The name after `derived_from` and its node."""
    if not isinstance(declaration.body, MappingNode):
        return None
    node = next((value for key, value in declaration.body.value if key.value == "derived_from"), None)
    return (node.value, node) if isinstance(node, ScalarNode) and not is_null(node) else None


def ancestry(declaration: Declaration) -> tuple[str, ...]:
    """Full names from the type itself to its root; stops at a cycle or an unknown parent, which are reported elsewhere."""
    names = [canonical(declaration)]
    seen = {id(declaration)}
    current = declaration
    while (parent := parent_of(current)) is not None:
        found = find(current.unit, current.kind, parent[0])
        if found is None:
            if current.kind == "data" and parent[0] in BUILT_IN:
                names.append(parent[0])
            break
        if id(found) in seen:
            break
        seen.add(id(found))
        names.append(canonical(found))
        current = found
    return tuple(names)
