"""The journal's history: one Alembic revision per change of its tables, from the first one on.

Run by `agent.store.schema` only, never by the alembic command. A revision that was released is never edited.
"""
