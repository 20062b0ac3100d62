"""Whatever stands in a template, an environment or a value, it is answered with diagnostics, soon, never with an exception."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hot_mutations import JUNK, MUTATIONS, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bbq.hot
from bbq.hot.codes import CODES
from bbq.hot.computing import MAX_ITEMS, MAX_TEXT, Fault
from bbq.hot.evaluate import Evaluator
from bbq.hot.versions import FUNCTION_NAMES, VERSION_KEYS, known_versions, version_of
from bbq.yamlreader.codes import CODES as YAML_CODES

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.yaml"))
VERSIONS = [(key, name) for key in VERSION_KEYS for name in known_versions(key)]
WORDS = [*FUNCTION_NAMES, "template", "params", "for_each", "expression", "data", "keys", "values", "min", "max", "a", "type"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from(
        [1e308, float("inf"), float("nan"), 10**40, "a", "b", "p", "r", "c", "", "22:30", "0x_", "%i%", "1e3", "=", "<<"]
    ),
    st.text(max_size=5),
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(WORDS)
    return st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(names, inner, max_size=3),
        st.builds(lambda name, value: {name: value}, names, inner),
    )


VALUES = st.recursive(SCALARS, _containers, max_leaves=12)
PARTS = st.sampled_from(
    ["type", "properties", "metadata", "depends_on", "condition", "constraints", "default", "value", "hidden"]
)


def check(path: Path, **options: Any) -> None:
    template, found = bbq.hot.load(path, **options)
    lines = len(path.read_text(encoding="utf-8", errors="replace").splitlines()) + 2  # of a text that YAML may end early
    for item in found:
        assert item.code in CODES or item.code in YAML_CODES
        assert str(item).isprintable()
        assert 1 <= item.line <= lines or item.file != str(path)
    assert template is not None or any(item.severity == "error" for item in found)


def dumped(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    key, name = draw(st.sampled_from(VERSIONS))
    cfn = key != "heat_template_version"

    def spelled(word: str) -> str:
        return "".join(part.capitalize() for part in word.split("_")) if cfn else word

    def body(word: str) -> Any:
        found = {spelled(part): draw(VALUES) for part in draw(st.lists(PARTS, max_size=4))}
        if draw(st.integers(0, 4)):
            found.setdefault(spelled("type"), draw(st.sampled_from(["OS::Heat::Value", "OS::Nova::Server", "string", "Json"])))
        return found if draw(st.integers(0, 9)) else draw(VALUES)

    sections = {
        spelled(section): {word: body(section) for word in draw(st.lists(st.sampled_from("pqrs"), max_size=3, unique=True))}
        for section in ("parameters", "resources", "outputs")
    }
    sections[spelled("conditions")] = {word: draw(VALUES) for word in draw(st.lists(st.sampled_from("abc"), unique=True))}
    sections[spelled("mappings") if cfn else "parameter_groups"] = draw(VALUES)
    return {key: name, **sections}


FAST = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=30_000, deadline=None, suppress_health_check=list(HealthCheck))


def _whole(path: Path, document: dict[str, Any], given_: Any) -> None:
    path.write_text(dumped(document), encoding="utf-8", errors="surrogatepass")
    check(path)
    check(path, parameters=dict.fromkeys("pq", given_))


def _function(name: str, args: Any, version: tuple[str, str]) -> None:
    node = yaml.compose(dumped({name: args}), Loader=yaml.SafeLoader)
    found = version_of(*version)
    try:
        value = Evaluator(found, {"p": "text", "j": {"a": [1, "b"]}, "n": 5}, {}, {"a": {"b": {"c": 1}}}).value(node)
    except Fault:
        return
    if isinstance(value, str):
        assert len(value) <= MAX_TEXT
    elif isinstance(value, list):
        assert len(value) <= MAX_ITEMS


def _environment(path: Path, environment: Any) -> None:
    path.write_text("heat_template_version: 2018-08-31\nparameters: { p: { type: json }, q: { type: string } }\n")
    other = path.with_name("environment.yaml")
    other.write_text(dumped(environment), encoding="utf-8", errors="surrogatepass")
    check(path, environments=[other, other])


ENVIRONMENTS = st.dictionaries(
    st.sampled_from(
        ["parameters", "parameter_defaults", "resource_registry", "event_sinks", "parameter_merge_strategies", "x"]
    ),
    st.one_of(VALUES, st.dictionaries(st.sampled_from(["p", "q", "resources", "A::B", "A::*", "default"]), VALUES)),
)


@FAST
@given(document=documents(), value=VALUES)
def test_documents(tmp_path_factory, document, value):
    _whole(tmp_path_factory.getbasetemp() / "fuzz.yaml", document, value)


@FAST
@given(name=st.sampled_from(sorted(FUNCTION_NAMES)), args=VALUES, version=st.sampled_from(VERSIONS))
def test_functions(name, args, version):
    _function(name, args, version)


@FAST
@given(environment=ENVIRONMENTS)
def test_environments(tmp_path_factory, environment):
    _environment(tmp_path_factory.getbasetemp() / "fuzz-environment.yaml", environment)


@pytest.mark.soak
@LONG
@given(document=documents(), value=VALUES)
def test_many_documents(tmp_path_factory, document, value):
    _whole(tmp_path_factory.getbasetemp() / "fuzz.yaml", document, value)


@pytest.mark.soak
@LONG
@given(name=st.sampled_from(sorted(FUNCTION_NAMES)), args=VALUES, version=st.sampled_from(VERSIONS))
def test_many_functions(name, args, version):
    _function(name, args, version)


@pytest.mark.soak
@LONG
@given(environment=ENVIRONMENTS)
def test_many_environments(tmp_path_factory, environment):
    _environment(tmp_path_factory.getbasetemp() / "fuzz-environment.yaml", environment)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*path, key), *_paths(item, (*path, key)))]


def _broken(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Junk in places of a right template, and the mistakes that people make."""
    result = copy.deepcopy(document)
    for _ in range(rng.choice([1, 2, 4])):
        *parents, last = rng.choice(_paths(result))
        container: Any = result
        for key in parents:
            container = container[key]
        if rng.random() < 0.7:
            container[last] = copy.deepcopy(rng.choice(JUNK))
        else:
            del container[last]
    return mutated(result, rng.choice(MUTATIONS), rng) or result


@pytest.mark.parametrize("rounds", [150, pytest.param(20_000, marks=pytest.mark.soak)])
def test_broken_samples(tmp_path, rounds):
    rng = random.Random(rounds)
    sources = [
        yaml.safe_load(path.read_text().replace("version: 20", "version: '20").replace("-31\n", "-31'\n"))
        for path in SAMPLES[:1]
    ]
    for path in SAMPLES:
        (tmp_path / path.name).write_text(path.read_text())
    for _ in range(rounds):
        (tmp_path / "stack.yaml").write_text(dumped(_broken(rng.choice(sources), rng)))
        check(tmp_path / "stack.yaml")


@pytest.mark.parametrize("rounds", [150, pytest.param(20_000, marks=pytest.mark.soak)])
def test_broken_texts(tmp_path, rounds):
    """Bytes exchanged, taken out and doubled."""
    rng = random.Random(rounds)
    texts = [path.read_bytes() for path in SAMPLES]
    for _ in range(rounds):
        text = bytearray(rng.choice(texts))
        for _ in range(rng.choice([1, 3, 10])):
            index = rng.randrange(len(text))
            choice = rng.random()
            if choice < 0.5:
                text[index] = rng.choice(b"{}[]:-&*!|>'\"#%@, \n\t\x00\xff0a")
            elif choice < 0.75:
                del text[index : index + rng.randrange(1, 20)]
            else:
                text[index:index] = text[index : index + rng.randrange(1, 40)]
        (tmp_path / "stack.yaml").write_bytes(text)
        check(tmp_path / "stack.yaml")


def test_hostile_templates_end_soon(tmp_path):
    """Each is small, and asks for more than there is."""
    head = "heat_template_version: 2018-08-31\n"
    conditions = "".join(f"  c{index}: {{ not: c{index + 1} }}\n" for index in range(5000))
    needs = "".join(
        f"  r{index}: {{ type: OS::Heat::Value, properties: {{ value: {{ get_resource: r{index + 1} }} }} }}\n"
        for index in range(5000)
    )
    unknown = "".join(f"  r{index}: {{ type: OS::Heat::RandomString, depends_on: s{index} }}\n" for index in range(3000))
    pattern = (
        "parameters: { p: { type: string, default: '" + "a" * 60 + "', constraints: [ { allowed_pattern: '(a+)+$b' } ] } }\n"
    )
    aliases = "x-0: &x0 [ a, b ]\n" + "".join(f"x-{i + 1}: &x{i + 1} [ *x{i}, *x{i} ]\n" for i in range(40))
    for text in (
        head + "conditions:\n" + conditions + "  c5000: { not: c0 }\n",
        head + "resources:\n" + needs + "  r5000: { type: OS::Heat::Value, properties: { value: { get_resource: r0 } } }\n",
        head + "resources:\n" + unknown,
        head + pattern,
        head + aliases,
    ):
        path = tmp_path / "stack.yaml"
        path.write_text(text)
        check(path)
        assert any(item.severity == "error" for item in bbq.hot.load(path)[1])
