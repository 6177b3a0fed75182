"""`plan` and `ask`: calls whose result is a person's decision. They never run; `core.planning` answers them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.errors import Bug
from agent.tools.registry import ToolContext, ToolOutput, tool


@tool(risk=Risk.LOW, effect="decision", describe=lambda a: "Propose a plan" if a.get("steps") else "Mark progress")
async def plan(
    ctx: ToolContext,
    *,
    steps: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=300)]],
        Field(description="2 to 8 concrete steps; empty to mark progress only.", max_length=30),
    ] = [],  # noqa: B006  pydantic copies defaults
    files: Annotated[list[str], Field(description="Files it will make or change.")] = [],  # noqa: B006
    risky: Annotated[list[str], Field(description="Foreseen calls that leave the sandbox.")] = [],  # noqa: B006
    note: Annotated[str, Field(description="One line the person should know before agreeing.")] = "",
    done: Annotated[list[int], Field(description="Steps just finished, counted from 1.")] = [],  # noqa: B006
    doing: Annotated[int, Field(description="Step begun now.", ge=0)] = 0,
) -> ToolOutput:
    """Propose a plan before work of several steps, or mark progress with done and doing. The person may approve,
    change or reject a proposal."""
    raise Bug("plan is answered by the core")


@tool(risk=Risk.LOW, effect="decision", describe=lambda a: f"Ask: {a.get('question')}")
async def ask(
    ctx: ToolContext,
    *,
    question: Annotated[str, Field(description="One short question.", min_length=1, max_length=1000)],
    options: Annotated[list[str], Field(description="Up to 5 likely answers.", max_length=5)] = [],  # noqa: B006
) -> ToolOutput:
    """Ask the person when something needed is missing or two readings lead to different work. Waits for the answer."""
    raise Bug("ask is answered by the core")
