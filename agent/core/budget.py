"""Money: set aside before each request, settled after it, capped per task, person and day."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.asks import make_ask
from agent.core.run import Run
from agent.core.weight import Weight
from agent.domain.asks import BUDGET_CHOICES, Ask, AskKind, BudgetSubject, Risk
from agent.domain.events import SpendUpdated
from agent.ports.journal import Record, Reserve, Settle, Write
from agent.ports.llm import Reply, TokenUse, json_size_chars


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one request."""

    spend_id: str
    usd: float
    spent_before_usd: float


def estimate_tokens(run: Run) -> int:
    """Upper estimate of the prompt's tokens."""
    fixed = Weight(json_size_chars([run.prefix.system, run.prefix.tools]))
    return fixed.tokens + run.window_weight().tokens


async def reserve(run: Run) -> tuple[Reservation | None, Ask | None]:
    """A reservation ready to be committed with `reserve_write`, or the ask to open because a cap would be passed."""
    parts, now = run.parts, run.parts.clock.now()
    worst = parts.prices.worst_case_usd(run.prefix.model, estimate_tokens(run), run.prefix.max_tokens, now)
    worst_usd = float(worst.usd)
    spending = await parts.journal.spending(task_id=run.task.task_id, person_id=run.task.asked_by, now=now)
    task_cap = run.task.cap_usd if run.task.cap_usd is not None else parts.caps.task_usd
    for cap, spent, limit in (
        ("task", spending.task_usd, task_cap),
        ("person and day", spending.person_day_usd, parts.caps.person_day_usd),
        ("day", spending.day_usd, parts.caps.day_usd),
    ):
        if worst_usd > 0 and spent + worst_usd > limit:
            return None, _budget_ask(run, cap, spent, limit, worst_usd)
    return Reservation(f"{run.task.task_id}:{run.next_seq}:{run.fence.epoch}", worst_usd, spending.task_usd), None


def reserve_write(run: Run, reservation: Reservation) -> Write:
    """The write that sets the money aside."""
    return Reserve(
        spend_id=reservation.spend_id,
        person_id=run.task.asked_by,
        thread_id=run.thread.thread_id,
        at=run.parts.clock.now(),
        usd=reservation.usd,
    )


def settle_writes(run: Run, reservation: Reservation, reply: Reply | None) -> tuple[Write, ...]:
    """The writes that replace a reservation by the real cost; a failed request costs nothing."""
    if reply is None:
        return (Settle(spend_id=reservation.spend_id, usd=0.0),)
    parts, now = run.parts, run.parts.clock.now()
    cost = parts.prices.cost_usd(run.prefix.model, reply.use, now)
    total = reservation.spent_before_usd + float(cost.usd)
    tokens_in = _input_tokens(reply.use)
    settle = Settle(
        spend_id=reservation.spend_id,
        usd=float(cost.usd),
        model=run.prefix.model,
        input_tokens=tokens_in,
        output_tokens=reply.use.output_tokens,
    )
    event = SpendUpdated(
        task_id=run.task.task_id,
        at=now,
        spent_usd=round(total, 8),
        input_tokens=tokens_in,
        output_tokens=reply.use.output_tokens,
        priced=cost.known,
    )
    return settle, Record((event,))


def _budget_ask(run: Run, cap: str, spent: float, limit: float, worst: float) -> Ask:
    raise_to = round(max(limit * 2, spent + worst * 4), 2)
    subject = BudgetSubject(cap=cap, spent_usd=spent, limit_usd=limit, raise_to_usd=raise_to)
    prompt = (
        f"The budget per {cap} is used up: ${spent:.2f} of ${limit:.2f}, and the next step may cost up to "
        f"${worst:.2f}. Allow ${raise_to:.2f} for this task?"
    )
    return make_ask(run, AskKind.BUDGET, prompt, BUDGET_CHOICES, subject, risk=Risk.MEDIUM)


def _input_tokens(use: TokenUse) -> int:
    return use.input_tokens + use.cache_read_tokens + use.cache_write_5m_tokens + use.cache_write_1h_tokens
