"""deploy/slack-manifest.yaml: within Slack's limits, and asking for what the code uses, no more and no less."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from slack_sdk.web import async_client

from bot.commands import COMMANDS
from bot.phrases import PROMPTS
from bot.slack.app import PATH
from bot.slack.install import REDIRECT_PATH
from bot.slack.scopes import SCOPES, missing
from tests.architecture.repository import ROOT

MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "deploy/slack-manifest.yaml").read_text(encoding="utf-8"))
FEATURES = MANIFEST["features"]
SETTINGS = MANIFEST["settings"]
BOT_SCOPES = MANIFEST["oauth_config"]["scopes"]["bot"]
BOT_EVENTS = SETTINGS["event_subscriptions"]["bot_events"]
KNOWN_METHODS = set(re.findall(r'api_call\(\s*"([a-zA-Z.]+)"', Path(async_client.__file__).read_text(encoding="utf-8")))

CONVERSATIONS = {"channels", "groups", "im", "mpim"}
"""A method on conversations needs the scope of each kind that Gofer can be in."""
READS, HISTORY = ({f"{kind}:{right}" for kind in CONVERSATIONS} for right in ("read", "history"))
NEEDS: dict[str, set[str]] = {
    "agents.sessions.rename": {"chat:write"},
    "agents.sessions.setStatus": {"chat:write"},
    "apps.connections.open": set(),
    "assistant.threads.setSuggestedPrompts": {"assistant:write"},
    "auth.test": set(),
    "bots.info": {"users:read"},
    "chat.appendStream": {"chat:write"},
    "chat.delete": {"chat:write"},
    "chat.getPermalink": set(),
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.startStream": {"chat:write"},
    "chat.stopStream": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": HISTORY,
    "conversations.info": READS,
    "conversations.members": READS,
    "conversations.open": {"im:write"},
    "conversations.replies": HISTORY,
    "files.completeUploadExternal": {"files:write"},
    "files.delete": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "files.info": {"files:read"},
    "oauth.v2.access": set(),
    "reactions.add": {"reactions:write"},
    "reactions.remove": {"reactions:write"},
    "team.info": {"team:read"},
    "usergroups.list": {"usergroups:read"},
    "usergroups.users.list": {"usergroups:read"},
    "users.conversations": READS,
    "users.info": {"users:read"},
    "views.open": set(),
    "views.publish": set(),
    "views.push": set(),
    "views.update": set(),
}
"""Web API method → scopes of the bot token, by Slack's reference."""
EVENT_SCOPES: dict[str, set[str]] = {
    "agent_session_stopped": set(),
    "agent_session_title_changed": set(),
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "app_uninstalled": set(),
    "member_joined_channel": {"channels:read", "groups:read"},
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
    "message.mpim": {"mpim:history"},
    "reaction_added": {"reactions:read"},
    "reaction_removed": {"reactions:read"},
    "tokens_revoked": set(),
}
OTHER_SCOPES = {"commands"}
"""For the slash command and the shortcuts."""


def sources() -> Iterator[ast.Module]:
    for path in sorted((ROOT / "bot/slack").glob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.AST) -> set[str]:
    """Every string in the code."""
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def called_methods() -> set[str]:
    """Web API methods that bot/slack names, and those it calls by the SDK's own functions."""
    found: set[str] = set()
    by_function = {name.replace(".", "_"): name for name in KNOWN_METHODS}
    for tree in sources():
        found |= texts(tree) & KNOWN_METHODS
        found |= {by_function[n.attr] for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in by_function}
    return found


def handled_events() -> set[str]:
    """Types of events that `bot.slack.arrivals` keeps."""
    tree = ast.parse((ROOT / "bot/slack/arrivals.py").read_text(encoding="utf-8"))
    (function,) = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_event")
    patterns = (n.pattern for n in ast.walk(function) if isinstance(n, ast.match_case))
    return {name for pattern in patterns for name in texts(pattern)}


def test_every_method_that_is_called_has_its_scopes_in_the_manifest() -> None:
    called = called_methods()
    assert "chat.postMessage" in called
    assert sorted(called - NEEDS.keys()) == [], "name the scopes of these in NEEDS"
    assert {method: lacking for method in called if (lacking := NEEDS[method] - set(BOT_SCOPES))} == {}


def test_every_scope_is_needed_by_a_call_or_an_event() -> None:
    used = OTHER_SCOPES.union(*(NEEDS[method] for method in called_methods()), *EVENT_SCOPES.values())
    assert sorted(set(BOT_SCOPES) - used) == []


def test_the_scopes_the_program_asks_for_are_those_of_the_manifest() -> None:
    assert list(SCOPES) == BOT_SCOPES == sorted(set(BOT_SCOPES))
    assert missing(BOT_SCOPES) == ()
    assert missing({*BOT_SCOPES, "more:read"} - {"chat:write", "users:read"}) == ("chat:write", "users:read")


def test_the_events_are_those_that_are_kept_and_each_has_its_scope() -> None:
    handled = {name for name in handled_events() if name != "message"}
    assert {name for name in BOT_EVENTS if not name.startswith("message.")} == handled
    assert {name for name in BOT_EVENTS if name.startswith("message.")} == {
        "message.channels",
        "message.groups",
        "message.im",
        "message.mpim",
    }
    assert sorted(set(BOT_EVENTS)) == BOT_EVENTS
    assert {name: lacking for name in BOT_EVENTS if (lacking := EVENT_SCOPES[name] - set(BOT_SCOPES))} == {}


def test_the_transport_is_the_default_one_and_tokens_do_not_rotate() -> None:
    assert SETTINGS["socket_mode_enabled"] is True
    assert SETTINGS["token_rotation_enabled"] is False
    assert SETTINGS["interactivity"] == {"is_enabled": True}
    assert SETTINGS["org_deploy_enabled"] is False
    assert "request_url" not in SETTINGS["event_subscriptions"]


def test_the_agent_view_is_the_new_one_only() -> None:
    assert "assistant_view" not in FEATURES
    prompts = [(prompt["title"], prompt["message"]) for prompt in FEATURES["agent_view"]["suggested_prompts"]]
    assert prompts == list(PROMPTS)
    assert len(prompts) <= 4
    assert len(FEATURES["agent_view"]["agent_description"]) <= 300
    assert FEATURES["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }


def test_the_shortcuts_are_those_the_reception_knows() -> None:
    assert [(s["name"], s["type"], s["callback_id"]) for s in FEATURES["shortcuts"]] == [
        ("Hand to Gofer", "message", "hand_over"),
        ("New task for Gofer", "global", "new_task"),
    ]
    known = texts(ast.parse((ROOT / "bot/reception.py").read_text(encoding="utf-8")))
    assert {s["callback_id"] for s in FEATURES["shortcuts"]} <= known


def test_the_slash_command_hints_at_every_command() -> None:
    (command,) = FEATURES["slash_commands"]
    assert command["command"] == "/gofer"
    assert [word.split()[0] for word in command["usage_hint"].split("|")] == list(COMMANDS)
    assert "url" not in command, "Socket Mode needs none"


@pytest.mark.parametrize(
    ("text", "longest"),
    [
        (MANIFEST["display_information"]["name"], 35),
        (MANIFEST["display_information"]["description"], 140),
        (FEATURES["bot_user"]["display_name"], 80),
        *((s["name"], 24) for s in FEATURES["shortcuts"]),
        *((s["description"], 150) for s in FEATURES["shortcuts"]),
        *((c["command"], 32) for c in FEATURES["slash_commands"]),
        *((c["usage_hint"], 1000) for c in FEATURES["slash_commands"]),
        *((scope, 50) for scope in BOT_SCOPES),
        *((event, 50) for event in BOT_EVENTS),
    ],
)
def test_names_and_descriptions_are_within_slacks_limits(text: str, longest: int) -> None:
    assert 1 <= len(text) <= longest


OBJECTS: dict[str, tuple[str, str]] = {
    "": ("display_information", "_metadata features oauth_config settings"),
    "_metadata": ("", "major_version minor_version"),
    "display_information": ("name", "description background_color long_description"),
    "features": ("", "app_home bot_user agent_view shortcuts slash_commands"),
    "features.app_home": ("", "home_tab_enabled messages_tab_enabled messages_tab_read_only_enabled"),
    "features.bot_user": ("display_name", "always_online"),
    "features.agent_view": ("", "agent_description suggested_prompts actions"),
    "features.agent_view.suggested_prompts": ("title message", ""),
    "features.shortcuts": ("name type callback_id description", ""),
    "features.slash_commands": ("command description", "url usage_hint should_escape"),
    "oauth_config": ("", "scopes redirect_urls"),
    "oauth_config.scopes": ("", "bot user bot_optional user_optional"),
    "settings": ("", "event_subscriptions interactivity org_deploy_enabled socket_mode_enabled token_rotation_enabled"),
    "settings.event_subscriptions": ("", "request_url bot_events user_events"),
    "settings.interactivity": ("is_enabled", "request_url message_menu_options_url"),
}
"""What Slack's schema for version 2 asks for and allows in each object of our manifest; it allows nothing else."""
MOST = {
    "features.agent_view.suggested_prompts": 4,
    "features.shortcuts": 10,
    "features.slash_commands": 50,
    "oauth_config.scopes.bot": 255,
    "settings.event_subscriptions.bot_events": 100,
}
YES_OR_NO = re.compile(r"\w+_enabled|is_enabled|always_online|should_escape")


def wrong(value: Any, path: str = "") -> list[str]:
    """What Slack's schema would not take, by the path."""
    if isinstance(value, list):
        found = [fault for item in value for fault in wrong(item, path)]
        same = len({str(item) for item in value}) < len(value)
        return [*found, *([f"{path} has too many"] if not 1 <= len(value) <= MOST[path] or same else [])]
    if isinstance(value, dict):
        if path not in OBJECTS:
            return [f"{path} is no object"]
        required, optional = (names.split() for names in OBJECTS[path])
        lacking = [f"{path} lacks {name}" for name in required if name not in value]
        unknown = [f"{path} has {name}" for name in value if name not in (*required, *optional)]
        known = {name: inner for name, inner in value.items() if name in (*required, *optional)}
        inside = [fault for name, inner in known.items() for fault in wrong(inner, f"{path}.{name}".lstrip("."))]
        return [*lacking, *unknown, *inside]
    name = path.rpartition(".")[2]
    kind = bool if YES_OR_NO.fullmatch(name) else int if name.endswith("_version") else str
    return (
        [] if type(value) is kind and value != "" and path not in OBJECTS.keys() - MOST.keys() else [f"{path} is wrong"]
    )


def test_it_has_the_shape_that_slacks_schema_asks_for() -> None:
    assert wrong(MANIFEST) == []
    assert MANIFEST["_metadata"]["major_version"] == 2
    assert re.fullmatch(r"#[0-9a-fA-F]{6}", MANIFEST["display_information"]["background_color"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m.pop("display_information"),
        lambda m: m["features"].update(assistant_view={}),
        lambda m: m["features"]["agent_view"]["suggested_prompts"].append({"title": "Fifth", "message": "x"}),
        lambda m: m["features"]["shortcuts"][0].pop("description"),
        lambda m: m["features"]["bot_user"].update(display_name=""),
        lambda m: m["settings"]["interactivity"].update(is_enabled="yes"),
        lambda m: m["settings"]["event_subscriptions"]["bot_events"].append("app_mention"),
        lambda m: m["settings"].update(unheard_of=True),
        lambda m: m["oauth_config"]["scopes"].update(bot=[{}]),
    ],
    ids=range(9),
)
def test_a_spoilt_manifest_is_noticed(spoil: Callable[[Any], object]) -> None:
    spoilt = copy.deepcopy(MANIFEST)
    spoil(spoilt)
    assert wrong(spoilt) != []


def test_the_guides_changes_for_http_and_for_several_workspaces_fit_the_manifest() -> None:
    guide = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^( *)```yaml\n(.*?)```", guide, re.DOTALL | re.MULTILINE)
    http, several = (yaml.safe_load(dedent(text)) for _, text in blocks)
    assert http["features"]["slash_commands"][0]["command"] == FEATURES["slash_commands"][0]["command"]
    addresses = (
        http["features"]["slash_commands"][0]["url"],
        http["settings"]["event_subscriptions"]["request_url"],
        http["settings"]["interactivity"]["request_url"],
    )
    assert {urlsplit(address).path for address in addresses} == {PATH}
    assert http["settings"]["socket_mode_enabled"] is False
    assert [urlsplit(url).path for url in several["oauth_config"]["redirect_urls"]] == [REDIRECT_PATH]
