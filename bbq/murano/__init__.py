"""Murano packages, read and written: `load` gives a `Package` with every problem at its place.

What a package is: https://docs.openstack.org/murano/zed/admin/appdev-guide/murano_packages.html, and Murano's own reader
(`murano/packages` in its sources). The workflow language MuranoPL is not run here: class files are read for their names, what
they extend and their properties.
"""

from __future__ import annotations

from bbq.murano.files import MANIFEST, is_package
from bbq.murano.load import load
from bbq.murano.model import Package, Property, pack
from bbq.murano.requires import beside

__all__ = ["MANIFEST", "Package", "Property", "beside", "is_package", "load", "pack"]
