"""GridFS: the chunks of a file, read and written several at a time. Source: the MongoDB specification "GridFS"."""
