"""CFN: Heat's reading of AWS CloudFormation, in YAML and JSON."""

from __future__ import annotations

import json

import pytest

from bbq.hot.values import Call

GOOD = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "One server.",
    "Parameters": {
        "Key": {"Type": "String", "Default": "k"},
        "Distribution": {"Type": "String", "Default": "F17", "AllowedValues": ["F17", "F18"]},
        "Size": {"Type": "String", "Default": "small"},
    },
    "Mappings": {"Images": {"F17": {"small": "a", "large": "b"}, "F18": {"small": "c"}}},
    "Conditions": {"Large": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "small"]}]}, "Always": True},
    "Resources": {
        "Server": {
            "Type": "AWS::EC2::Instance",
            "Metadata": {"AWS::CloudFormation::Init": {"config": {}}},
            "Properties": {
                "ImageId": {"Fn::FindInMap": ["Images", {"Ref": "Distribution"}, "small"]},
                "InstanceType": {"Fn::If": ["Large", "m1.large", {"Ref": "Size"}]},
                "KeyName": {"Ref": "Key"},
                "UserData": {"Fn::Base64": {"Fn::Join": ["", ["#!/bin/sh\n", {"Ref": "AWS::Region"}, {"Ref": "Address"}]]}},
            },
        },
        "Address": {"Type": "AWS::EC2::EIP"},
        "Link": {
            "Type": "AWS::EC2::EIPAssociation",
            "DependsOn": "Server",
            "Condition": "Large",
            "DeletionPolicy": "Retain",
            "Properties": {"InstanceId": {"Ref": "Server"}, "EIP": {"Ref": "Address"}},
        },
        "Net": {"Type": "OS::Neutron::Net", "Properties": {"name": {"Fn::Select": ["0", {"Fn::Split": [",", "a,b"]}]}}},
    },
    "Outputs": {"Ip": {"Value": {"Fn::GetAtt": ["Server", "PublicIp"]}, "Description": "d", "Condition": "Large"}},
}


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json(templates, indent):
    template = templates.good(json.dumps(GOOD, indent=indent))
    assert str(template.version) == "AWSTemplateFormatVersion 2010-09-09"
    assert template.resources["Server"].properties["KeyName"].args == "Key"
    assert isinstance(template.resources["Server"].properties["ImageId"], Call)
    assert set(template.resources["Server"].needs) == {"Address"}
    assert set(template.resources["Link"].needs) == {"Server", "Address"}
    assert template.outputs["Ip"].condition == "Large"
    assert template.mappings["Images"]["F18"] == {"small": "c"}
    assert template.values["Size"] == "small"


def test_heats_own_cfn_has_no_conditions(templates):
    templates.bad(
        """
        HeatTemplateFormatVersion: '2012-12-12'
        §Conditions: {}
        Parameters: { P: { Type: String } }
        Resources:
          Server:
            Type: AWS::EC2::Instance
            §Condition: X
            Properties:
              ImageId: { §Fn::If: [ X, a, b ] }
              InstanceType: { Fn::Replace: [ { a: b }, c ] }
        """,
        "BBQ-H010",
        "BBQ-H010?",
        "BBQ-H040",
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("{ Ref: §Nothing }", "BBQ-H044"),
        ("{ Ref: §[ P ] }", "BBQ-H042"),
        ("{ Ref: AWS::StackName }", None),
        ("{ Ref: §AWS::AccountId }", "BBQ-H044"),
        ("{ Fn::GetAtt: §Other.value }", "BBQ-H042"),
        ("{ Fn::GetAtt: [ Other, §vlaue ] }", "BBQ-H045"),
        ("{ Fn::GetAtt: [ §Nothing, value ] }", "BBQ-H044"),
        ("{ Fn::FindInMap: [ §N, k, v ] }", "BBQ-H049"),
        ("{ Fn::FindInMap: [ M, §x, v ] }", "BBQ-H049"),
        ("{ Fn::FindInMap: [ M, k, §x ] }", "BBQ-H049"),
        ("{ Fn::FindInMap: §[ M, k ] }", "BBQ-H042"),
        ("{ Fn::Join: [ '', [ §5 ] ] }", "BBQ-H042"),
        ("{ Fn::Join: §[ '' ] }", "BBQ-H042"),
        ("{ Fn::Select: [ §x, [ a ] ] }", "BBQ-H042"),
        ("{ Fn::Split: §a }", "BBQ-H042"),
        ("{ Fn::Base64: §[ a ] }", "BBQ-H042"),
        ("{ Fn::If: [ C, a, b ] }", None),
        ("{ Fn::If: [ §D, a, b ] }", "BBQ-H046"),
        ("{ Fn::If: §[ C, a ] }", "BBQ-H042"),
        ("{ Fn::ResourceFacade: §metadata }", "BBQ-H042"),
        ("{ Fn::ResourceFacade: Metadata }", None),
        ("{ Fn::MemberListToMap: [ Name, Value, [ §5 ] ] }", "BBQ-H042"),
        ("{ §get_param: P }", "BBQ-H040"),
        ("{ §Fn::Equals: [ a, b ] }", "BBQ-H041?"),
        ("{ §Fn::Sub: a }", "BBQ-H040?"),
    ],
)
def test_functions(templates, value, code):
    if code is None:
        value = value.replace("§", "")
    templates.bad(
        f"""
        AWSTemplateFormatVersion: 2010-09-09
        Parameters: {{ P: {{ Type: String }} }}
        Mappings: {{ M: {{ k: {{ v: 1 }} }} }}
        Conditions: {{ C: {{ Fn::Equals: [ {{ Ref: P }}, {{ Fn::FindInMap: [ M, k, v ] }} ] }} }}
        Resources:
          R: {{ Type: OS::Heat::StructuredConfig, Properties: {{ config: {{ x: {value} }} }} }}
          Other: {{ Type: OS::Heat::RandomString }}
        """,
        *([code] if code else []),
    )


def test_conditions(templates):
    found = templates.bad(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Conditions:
          A: { Fn::Equals: [ { Ref: §R }, 1 ] }
          B: { Fn::Not: §A }
          C: { Fn::And: [ A, §Nothing ] }
          D: { §Fn::Join: [ '', [] ] }
        Resources: { R: { Type: OS::Heat::RandomString } }
        """,
        "BBQ-H043",
        "BBQ-H042",
        "BBQ-H046",
        "BBQ-H041",
    )
    assert found[0].hint == "conditions know parameters only"


def test_a_reference_to_nothing_in_an_output_is_a_warning(templates):
    templates.bad(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Resources: {}
        Outputs: { O: { Value: { Ref: §Nothing } } }
        """,
        "BBQ-H044?",
    )


def test_short_forms_of_aws_are_no_yaml_for_heat(templates):
    text = "AWSTemplateFormatVersion: 2010-09-09\nDescription: §!Ref x\n"
    assert "tag" in templates.bad(text, "BBQ-Y010")[0].message


def test_hot_2013_may_mix_both(templates):
    templates.good(
        """
        heat_template_version: 2013-05-23
        parameters: { p: { type: string } }
        resources:
          r:
            type: OS::Heat::StructuredConfig
            properties: { config: { a: { Ref: p }, b: { Ref: s }, c: { 'Fn::Base64': x } } }
          s: { type: OS::Heat::RandomString }
        """
    )
