"""Adapters of the model port: the Messages API, scripted replies, and the patience around them.

`anthropic` is the facade, `wire` the only file that imports the SDK (84 MiB, loaded off-loop at the
first request), `request`, `stream` and `faults` are its pure parts; `retry` waits, `command` runs what
somebody typed, `scripted` plays a script, `lint` checks requests, `prices` counts dollars. Wired by
`bot.app`; called by the core through `agent.ports.llm`. Never here: the loop, the journal, or a
decision about a person's task.
"""
