"""The offline model's sentences. It says what it is, and never that it understood what it did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import cast

from agent.domain.blocks import Json
from agent.llm.offline.matching import FOLDER, Listing
from agent.llm.offline.story import Call
from agent.llm.offline.wishes import Wish, quoted
from agent.ports.skills import Skill

LINE_CHARS = 600
NAMED = 5
WHO = "I am Gofer's offline model: I have no language model behind me, only ready-made skills."
REAL = "For everything else set ANTHROPIC_API_KEY and start Gofer again."
WHICH = "More than one skill fits. What do you want?"
NONE_OF_THESE = "None of these"
ONLY_THESE_STEPS = "Your request says more than I can follow: only what the steps name is done."
STOPPED_BEFORE = "Stopped, as you said. Nothing was done."
STOPPED_AFTER = (
    "Stopped, as you said. What was made so far is in outputs/ of the workspace; nothing more was handed over."
)


def nothing_fits(skills: Sequence[Skill]) -> str:
    """No skill covers the request, or it asks for an answer."""
    why = "None of them fits this request, and I cannot answer questions or chat."
    return "\n".join([WHO, why, _offer(skills), REAL])


def no_input(skill: Skill, listing: Listing) -> str:
    """A skill is near, but there is no file of a kind it takes."""
    wanted = ", ".join("a folder with files" if i == FOLDER else f".{i}" for i in skill.inputs)
    there = f"there is only {_named(listing.paths)}" if listing.paths else "there is no file here"
    return "\n".join(
        [
            WHO,
            f"The nearest is the skill {skill.name}, but it takes {wanted}, and {there}.",
            "Attach what it needs and ask again.",
        ]
    )


def no_script(skill: Skill, skills: Sequence[Skill]) -> str:
    """The skill named is written for a language model."""
    return "\n".join([WHO, f"The skill {skill.name} has no script that could run without one.", _offer(skills), REAL])


def no_such_skill(name: str, skills: Sequence[Skill]) -> str:
    """The skill named does not exist."""
    return "\n".join([f"There is no skill {quoted(name)}.", _offer(skills)])


def refused(name: str, outcome: Mapping[str, Json], result: str) -> str:
    """The skill's script said no, or could not be run."""
    reason = outcome.get("refuse")
    return f"The skill {name} cannot do this: {_line(reason)}" if isinstance(reason, str) else failed(name, result)


def failed(name: str, result: str) -> str:
    """The call came back with an error."""
    first = next((line for line in result.splitlines() if line.strip()), "no reason was given")
    return f"It did not work with the skill {name}: {_line(first)}\nI am the offline model and cannot find another way."


def garbled(name: str, what: str) -> str:
    """The skill answered something that cannot be read."""
    return (
        f"The skill {name} gave no {what} that I can read, so I stopped. Nothing was handed over.\n"
        "This is a fault of the skill; a person should look at it."
    )


def looking(skill: Skill) -> str:
    """The first line of the work."""
    return f"I am the offline model. The ready-made skill {skill.name} fits; it looks at the files now."


def option(skill: Skill) -> str:
    """A skill as the answer to a question."""
    text = skill.label or skill.name
    return text[:1].upper() + text[1:]


def what_to_change() -> str:
    """The question after an Edit without words."""
    return (
        "What should be different? I am the offline model and understand: the name of another skill, “only FILE”, "
        "“without FILE”. Other words I hand to the skill as they are."
    )


def on_wishes(wishes: Sequence[Wish], inputs: Sequence[str], *, changed: bool) -> str:
    """What became of the person's words in this revision of the plan; `changed`: the skill planned something else."""
    return " ".join(_on_wish(wish, inputs, changed=changed) for wish in wishes)


def _on_wish(wish: Wish, inputs: Sequence[str], *, changed: bool) -> str:
    if wish.about_steps:
        return "Single steps cannot be left out or changed: a skill does its job as a whole."
    if wish.skill:
        return f"Changed to the skill {wish.skill}, as you wrote."
    if wish.understood:
        done = set(wish.only) <= set(inputs) and set(wish.also) <= set(inputs) and not set(wish.without) & set(inputs)
        if done and not (wish.without and any("." not in PurePosixPath(path).name for path in inputs)):
            return f"Done as you wrote: {quoted(wish.text)}."
        return f"Not possible with this skill: {quoted(wish.text)}."
    if changed:
        return f"I handed {quoted(wish.text)} to the skill as it is; I do not understand it myself, so check the plan."
    return (
        f"I could not follow {quoted(wish.text)}: the offline model does not understand free text, the plan is the "
        "same. It understands another skill's name, “only FILE” and “without FILE”."
    )


def left_aside(paths: Sequence[str]) -> str:
    """Files given that the skill does not take."""
    return f"Left aside, the skill does not take it: {_named(paths)}." if paths else ""


def by_skill(name: str) -> str:
    """Who does the work."""
    return f"Offline model: the ready-made skill {name} does this, no language model reads the files."


def not_followed(words: Sequence[str]) -> str:
    """Words that came when the work was under way."""
    if not words:
        return ""
    said = ", ".join(quoted(text) for text in words)
    return f"I cannot follow {said}: I am the offline model and go on with the approved plan. “Stop” does stop me."


def too_late(words: Sequence[str], added: Sequence[str]) -> str:
    """Words or files that came when the work was done."""
    said = [f"I cannot follow {', '.join(quoted(t) for t in words)}: I am the offline model."] if words else []
    came = [f"{_named(added)} came after the work was done."] if added else []
    return " ".join([*said, *came, "Make it a new request in this thread: all files are still here."])


def report(
    outcome: Mapping[str, Json],
    delivered: Sequence[Call],
    *,
    unheard: Sequence[str],
    added: Sequence[str],
    rest: Sequence[str],
) -> str:
    """The last message: what was done, what was not handed over, assumptions, doubts; a line each. The checks stand
    on the card already, file by file."""
    bad = [f"{_path(call)} ({_reason(call.result)})" for call in delivered if call.failed]
    bad += [f"{len(rest)} more files, they are in the workspace"] if rest else []
    doubts = [*map(_bare, texts(outcome.get("doubts")))]
    doubts += [f"not followed, I am the offline model: {', '.join(map(quoted, unheard))}"] if unheard else []
    doubts += [f"came too late and is not in it: {_named(added)}"] if added else []
    doubts.append("no language model read the files or the result, so look it over")
    lines = [
        _line(" ".join(map(sentence, texts(outcome.get("summary"))))) or "Done.",
        _labelled("Not handed over", bad),
        _labelled("Assumed", list(map(_bare, texts(outcome.get("assumptions"))))),
        _labelled("Doubts", doubts),
    ]
    return "\n".join(line for line in lines if line)


def texts(value: Json) -> list[str]:
    """The texts in a list that a skill's script printed; anything else is left out."""
    if not isinstance(value, list):
        return []
    return [" ".join(item.split()) for item in cast(list[Json], value) if isinstance(item, str) and item.strip()]


def paths(value: Json) -> list[str]:
    """The paths in a list that a skill's script printed, as they are."""
    return [p for p in cast(list[Json], value) if isinstance(p, str) and p] if isinstance(value, list) else []


def sentence(value: Json) -> str:
    """A text ending like a sentence; empty for anything else."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


def _offer(skills: Sequence[Skill]) -> str:
    labels = [option(skill) for skill in skills if skill.run]
    return f"What I can do: {' · '.join(labels)}." if labels else "No runnable skill is installed."


def _named(paths: Sequence[str]) -> str:
    names = [PurePosixPath(path).name for path in paths[:NAMED]]
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(names) + more


def _labelled(label: str, items: Sequence[str]) -> str:
    return _line(f"{label}: {'; '.join(items)}.") if items else ""


def _bare(text: str) -> str:
    return text.rstrip(" .;")


def _bullets(result: str) -> list[str]:
    return [line.strip() for line in result.splitlines() if line.startswith("- ")]


def _reason(result: str) -> str:
    found = _bullets(result) or result.splitlines()[:1]
    return _bare("; ".join(line.removeprefix("- ").strip() for line in found)) or "no reason was given"


def _path(call: Call) -> str:
    return str(call.arguments.get("path"))


def _line(text: Json) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= LINE_CHARS else f"{line[: LINE_CHARS - 1]}…"
