"""Revisions, numbered; `agent.store.schema.REVISIONS` lists them in order."""
