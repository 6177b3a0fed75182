"""Links to messages: nobody reads through Gofer what they may not see."""

from __future__ import annotations

from bot.surface import MessageRef
from tests.fakes.slack import SlackFake
from tests.surfaces.slack.out import opened, place


async def test_a_link_to_a_private_channel_is_followed_for_those_who_are_in_it(tmp_path: object) -> None:
    async with SlackFake("socket") as slack:
        ann, bob = slack.user("ann"), slack.user("bob")
        general = slack.channel("general", members=[ann, bob])
        secret = slack.channel("secret", private=True, members=[ann])
        hidden = await ann.says(secret, "the salaries")
        root = await ann.says(general, f"see {slack.permalink(hidden)}")
        request = await bob.says(general, f"{slack.mention} what does it say?", thread=root)
        async with opened(slack) as surface:
            here = place(slack, general, root)
            before = MessageRef(here, request.ts)
            people = {one: f"slack:{slack.team_id}:{user.id}" for one, user in (("ann", ann), ("bob", bob))}
            for_ann = await surface.history(here, before=before, reader=people["ann"])
            for_bob = await surface.history(here, before=before, reader=people["bob"])
            unsaid = await surface.history(here, before=before)
        assert [one.text for one in for_ann if "salaries" in one.text] == ["the salaries"]
        assert not [one for one in (*for_bob, *unsaid) if "salaries" in one.text]
