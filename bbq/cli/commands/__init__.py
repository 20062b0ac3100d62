"""One module a command: `EXAMPLES`, `arguments(parser)` and `run(args, session) -> exit code`."""
