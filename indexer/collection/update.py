"""The stages that build, add and sync share: survey, read and embed new files, compare, commit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.cluster.ray_engine import embed_on_ray
from indexer.pipeline.change_report import ChangeReport, MissingFolder
from indexer.pipeline.committing import CommitScope, commit
from indexer.pipeline.comparing import compare
from indexer.pipeline.embed import embed_files
from indexer.pipeline.index_encoder import choose_encoder, fitting_calibration
from indexer.pipeline.known_contents import KnownContents
from indexer.pipeline.staging import Staging, discard_committed
from indexer.pipeline.survey import FILES_AT_ONCE, is_same
from search.chunks import chunks
from search.config import MOST_AT_ONCE, MOST_WORKERS
from search.counts import check_count
from search.indexes import check_parameters, resolve_device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexer.pipeline.changes import Changes
    from indexer.pipeline.labelling import Labelling
    from indexer.pipeline.progress import Stages
    from indexer.pipeline.scan import FoundFile
    from indexer.pipeline.survey import FILES_AT_ONCE, Survey
    from search.config import BuildConfig
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog


@dataclass(slots=True)
class Update:
    """One update of one index."""

    catalog: Catalog
    config: BuildConfig
    stages: Stages
    labelling: Labelling
    encoder: Encoder | None = None
    """If it is loaded already: for a new index, or by an earlier round of a watch."""
    root: Path | None = None
    """The folder that is surveyed completely."""
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    """Files and folders that could not be read, with the reason."""
    not_read: Counter[str] = field(default_factory=Counter)
    """Files of other kinds, by suffix."""
    exclude: tuple[str, ...] | None = None
    """Patterns to store in the index."""

    def run(self, survey: Callable[[], Survey]) -> ChangeReport:
        """Update the index to the result of a survey, in one commit."""
        catalog = self.catalog
        with self.stages.stage("compare"):
            surveyed = survey()
        first = "encoder" not in catalog.settings()
        if self.encoder is None and (surveyed.todo or first or self.config.encoder or self.config.precision):
            with self.stages.stage("load encoder"):
                self.encoder = choose_encoder(catalog, self.config, None)
        if self.encoder is not None:  # reports damage before the work
            fitting_calibration(catalog.settings().get("calibration"), self.encoder, self.config)
        # If no file must be read, the staging file of another, killed command stays for that command.
        staging = Staging(catalog.folder, self.encoder.fingerprint) if self.encoder and surveyed.todo else None
        try:
            report = self._commit(surveyed, staging)
        except BaseException:
            if staging is not None:
                staging.close()
            raise
        if staging is not None:
            staging.discard()
        else:
            discard_committed(catalog)
        return report

    def _commit(self, surveyed: Survey, staging: Staging | None) -> ChangeReport:
        catalog, known = self.catalog, KnownContents(self.catalog, staging)
        embedded = 0 if staging is None else self._embed(surveyed, staging, known)
        changes = compare(
            catalog,
            surveyed,
            staging,
            known,
            self.labelling.label,
            root=self.root,
            allow_missing=self.config.allow_missing,
        )
        if self.labelling.kept_too:
            changes.label_kept(self.labelling.label)
        scope = CommitScope([file.path for file, _ in surveyed.todo], self.root, self.exclude)
        segment = commit(
            catalog,
            changes,
            known,
            self.config,
            self.stages,
            encoder=self.encoder,
            scope=scope,
            label_sources=self.labelling.sources,
        )
        report = self._report(changes, embedded)
        report.noted = [] if staging is None else staging.notes()
        report.describe(segment)
        return report

    def _embed(self, surveyed: Survey, staging: Staging, known: KnownContents) -> int:
        assert self.encoder is not None
        files = [file for file, _ in surveyed.todo]
        todo = [file for chunk in chunks(files, FILES_AT_ONCE) for file in _unstaged(chunk, staging)]
        with self.stages.stage("embed", len(todo)):
            if self.config.engine == "ray":
                return embed_on_ray(
                    todo,
                    self.encoder,
                    staging,
                    known,
                    batch_size=self.config.batch_size,
                    stages=self.stages,
                    address=self.config.address,
                )
            return embed_files(
                todo,
                self.encoder,
                staging,
                known,
                batch_size=self.config.batch_size,
                workers=self.config.workers,
                stages=self.stages,
            )

    def _report(self, changes: Changes, embedded: int) -> ChangeReport:
        catalog = self.catalog
        report = ChangeReport(
            images=catalog.pictures.count(),
            unchanged=changes.unchanged,
            embedded=embedded,
            skipped=[*((s.path, s.reason) for s in changes.skipped), *self.unreadable],
            encoder=catalog.settings()["encoder"],
            segments=len(catalog.segments.records()),
            seconds=self.stages.seconds,
        )
        for sort in ("added", "changed", "moved", "removed"):
            report.list_paths(sort, [picture.path for picture in getattr(changes, sort)])
        report.list_paths("relabelled", changes.relabelled)
        if changes.unlabelled:
            report.notes.append(f"{changes.unlabelled:,} pictures no longer have a label")
        report.notes += self.labelling.notes
        report.read_again, report.returned, report.excluded = changes.read_again, changes.returned, changes.excluded
        report.not_read = dict(sorted(self.not_read.items(), key=lambda item: (-item[1], item[0])))
        missing = Counter(folder for _, folder in changes.kept)
        report.missing = [MissingFolder.of(folder, missing[folder]) for folder in sorted(missing)]
        if changes.elsewhere:
            report.notes.append(f"{changes.elsewhere} files are in the index already, by another path to their folder")
        report.advise()
        report.advise_reembedding(catalog.settings(), catalog.folder)
        return report


def check_device(config: BuildConfig) -> None:
    """Check device, counts and parameters before the work.

    Raises:
        UnsupportedError: the device is not available, or a parameter is not one of the kind.
        QueryError: a count is out of range.
    """
    check_count("batch_size", config.batch_size, most=MOST_AT_ONCE)
    check_count("workers", config.workers, most=MOST_WORKERS)
    if config.kind != "auto":
        resolve_device(config.device, config.kind)
    if config.params:
        check_parameters(config.kind, config.params)


def _unstaged(files: list[FoundFile], staging: Staging) -> Iterator[FoundFile]:
    """The files that no earlier run read in their present state."""
    staged = staging.results([file.path for file in files])
    return (file for file in files if not is_same(staged.get(file.path), file))
