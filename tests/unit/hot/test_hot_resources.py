"""Resources: types, properties, references, conditions, cycles."""

from __future__ import annotations

import pytest

HEAD = "heat_template_version: 2018-08-31\n"


def server(properties: str, more: str = "") -> str:
    return f"""
heat_template_version: 2018-08-31
parameters:
  text: {{ type: string, default: abc }}
  number: {{ type: number, default: 5 }}
  list: {{ type: comma_delimited_list, default: 'a,b' }}
  json: {{ type: json, default: {{ a: b }} }}
  flag: {{ type: boolean, default: true }}
  open: {{ type: json }}
conditions:
  yes_: {{ equals: [ {{ get_param: flag }}, true ] }}
resources:
  r:
    type: OS::Nova::Server
    properties: {{ flavor: m1.small, {properties} }}
    {more}
  n: {{ type: OS::Neutron::Net }}
"""


def test_the_model(templates):
    template = templates.good(
        """
        heat_template_version: 2018-08-31
        conditions: { c: { equals: [ a, b ] } }
        resources:
          net: { type: OS::Neutron::Net, deletion_policy: retain, description: A network. }
          port:
            type: OS::Neutron::Port
            depends_on: other
            condition: c
            metadata: { a: { get_attr: [ third, value ] } }
            properties: { network: { get_resource: net } }
          other: { type: OS::Heat::RandomString }
          third: { type: OS::Heat::RandomString, external_id: abc }
        outputs:
          o: { value: { if: [ c, { get_attr: [ port, mac_address ] }, '' ] }, description: d, condition: c }
        """
    )
    port = template.resources["port"]
    assert (port.type, port.condition, port.depends_on) == ("OS::Neutron::Port", "c", ("other",))
    assert set(port.needs) == {"net", "other", "third"}
    assert port.properties["network"].name == "get_resource"
    assert template.resources["net"].deletion_policy == "retain"
    assert template.resources["third"].external_id == "abc"
    assert template.outputs["o"].condition == "c"
    assert len(template.digest) == 64


@pytest.mark.parametrize(
    ("properties", "codes", "hint"),
    [
        ("§imgae: x", ["BBQ-H032"], "did you mean `image`?"),
        ("networks: [ { §prot: x } ]", ["BBQ-H032"], "did you mean `port`?"),
        ("networks: §x", ["BBQ-H034"], None),
        ("networks: { get_param: list }", [], None),
        ("networks: §{ get_param: text }", ["BBQ-H034"], None),
        ("networks: §{ get_resource: n }", ["BBQ-H034"], None),
        ("networks: { get_param: open }", [], None),
        ("metadata: §[ a ]", ["BBQ-H034"], None),
        ("name: §[ a ]", ["BBQ-H034"], None),
        ("name: §1.5", ["BBQ-H034"], "put it in quotes"),
        ("name: 5", [], None),
        ("name: §22:30", ["BBQ-H013?"], "put it in quotes"),
        ("name: §{ get_param: list }", ["BBQ-H034"], None),
        ("name: §{ get_param: json }", ["BBQ-H034"], None),
        ("config_drive: §maybe", ["BBQ-H034"], None),
        ("config_drive: 'True'", [], None),
        ("config_drive: §{ get_param: number }", ["BBQ-H034"], None),
        ("config_drive: { get_param: flag }", [], None),
        ("diskConfig: §other", ["BBQ-H035"], None),
        ("diskConfig: §{ get_param: text }", ["BBQ-H035"], None),
        ("diskConfig: { if: [ yes_, AUTO, §other ] }", ["BBQ-H035"], None),
        ("networks: [ { fixed_ip: §10.0.0 } ]", ["BBQ-H035"], None),
        ("networks: [ { §uuid: x } ]", ["BBQ-H036?"], None),
        ("block_device_mapping: [ { device_name: vda, volume_size: §large } ]", ["BBQ-H034"], None),
        ("block_device_mapping: [ §{ volume_size: 5 } ]", ["BBQ-H033"], None),
        ("image:§", ["BBQ-H033?"], None),
        ("user_data: { list_join: [ '', [ §{ get_param: text }, x ] ] }", [], None),
    ],
)
def test_properties(templates, properties, codes, hint):
    if not codes:
        properties = properties.replace("§", "")
    if codes == ["BBQ-H035"] and "if:" in properties:
        codes = []  # the branch is for other values of the parameters
        properties = properties.replace("§", "")
    if properties == "image:§":  # of the flavor, which is required
        properties, codes = "name: x", []
    found = templates.bad(server(properties), *codes)
    assert hint is None or found[0].hint == hint


def test_required_properties(templates):
    templates.bad(
        """
        heat_template_version: 2018-08-31
        resources:
          §a: { type: OS::Neutron::Port }
          b: { type: OS::Neutron::Port, properties: { §network_id: x } }
          c: { type: OS::Neutron::Port, properties: { network: §null } }
        """,
        "BBQ-H033",
        "BBQ-H036?",
        "BBQ-H033?",
    )


def test_a_literal_of_the_wrong_type_in_a_branch_is_told(templates):
    templates.bad(server("networks: { if: [ yes_, [ ], { get_param: list } ] }"))
    templates.bad(server("networks: { if: [ yes_, §{ get_param: text }, §{ get_param: text } ] }"), "BBQ-H034", "BBQ-H034")


def test_a_value_of_a_parameter_is_not_shown(templates):
    found = templates.bad(server("diskConfig: §{ get_param: text }"), "BBQ-H035", parameters={"text": "geheim", "open": "{}"})
    assert found[0].message.endswith("must be one of `AUTO`, `MANUAL`, not the value of parameter `text`")


def test_types(templates):
    found = templates.bad(
        """
        heat_template_version: 2018-08-31
        resources:
          a: { type: §OS::Nova::Servr }
          b: { type: §AWS::Lambda::Function }
          c: { type: §Vendor::Nova::Server }
          d: { type: §server }
          e: { type: §5 }
          §f: {}
          §g:
          h: §x
          i: { type: §OS::Sahara::Nothing, properties: { a: b } }
          j: { type: §OS::Nova::FloatingIP, properties: { pool: x } }
          k: { type: §OS::Quantum::Net }
          l: { type: §OS::Heat::SoftwareDeployments, properties: { servers: {} } }
        """,
        "BBQ-H030",
        "BBQ-H030",
        "BBQ-H030?",
        "BBQ-H030",
        "BBQ-H012",
        "BBQ-H011",
        "BBQ-H012",
        "BBQ-H012",
        "BBQ-H030",
        "BBQ-H031?",
        "BBQ-H031?",
        "BBQ-H031?",
    )
    assert found[0].hint == "did you mean `OS::Nova::Server`?"
    assert found[4].hint == "put it in quotes"


def test_placeholders_take_everything(templates):
    templates.good(HEAD + "resources: { r: { type: OS::Heat::None, properties: { a: [ b ] } } }\n")


def test_not_implemented(templates):
    templates.bad(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Resources:
          i: { Type: AWS::EC2::Instance, Properties: { ImageId: a, InstanceType: b, §KernelId: c } }
        """,
        "BBQ-H037",
    )


def test_references(templates):
    found = templates.bad(
        """
        heat_template_version: 2018-08-31
        parameters: { p: { type: string } }
        resources:
          first:
            type: OS::Neutron::Port
            properties: { network: { get_resource: §netw }, name: { get_param: §q } }
            depends_on: [ net, §nowhere, §5 ]
          net: { type: OS::Neutron::Net, properties: { name: { get_attr: [ §nothing, x ] } } }
          third: { type: OS::Neutron::Net, properties: { name: { get_attr: [ net, §nmae ] } } }
          fourth: { type: OS::Neutron::Net, properties: { name: { get_param: §net }, dns_domain: { get_resource: §p } } }
        outputs: { o: { value: { get_attr: [ net, name ] } }, x: { value: { get_resource: §nowhere } } }
        """,
        "BBQ-H044",
        "BBQ-H043",
        "BBQ-H044",
        "BBQ-H012",
        "BBQ-H044",
        "BBQ-H045",
        "BBQ-H043",
        "BBQ-H044",
        "BBQ-H044",
    )
    assert found[0].hint == "did you mean `net`?"
    assert found[5].hint == "did you mean `name`?"
    assert found[6].hint == "it is a resource: use get_resource"
    assert found[7].hint == "it is a parameter: use get_param"


def test_cycles(templates):
    found = templates.bad(
        """
        heat_template_version: 2018-08-31
        resources:
          a: { type: OS::Heat::RandomString, depends_on: §b }
          b: { type: OS::Heat::Value, properties: { value: { get_attr: [ c, value ] } } }
          c: { type: OS::Heat::RandomString, metadata: { x: { get_resource: a } } }
          self: { type: OS::Heat::Value, properties: { value: { get_resource: §self } } }
        """,
        "BBQ-H048",
        "BBQ-H048",
    )
    assert "`a` -> `b` -> `c` -> `a`" in found[0].message


def test_cycles_of_resources_that_conditions_leave_in_or_out(templates):
    text = """
        heat_template_version: 2018-08-31
        conditions: {{ yes_: {{ equals: [ 1, 1 ] }}, no_: {{ not: yes_ }} }}
        resources:
          a: {{ type: OS::Heat::RandomString, condition: yes_, depends_on: §b }}
          b: {{ type: OS::Heat::RandomString, condition: {condition}, depends_on: a }}
        """
    templates.bad(text.format(condition="yes_"), "BBQ-H048")
    templates.bad(text.format(condition="no_"), "BBQ-H048?")


def test_cycles_under_conditions_are_warnings(templates):
    templates.bad(
        """
        heat_template_version: 2018-08-31
        parameters: { p: { type: string } }
        conditions: { c: { equals: [ { get_param: p }, x ] } }
        resources:
          a: { type: OS::Heat::Value, properties: { value: { if: [ c, { get_resource: §b }, '' ] } } }
          b: { type: OS::Heat::Value, properties: { value: { if: [ c, '', { get_resource: a } ] } } }
        """,
        "BBQ-H048?",
    )


def test_conditions(templates):
    templates.bad(
        """
        heat_template_version: 2018-08-31
        parameters: { p: { type: string, default: x } }
        conditions:
          a: { equals: [ { get_param: p }, x ] }
          b: §a
          c: §{ not: d }
          d: { not: c }
          e: { and: [ a, §nowhere ] }
          f: { equals: §[ 1 ] }
          g: { §get_attr: [ r, value ] }
          h: true
          i: { equals: [ { §get_resource: r }, 1 ] }
          j: §{ get_param: p }
          k: { or: §[ a ] }
          l: §{ x: y, z: 1 }
        resources:
          r: { type: OS::Heat::RandomString, condition: §nothing }
          s: { type: OS::Heat::RandomString, condition: { not: a } }
          t: { type: OS::Heat::RandomString, condition: §5 }
        """,
        "BBQ-H046",
        "BBQ-H047",
        "BBQ-H046",
        "BBQ-H042",
        "BBQ-H041",
        "BBQ-H041",
        "BBQ-H046",
        "BBQ-H042",
        "BBQ-H046",
        "BBQ-H046",
        "BBQ-H046",
    )


ABSENT = """
heat_template_version: 2018-08-31
parameters: {{ p: {{ type: string {default} }} }}
conditions: {{ c: {{ equals: [ {{ get_param: p }}, x ] }} }}
resources:
  r: {{ type: OS::Heat::RandomString, condition: c }}
  s: {{ type: OS::Heat::Value, properties: {{ value: {{ get_attr: [ §r, value ] }} }} }}
  t: {{ type: OS::Heat::Value, depends_on: r, properties: {{ value: {{ if: [ c, {{ get_attr: [ r, value ] }}, '' ] }} }} }}
outputs: {{ o: {{ value: {{ get_resource: §r }} }} }}
"""


def test_values_of_resources_that_are_not_there(templates):
    templates.bad(ABSENT.format(default=""), "BBQ-H027?", "BBQ-H027?")
    templates.bad(ABSENT.format(default=", default: y"), "BBQ-H027", "BBQ-H027")
    templates.good(ABSENT.format(default=", default: x").replace("§", ""))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("deletion_policy: §Keep", "BBQ-H038"),
        ("deletion_policy: Snapshot", None),
        ("deletion_policy: §{ get_param: text }", "BBQ-H038"),
        ("update_policy: { §rolling: 1 }", "BBQ-H039"),
        ("update_policy: {}", None),
        ("external_id: §[ a ]", "BBQ-H012"),
        ("metadata: §x", "BBQ-H012"),
        ("metadata: §null", "BBQ-H012"),
        ("depends_on: §null", "BBQ-H012"),
        ("depends_on: §{ a: b }", "BBQ-H012"),
    ],
)
def test_policies_and_others(templates, more, code):
    templates.bad(server("name: x", more), *([code] if code else []))


def test_snapshots_and_update_policies_by_type(templates):
    templates.bad(
        """
        heat_template_version: 2013-05-23
        resources:
          a: { type: OS::Neutron::Net, deletion_policy: §Snapshot }
          b: { type: OS::Neutron::Net, deletion_policy: §retain }
          c:
            type: OS::Heat::ResourceGroup
            properties: { resource_def: { type: OS::Heat::RandomString } }
            update_policy: { rolling_update: { max_batch_size: §0, §min: 1 } }
          d: { type: OS::Heat::RandomString, §external_id: x }
        """,
        "BBQ-H038",
        "BBQ-H038",
        "BBQ-H035",
        "BBQ-H032",
        "BBQ-H010",
    )


def test_external_resources_depend_on_nothing(templates):
    templates.bad(
        """
        heat_template_version: 2016-10-14
        resources:
          a: { type: OS::Neutron::Net, external_id: x, depends_on: §b }
          b: { type: OS::Heat::RandomString }
        """,
        "BBQ-H048",
    )


def test_names(templates):
    templates.bad(
        """
        heat_template_version: 2013-05-23
        parameters: { a: { type: string }, §OS::stack_id: { type: string } }
        resources:
          §a: { type: OS::Heat::RandomString }
          §b/c: { type: OS::Heat::RandomString }
        """,
        "BBQ-H014",
        "BBQ-H026",
        "BBQ-H014",
    )


def test_outputs(templates):
    templates.bad(
        """
        heat_template_version: 2016-10-14
        outputs:
          §a: { description: x }
          §b:
          c: §x
          d: { value: 1, condition: §nothing }
          e: { value: § }
        """.replace("value: §", "value:"),
        "BBQ-H011",
        "BBQ-H012",
        "BBQ-H012",
        "BBQ-H046",
    )


def test_duplicate_keys_are_warnings_as_heat_takes_the_last(templates):
    template = templates.good(HEAD + "description: a\n" + "description: b\n", "BBQ-Y009")
    assert template.description == "b"


def test_groups(templates):
    found = templates.bad(
        """
        heat_template_version: 2018-08-31
        parameters: { n: { type: number, default: 2 } }
        resources:
          asg:
            type: OS::Heat::AutoScalingGroup
            properties:
              min_size: 1
              max_size: { get_param: n }
              resource: { type: §OS::Nova::Server, properties: { §flavour: x, name: { get_resource: §nowhere } } }
          group:
            type: OS::Heat::ResourceGroup
            properties:
              count: §-1
              resource_def: { type: §OS::Nova::Srv, properties: {} }
          chain:
            type: OS::Heat::ResourceChain
            properties: { resources: [ OS::Heat::RandomString, §OS::Heat::Nothing ], resource_properties: { length: 5 } }
          indexed:
            type: OS::Heat::ResourceGroup
            properties: { resource_def: { type: OS::Heat::RandomString, properties: { length: '%index%' } } }
          plain:
            type: OS::Heat::ResourceGroup
            properties: { index_var: '%i%', resource_def: { type: OS::Heat::RandomString, properties: { length: §'%index%' } } }
        outputs:
          a: { value: { get_attr: [ indexed, resource.0.value ] } }
          b: { value: { get_attr: [ indexed, value ] } }
          c: { value: { get_attr: [ indexed, refs ] } }
          d: { value: { get_attr: [ indexed, §valeu ] } }
          e: { value: { get_attr: [ asg, outputs, name ] } }
        """,
        "BBQ-H033",
        "BBQ-H032",
        "BBQ-H044",
        "BBQ-H035",
        "BBQ-H030",
        "BBQ-H030",
        "BBQ-H034",
        "BBQ-H045",
    )
    assert any(item.hint == "did you mean `flavor`?" for item in found)


def test_long_chains_of_conditions(templates):
    chain = "".join(f"  c{index}: {{ not: c{index + 1} }}\n" for index in range(2000))
    resources = (
        "resources: { r: { type: OS::Heat::RandomString, condition: c0 } }\noutputs: { o: { value: { get_resource: §r } } }\n"
    )
    text = HEAD + "conditions:\n" + chain + "  c2000: false\n" + resources
    templates.bad(text, "BBQ-H027")
