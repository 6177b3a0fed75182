"""A strict stand-in for the Messages API (version 2026-10-21), on a loopback port.

It refuses what the service refuses, plays a script, breaks on demand, and simulates the prompt cache
and the binding of thinking to the conversation before it. For tests only; nothing in it is a claim
about wording, only about which requests pass.
"""

from tests.fakes.messages.checks import MODELS, ApiError, Model
from tests.fakes.messages.server import FAULTS, FakeMessages, Seen

__all__ = ["FAULTS", "MODELS", "ApiError", "FakeMessages", "Model", "Seen"]
