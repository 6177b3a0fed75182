"""The loop: a model turn, tool calls, results, on an append-only log; parked while people decide.

Only `agent.service` and the dispatcher (through a callable) enter here. This room knows ports, tools and
domain; it never imports an adapter, and it holds no state that the journal lacks.
"""
