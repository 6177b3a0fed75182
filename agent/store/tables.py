"""The journal's tables, private to this room. Documents are JSON text; only what is searched has a column."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Dialect, Index, MetaData, Table, Text, UniqueConstraint, false, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

PREFIX = "gofer_"
"""Every table of ours starts so: a database may be shared with an engine's own tables."""

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC times; SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Words of people. Both databases refuse lone surrogates and PostgreSQL refuses NUL; they become U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value


class _Row(SQLModel):
    # A MetaData of our own keeps SQLModel's global one, and other people's tables, out of the drift check.
    metadata: ClassVar[MetaData] = METADATA  # pyright: ignore[reportIncompatibleVariableOverride]


class PersonRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_person"
    person_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=PlainText)
    role: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcTime)


class ThreadRow(_Row, table=True):
    """`forgotten`: digests of the files that went with what was forgotten, separated by spaces."""

    __tablename__: ClassVar[Any] = "gofer_thread"
    thread_id: str = Field(primary_key=True, sa_type=Text)
    owner_id: str = Field(sa_type=Text, index=True)
    title: str = Field(sa_type=PlainText)
    created_at: datetime = Field(sa_type=UtcTime)
    snapshot: str = Field(sa_type=Text)
    base_snapshot: str = Field(sa_type=Text)
    sandbox_state: str = Field(sa_type=Text)
    muted: bool = Field(sa_column_kwargs={"server_default": false()})
    forgotten_at: datetime | None = Field(sa_type=UtcTime)
    forgotten: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})


class TaskRow(_Row, table=True):
    """`event_count` and `message_count` number the task's events and messages without gaps."""

    __tablename__: ClassVar[Any] = "gofer_task"
    __table_args__: ClassVar[Any] = (Index(None, "status", "created_at"), Index(None, "thread_id", "status"))
    task_id: str = Field(primary_key=True, sa_type=Text)
    thread_id: str = Field(sa_type=Text)
    asked_by: str = Field(sa_type=Text, index=True)
    request: str = Field(sa_type=PlainText)
    files: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcTime)
    epoch: int
    ended_at: datetime | None = Field(sa_type=UtcTime)
    not_before: datetime | None = Field(sa_type=UtcTime)
    cap_usd: float | None
    worker_id: str = Field(sa_type=Text)
    event_count: int
    message_count: int


class PrefixRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_prefix"
    task_id: str = Field(primary_key=True, sa_type=Text)
    body: str = Field(sa_type=Text)


class MessageRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_message"
    task_id: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    role: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    stop_reason: str = Field(sa_type=Text)
    fresh_start: bool


class CallRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_call"
    __table_args__: ClassVar[Any] = (Index(None, "task_id", "message_seq"),)
    call_id: str = Field(primary_key=True, sa_type=Text)
    task_id: str = Field(sa_type=Text)
    message_seq: int
    position: int
    tool_use_id: str = Field(sa_type=Text)
    tool: str = Field(sa_type=Text)
    arguments: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    epoch: int
    incarnation: str = Field(sa_type=Text)
    ask_id: str = Field(sa_type=Text)
    result: str = Field(sa_type=Text)
    is_error: bool


class EventRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_event"
    task_id: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcTime)
    body: str = Field(sa_type=Text)


class AskRow(_Row, table=True):
    """One row per revision; `answer` is empty until somebody decides."""

    __tablename__: ClassVar[Any] = "gofer_ask"
    __table_args__: ClassVar[Any] = (UniqueConstraint("ask_id", "revision"), Index(None, "status", "expires_at"))
    number: int | None = Field(default=None, primary_key=True)
    ask_id: str = Field(sa_type=Text)
    revision: int
    task_id: str = Field(sa_type=Text, index=True)
    kind: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    expires_at: datetime = Field(sa_type=UtcTime)
    body: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)


class InboxRow(_Row, table=True):
    """Arrivals in order of `number`. The message that made a task is kept as kind `start`, so that it is known."""

    __tablename__: ClassVar[Any] = "gofer_inbox"
    __table_args__: ClassVar[Any] = (UniqueConstraint("inbox_id"), Index(None, "task_id", "taken"))
    number: int | None = Field(default=None, primary_key=True)
    inbox_id: str = Field(sa_type=Text)
    task_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    taken: bool


class GrantRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_grant"
    grant_id: str = Field(primary_key=True, sa_type=Text)
    scope: str = Field(sa_type=Text)
    task_id: str = Field(sa_type=Text, index=True)
    place: str = Field(sa_type=Text, index=True)
    expires_at: datetime = Field(sa_type=UtcTime)
    used: bool
    revoked: bool
    body: str = Field(sa_type=Text)


class SpendRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_spend"
    spend_id: str = Field(primary_key=True, sa_type=Text)
    task_id: str = Field(sa_type=Text, index=True)
    person_id: str = Field(sa_type=Text)
    thread_id: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcTime, index=True)
    usd: float
    settled: bool
    epoch: int
    model: str = Field(sa_type=Text)
    input_tokens: int
    output_tokens: int


class ArrivalRow(_Row, table=True):
    """Deliveries in order of `number`. `twin` is NULL where there is none: only those may repeat in a unique column.

    `state` is `new`, `done` or `given_up`. A claimed one has a lease and no `not_before`, one put off the other way.
    """

    __tablename__: ClassVar[Any] = "gofer_arrival"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("arrival_id"),
        UniqueConstraint("twin"),
        Index(None, "surface", "state", "lane"),
    )
    number: int | None = Field(default=None, primary_key=True)
    arrival_id: str = Field(sa_type=Text)
    twin: str | None = Field(sa_type=Text)
    surface: str = Field(sa_type=Text)
    lane: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    body: str = Field(sa_type=PlainText)
    at: datetime = Field(sa_type=UtcTime)
    urgent: bool
    tries: int
    not_before: datetime | None = Field(sa_type=UtcTime)
    owner: str = Field(sa_type=Text)
    lease_until: datetime | None = Field(sa_type=UtcTime)
    state: str = Field(sa_type=Text)
    why: str = Field(sa_type=PlainText)
    ended_at: datetime | None = Field(sa_type=UtcTime)


class PostRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_post"
    __table_args__: ClassVar[Any] = (Index(None, "thread_id", "message_id"),)
    key: str = Field(primary_key=True, sa_type=Text)
    surface: str = Field(sa_type=Text)
    thread_id: str = Field(sa_type=Text)
    task_id: str = Field(sa_type=Text, index=True)
    message_id: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    sent: bool
    at: datetime = Field(sa_type=UtcTime)


class FeedRow(_Row, table=True):
    """How far a task was shown: the number of the event."""

    __tablename__: ClassVar[Any] = "gofer_feed"
    task_id: str = Field(primary_key=True, sa_type=Text)
    seq: int


_OPEN = text("state = 'open'")


class AccessRequestRow(_Row, table=True):
    """`state` is `open`, `allowed` or `refused`; a person has one open request at most."""

    __tablename__: ClassVar[Any] = "gofer_access_request"
    __table_args__: ClassVar[Any] = (
        Index("ix_gofer_access_request_open", "person_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )
    request_id: str = Field(primary_key=True, sa_type=Text)
    person_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=PlainText)
    place: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcTime)
    state: str = Field(sa_type=Text)
    decided_by: str = Field(sa_type=Text)


class FeedbackRow(_Row, table=True):
    __tablename__: ClassVar[Any] = "gofer_feedback"
    task_id: str = Field(primary_key=True, sa_type=Text)
    person_id: str = Field(primary_key=True, sa_type=Text)
    good: bool
    at: datetime = Field(sa_type=UtcTime, index=True)


def _table(name: str) -> Table:
    return METADATA.tables[PREFIX + name]


PERSON, THREAD, TASK, FROZEN = _table("person"), _table("thread"), _table("task"), _table("prefix")
MESSAGE, CALL, EVENT, ASK = _table("message"), _table("call"), _table("event"), _table("ask")
INBOX, GRANT, SPEND = _table("inbox"), _table("grant"), _table("spend")
ARRIVAL, POST, FEED, ACCESS = _table("arrival"), _table("post"), _table("feed"), _table("access_request")
FEEDBACK = _table("feedback")
