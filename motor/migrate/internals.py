"""What the modules offer that libraries have reached into: anything else of theirs is gone.

``tests/migrate/test_tables.py`` compares it with the modules.
"""

from __future__ import annotations

from motor.migrate.members import words

_FRAMEWORK = words(
    """CLASS_PREFIX add_future asyncio_loop call_soon chain_future chain_return_value check_event_loop get_event_loop
    get_future is_event_loop is_future platform_info run_on_executor"""
)

PUBLIC: dict[str, frozenset[str]] = {
    "motor.core": words(
        """AgnosticBase AgnosticBaseCursor AgnosticBaseProperties AgnosticChangeStream AgnosticClient
        AgnosticClientEncryption AgnosticClientSession AgnosticCollection AgnosticCommandCursor AgnosticCursor
        AgnosticDatabase AgnosticLatentCommandCursor AgnosticRawBatchCommandCursor AgnosticRawBatchCursor"""
    ),
    "motor.motor_gridfs": words("AgnosticGridFSBucket AgnosticGridIn AgnosticGridOut AgnosticGridOutCursor"),
    "motor.frameworks.asyncio": _FRAMEWORK,
    "motor.frameworks.tornado": _FRAMEWORK,
}
"""The names of each module."""
