"""Alembic's entry: runs the revisions on the connection that `agent.store.schema` hands over."""

from __future__ import annotations

from alembic import context

from agent.store.schema import configuration

context.configure(connection=context.config.attributes["connection"], **configuration())
with context.begin_transaction():
    context.run_migrations()
