"""The tool server ("toold"): sources that are sent into a sandbox and run there.

Standard library only, Python 3.9 or newer, Linux only. `agent.sandbox.toold` assembles them into one argument; the
host itself imports nothing but `frames`, the wire format of both ends.
"""
