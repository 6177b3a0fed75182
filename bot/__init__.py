"""The reception: people, words, buttons.

It knows no model and no container: it enters the agent through `agent.service` and reads the nouns of
`agent.domain`. Only `bot.app`, the composition root, may import the rest of the agent.
"""
