"""A post of a forum is a thread whose first message has its id."""

from __future__ import annotations

from tests.journeys import scenarios
from tests.journeys.discord.driver import Company


async def test_in_a_post_of_a_forum_its_first_message_is_the_request(work: Company) -> None:
    discord, ann = work.discord, work.people["ann"]
    forum = discord.world.backend.create_channel(discord.guild.id, "requests", type=15)
    post = discord.world.backend.create_thread(forum.id, "Count", ann.user_id)
    chat = work.chat(post)
    chat.model(*scenarios.JOB)
    said = await ann.says(post, f"{discord.mention} count the words {chat.tag}", files=[scenarios.POEM])
    bot = discord.bot_id
    await work.until(lambda: [m for m in discord.messages(post) if m.author_id == bot and "Approve" in m.button_labels])
    (plan,) = [m for m in discord.messages(post) if "Approve" in m.button_labels]
    await ann.clicks(plan, "Approve")
    await work.until(lambda: [m for m in discord.messages(post) if "Three words." in m.plain])
    assert [f.name for m in discord.messages(post) for f in m.files if m.author_id == bot] == ["words.txt"]
    assert said.reactions.get("👀")
