"""Server Discovery And Monitoring, and the selection of a server for an operation."""
