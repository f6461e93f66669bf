"""The handlers that serve GridFS files over HTTP, with Tornado's server and with aiohttp's."""
