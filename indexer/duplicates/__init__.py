"""Find groups of exact and near copies in an index, and write reports about them. Start reading at `find.py`."""

from __future__ import annotations

from indexer.duplicates.find import duplicates_in, find_duplicates
from indexer.duplicates.report import DuplicateReport, Group, Member, RecallCheck

__all__ = ["DuplicateReport", "Group", "Member", "RecallCheck", "duplicates_in", "find_duplicates"]
