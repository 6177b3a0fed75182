"""What Slack sends, written by hand in the shapes that its reference gives."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from bot.slack.workspace import Workspace

Json = dict[str, Any]
HERE = Workspace(team_id="T1", bot_user_id="U0BOT", bot_id="B0BOT", name="Acme", url="https://acme.slack.com/")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = "signing-secret"


def event(inner: Json, event_id: str = "Ev1", **more: Any) -> Json:
    authorization = {"team_id": "T1", "enterprise_id": None, "user_id": "U0BOT", "is_bot": True}
    body = {
        "token": "verification-token",
        "team_id": "T1",
        "api_app_id": "A1",
        "type": "event_callback",
        "event_id": event_id,
        "event_time": 1764000000,
        "authorizations": [authorization],
        "event": inner,
    }
    return body | more


def message(text: str, ts: str = "1764000001.000100", **more: Any) -> Json:
    said = {
        "type": "message",
        "user": "U1",
        "text": text,
        "ts": ts,
        "channel": "C1",
        "channel_type": "channel",
        "event_ts": ts,
        "team": "T1",
    }
    return said | more


def mention(text: str, ts: str = "1764000001.000100", **more: Any) -> Json:
    found = message(text, ts, **more) | {"type": "app_mention"}
    del found["channel_type"]
    found.pop("subtype", None)
    return found


def changed(new: Json, before: Json, **more: Any) -> Json:
    """`message_changed`; `new` and `before` as `message` gives them."""
    inner = {key: value for key, value in new.items() if key not in ("channel", "channel_type", "event_ts")}
    old = {key: value for key, value in before.items() if key not in ("channel", "channel_type", "event_ts")}
    ts = "1764000009.000900"
    outer = {"type": "message", "subtype": "message_changed", "hidden": True, "ts": ts, "event_ts": ts}
    place = {"channel": new["channel"], "channel_type": new["channel_type"]}
    return outer | place | {"message": inner, "previous_message": old} | more


def deleted(before: Json, **more: Any) -> Json:
    gone = changed(before, before) | {"subtype": "message_deleted", "deleted_ts": before["ts"]}
    del gone["message"]
    return gone | more


def edited(text: str, before: Json, ts: str = "1764000008.000000", **more: Any) -> Json:
    return before | {"text": text, "edited": {"user": before.get("user", ""), "ts": ts}} | more


def reaction(name: str, *, added: bool = True, item_user: str = "U0BOT", **more: Any) -> Json:
    found = {
        "type": "reaction_added" if added else "reaction_removed",
        "user": "U1",
        "reaction": name,
        "item": {"type": "message", "channel": "C1", "ts": "1764000002.000200"},
        "item_user": item_user,
        "event_ts": "1764000003.000300",
    }
    return found | more


def click(action: Json | None = None, **more: Any) -> Json:
    button = {
        "type": "button",
        "action_id": "g1:answer:a_1:0:approve",
        "block_id": "b1",
        "text": {"type": "plain_text", "text": "Approve"},
        "action_ts": "1764000004.000400",
    }
    body = {
        "type": "block_actions",
        "token": "verification-token",
        "team": {"id": "T1", "domain": "acme"},
        "user": {"id": "U1", "username": "ann", "team_id": "T1"},
        "api_app_id": "A1",
        "trigger_id": "13.7.abc",
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "channel": {"id": "C1", "name": "general"},
        "container": {
            "type": "message",
            "message_ts": "1764000002.000200",
            "channel_id": "C1",
            "thread_ts": "1764000001.000100",
            "is_ephemeral": False,
        },
        "message": {"type": "message", "ts": "1764000002.000200", "thread_ts": "1764000001.000100", "user": "U0BOT"},
        "actions": [button | (action or {})],
    }
    return body | more


def view(state: Json, blocks: list[Json], **more: Any) -> Json:
    found = {
        "id": "V1",
        "team_id": "T1",
        "type": "modal",
        "callback_id": "g1:form:a_1:0:revise",
        "private_metadata": "g1:form:a_1:0:revise|slack:T1:C1:1764000001.000100",
        "hash": "1764000005.aaaa",
        "blocks": blocks,
        "state": {"values": state},
        "app_installed_team_id": "T1",
    }
    return found | more


def submission(the_view: Json, **more: Any) -> Json:
    body = {
        "type": "view_submission",
        "team": {"id": "T1", "domain": "acme"},
        "user": {"id": "U1", "username": "ann", "team_id": "T1"},
        "api_app_id": "A1",
        "trigger_id": "13.7.form",
        "view": the_view,
        "response_urls": [],
    }
    return body | more


def shortcut(callback_id: str, said: Json | None = None) -> Json:
    body: Json = {
        "type": "message_action" if said else "shortcut",
        "callback_id": callback_id,
        "trigger_id": "13.7.short",
        "action_ts": "1764000006.000600",
        "team": {"id": "T1", "domain": "acme"},
        "user": {"id": "U1", "username": "ann", "team_id": "T1"},
        "api_app_id": "A1",
    }
    if said:
        inner = {key: value for key, value in said.items() if key not in ("channel", "channel_type", "event_ts")}
        channel = {"id": said["channel"], "name": "general"}
        body |= {"message": inner, "message_ts": said["ts"], "channel": channel, "response_url": "https://x"}
    return body


def slash(text: str) -> Json:
    return {
        "token": "verification-token",
        "team_id": "T1",
        "team_domain": "acme",
        "channel_id": "C1",
        "channel_name": "general",
        "user_id": "U1",
        "user_name": "ann",
        "command": "/gofer",
        "text": text,
        "api_app_id": "A1",
        "is_enterprise_install": "false",
        "response_url": "https://hooks.slack.com/commands/T1/1/x",
        "trigger_id": "13.7.slash",
    }


def request(body: Json, at: datetime = NOW, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the signed HTTP request."""
    if "command" in body:
        raw, kind = urlencode(body).encode(), "application/x-www-form-urlencoded"
    elif body.get("type") in ("event_callback", "url_verification"):
        raw, kind = json.dumps(body).encode(), "application/json"
    else:
        raw, kind = urlencode({"payload": json.dumps(body)}).encode(), "application/x-www-form-urlencoded"
    stamp = str(int(at.timestamp()))
    return raw, {"Content-Type": kind, **signature(raw, stamp, secret)}


def signature(raw: bytes, stamp: str, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
