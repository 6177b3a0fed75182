"""Arrivals, posts, how far tasks were shown, requests for access; threads can be muted and forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables and columns; threads of before are neither muted nor forgotten."""
    op.add_column("gofer_thread", sa.Column("muted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("gofer_thread", sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("gofer_thread", sa.Column("forgotten", sa.Text(), nullable=False, server_default=""))
    _arrivals()
    _posts()
    _access_requests()


def _arrivals() -> None:
    op.create_table(
        "gofer_arrival",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("arrival_id", sa.Text(), nullable=False),
        sa.Column("twin", sa.Text(), nullable=True),
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_gofer_arrival"),
        sa.UniqueConstraint("arrival_id", name="uq_gofer_arrival_arrival_id"),
        sa.UniqueConstraint("twin", name="uq_gofer_arrival_twin"),
    )
    op.create_index("ix_gofer_arrival_surface_state_lane", "gofer_arrival", ["surface", "state", "lane"])


def _posts() -> None:
    op.create_table(
        "gofer_post",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_gofer_post"),
    )
    op.create_index("ix_gofer_post_task_id", "gofer_post", ["task_id"])
    op.create_index("ix_gofer_post_thread_id_message_id", "gofer_post", ["thread_id", "message_id"])
    op.create_table(
        "gofer_feed",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_gofer_feed"),
    )


def _access_requests() -> None:
    op.create_table(
        "gofer_access_request",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_gofer_access_request"),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "ix_gofer_access_request_open",
        "gofer_access_request",
        ["person_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
