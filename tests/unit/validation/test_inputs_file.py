"""What is wrong with a value of an inputs file is told where it stands there."""

from __future__ import annotations

from pathlib import Path

from bbq.diagnostics import DiagnosticBag
from bbq.validation.findings import findings
from bbq.yamlreader import Given, read_file

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
service_template:
  inputs:
    low: { type: integer }
    high: { type: integer, validation: { $greater_than: [ $value, { $get_input: low } ] } }
    more: { type: map, entry_schema: { type: integer, validation: { $greater_than: [ $value, { $get_input: low } ] } } }
  node_templates: {}
"""


def test_validations_that_look_at_other_inputs(tmp_path: Path) -> None:
    template, inputs = tmp_path / "t.yaml", tmp_path / "inputs.yaml"
    template.write_text(TEMPLATE)
    inputs.write_text("# ours\nlow: 5\nhigh: 3\nmore:\n  a: 9\n  b: 2\n")
    document = read_file(inputs, DiagnosticBag())
    assert document is not None
    given = Given()
    given.read(document)
    found = findings(str(template), inputs=given, import_map=None, offline=True)
    assert [(item.file, item.line, item.column) for item in found] == [(str(inputs), 3, 7), (str(inputs), 6, 6)]
    assert "must be greater than `5`, not `2`" in found[1].message
    given.say("high", 4)  # by hand
    found = findings(str(template), inputs=given, import_map=None, offline=True)
    assert {(item.file, item.line) for item in found} == {("<input>", 1), (str(inputs), 6)}
