"""The tools the model can call: schema from the signature, risk, effect, and one honest line for the card.

The core imports this room and decides when a tool runs; a tool only does its work on the sandbox it
is given, or on the chat behind its port. A tool never talks to the journal or the network, and never decides its
own permission.
"""
