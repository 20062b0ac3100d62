"""The Heat front end: HOT and CFN templates, text to one positioned template (`model.HotTemplate`).

Every version of HOT to 2021-04-16, and CFN (AWSTemplateFormatVersion 2010-09-09, HeatTemplateFormatVersion 2012-12-12), each by
its own tables, in YAML or JSON. Nothing is executed, nothing is fetched, every problem is reported.
"""

from __future__ import annotations

from bbq.hot.load import load

__all__ = ["load"]
