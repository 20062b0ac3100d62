"""`bbq-deploy explain`: what a type, a node of a template, a property or a diagnostic code is, and where it comes from."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from bbq.cli import options
from bbq.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from bbq.cli.session import Session
    from bbq.editor.explain import Context

REPORTS = True
EXAMPLES = (
    "bbq-deploy explain bbq.nodes.SparkCluster",
    "bbq-deploy explain bbq.nodes.SparkCluster.workers",
    "bbq-deploy explain spark --template service.yaml --input workers=4",
    "bbq-deploy explain spark.workers --template service.yaml",
    "bbq-deploy explain BBQ-T012",
    "bbq-deploy explain t012 --format json",
)
_CODE = re.compile(r"bbq-\w+|[a-z]\d{3}", re.IGNORECASE)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="NAME", help="a code such as BBQ-T012, a node template, a type, NODE.PROPERTY or TYPE.PROPERTY"
    )
    parser.add_argument("--template", "-t", metavar="FILE", help="a template whose nodes and types are meant, too")
    options.provider(parser)
    options.inputs(parser)
    options.imports(parser)


def run(session: Session) -> int:
    what = session.args.what
    human = getattr(session.args, "format", "human") == "human"
    if _CODE.fullmatch(what):
        _explain_code(session, what, human=human)
        return ExitCode.OK
    found = _named(session, what)
    if human:
        from bbq.editor import telling

        session.view.text(telling.text(found))
    else:
        session.view.data("explanations", found)
    return ExitCode.OK


# --- codes


def _explain_code(session: Session, what: str, *, human: bool) -> None:
    from bbq import catalogue

    page = catalogue.page(_code(what, list(catalogue.codes())))
    if human:
        from bbq.views.explanation import text

        session.view.text(text(page))
        return
    examples = [
        {
            "name": block.name,
            "variant": block.variant,
            "language": block.language,
            "shortened": block.shortened,
            "text": block.text,
        }
        for block in page.blocks
    ]
    body = {"code": page.code, "title": page.title, "explanation": page.explanation, "more": page.text}
    session.view.data("explanation", {**body, "examples": examples})


def _code(word: str, known: list[str]) -> str:
    """The code that is meant: in any case, with or without `BBQ-`."""
    name = word.upper()
    name = name if name.startswith("BBQ-") else f"BBQ-{name}"
    if name in known:
        return name
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"there is no diagnostic {word!r}", hint=f"did you mean {near[0]}?" if near else "findings show their code"
    )


# --- names


def _named(session: Session, what: str) -> list[dict[str, Any]]:
    from bbq.editor.explain import explain
    from bbq.tosca.reading import nearest, one_of

    context = _context(session)
    found = explain(what, context)
    if found:
        return found
    owner, dot, member = what.rpartition(".")
    known = explain(owner, context) if dot else []
    names = [item["name"] for data in known for key in ("properties", "attributes") for item in data.get(key, ())]
    if names:
        raise UsageError(f"{owner} has no {member!r}", hint=nearest(member, names) or one_of(names, 30))
    where = f"in {session.args.template} or " if session.args.template else ""
    hint = context.nearest(what) or (None if session.args.template else "nodes are those of a --template")
    raise UsageError(f"there is no {what!r} {where}among the bundled types", hint=hint)


def _context(session: Session) -> Context:
    from bbq.editor.explain import Context, bundled

    args = session.args
    if args.template is None:
        return Context(bundled())
    from pathlib import Path

    from bbq import topology, tosca
    from bbq.editor.reading import read
    from bbq.operations.wanted import NO_SUBSTITUTION
    from bbq.wording import refuse_errors

    directories = tuple(session.workspace.config.tosca.template_dirs)
    reading = read(Path(args.template), import_map=session.workspace.imports(offline=True).import_map)
    if reading.names is None or reading.service is None:
        refuse_errors(reading.found, args.template)
    assert reading.names is not None
    assert reading.service is not None
    errors = [item for item in reading.found if item.severity == "error"]
    if errors:
        many = "s" if len(errors) > 1 else ""
        session.notice(f"warning: {args.template} has {len(errors)} error{many}; bbq-deploy validate shows them")
    given = options.given(args)
    values, wrong = tosca.check_inputs(reading.service, given or {})
    refuse_errors([item for item in wrong if item.code != "BBQ-T101"], f"the inputs of {args.template}")
    built = None
    if not errors and not wrong:
        built, _ = topology.build(
            reading.service, inputs=values, provider=args.provider or NO_SUBSTITUTION, template_dirs=directories
        )
    return Context(
        [reading.names, *bundled()],
        reading.service,
        built,
        frozenset(given or ()),
        directories,
        reading.names.unit.grammar.two,
    )
