"""Every target, by its name."""

from tests.fuzz import client_targets, sasl_targets, wire_targets
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for target in (*wire_targets.TARGETS, *client_targets.TARGETS, *sasl_targets.TARGETS)
}
