"""``scripts/soak``: clients that work for minutes on deployments that never rest, and must leave nothing behind."""
