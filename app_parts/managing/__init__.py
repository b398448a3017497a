"""The parts of the index page: its facts, its jobs, and what to do without an index."""
