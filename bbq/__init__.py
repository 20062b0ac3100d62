"""bbq: one template becomes a running data stack, and goes away again."""

__version__ = "0.1.0"
