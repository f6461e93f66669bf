"""A scripted replica set, sharded cluster and load balancer: tests/replica_set asks PyMongo whether they are true."""
