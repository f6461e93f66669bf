"""Tests of the engine: the wire, connections, pools, the topology, cancellation and event loops."""
