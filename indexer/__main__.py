"""`python -m indexer COMMAND ...`: the command `twinlens`."""

from indexer.cli import main

if __name__ == "__main__":
    main()
