"""GridFS: the classes that both frameworks share. Applications annotate with them when they mean either."""

from motor.api.gridfs.bucket import AgnosticGridFSBucket
from motor.api.gridfs.grid_in import AgnosticGridIn
from motor.api.gridfs.grid_out import AgnosticGridOut
from motor.api.gridfs.grid_out_cursor import AgnosticGridOutCursor

__all__ = ["AgnosticGridFSBucket", "AgnosticGridIn", "AgnosticGridOut", "AgnosticGridOutCursor"]
