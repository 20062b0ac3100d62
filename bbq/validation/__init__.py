"""Checking templates, one or many, with the answers of earlier runs where nothing has changed. Imports nothing heavy."""

from __future__ import annotations

from bbq.validation.run import Report, check

__all__ = ["Report", "check"]
