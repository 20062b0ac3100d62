"""First lines of templates."""

HEAD_1 = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
HEAD_2 = "tosca_definitions_version: tosca_2_0\n"
