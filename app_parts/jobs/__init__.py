"""Long work on an index, each job in a process of its own that all sessions of the server see."""
