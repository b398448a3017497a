"""Commands with many options, a file each; `indexer.cli.app` gathers them."""
