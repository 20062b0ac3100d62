"""What an installed Heat says about templates: one JSON object a line in, one a line out.

In: `template` (text), and optionally `files` (name -> text), `environment` (object), `parameters` (object). Out: `error`, null
where Heat takes the template. Run under an interpreter with Heat, like `tools/heat_schema.py`; the soak tests compare bbq's
verdicts with it.

Heat's own parser and `Stack.validate` run in this process as for `openstack stack create`, up to where services would be asked:
custom constraints that ask one take every value, names are not resolved to ids, every service is there. Checks that a resource
class makes with its clients are left out (`validate_res_tmpl_only`); nested stacks are checked in the same way.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from heat.common import config, context, environment_format, messaging, template_format  # noqa: F401 - config registers options
from heat.engine import constraints, environment, resource, resources, stack, stk_defn, template, translation
from heat.engine.resources import stack_resource
from oslo_config import cfg


def prepare() -> None:
    logging.disable(logging.CRITICAL)
    cfg.CONF([], project="heat", default_config_files=[])
    resources.initialise()
    cfg.CONF.set_override("max_resources_per_stack", -1)
    messaging.setup("fake:/", optional=True)
    stk_defn.StackDefinition.get_availability_zones = lambda self: ["nova"]
    constraints.BaseCustomConstraint.validate = lambda self, value, context: True
    resource.Resource._validate_service_availability = classmethod(lambda cls, context, resource_type: None)
    translation.Translation.resolve_and_find = lambda self, value, *args, **kwargs: value
    whole, own = stack.Stack.validate, resource.Resource.validate_template
    stack.Stack.validate = lambda self, **options: whole(self, **{**options, "validate_res_tmpl_only": True})

    def with_nested(self: Any) -> Any:
        result = own(self)
        self.validate_nested_stack()
        return result

    stack_resource.StackResource.validate_template = with_nested


def verdict(case: dict[str, Any]) -> str | None:
    try:
        data = template_format.parse(case["template"])
        given = {"parameters": {}, **(case.get("environment") or {})}
        environment_format.validate(given)
        environment_format.default_for_missing(given)
        given["parameters"] = {**given["parameters"], **(case.get("parameters") or {})}
        parsed = template.Template(data, files=case.get("files") or {}, env=environment.Environment(given))
        user = context.RequestContext(username="u", project_id="t", auth_token="x", user_id="u", is_admin=False)
        found = stack.Stack(user, "s", parsed, strict_validate=case.get("strict", True))
        found.validate()
    except RecursionError:
        return "RecursionError"
    except Exception as error:  # noqa: BLE001 - whatever Heat raises is its verdict
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    prepare()
    for line in sys.stdin:
        sys.stdout.write(json.dumps({"error": verdict(json.loads(line))}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
