"""What Slack refuses about the arguments of a call, whatever the state of the world: lengths, shapes, blocks.

`lint` is for tests of renderers; the fake's own methods ask `faults_of`, which also names Slack's error.
Where nothing is documented the stricter reading is taken: metadata of at most 8 KB, event types of letters, digits
and underscores, task cards counted with their details and output twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.views import View

from tests.fakes.slack.blocks import check_blocks
from tests.fakes.slack.checker import Checker, Surface, compact, units
from tests.fakes.slack.tasks import CHUNK_TEXT_CHARS, chunk

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
BLOCKS_JSON_CHARS = 13_200
"""Over all blocks of a message (`msg_blocks_too_long`); found by others, documented nowhere."""
MESSAGE_CHARS = 40_000
MARKDOWN_TEXT_CHARS = 12_000
METADATA_BYTES = 8_192
ATTACHMENTS = 100
TITLE_CHARS = 200
"""Of an agent session."""
PROMPTS = 4
LOADING_CHARS = 50
SESSION_STATUSES = "processing active suspended closed"
_MESSAGES = frozenset({"chat.postMessage", "chat.postEphemeral", "chat.update", "response_url"})
_STREAMS = frozenset({"chat.startStream", "chat.appendStream", "chat.stopStream"})
_VIEW_KINDS: dict[str, Surface] = {"views.open": "modal", "views.push": "modal", "views.publish": "home"}
_VIEW_FIELDS = "callback_id private_metadata external_id clear_on_close notify_on_close"


@dataclass(frozen=True, slots=True)
class Fault:
    """Slack's error and, where one is given, its explanation."""

    error: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.error}: {self.text}" if self.text else self.error


def lint(method: str, args: Mapping[str, Any]) -> list[str]:
    """The faults of a call's arguments as sentences; an empty list is what Slack accepts.

    `method`: a Web API method, or `response_url` for what is sent to one. Structures may be JSON text or objects.
    """
    return [str(fault) for fault in faults_of(method, args)]


def faults_of(method: str, args: Mapping[str, Any], missing: Collection[str] = ()) -> list[Fault]:
    """`missing`: block types that the workspace does not know."""
    given = {name: _opened(name, value) for name, value in args.items()}
    if method in _MESSAGES:
        return _message(given, missing, must_say=method != "response_url" or not given.get("delete_original"))
    if method in _STREAMS:
        return _stream(method, given, missing)
    if method.startswith("views.") and "view" in given:
        return _view(given["view"], _VIEW_KINDS.get(method), missing)
    if method in ("agents.sessions.setStatus", "agents.sessions.rename"):
        return _session(given)
    if method.startswith("assistant.threads."):
        return _assistant(given)
    if method == "files.getUploadURLExternal" and units(str(given.get("alt_txt", ""))) > 1_000:
        return [Fault("alt_txt_too_large")]
    if method == "files.completeUploadExternal":
        return _share(given, missing)
    return []


def _share(args: Mapping[str, Any], missing: Collection[str]) -> list[Fault]:
    """Beside shared files Slack takes sections and rich text; a markdown block is answered by `internal_error`."""
    faults = [Fault("msg_too_long")] if units(str(args.get("initial_comment", ""))) > MESSAGE_CHARS else []
    blocks: Any = args.get("blocks")
    if isinstance(blocks, list) and any(block.get("type") not in ("rich_text", "section") for block in blocks):
        faults.append(Fault("internal_error", "only sections and rich text beside files"))
    return faults + _blocks(blocks, missing)


def view_faults(view: Any, missing: Collection[str] = ()) -> list[Fault]:
    """Of a modal in the answer to a submission."""
    return _view(view, "modal", missing)


def _opened(name: str, value: Any) -> Any:
    if name in ("blocks", "attachments", "metadata", "chunks", "view", "prompts") and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _message(args: Mapping[str, Any], missing: Collection[str], *, must_say: bool) -> list[Fault]:
    text, markdown = args.get("text"), args.get("markdown_text")
    faults = [
        Fault("invalid_arguments", f"{name} must be a string")
        for name, value in (("text", text), ("markdown_text", markdown))
        if value is not None and not isinstance(value, str)
    ]
    if isinstance(text, str) and units(text) > MESSAGE_CHARS:
        faults.append(Fault("msg_too_long", f"text of {units(text)} characters"))
    if isinstance(markdown, str):
        if units(markdown) > MARKDOWN_TEXT_CHARS:
            faults.append(Fault("msg_too_long", f"markdown_text of {units(markdown)} characters"))
        if text or args.get("blocks"):
            faults.append(Fault("markdown_text_conflict"))
    if must_say and not any(_says(args.get(name)) for name in ("text", "markdown_text", "blocks", "attachments")):
        faults.append(Fault("no_text"))
    return faults + _blocks(args.get("blocks"), missing) + _attachments(args) + _metadata(args.get("metadata"))


def _says(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _blocks(blocks: Any, missing: Collection[str], most: int = MESSAGE_BLOCKS) -> list[Fault]:
    if blocks is None:
        return []
    if not isinstance(blocks, list):
        return [Fault("invalid_blocks_format", "blocks must be an array")]
    check = Checker("message", missing)
    if len(blocks) > most:
        check.fault("/blocks", f"no more than {most} items allowed")
    check_blocks(check, blocks)
    faults = [Fault("invalid_blocks", text) for text in check.faults]
    if (size := units(compact(blocks))) > BLOCKS_JSON_CHARS:
        faults.append(Fault("msg_blocks_too_long", f"{size} characters of JSON"))
    return faults


def _attachments(args: Mapping[str, Any]) -> list[Fault]:
    given = args.get("attachments")
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        return [Fault("invalid_attachments")]
    return [Fault("too_many_attachments")] if len(given) > ATTACHMENTS else []


def _metadata(value: Any) -> list[Fault]:
    if value is None:
        return []
    if not isinstance(value, dict) or set(value) != {"event_type", "event_payload"}:
        return [Fault("invalid_metadata_format", "must have event_type and event_payload")]
    kind, payload = value["event_type"], value["event_payload"]
    if not isinstance(kind, str) or not re.fullmatch(r"\w{1,100}", kind, re.ASCII):
        return [Fault("invalid_metadata_format", "event_type must be letters, digits and underscores")]
    if not isinstance(payload, dict) or not payload:
        return [Fault("invalid_metadata_format", "event_payload must be an object that is not empty")]
    if len(compact(payload).encode()) > METADATA_BYTES:
        return [Fault("metadata_too_large", f"over {METADATA_BYTES} bytes")]
    return []


def _stream(method: str, args: Mapping[str, Any], missing: Collection[str]) -> list[Fault]:
    markdown, chunks = args.get("markdown_text"), args.get("chunks")
    faults: list[Fault] = []
    if markdown is not None and chunks:
        faults.append(Fault("cannot_provide_both_markdown_text_and_chunks"))
    if markdown is not None and not isinstance(markdown, str):
        faults.append(Fault("invalid_arguments", "markdown_text must be a string"))
    elif markdown is not None and units(markdown) > CHUNK_TEXT_CHARS:
        faults.append(Fault("msg_too_long", f"markdown_text of {units(markdown)} characters"))
    if method == "chat.appendStream" and not markdown and not chunks:
        faults.append(Fault("no_text", "markdown_text or chunks is needed"))
    if args.get("task_display_mode", "timeline") not in ("timeline", "plan"):
        faults.append(Fault("invalid_arguments", "unknown task_display_mode"))
    if args.get("session_status", "active") not in SESSION_STATUSES.split():
        faults.append(Fault("invalid_arguments", "unknown session_status"))
    faults += chunk_faults(chunks, missing)
    return faults + _blocks(args.get("blocks"), missing) + _metadata(args.get("metadata"))


def chunk_faults(chunks: Any, missing: Collection[str]) -> list[Fault]:
    if chunks is None:
        return []
    if not isinstance(chunks, list):
        return [Fault("invalid_chunks", "chunks must be an array")]
    check = Checker("message")
    inside: list[Any] = []
    for i, item in enumerate(chunks):
        inside += chunk(check, item, f"/chunks/{i}")
    if len(inside) > MESSAGE_BLOCKS:
        check.fault("/chunks", f"no more than {MESSAGE_BLOCKS} blocks allowed")
    faults = [Fault("invalid_chunks", text) for text in check.faults]
    return faults + (_blocks(inside, missing, most=10**6) if inside else [])


def _view(view: Any, kind: Surface | None, missing: Collection[str]) -> list[Fault]:
    if not isinstance(view, dict):
        return [Fault("invalid_arguments", "view must be an object")]
    surface: Surface = "home" if view.get("type") == "home" else "modal"
    check = Checker(surface, missing)
    if view.get("type") not in ("modal", "home") or (kind or surface) != surface:
        check.fault("/view/type", f"must be {kind or 'modal or home'}")
    home = surface == "home"
    check.shape(view, "/view", "blocks" if home else "title blocks", _VIEW_FIELDS + ("" if home else " submit close"))
    for name in ("title", "submit", "close"):
        check.text(view, name, "/view", 24)
    check.string(view, "callback_id", "/view", 255, low=0)
    check.string(view, "external_id", "/view", 255, low=0)
    check.string(view, "private_metadata", "/view", 3_000, low=0)
    for name in ("clear_on_close", "notify_on_close"):
        check.boolean(view, name, "/view")
    blocks = check.items(view, "blocks", "/view", 1, VIEW_BLOCKS)
    check_blocks(check, blocks, "/view/blocks")
    if not home and "submit" not in view and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks):
        check.fault("/view/submit", "a modal with an input block needs submit")
    try:
        View(**view).to_dict()
    except (SlackObjectFormationError, TypeError, KeyError, AttributeError, ValueError) as error:
        check.fault("/view", f"slack_sdk: {error}")
    return [Fault("invalid_arguments", text) for text in check.faults]


def _session(args: Mapping[str, Any]) -> list[Fault]:
    faults: list[Fault] = []
    if "status" in args and args["status"] not in SESSION_STATUSES.split():
        faults.append(Fault("invalid_arguments", f"status must be one of {SESSION_STATUSES}"))
    if "title" in args and not _fits(args["title"], TITLE_CHARS):
        faults.append(Fault("invalid_arguments", f"title must be from 1 to {TITLE_CHARS} characters"))
    return faults


def _assistant(args: Mapping[str, Any]) -> list[Fault]:
    faults: list[Fault] = []
    if "prompts" in args:
        prompts: Any = args["prompts"]
        if not isinstance(prompts, list) or not 1 <= len(prompts) <= PROMPTS:
            faults.append(Fault("invalid_arguments", f"prompts must have from 1 to {PROMPTS} items"))
        elif not all(_is_prompt(item) for item in prompts):
            faults.append(Fault("invalid_arguments", "a prompt has a title and a message"))
    loading: Any = args.get("loading_messages")
    listed = loading if isinstance(loading, list) else []
    if len(listed) > 10 or not all(_fits(item, LOADING_CHARS) for item in listed):
        faults.append(Fault("invalid_arguments", f"loading_messages: at most 10 of {LOADING_CHARS} characters"))
    return faults


def _is_prompt(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == {"title", "message"} and all(_fits(v, 3_000) for v in item.values())


def _fits(value: Any, most: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and units(value) <= most
