"""The engine: coroutines and callbacks on one asyncio loop, no framework and no public class.

From the bottom: ``wire`` (bytes and messages), ``cmap`` (connections and pools), ``sdam`` (servers, monitors,
selection), ``sessions``, ``operations`` (one server command a file), ``cursors`` and ``executor`` (one operation,
start to end).
"""
