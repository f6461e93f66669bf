"""Sessions: the server's, pooled and reused, and the cluster time that they gossip."""
