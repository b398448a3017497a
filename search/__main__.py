"""`python -m search PICTURE... --index DIR`: the command `twinlens query`, without the indexer."""

from search.cli import plain_app, query, run

if __name__ == "__main__":
    app = plain_app()
    app.command()(query)
    run(app)
