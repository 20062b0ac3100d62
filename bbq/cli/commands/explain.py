"""`bbq-deploy explain`: what a diagnostic code means, with a wrong example and the right one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from bbq.cli.session import Session

REPORTS = True
EXAMPLES = ("bbq-deploy explain BBQ-T012", "bbq-deploy explain t012 --format json")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="CODE", help="the code of a finding, such as BBQ-T012")


def run(session: Session) -> int:
    from bbq import catalogue

    page = catalogue.page(_code(session.args.what, list(catalogue.codes())))
    if getattr(session.args, "format", "human") == "human":
        from bbq.views.explanation import text

        session.view.text(text(page))
    else:
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
    return ExitCode.OK


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
