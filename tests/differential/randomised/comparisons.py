"""The list of them."""

from __future__ import annotations

from tests.differential.randomised.bulk import Bulk, RealBulk
from tests.differential.randomised.change_streams import ChangeStreams
from tests.differential.randomised.client_bulk import ClientBulk, RealClientBulk
from tests.differential.randomised.comparison import Comparison
from tests.differential.randomised.cursors import Cursors
from tests.differential.randomised.faults import Faults
from tests.differential.randomised.gridfs import GridFS
from tests.differential.randomised.operations import Operations
from tests.differential.randomised.splitting import Splitting

COMPARISONS = {
    comparison.name: comparison
    for comparison in (
        Comparison("operations", Operations, runs=1500, few=30),
        Comparison("faults", Faults, runs=1500, few=30),
        Comparison("cursors", Cursors, runs=2000, few=40),
        Comparison("bulk", Bulk, runs=1500, few=30),
        Comparison("real_bulk", RealBulk, runs=1500, few=30),
        Comparison("client_bulk", ClientBulk, runs=1500, few=30),
        Comparison("real_client_bulk", RealClientBulk, runs=1500, few=30),
        Comparison("splitting", Splitting, runs=500, few=10),
        Comparison("change_streams", ChangeStreams, runs=1500, few=30),
        Comparison("gridfs", GridFS, runs=1000, few=20),
    )
}
