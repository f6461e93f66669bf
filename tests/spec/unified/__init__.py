"""A runner for files in MongoDB's unified test format, schema version 1.x: see `runner.py`."""
