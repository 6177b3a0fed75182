"""The nouns, events and rules of a task, as plain frozen dataclasses and pure functions.

Everybody may import this room. Nothing here does I/O, reads a clock, imports pydantic or any
other room. The same words appear in the journal, in logs and in chat.
"""
