"""The command line: `app.py` lists the commands, `base.py` says how each of them runs."""


def main() -> None:
    """Entry point of `twinlens` and of `python -m indexer`."""
    from indexer.cli.app import app
    from indexer.cli.base import run

    run(app)
