"""Groups of exact and near copies in an index: `find_duplicates`, then the files that tell of them."""

from __future__ import annotations

from indexer.duplicates.find import duplicates_in, find_duplicates
from indexer.duplicates.report import DuplicateReport, Group, Member, RecallCheck

__all__ = ["DuplicateReport", "Group", "Member", "RecallCheck", "duplicates_in", "find_duplicates"]
