"""PyMongo's events for PyMongo's listeners, and the structured log lines of the specifications.

Each module has a class with a method for each thing that happens: it tells the listeners, and the log. Without a
listener, and without a log at debug level, none of a command or of a selection is called: the engine asks ``watched``
first.
"""
