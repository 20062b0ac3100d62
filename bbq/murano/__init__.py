"""Murano packages, read and written: `load` gives a `Package` with every problem at its place.

What a package is: https://docs.openstack.org/murano/zed/admin/appdev-guide/murano_packages.html, and Murano's own reader
(`murano/packages` in its sources). The workflow language MuranoPL is not run here: class files are read for their names, what
they extend and their properties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bbq.murano.loading import load
    from bbq.murano.model import Package, Property, pack
    from bbq.murano.recognized import is_package
    from bbq.murano.requires import beside

_MODULES: Final = {
    "Package": "model",
    "Property": "model",
    "beside": "requires",
    "is_package": "recognized",
    "load": "loading",
    "pack": "model",
}

__all__ = ["Package", "Property", "beside", "is_package", "load", "pack"]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: every template is asked whether it is a package."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"bbq.murano.{_MODULES[name]}"), name)
