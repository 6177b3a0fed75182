"""What the core is made of: its ports and its settings, given once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from agent.domain.events import Live
from agent.domain.places import place_of
from agent.ports.blobs import BlobStore
from agent.ports.chat import Chat
from agent.ports.clock import Clock
from agent.ports.journal import Journal
from agent.ports.llm import Llm, Prices
from agent.ports.sandbox import SandboxHost
from agent.ports.skills import SkillCatalog
from agent.ports.snapshots import SnapshotStore
from agent.tools.registry import Toolbox

PlanMode = Literal["always", "auto", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Permission rules in Claude's syntax, judged deny, then ask, then allow, then by risk."""

    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    plan: PlanMode = "auto"
    channels: Mapping[str, PlanMode] = field(default_factory=dict[str, PlanMode])
    """Other than `plan` in these places (`slack:T1:C1`)."""

    def plan_of(self, thread_id: str) -> PlanMode:
        """When people see a plan before work starts in this conversation."""
        return self.channels.get(place_of(thread_id), self.plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Money limits in USD; reaching one parks the task with a question."""

    task_usd: float = 5.0
    person_day_usd: float = 20.0
    day_usd: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a segment works with."""

    journal: Journal
    llm: Llm
    model: str
    prices: Prices
    sandboxes: SandboxHost
    blobs: BlobStore
    snapshots: SnapshotStore
    skills: SkillCatalog
    tools: Toolbox
    clock: Clock
    rules: Rules = field(default_factory=Rules)
    caps: Caps = field(default_factory=Caps)
    effort: str = ""
    max_tokens: int = 16_000
    retry_pause: timedelta = timedelta(seconds=60)
    """How long a task waits when the model is away and did not say for how long."""
    chat_of: Callable[[str], Chat | None] = field(default=lambda _: None)
    """The platform that a thread (its id) is on; None where it cannot be searched."""
    live: Callable[[Live], None] = field(default=lambda _: None)
