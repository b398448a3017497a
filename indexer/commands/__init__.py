"""Commands with many options, a file each; `indexer.cli` gathers them."""
