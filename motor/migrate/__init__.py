"""Finds what would behave differently when code for an older Motor, or for PyMongo Async, runs on Motor 4.

``python -m motor.migrate PATH [PATH ...]`` lists it, file, line and column, with the remedy, and changes nothing. It
reads the sources without importing them, and needs no server.

.. versionadded:: 4.0
"""

from motor.migrate.checker import check_source
from motor.migrate.findings import Finding
from motor.migrate.rules import RULES, Rule
from motor.migrate.sources import check_paths

__all__ = ["RULES", "Finding", "Rule", "check_paths", "check_source"]
