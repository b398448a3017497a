"""What the visitor decided about files, which overrides the proposal; every step can be undone. Nothing is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.duplicates.keep import Choice
from indexer.duplicates.verify import CHANGED
from search.pictures.source import file_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app_parts.duplicates.background import Found
    from indexer import Group, Member

_NEAR = "near"
"""Beginning of the reasons why a file stays although nothing speaks against dropping it."""
BY_HAND = "keep"
"""Reason in a `Choice` for a file that the visitor keeps: reports then show it like the files that stay."""


class Decisions:
    """The decisions of one visit, by picture id: True keeps the file, False drops it."""

    def __init__(self) -> None:
        self.own: dict[int, bool] = {}
        self._steps: list[dict[int, bool]] = []

    def decide(self, ids: Iterable[int], keep: bool) -> None:
        """Keep or drop files, as one step."""
        self._steps.append(dict(self.own))
        self.own |= dict.fromkeys(ids, keep)

    def follow_proposal(self, ids: Iterable[int]) -> None:
        """Forget the decisions about files, as one step."""
        self._steps.append(dict(self.own))
        for each in ids:
            self.own.pop(each, None)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._steps)

    def undo(self) -> None:
        """Take the last step back."""
        if self._steps:
            self.own = self._steps.pop()


def decided(group: Group, choice: Choice, own: Mapping[int, bool], missing: Mapping[int, str] | None = None) -> Choice:
    """The proposal for a group with the visitor's decisions: without any, the proposal itself.

    One file of the group always stays. A file that the proposal drops is only dropped while a file that it is a
    verified copy of stays; a file that the visitor drops need not be a copy.

    Args:
        group: the group.
        choice: the proposal.
        own: decisions by id, of this and other groups.
        missing: id -> reason, for files that changed or went away since the proposal was made.
    """
    reasons = {each.id: why for each, why in choice.left}
    fixed = {each: why for each, why in reasons.items() if not why.startswith(_NEAR)} | dict(missing or {})
    ranked = [each.id for each in _best_first(group, choice) if each.id not in fixed]
    proposed = {each.id: choice.word(each) != "spare" for each in group.members}
    roots = {each.id: choice.copy_of.get(each.id, each.id) for each in group.members}
    kept = {each for each in ranked if own.get(each, proposed[each])}
    for each in ranked:
        if each not in own and roots[each] not in {roots[stays] for stays in kept}:
            kept.add(each)
    if ranked and not kept:
        kept.add(ranked[0])
    stays_for = {roots[each]: each for each in reversed(ranked) if each in kept}
    dropped = {each for each in ranked if each not in kept}
    copy_of = {each: stays_for[roots[each]] for each in dropped if roots[each] in stays_for}
    first = next((each for each in ranked if each in kept), None)
    stays = {first, *copy_of.values()}
    reasons |= fixed | {each: reasons.get(each, BY_HAND) for each in kept - stays}
    silent = dropped | {each for each in stays if each not in fixed}
    return Choice(
        keep=next((each for each in group.members if each.id == first), None),
        spare=tuple(each for each in group.members if each.id in dropped),
        left=tuple((each, reasons[each.id]) for each in group.members if each.id in reasons and each.id not in silent),
        copy_of={each.id: copy_of[each.id] for each in group.members if each.id in copy_of},
    )


def can_drop(member: Member, group: Group, choice: Choice) -> bool:
    """Whether a file may be dropped: it is as it was indexed, and another such file of the group stays."""
    fixed = {each.id for each, why in choice.left if not why.startswith(_NEAR) and why != BY_HAND}
    spare = {each.id for each in choice.spare}
    others = [each for each in group.members if each.id not in fixed | spare and each.id != member.id]
    return member.id not in fixed and bool(others)


def final_choices(found: Found, own: Mapping[int, bool]) -> list[Choice]:
    """The decisions about all groups, for a list: files that are no longer as they were indexed are left out of it.

    The status of each file is read again, because it may have been moved since the search.
    """
    choices = []
    for group, choice in zip(found.report.groups, found.choices, strict=True):
        missing = {each.id: why for each in group.members if (why := _altered(each))}
        choices.append(decided(group, choice, own, missing))
    return choices


def _altered(member: Member) -> str:
    try:
        status = member.path.stat()
    except (OSError, ValueError):
        return "gone"
    return "" if file_version(status) == (member.bytes, member.mtime_ns) else CHANGED


def _best_first(group: Group, choice: Choice) -> Sequence[Member]:
    """The members, that which the proposal keeps first, then those that others are copies of."""
    stays = set(choice.copy_of.values())
    return sorted(group.members, key=lambda each: (each is not choice.keep, each.id not in stays))
