"""Programs that run inside the sandbox, for the `deliver` tool: never imported by the worker.

They use the sandbox's own Python and libraries and say plainly what they could not check.
"""
