"""The groups of copies as cards, with a decision for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.duplicates.decisions import BY_HAND, can_drop
from app_parts.duplicates.file_facts import date_text, facts_of, why_it_stays
from app_parts.menu import page_of
from app_parts.search.picture import full_link
from app_parts.tiles import file_tile, literal, short, show_tile
from search.text import counted, megabytes

if TYPE_CHECKING:
    from app_parts.duplicates.decisions import Decisions
    from indexer import Choice, Group, Member
    from search.config import Keep

MOST_CARDS = 24
"""Number of files of one group that are shown."""


def show_group(number: int, group: Group, proposal: Choice, choice: Choice, made: Decisions, rule: Keep) -> None:
    """Show a group: the `proposal` says why a file stays, `choice` has the visitor's decisions in it."""
    ids = [each.id for each in group.members]
    with st.container(border=True, key=f"group-{group.representative.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header(f"Group {number}: {counted(len(ids), 'picture')}", anchor=False, width="stretch")
            st.button("Keep all", key=f"all-{ids[0]}", on_click=made.decide, args=(ids, True))
            own = [each for each in ids if each in made.own]
            st.button(
                "As proposed", key=f"proposed-{ids[0]}", on_click=made.follow_proposal, args=(own,), disabled=not own
            )
        shown = group.members[:MOST_CARDS]
        facts = {each.id: facts_of(each) for each in shown}
        sharpness = {
            each: known.sharpness for each, known in facts.items() if known is not None and known.sharpness is not None
        }
        why = "indexed first" if rule == "first" else why_it_stays(group, proposal, sharpness)
        with st.grid(columns=5, min_column_width=150) as grid:
            for member in shown:
                with grid.cell(), st.container(gap="xxsmall"):
                    known = facts[member.id]
                    show_tile(file_tile(member.path), member.path, "Copy", link=full_link(member.id))
                    st.text(short(member.path.name))
                    st.caption(literal(short(member.path.parent.name)))
                    lines = [
                        f"{member.width} × {member.height} pixels",
                        f"{known.format if known else 'unreadable'}, {_size(member.bytes)}",
                        date_text(member, known),
                    ]
                    if member.id in sharpness:
                        lines.append(f"sharpness {sharpness[member.id]:.4f}")
                    lines.append(_match(member))
                    st.caption("  \n".join(lines))
                    _decision(member, group, choice, made, why if member is proposal.keep else "")
        if len(group.members) > MOST_CARDS:
            st.caption(
                f"and {len(group.members) - MOST_CARDS:,} more in this group: the exported lists have them, as proposed"
            )


def _decision(member: Member, group: Group, choice: Choice, made: Decisions, why: str) -> None:
    """Show whether a file stays and why, and let the visitor decide otherwise."""
    dropped = any(each.id == member.id for each in choice.spare)
    if dropped:
        st.badge("drop", icon=":material/remove:", color="orange")
        original = next((each for each in group.members if each.id == choice.copy_of.get(member.id)), None)
        st.caption(
            "dropped by you: not a verified copy"
            if original is None
            else f"copy of {literal(short(original.path.name))}"
        )
        st.button("Keep", key=f"keep-{member.id}", on_click=made.decide, args=([member.id], True), width="stretch")
        return
    reason = next((reason for each, reason in choice.left if each.id == member.id), "")
    st.badge("keep", icon=":material/check:", color="green")
    if member.id in made.own and reason in ("", BY_HAND):
        why = "kept by you"
    elif reason and reason != BY_HAND:
        why = literal(reason)
    st.caption(why or "stays for its copies")
    st.button(
        "Drop",
        key=f"drop-{member.id}",
        on_click=made.decide,
        args=([member.id], False),
        disabled=not can_drop(member, group, choice),
        width="stretch",
    )
    if member.match == "near":
        st.page_link(
            page_of("compare"),
            label="Compare",
            icon=":material/compare:",
            query_params={"a": str(group.representative.id), "b": str(member.id)},
        )


def _match(member: Member) -> str:
    if member.match == "near":
        return f"distance {member.distance:.4f}"
    return "same bytes" if member.match == "exact" else "distances are measured from this one"


def _size(size: int) -> str:
    return megabytes(size) if size >= 2**20 else f"{size / 1024:,.1f} KiB"
