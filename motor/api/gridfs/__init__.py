"""GridFS: files in a bucket, streams to read and to write them."""
