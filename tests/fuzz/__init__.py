"""Whatever bytes a server sends: no crash, no hang, no memory without end, and a client that lives."""
