"""A strict stand-in for Slack: Web API, Socket Mode, HTTP delivery, and people who use the client.

It refuses what Slack refuses, and where Slack's rule is not known, what the stricter reading refuses. The real
`gofer serve` runs against it by `GOFER_SLACK_API_URL`. It lives in the test's own event loop:

    async with SlackFake("socket") as slack:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        request = await ann.says(general, f"{slack.mention} hello")
        (answer,) = await slack.wait_for(lambda: slack.messages(general, request)[1:])

What the app does wrong so that Slack would not even answer (unknown paths, unknown methods, answers to modals that
Slack refuses) is collected in `problems`, and leaving the context with problems fails. For tests only.
"""

from tests.fakes.slack.api import Called as Call
from tests.fakes.slack.delivery import Delivery
from tests.fakes.slack.events import SUBSCRIPTIONS
from tests.fakes.slack.fake import SCOPES, SlackFake
from tests.fakes.slack.faults import Gate
from tests.fakes.slack.humans import Human, NotAnswered, NotPossible, ResponseAction
from tests.fakes.slack.lint import lint
from tests.fakes.slack.manifest import settings_of
from tests.fakes.slack.world import Channel, File, Message, Team, View

__all__ = [
    "SCOPES",
    "SUBSCRIPTIONS",
    "Call",
    "Channel",
    "Delivery",
    "File",
    "Gate",
    "Human",
    "Message",
    "NotAnswered",
    "NotPossible",
    "ResponseAction",
    "SlackFake",
    "Team",
    "View",
    "lint",
    "settings_of",
]
