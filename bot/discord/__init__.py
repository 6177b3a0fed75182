"""The Discord surface: what Discord sends becomes `bot.surface.Incoming`, cards become Components V2.

`bot.serve` opens it (`office`), `bot.cli` examines it and registers its commands, nobody else enters; `discord` is
imported nowhere else. `components`, `arrivals`, `payload`, `words`, `marks` and `triggers` are pure. Everything that is
asked of Discord goes through `web`, everything that is posted through `posting`. Nothing here decides who may do what:
the reception and the service do.
"""
