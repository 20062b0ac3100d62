"""`bbq-deploy lsp`: the language server, for editors."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy lsp  # an editor runs it; over standard input and output",
    "bbq-deploy lsp --import-map https://example.org/types/=./types/",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stdio", action="store_true", help="over standard input and output, as always; editors pass it")
    options.imports(parser)


def run(session: Session) -> int:
    from bbq import __version__
    from bbq.conf import ini

    try:
        from bbq.editor.lsp.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise ConfigurationError("the language server needs pygls", hint="pip install 'bbq[lsp]'") from None
    serve(__version__, ini.import_map(session.args.import_map or (), session.config_files))
    return ExitCode.OK
