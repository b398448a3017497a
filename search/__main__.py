"""`python -m search PICTURE... --index DIR`: the command `twinlens query`, without the indexer."""

import typer

from search.cli import query, run

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(query)
    run(app)
