"""Profiles, imports and namespaces of TOSCA 2.0 (sections 6.5 to 6.8)."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_2

BASE_1 = HEAD_2 + "profile: org.base:v1\ncapability_types: { Host: {} }\nrelationship_types: { On: {} }\n"
BASE_2 = BASE_1.replace(":v1", ":v2") + "data_types: { Credential: { properties: { key: { type: string } } } }\n"
PLATFORM = (
    HEAD_2
    + """\
profile: org.platform
imports: [ { profile: org.base:v1, namespace: p1 } ]
node_types: { Platform: { capabilities: { host: { type: p1:Host } } } }
"""
)
SERVICE = (
    HEAD_2
    + """\
imports:
  - { profile: org.base:v2, namespace: p2 }
  - { profile: org.platform, namespace: pl }
node_types:
  Service:
    properties: { credential: { type: p2:Credential } }
    requirements: [ { host: { capability: p2:Host, relationship: p2:On } } ]
service_template:
  node_templates:
    service: { type: Service, properties: { credential: { key: password } }, requirements: [ { host: §platform } ] }
    platform: { type: pl:Platform }
"""
)


def test_profiles_beside_the_template_are_found_by_their_names(templates):
    """The specification's own example (section 6.7.3): Host of v1 is not Host of v2."""
    templates.write("v1/profile.yaml", BASE_1)
    templates.write("v2/profile.yaml", BASE_2)
    templates.write("platform.yaml", PLATFORM)
    (found,) = templates.bad(SERVICE, "BBQ-T063")
    assert "needs a capability `profile#2:Host`" in found.message or "needs a capability `" in found.message
    templates.write("platform.yaml", PLATFORM.replace(":v1", ":v2"))
    service = templates.good(SERVICE.replace("§", ""))
    assert service.node_templates["service"].requirements[0].node == "platform"


def test_same_file_names_in_different_folders_stay_apart(templates):
    for folder in ("a", "b", "c"):
        templates.write(
            f"{folder}/types.yaml", HEAD_2 + f"node_types: {{ N: {{ properties: {{ {folder}: {{ type: string }} }} }} }}\n"
        )
    imports = ", ".join(f"{{ url: {name}/types.yaml, namespace: {name} }}" for name in "abc")
    nodes = ", ".join(f"{name}: {{ type: '{name}:N', properties: {{ {name}: x }} }}" for name in "abc")
    service = templates.good(HEAD_2 + f"imports: [ {imports} ]\nservice_template: {{ node_templates: {{ {nodes} }} }}\n")
    assert len({node.type.name for node in service.node_templates.values()}) == 3


def test_nested_namespaces(templates):
    templates.write("pods.yaml", HEAD_2 + "node_types: { Pod: {} }\n")
    templates.write(
        "mine.yaml",
        HEAD_2 + "imports: [ { url: pods.yaml, namespace: k8s } ]\nnode_types: { SuperPod: { derived_from: k8s:Pod } }\n",
    )
    text = (
        HEAD_2 + "imports: [ { url: mine.yaml, namespace: my } ]\nservice_template: { node_templates: { a: { type: TYPE } } }\n"
    )
    assert templates.good(text.replace("TYPE", "my:SuperPod")).node_templates["a"].type.ancestry == ("SuperPod", "Pod")
    assert templates.good(text.replace("TYPE", "my:k8s:Pod"))
    for wrong in ("Pod", "k8s:Pod", "my:Pod", "SuperPod"):
        templates.bad(text.replace("TYPE", f"§{wrong}"), "BBQ-T030")


def test_a_leading_slash_is_the_top_of_the_repository(templates):
    templates.write("templates/types.yaml", HEAD_2 + "node_types: { N: {} }\n")
    templates.write(
        "deep/er/main.yaml", HEAD_2 + "imports: [ /templates/types.yaml ]\nnode_types: { M: { derived_from: N } }\n"
    )
    text = HEAD_2 + "imports: [ deep/er/main.yaml ]\n"
    assert ("node", "M") in templates.good(text).types
    templates.bad(HEAD_2 + "imports: [ §/templates/none.yaml ]\n", "BBQ-T022")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("imports: [ { url: §types.yaml, profile: p } ]\n", "BBQ-T211"),
        ("repositories: { r: 'https://a.b/' }\nimports: [ { url: 'https://c.d/e.yaml', repository: §r } ]\n", "BBQ-T211"),
        ("imports: [ { url: types.yaml, repository: §r } ]\n", "BBQ-T025"),
        ("imports: [ §{ namespace: r } ]\n", "BBQ-T011"),
        ("imports: [ { profile: §org.nothing } ]\n", "BBQ-T024"),
        ("repositories: { §r: { description: a } }\n", "BBQ-T011"),
        ("repositories: { r: { url: 'https://a.b', §credential: {} } }\n", "BBQ-T013"),
        ("profile: §[ a ]\n", "BBQ-T012"),
    ],
)
def test_wrong_imports(templates, text, code):
    templates.write("types.yaml", HEAD_2 + "node_types: { N: {} }\n")
    found = templates.read(HEAD_2 + text)[1]
    assert code in [item.code for item in found]
    if code != "BBQ-T211" or "profile" not in text:
        templates.bad(HEAD_2 + text, code)


def test_repositories_of_imports(templates):
    templates.write("lib.yaml", HEAD_2 + "repositories: { store: 'https://a.b' }\nartifact_types: { F: {} }\n")
    artifact = "{ type: '%sF', file: x, repository: '%s' }"
    body = f"imports: [ {{ url: lib.yaml%s }} ]\nnode_types: {{ N: {{ artifacts: {{ a: {artifact} }} }} }}\n"
    templates.good(HEAD_2 + body % ("", "", "store"))
    templates.good(HEAD_2 + body % (", namespace: l", "l:", "l:store"))
    (found,) = templates.bad(HEAD_2 + (body % (", namespace: l", "l:", "store")).replace("'store'", "§'store'"), "BBQ-T025")
    assert "unknown repository `store`" in found.message


def test_a_profile_holds_no_service_template(templates):
    text = HEAD_2 + "profile: §org.mine\nservice_template: { node_templates: {} }\n"
    _, found, marks = templates.read(text)
    assert [(item.severity, item.code, (item.line, item.column)) for item in found] == [("warning", "BBQ-T211", marks[0])]
