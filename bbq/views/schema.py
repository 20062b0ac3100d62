"""The schema of the machine-readable output, as data: the reference page is generated from it, tests hold views to it.

Every line of NDJSON, and every JSON or YAML document, is an object with `v` (this version) and `kind`. Within a version fields
are only added; a reader ignores kinds and fields that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Field:
    """`type` in JSON Schema's words, `|`-joined; `array of` and `object of` name the items."""

    name: str
    type: str
    description: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    description: str
    fields: tuple[Field, ...]


def _event(name: str, description: str, *data: Field) -> Kind:
    return Kind(name, description, (*_EVENT_FIELDS, *data))


_EVENT_FIELDS: Final = (
    Field("seq", "integer", "The journal's number of the event; 0 for events that are not journalled."),
    Field("at", "number", "Seconds since the epoch."),
    Field("node", "string|null", "The node's address, such as `spark.worker[2]`."),
    Field("action", "string|null", "create, update, replace, delete or read."),
    Field("stage", "string|null", "created, booted, configured or ready."),
    Field("attempt", "integer", "The attempt's number, from 1; 0 where there is none."),
    Field("data", "object", "What is particular to the kind; `data.*` below."),
)

EVENTS: Final[tuple[Kind, ...]] = (
    _event("deployment.created", "A deployment came to be."),
    _event("deployment.changed", "Its status, lease, inputs or outputs changed."),
    _event(
        "run.started",
        "A run begins.",
        Field("data.command", "string", "apply or destroy."),
        Field("data.counts", "object of integer", "Steps by action."),
        Field("data.critical_path", "array of string", "Nodes of the longest chain, by what earlier runs took."),
        Field("data.expected", "number", "Seconds of that chain."),
    ),
    _event(
        "run.stopping",
        "Nothing new is started; what is in flight is finished. Told to listeners, not journalled.",
        Field("data.reason", "string", "interrupt, timeout or error."),
        Field("data.in_flight", "integer", "Calls that are still out."),
        Field("data.eta", "number|null", "Seconds until they are back, probably."),
    ),
    _event(
        "run.finished",
        "It is over.",
        Field("data.result", "string", "ok, failed or interrupted."),
        Field("data.elapsed", "number", "Seconds."),
        Field("data.exit_code", "integer", "See the exit codes."),
        Field("data.error", "string|null", "Why, in a sentence.", required=False),
        Field("data.rolled_back", "array of string", "Nodes taken back by `--on-error rollback`.", required=False),
        Field("data.lost", "array of string", "Nodes that it could not bring back, for they were replaced.", required=False),
    ),
    _event("step.intent", "Written before the provider is called."),
    _event(
        "step.outcome",
        "Written after the provider's answer.",
        Field("data.result", "string", "ok, failed or unknown."),
        Field("data.error", "string", "What went wrong.", required=False),
        Field("data.cause", "string", "The root cause.", required=False),
    ),
    _event("step.stage", "A node reached a stage; `ready` is the last one."),
    _event(
        "step.progress",
        "A part of the making of a node is done: an operation of its lifecycle.",
        Field("data.text", "string", "What was done, and how it went."),
    ),
    _event(
        "step.waiting",
        "What a node waits for right now. Told to listeners, not journalled.",
        Field("data.awaited", "string", "What exactly is awaited.", required=False),
        Field("data.elapsed", "number", "Seconds so far.", required=False),
        Field("data.eta", "number|null", "Seconds that it will probably take still, from earlier runs.", required=False),
        Field("data.critical", "boolean", "It is on the critical path.", required=False),
    ),
    _event("secret.created", "A secret was generated; its value is not in the event."),
    _event("record.removed", "A node is gone."),
)

DOCUMENTS: Final[tuple[Kind, ...]] = (
    Kind(
        "diagnostics",
        "What `validate` found.",
        (
            Field("valid", "boolean", "No errors; warnings may be there."),
            Field("errors", "integer", "Their number; each is counted once, however many templates import its file."),
            Field("warnings", "integer", "Their number."),
            Field(
                "templates",
                "array of object",
                "What was checked, in the order in which it was named: file, valid, errors, warnings. The numbers count what "
                "is wrong in imports, too: once for each template that has them.",
                required=False,
            ),
            Field("diagnostics", "array of diagnostic", "By file and position.", required=False),
        ),
    ),
    Kind(
        "diagnostic",
        "One finding.",
        (
            Field("severity", "string", "error or warning."),
            Field("code", "string", "Stable code such as BBQ-T012."),
            Field("message", "string", "One sentence."),
            Field("file", "string", "The file, or `<input>`."),
            Field("line", "integer", "From 1."),
            Field("column", "integer", "From 1."),
            Field("end_line", "integer", "0 where unknown."),
            Field("end_column", "integer", "Exclusive; 0 where unknown."),
            Field("hint", "string|null", "What to do about it."),
            Field(
                "related",
                "array of object",
                "Further places: file, line, column, text; `imported from` is how a file was reached.",
            ),
            Field(
                "excerpt",
                "object|null",
                "The line as it was read: text (secrets masked, long lines cut), start and end of the range in it (from 0, end "
                "exclusive).",
                required=False,
            ),
        ),
    ),
    Kind(
        "explanation",
        "What `explain` says of a code.",
        (
            Field(
                "value",
                "object",
                "code, title, explanation, more (Markdown), examples: array of name (a file; empty: the command line), variant "
                "(wrong, right, empty: both), language, shortened, text.",
            ),
        ),
    ),
    Kind(
        "explanations",
        "What `explain` says of a type, a node template, an input or a property: all that the name means.",
        (
            Field(
                "value",
                "array of object",
                "what, name, defined (file:line), and by what it is: type, description, derived_from, properties (name, type, "
                "default, required, constraints; of a node: value, resolved, from, inputs), attributes, capabilities, "
                "requirements (target), interfaces, made_by (provider, how, where), made_of.",
            ),
        ),
    ),
    Kind(
        "upgrade",
        "What `upgrade` makes of files.",
        (
            Field(
                "value",
                "array of object",
                "file, valid (as TOSCA 2.0), written, warnings (array of line, column, message), errors (array of string), "
                "diff.",
            ),
        ),
    ),
    Kind(
        "plan",
        "What would be done.",
        (
            Field("deployment", "string", "Its name."),
            Field("provider", "string", "The provider's name."),
            Field("changes", "boolean", "Anything to do at all."),
            Field("counts", "object of integer", "Steps by action."),
            Field(
                "steps",
                "array of object",
                "In order: node, type, action, reason, after (node names), changes (path, before, after, forces_replacement).",
            ),
            Field("warnings", "array of string", "Worth knowing before saying yes."),
            Field("costs", "array of object", "Of the account's quotas: what, more, left and limit (null: none)."),
            Field("price", "object|null", "Per hour, where prices are given: currency, more, all, unpriced (array)."),
        ),
    ),
    Kind(
        "status",
        "One deployment and its nodes.",
        (
            Field(
                "deployment",
                "object",
                "As in `deployments`, its status as seen (`degraded`: not all is ready).",
            ),
            Field(
                "nodes",
                "array of object",
                "node, type, status, stage, handle, attempt, error, parent, members, depends_on, started_at, ready_at. "
                "What an unfinished deployment has not begun has the status `absent`.",
            ),
        ),
    ),
    Kind(
        "outputs",
        "The outputs of a deployment.",
        (
            Field("outputs", "object", "Values by name; a secret is masked unless `--show-secrets`."),
            Field("secret", "array of string", "Names of those that hold secrets."),
        ),
    ),
    Kind(
        "deployments",
        "All deployments.",
        (Field("deployments", "array of object", "id, name, provider, template, status, created_at, expires_at, error."),),
    ),
    Kind(
        "error",
        "Why the command failed; the last line of a failed run.",
        (
            Field("error", "string", "The class of the error."),
            Field("message", "string", "One sentence."),
            Field("hint", "string|null", "What to do about it."),
            Field("exit_code", "integer", "See the exit codes."),
            Field("diagnostics", "array of diagnostic", "Only for template errors.", required=False),
        ),
    ),
    Kind("message", "A notice.", (Field("text", "string", "One or more sentences."),)),
    Kind("log", "One line of a log.", (Field("node", "string", "Whose."), Field("line", "string", "Without the line break."))),
)
"""`table` and `data` of commands have the command's own kind, with `rows` (array of object) or `value`."""
