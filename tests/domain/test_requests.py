"""Fixed words in messages: `!CMD` and `use SKILL`."""

from __future__ import annotations

import pytest

from agent.domain.requests import command_of, unknown_skill, wanted_skill

NAMES = ("make-deck", "make-deck-pro", "research")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("!ls -la", "ls -la"),
        ("  !ls\nwc -l *  ", "ls\nwc -l *"),
        ("!", ""),
        ("! ls", ""),
        ("!!! urgent", ""),
        ("please !ls", ""),
        ("", ""),
    ],
)
def test_a_command_begins_with_an_exclamation_mark_at_once_followed_by_it(text: str, command: str) -> None:
    assert command_of(text) == command


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("use make-deck", "make-deck"),
        ("Please USE the skill `Make-Deck` for this.", "make-deck"),
        ("use make-deck-pro, not make-deck", "make-deck-pro"),
        ("use skill “research” on it", "research"),
        ("first use research, then use make-deck", "research"),
        ("do not use make-deck", None),
        ("don't use make-deck; use research", "research"),
        ("make-deck", None),
        ("reuse make-deck", None),
        ("use make-decks", None),
        ("use make", None),
        ("", None),
    ],
)
def test_the_skill_that_a_message_says_to_use(text: str, name: str | None) -> None:
    assert wanted_skill(text, NAMES) == name


def test_where_there_are_no_skills_none_is_wanted() -> None:
    assert wanted_skill("use make-deck", ()) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("use the skill bake-bread", "bake-bread"),
        ("use skill baking", "baking"),
        ("use the bake-bread skill", "bake-bread"),
        ("use `baking` please", "baking"),
        ("Use bake-bread.", "bake-bread"),
        ("use make-deck", ""),
        ("use the skill that fits", ""),
        ("use the make-deck skill", ""),
        ("use e-mail addresses from the list", ""),
        ("use Python", ""),
        ("use Python for this", ""),
        ("use it", ""),
    ],
)
def test_a_skill_that_does_not_exist_is_known_by_the_form_of_the_words(text: str, name: str) -> None:
    assert unknown_skill(text, NAMES) == name
