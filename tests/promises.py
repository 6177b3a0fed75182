"""What the README promises, each with the tests that show it holds.

The README writes its promises as list items between `<!-- promises -->` and `<!-- /promises -->`; this is the same list
under short ids. A test says what it shows with `@pytest.mark.promise("id")`. `tests/architecture/test_promises.py`
checks all directions: no promise without a test, no test for a promise that is not made, README and list alike.
"""

from __future__ import annotations

from typing import Final

PROMISES: Final[dict[str, str]] = {
    "plan-first": "A plan you reject runs nothing, and a plain reply changes it.",
    "denied": "A call you deny is never run.",
    "button": "A call of high risk waits for a button and runs once.",
    "exact-card": "An approval shows every argument exactly.",
    "own-files": "Files you hand over change only with your click; Discard puts them back.",
    "undo": "Undo brings back the workspace of before the task.",
    "cap": "At a budget cap no further request is sent until somebody allows it.",
    "strangers": "A stranger can neither start, see nor decide anything.",
    "rights-now": "Rights taken away count at the next click.",
    "members-only": "Guests, bots and people of other organisations decide nothing, whatever they click, react or "
    "write.",
    "stored-first": "What arrives from a chat is stored before it is acknowledged, and counts once however often it is "
    "delivered.",
    "posted-once": "A crash between posting and noting it neither loses a message in a chat nor posts it twice.",
    "forgotten": "What is forgotten is gone from the database; the record keeps digests.",
    "killed": "Killed at any moment it goes on at the next start: nothing is lost, and nothing is done twice unseen.",
    "checked": "A file that does not pass its checks is not handed over.",
    "walls": "A command has no network, no environment of the host, and cannot write to the system.",
    "locked-install": "Every package it installs is pinned by hash, and there are fewer than 80 of them.",
    "one-direction": "The worker knows no chat platform: another one is a new folder, not a change to the loop.",
}
