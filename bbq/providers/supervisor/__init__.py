"""The supervisor (`shim.py`) that keeps a program running, and what says who runs (`proc.py`): no provider, their library.

All but this file is of the standard library alone and is loaded by its path: providers copy these files to servers, too.
"""

from pathlib import Path


def files() -> list[Path]:
    """All that the supervisor consists of: side by side it works anywhere."""
    here = Path(__file__).parent
    return [*sorted(path for path in here.glob("*.py") if path.name != "__init__.py"), here.parents[1] / "cron.py"]
