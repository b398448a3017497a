"""Every command of `twinlens`. Thin: options come from the configuration's defaults, the work is one call away."""

from __future__ import annotations

from typing import Annotated

import typer

from indexer.commands.build import build, rebuild
from indexer.commands.calibrate import calibrate
from indexer.commands.changes import add, remove, sync
from indexer.commands.check import check
from indexer.commands.duplicates import duplicates
from indexer.commands.evaluate import evaluate
from indexer.commands.exchange import export, import_vectors
from indexer.commands.identities import attend, enroll, unenroll
from indexer.commands.map import draw_map
from indexer.commands.metadata import metadata
from indexer.commands.train import recipes, teach, train
from search.cli import info, query, run
from search.identify import identify, identities
from search.verify import verify

app = typer.Typer(
    name="twinlens",
    help="Find the pictures of a collection that look like a given picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(build)
app.command()(add)
app.command()(remove)
app.command()(sync)
app.command()(rebuild)
app.command()(query)
app.command()(info)
app.command()(check)
app.command()(enroll)
app.command()(unenroll)
app.command()(identities)
app.command()(identify)
app.command()(attend)
app.command()(evaluate)
app.command()(calibrate)
app.command()(verify)
app.command("map")(draw_map)
app.command("metadata")(metadata)
app.command()(duplicates)
app.command()(export)
app.command("import")(import_vectors)
app.command()(train)
app.command()(teach)
app.command()(recipes)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1 for the app.", min=1, max=65535)] = 8501,
    open_app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the app at the end.")] = True,
) -> None:
    """Index the sample collection, answer one query here, and open the app on it."""
    from indexer import demo as demonstration

    picture = demonstration.demo_query()
    build(demonstration.SAMPLE, demonstration.DEMO_INDEX)
    query(demonstration.DEMO_INDEX, [str(picture)], k=5)
    if open_app:
        typer.echo(f"The app: http://127.0.0.1:{port} (stop it with Ctrl-C)")
        demonstration.serve(demonstration.DEMO_INDEX, port)


def main() -> None:
    """Entry point of the console script."""
    run(app)
