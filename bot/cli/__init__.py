"""The `gofer` command. Exit codes: 0 ok, 1 failed, 2 wrong usage.

Each file holds some commands; `main` turns errors made for people into two sentences on stderr. Heavy rooms
are imported inside the commands that need them, so that `gofer --help` is quick.
"""

from bot.cli.main import main

__all__ = ["main"]
