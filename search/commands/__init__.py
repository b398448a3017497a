"""Commands that need no indexer, one file each."""
