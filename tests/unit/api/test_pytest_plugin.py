"""The fixture that comes with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

import bbq

pytest_plugins = ["pytester"]


def test_the_fixture(pytester: pytest.Pytester, template: Path) -> None:
    pytester.makepyfile(
        f"""
        def test_it(bbq_deployment):
            d = bbq_deployment({str(template)!r}, provider="simulator", inputs={{"workers": 1}})
            other = bbq_deployment({str(template)!r}, provider="simulator", ttl="1h")
            assert d.status() == other.status() == "active"
            assert d.name != other.name
            assert d.expires_at
            assert 0, "it fails after all"
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(failed=1)
    assert bbq.deployments() == []
    assert len(bbq.deployments(include_destroyed=True)) == 2
