"""The terminal: one task from the command line, with its plan, its questions and its files.

Reached from `bot.cli` only. It talks to a `Front`, which is either the service of this process or the API
of a running `gofer serve`; it decides nothing that the service would not check.
"""
