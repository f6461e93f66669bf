"""Connection Monitoring and Pooling: one connection, its handshake, and the pool of them that a server has."""
