"""Texts of others, without the secrets of this run."""

from bbq.engine.scope import RunScope
from bbq.topology.values import Secret


def test_a_secret_that_begins_another_leaves_nothing_of_it():
    scope = RunScope(None, {}, None, lambda name: None)
    scope.learn({"a": Secret("hunter2"), "b": Secret("hunter2-and-more"), "c": [Secret("p@ss/word")]})
    said = scope.scrub("hunter2-and-more x hunter2, postgresql://u:p%40ss%2Fword@h/db, p@ss/word")
    assert said == "******** x ********, postgresql://u:********@h/db, ********"
