"""The worker: plans, asks, runs tools in a sandbox and checks what it delivers.

It knows no chat platform. The reception (`bot`) enters through `agent.service` and reads the
nouns and events of `agent.domain`; only `bot.app` may import other rooms, to wire them.
"""
