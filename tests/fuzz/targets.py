"""Every target, by its name."""

from tests.fuzz import client_targets, cost_targets, sasl_targets, wire_targets
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (wire_targets, client_targets, sasl_targets, cost_targets)
    for target in module.TARGETS
}
