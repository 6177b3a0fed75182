"""The journal as the first version of Gofer made it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _people_and_threads()
    _tasks()
    _calls_and_events()
    _asks_and_inbox()
    _grants_and_spend()


def _people_and_threads() -> None:
    op.create_table(
        "gofer_person",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_gofer_person"),
    )
    op.create_table(
        "gofer_thread",
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("base_snapshot", sa.Text(), nullable=False),
        sa.Column("sandbox_state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("thread_id", name="pk_gofer_thread"),
    )
    op.create_index("ix_gofer_thread_owner_id", "gofer_thread", ["owner_id"])


def _tasks() -> None:
    op.create_table(
        "gofer_task",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cap_usd", sa.Float(), nullable=True),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_gofer_task"),
    )
    op.create_index("ix_gofer_task_asked_by", "gofer_task", ["asked_by"])
    op.create_index("ix_gofer_task_status_created_at", "gofer_task", ["status", "created_at"])
    op.create_index("ix_gofer_task_thread_id_status", "gofer_task", ["thread_id", "status"])
    op.create_table(
        "gofer_prefix",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_gofer_prefix"),
    )
    op.create_table(
        "gofer_message",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("stop_reason", sa.Text(), nullable=False),
        sa.Column("fresh_start", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "seq", name="pk_gofer_message"),
    )


def _calls_and_events() -> None:
    op.create_table(
        "gofer_call",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("message_seq", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tool_use_id", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("ask_id", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("is_error", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_gofer_call"),
    )
    op.create_index("ix_gofer_call_task_id_message_seq", "gofer_call", ["task_id", "message_seq"])
    op.create_table(
        "gofer_event",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "seq", name="pk_gofer_event"),
    )


def _asks_and_inbox() -> None:
    op.create_table(
        "gofer_ask",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("ask_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_gofer_ask"),
        sa.UniqueConstraint("ask_id", "revision", name="uq_gofer_ask_ask_id_revision"),
    )
    op.create_index("ix_gofer_ask_status_expires_at", "gofer_ask", ["status", "expires_at"])
    op.create_index("ix_gofer_ask_task_id", "gofer_ask", ["task_id"])
    op.create_table(
        "gofer_inbox",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("inbox_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_gofer_inbox"),
        sa.UniqueConstraint("inbox_id", name="uq_gofer_inbox_inbox_id"),
    )
    op.create_index("ix_gofer_inbox_task_id_taken", "gofer_inbox", ["task_id", "taken"])


def _grants_and_spend() -> None:
    op.create_table(
        "gofer_grant",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id", name="pk_gofer_grant"),
    )
    op.create_index("ix_gofer_grant_place", "gofer_grant", ["place"])
    op.create_index("ix_gofer_grant_task_id", "gofer_grant", ["task_id"])
    op.create_table(
        "gofer_spend",
        sa.Column("spend_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("spend_id", name="pk_gofer_spend"),
    )
    op.create_index("ix_gofer_spend_at", "gofer_spend", ["at"])
    op.create_index("ix_gofer_spend_task_id", "gofer_spend", ["task_id"])
