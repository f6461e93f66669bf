"""MongoDB's wire protocol, without any I/O: bytes in, messages out."""
