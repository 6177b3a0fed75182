"""The Slack surface: what Slack sends becomes `bot.surface.Incoming`, cards become Block Kit.

`bot.serve` opens it (`office`), `bot.cli.doctor` examines it, nobody else enters; `slack_bolt`, `slack_sdk` and
`aiohttp` are imported nowhere else. `blocks`, `arrivals`, `payload` and `mrkdwn` are pure. Nothing here decides who
may do what: the reception and the service do.
"""
