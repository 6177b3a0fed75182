"""A task in which every text that people see is the same one."""

from __future__ import annotations

from tests.journeys.brain import call, say
from tests.journeys.slack.driver import SlackChat


async def handed_over(chat: SlackChat, text: str) -> None:
    """The text as request, name of a file that comes and of one that goes, step, note, title and answer."""
    path = "outputs/" + "".join(c for c in text if c.isprintable() and c not in "/\\")[:60].strip(" .") + "x.txt"
    make = f"import pathlib; p = pathlib.Path({path!r}); p.parent.mkdir(exist_ok=True); p.write_text('x')"
    chat.model(
        call("plan", steps=[(text.strip() or "x")[:300], text[:290] + "."], files=[path], note=text[:200]),
        call("bash", command=f"python3 - <<'END_OF_PROGRAM'\n{make}\nEND_OF_PROGRAM"),
        call("deliver", path=path, title=text[:100]),
        say(f"{text}\nThis is the end."),
    )
    # With an exclamation mark in front it would be a command for the sandbox.
    request = f"about {text}" if text.lstrip().startswith("!") else text
    await chat.ask(request, [(f"{text[:40]}.txt".replace("\x00", ""), b"x")])
    plan = await chat.card("Plan", button="Approve")
    assert plan.rung == {"ann"}
    await chat.click(plan, "Approve")
    result = await chat.card("This is the end.")
    assert result.rung == {"ann"}
    assert all(message.rung <= {"ann"} for message in chat.messages())
    # What is too long for a card comes beside it as a file of its own.
    assert [file.data for message in chat.messages() for file in message.message.files].count(b"x") == 1
