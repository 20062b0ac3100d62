"""Policies: server groups, availability zones, autoscaling groups with their alarms."""

from __future__ import annotations

import re
from typing import Any, Final

from bbq.diagnostics import SourceRange
from bbq.render.hot import codes
from bbq.render.hot.compute import Plan, instance
from bbq.render.hot.context import Context, get_attr, get_resource, slug
from bbq.render.hot.model import Fn, Parameter
from bbq.render.hot.network import Networks
from bbq.render.hot.parts import extract
from bbq.render.hot.storage import Volumes
from bbq.wording import quoted

Policy = dict[str, Any]

_APART: Final = re.compile(r"anti[-_ .]?(affinity|locat\w*)", re.IGNORECASE)
_TOGETHER: Final = re.compile(r"affinity|co[-_ .]?locat", re.IGNORECASE)
_CONSTRAINT: Final = re.compile(r"(greater_than|greater_or_equal|less_than|less_or_equal)\s+(\d+(?:\.\d+)?)\s*%?")
_OPERATORS: Final = {"greater_than": "gt", "greater_or_equal": "ge", "less_than": "lt", "less_or_equal": "le"}
_RISING: Final = frozenset({"gt", "ge"})


class Policies:
    def __init__(self, context: Context, plans: dict[str, Plan]) -> None:
        self._context = context
        self._plans = plans
        self.scaled: dict[str, Policy] = {}
        """Compute node -> the policy that scales it."""
        for policy in context.topology.policies:
            self._sort(policy)

    def _sort(self, policy: Policy) -> None:
        properties = policy["properties"]
        lineage = " ".join(policy["ancestry"])
        if "Scaling" in lineage:
            self._scaling(policy)
        elif "Placement" in lineage or "ffinity" in lineage:
            text = " ".join(str(value) for value in (properties.get("policy"), policy["type"]) if value)
            zone = properties.get("availability_zone")
            if _APART.search(text) or _TOGETHER.search(text):
                self._group(policy, apart=bool(_APART.search(text)))
            elif zone:
                self._zone(policy, str(zone))
            else:
                self._left_out(policy, "it names no affinity and no availability zone")
        elif not policy["triggers"]:
            self._left_out(policy, "Heat has nothing for policies of this type")

    def _left_out(self, policy: Policy, why: str) -> None:
        text = f"the policy {quoted(policy['name'])} ({policy['type']}) is left out"
        self._context.bag.warning(codes.NOT_EXPRESSED, text, self._at(policy), why)

    def _at(self, policy: Policy) -> SourceRange:
        found: SourceRange = policy["source"]
        return found

    def _targets(self, policy: Policy) -> list[Plan]:
        return [self._plans[name] for name in policy["targets"] if name in self._plans]

    def _group(self, policy: Policy, *, apart: bool) -> None:
        context, targets = self._context, self._targets(policy)
        if not targets:
            self._left_out(policy, "it has no servers as its targets")
            return
        soft = "soft-" if policy["properties"].get("strict") is False else ""
        name = context.unique(slug(policy["name"]))
        context.add(
            name,
            "OS::Nova::ServerGroup",
            {"name": policy["name"], "policies": [f"{soft}{'anti-' if apart else ''}affinity"]},
        )
        for plan in targets:
            if "scheduler_hints" in plan.properties:
                text = f"{quoted(plan.node.name)} is the target of two policies of affinity, and a server is in one group only"
                context.bag.error(codes.VALUE, text, self._at(policy))
            plan.properties["scheduler_hints"] = {"group": get_resource(name)}

    def _zone(self, policy: Policy, zone: str) -> None:
        known = self._context.catalogue.availability_zones
        if known is not None and zone not in known:
            text = f"this cloud has no availability zone {quoted(zone)}"
            self._context.bag.error(codes.NETWORK, text, self._at(policy), f"known: {', '.join(known)}")
        for plan in self._targets(policy):
            plan.properties["availability_zone"] = zone

    # Scaling

    def _scaling(self, policy: Policy) -> None:
        targets = self._targets(policy)
        if not targets:
            self._left_out(policy, "it has no servers as its targets")
        for plan in targets:
            if plan.node.name in self.scaled:
                text = f"{quoted(plan.node.name)} is the target of two scaling policies"
                self._context.bag.error(codes.VALUE, text, self._at(policy))
            else:
                self.scaled[plan.node.name] = policy

    def group(self, networks: Networks, plan: Plan, volumes: Volumes) -> None:
        """The autoscaling group of a Compute node in place of its servers, one template for its members."""
        context, policy = self._context, self.scaled[plan.node.name]
        properties, node = policy["properties"], plan.node
        label = context.label(node)
        before = set(context.resources)
        plan.indices, plan.numbered, plan.names = [0], False, [None]
        plan.properties["metadata"] = {
            **(plan.properties.get("metadata") or {}),
            "metering.server_group": Fn(get_param="metering_group"),
        }
        for link in plan.links:
            if link.address is not None:
                text = f"{quoted(node.name)} is scaled, and its servers cannot all have the address {link.address}"
                context.error(codes.ADDRESS, text, link.port or node, key="ip_address")
        server = instance(context, networks, plan, 0, label, volumes)
        own = {
            name: context.resources[name] for name in context.resources if name not in before and context.resources[name].unit
        }
        for name in own:
            del context.resources[name]
        document, outside = extract(own, context.parameters)
        document.parameters["metering_group"] = Parameter("metering_group", "What the alarms find the servers by")
        outside["metering_group"] = Fn(get_param="OS::stack_id")
        document.description = f"A server of {node.name}"
        document.outputs = {
            "OS::stack_id": (get_resource(label), "The server"),
            "private_address": (server.private[0], ""),
        }
        if server.public:
            document.outputs["public_address"] = (server.public[0], "")
        file = f"{label}.yaml"
        context.files[file] = document
        group = context.unique(f"{label}_group")
        low, high = _whole(properties.get("min_instances"), 1), _whole(properties.get("max_instances"), 1)
        made = context.add(
            group,
            "OS::Heat::AutoScalingGroup",
            {
                "min_size": low,
                "max_size": high,
                "desired_capacity": _whole(properties.get("default_instances"), low),
                "cooldown": properties.get("cooldown"),
                "resource": {"type": file, "properties": outside},
            },
            node,
        )
        made.depends_on += dict.fromkeys(other for name in own for other in own[name].depends_on if other not in own)
        if not low <= made.properties["desired_capacity"] <= high:
            text = (
                f"the policy {quoted(policy['name'])} wants {made.properties['desired_capacity']} instances of {low} to {high}"
            )
            context.bag.error(codes.VALUE, text, self._at(policy))
        context.attributes[node.name] = {
            "tosca_name": node.name,
            "tosca_id": get_attr(group, "refs"),
            "private_address": get_attr(group, "outputs_list", "private_address"),
            "public_address": get_attr(group, "outputs_list", "public_address") if server.public else None,
        }
        context.servers[node.name] = []
        context.groups.add(node.name)
        self._directions(policy, group)

    def _directions(self, policy: Policy, group: str) -> None:
        context, properties = self._context, policy["properties"]
        step, label = _whole(properties.get("increment"), 1), slug(policy["name"])
        urls = {}
        for direction, change in (("out", step), ("in", -step)):
            name = context.unique(f"{label}_scale_{direction}")
            context.add(
                name,
                "OS::Heat::ScalingPolicy",
                {
                    "auto_scaling_group_id": get_resource(group),
                    "adjustment_type": "change_in_capacity",
                    "scaling_adjustment": change,
                    "cooldown": properties.get("cooldown"),
                },
            )
            urls[direction] = get_attr(name, "alarm_url")
        for other in context.topology.policies:
            for name, trigger in other["triggers"].items():
                if other is policy or self._meant(trigger, policy):
                    self._alarm(other, name, trigger, urls)

    def _meant(self, trigger: dict[str, Any], policy: Policy) -> bool:
        """Does the trigger of another policy start this one? One that names none starts the only one that there is."""
        actions = trigger.get("action")
        if actions:
            return policy["name"] in actions
        return len({id(one) for one in self.scaled.values()}) == 1

    def _alarm(self, policy: Policy, name: str, trigger: dict[str, Any], urls: dict[str, Any]) -> None:
        condition = trigger.get("condition")
        if not isinstance(condition, dict) or "entry_schema" in condition:  # types in the wild have definitions there
            return
        event = trigger.get("event_type")
        metric = trigger.get("metric") or condition.get("metric") or (event.get("metric") if isinstance(event, dict) else None)
        match = _CONSTRAINT.search(str(condition.get("constraint") or ""))
        operator = condition.get("comparison_operator") or (_OPERATORS[match[1]] if match else None)
        threshold = condition.get("threshold", float(match[2]) if match else None)
        if not metric or threshold is None or operator is None:
            text = f"the trigger {quoted(name)} of the policy {quoted(policy['name'])} is left out"
            hint = "an alarm has a metric, a threshold and a comparison"
            self._context.bag.warning(codes.NOT_EXPRESSED, text, self._at(policy), hint)
            return
        self._context.add(
            self._context.unique(slug(name)),
            "OS::Aodh::GnocchiAggregationByResourcesAlarm",
            {
                "description": trigger.get("description") or condition.get("constraint"),
                "metric": metric,
                "aggregation_method": condition.get("aggregation_method", "mean"),
                "granularity": condition.get("granularity", 60),
                "evaluation_periods": condition.get("evaluations", 1),
                "resource_type": condition.get("resource_type", "instance"),
                "comparison_operator": operator,
                "threshold": int(threshold) if isinstance(threshold, float) and threshold.is_integer() else threshold,
                "query": Fn(
                    str_replace={
                        "template": '{"=": {"server_group": "stack"}}',
                        "params": {"stack": Fn(get_param="OS::stack_id")},
                    }
                ),
                "alarm_actions": [urls["out" if operator in _RISING else "in"]],
            },
        )


def _whole(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
