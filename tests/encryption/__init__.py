"""In-use encryption, on a real server with keys of our own, and with scripted key management services."""
