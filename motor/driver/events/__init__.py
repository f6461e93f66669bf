"""Monitoring: PyMongo's events for PyMongo's listeners, and the structured log lines of the specifications.

Each module has one class that knows what happened where, publishes it and logs it. With no listener and no debug
logging nothing of it runs: the engine asks ``watched`` first.
"""
