"""`skill`: read a skill's instructions, or let its script do the job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal, cast

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.blocks import Json
from agent.domain.errors import CommandTimeout, ToolFailed, ToolRetry
from agent.domain.events import SkillLoaded
from agent.tools.registry import ToolContext, ToolOutput, said, tool

REFUSED_CODE = 3
"""Exit code of a skill's script that says: not with these files; the last line tells why."""


@tool(
    risk=Risk.LOW,
    effect="job",
    describe=lambda a: (
        {"read": "Read the skill ", "plan": "Look at the files with ", "run": "Run the skill "}[
            str(a.get("mode", "read"))
        ]
        + str(a.get("name"))
    ),
)
async def skill(
    ctx: ToolContext,
    *,
    name: Annotated[str, Field(description="A skill from the list.")],
    mode: Annotated[
        Literal["read", "plan", "run"],
        Field(
            description="read: its instructions. For skills marked runnable: plan looks at the files, run does the job."
        ),
    ] = "read",
    request: Annotated[str, Field(description="What the person wants (plan, run).")] = "",
    inputs: Annotated[list[str], Field(description="Files or folders to work on (plan, run).")] = [],  # noqa: B006
) -> ToolOutput:
    """Use a skill: proven instructions or a ready script for a kind of job. Read a fitting skill before starting."""
    found = ctx.skills.find(name)
    if found is None:
        raise ToolRetry(f"There is no skill {name!r}. There are: {', '.join(s.name for s in ctx.skills.skills())}.")
    loaded = SkillLoaded(
        task_id=ctx.task.task_id, at=ctx.clock.now(), name=name, version=found.digest[:12], why=f"called to {mode}"
    )
    sandbox = await ctx.sandbox()
    root = await sandbox.install(name, ctx.skills.files(name))
    if mode == "read":
        return said(f"Folder of the skill: {root}\n\n{ctx.skills.body(name)}", events=[loaded])
    if not found.run:
        raise ToolRetry(f"The skill {name} has no script; read it and follow its instructions.")
    job = json.dumps({"request": request, "inputs": inputs}, ensure_ascii=False)
    argv = ["python3", f"{root}/{found.run}", mode, job]
    try:
        result = await sandbox.exec(ctx.call_id, argv, timeout_s=900, on_output=ctx.on_output)
    except CommandTimeout as error:
        raise ToolFailed(f"The skill {name} did not finish within 15 minutes. Try fewer files.") from error
    outcome = _last_object(result.stdout)
    if result.code == REFUSED_CODE and "refuse" in outcome:
        return said(json.dumps(outcome, ensure_ascii=False), ok=False, summary=str(outcome["refuse"]), events=[loaded])
    if result.code != 0 or not outcome:
        detail = (result.stderr.strip().splitlines() or ["no result"])[-1]
        raise ToolFailed(f"The skill {name} stopped with code {result.code}: {detail}")
    return said(json.dumps(outcome, ensure_ascii=False), events=[loaded])


def _last_object(text: str) -> Mapping[str, Json]:
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                return cast(Mapping[str, Json], json.loads(line))
            except json.JSONDecodeError:
                return {}
    return {}
