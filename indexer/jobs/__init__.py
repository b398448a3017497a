"""Long work on an index, each job in a process of its own that everybody who uses the server sees."""
