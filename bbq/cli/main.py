"""`bbq-deploy`: the table of commands and the way into them. Nothing is imported before it is known to be needed."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # type checkers know the name; importing typing would cost `--version` half of its time
if TYPE_CHECKING:
    import argparse

COMMANDS = {
    "validate": "check templates and show every problem in them",
    "explain": "say what a type, a node, a property or the code of a problem is",
    "fmt": "put templates into canonical layout, comments kept",
    "upgrade": "turn TOSCA 1.x templates into 2.0, comments kept",
    "lsp": "run the language server, for editors",
    "schema": "write a JSON Schema of templates, for editors",
    "plan": "show what `up` would do, and do nothing",
    "package": "pack a template with everything that it needs into one archive (CSAR)",
    "lock": "pin what the remote imports of a template are",
    "render": "translate a template into another system's files (Docker Compose)",
    "up": "make a deployment what its template asks for",
    "resume": "go on with a deployment after a crash or an interruption",
    "status": "show a deployment and what there really is of it",
    "wait": "wait until a deployment is active",
    "outputs": "show a deployment's outputs: addresses, users, passwords",
    "events": "show what happened to a deployment",
    "logs": "show a node's log",
    "scale": "change the number of a node's instances",
    "signal": "send a signal to a resource in a stack",
    "cancel": "end what is under way, and stuck, in stacks",
    "drift": "compare what is there with what was wanted",
    "destroy": "take a deployment away, completely",
    "list": "list the deployments",
    "graph": "draw a deployment or a template",
    "reap": "destroy the deployments whose time is over",
    "sweep": "find what dead deployments have left at a provider, and take it away",
    "unlock": "break the lock of a process that is gone for good",
    "doctor": "look at what this machine has for the local provider",
    "config": "show every option, its value and where it comes from",
    "image": "make images of cluster nodes, and bring them into a cloud",
    "queue": "send, receive and look at messages of a deployed queue",
    "autoscale": "scale workers with the length of a queue",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code (see bbq/errors.py)."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments in (["--version"], ["-V"]):
        from bbq import __version__

        try:
            sys.stdout.write(f"bbq {__version__}\n")
            sys.stdout.flush()
            return 0
        except (OSError, AttributeError):  # full, or closed: the long way says so
            pass
    from bbq.cli.session import run

    return run(arguments)


def parser_of(name: str) -> argparse.ArgumentParser:
    """The argument parser of a command, for its help and for the reference."""
    from bbq.cli.parsing import command_parser

    return command_parser(name)
