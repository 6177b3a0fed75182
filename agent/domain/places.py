"""Places: the channels that conversations are in."""

from __future__ import annotations


def place_of(thread_id: str) -> str:
    """The channel of a thread, from its id `surface:space:channel:thread`.

    A thread outside a channel, or with an id of another form, is its own place: never wider than "here" was shown.
    """
    parts = thread_id.split(":")
    if len(parts) == 4 and parts[2]:
        return ":".join(parts[:3])
    return thread_id
