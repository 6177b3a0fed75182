"""Cards and forms as Discord Components V2 JSON. Pure: no SDK, no I/O; every payload is inside Discord's limits.

A V2 message has no `content`, so it is invisible to notifications: where people must be told, a
plain line that mentions them goes before the card as a message of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, assert_never

from bot import phrases
from bot.cards import (
    Action,
    Attachment,
    Block,
    Card,
    CardState,
    Chart,
    CheckField,
    ChoiceField,
    Code,
    Fields,
    FileLine,
    Files,
    FilesField,
    Form,
    FormField,
    Note,
    Option,
    Payload,
    Rendered,
    RenderedForm,
    Rule,
    Select,
    Steps,
    Table,
    Text,
    TextField,
    Token,
    Upload,
)
from bot.discord import markdown
from bot.discord.markdown import code_block, code_span, escape, inline
from bot.fit import Limits, chart_text, fallback, file_text, fit, pieces_of, step_text
from bot.markup import clean, clip, grid_text, one_line, safe_url, units

IS_COMPONENTS_V2 = 1 << 15
EPHEMERAL = 1 << 6
TEXT_CHARS = 4_000
"""For all text displays of a message together."""
BODY_CHARS = 3_500
INTRO_CHARS = 1_000
"""Before escaping, which at most doubles it (and never triples the few signs that grow more)."""
BUTTON_CHARS = 80
BUTTONS_IN_ROW = 5
OPTION_CHARS = 100
MODAL_TITLE_CHARS = 45
MODAL_LABEL_CHARS = 45
MODAL_HINT_CHARS = 100
INPUT_CHARS = 4_000
RADIO_OPTIONS = 10
FILES_MAX = 10
"""Attachments of a message; also the most a FileUpload takes."""
RULES_MAX = 6
"""Dividing lines shown; each costs two of the 40 components."""
FILE = 13
"""The component that shows an attachment."""
NO_PINGS: Payload = {"parse": []}

_STYLES = {"primary": 1, "plain": 2, "danger": 4}
_ACCENTS = {
    CardState.PLANNED: 0x5865F2,
    CardState.RUNNING: 0xFEE75C,
    CardState.WAITING: 0xEB459E,
    CardState.DONE: 0x57F287,
    CardState.FAILED: 0xED4245,
    CardState.STOPPED: 0x99AAB5,
}
_Json = dict[str, Any]


def render_card(card: Card) -> Rendered:
    """The card as message bodies: a line that pings `card.notify` where there is somebody, then the V2 card.

    Bodies are for POST and PATCH of messages; files named in `overflow` and `uploads` go along as attachments
    under exactly these names.
    """
    limits = Limits(text=BODY_CHARS, block=BODY_CHARS, blocks=60)
    fitted = fit(card, limits, lambda block: units(_text(block)) + 2)
    overflow = tuple(Attachment(safe_name(a.name), a.text) for a in fitted.overflow[:FILES_MAX])
    wanted = [item for block in card.blocks if isinstance(block, Files) for item in block.items if item.path]
    room = FILES_MAX - len(overflow)
    uploads = _uploads(wanted[:room], [a.name for a in overflow])
    names = [a.name for a in overflow] + [u.name for u in uploads]
    words = escape(clip(one_line(card.title), 120)) or phrases.NAME
    title = f"-# {words}" if card.quiet else f"## {phrases.STATE_SIGNS[card.state]} {words}"
    children = _children(title, fitted.card.blocks)
    children += [_attached(name) for name in names]
    children += [_row([_select(select)]) for select in card.selects]
    buttons = [_button(action) for action in card.actions]
    children += [_row(buttons[i : i + BUTTONS_IN_ROW]) for i in range(0, len(buttons), BUTTONS_IN_ROW)]
    container: _Json = {"type": 17, "components": children}
    if not card.quiet:
        container["accent_color"] = _ACCENTS[card.state]
    body = {"flags": IS_COMPONENTS_V2, "components": [container], "allowed_mentions": NO_PINGS}
    lead = _lead(card)
    return Rendered(
        payloads=(lead, body) if lead else (body,),
        overflow=overflow,
        uploads=uploads,
        left_out=tuple(wanted[room:]),
    )


def without_files(body: Payload) -> Payload:
    """The same card where nothing may be attached."""
    container, *others = body["components"]
    kept = [child for child in container["components"] if child["type"] != FILE]
    return {**body, "components": [{**container, "components": kept}, *others]}


def render_files(words: str, names: Sequence[str], pictures: Sequence[str]) -> Payload:
    """A message of files, under a line of Discord Markdown. `pictures`: those of the names that are shown as such."""
    parts: list[_Json] = [{"type": 10, "content": words}]
    if pictures:
        parts.append({"type": 12, "items": [{"media": {"url": f"attachment://{name}"}} for name in pictures]})
    parts += [_attached(name) for name in names if name not in pictures]
    return {"flags": IS_COMPONENTS_V2, "components": parts, "allowed_mentions": NO_PINGS}


def render_words(words: str) -> Payload:
    """A message of Discord Markdown, at most `TEXT_CHARS`, that can bear a mark."""
    return {
        "flags": IS_COMPONENTS_V2,
        "components": [{"type": 10, "content": words or "–"}],
        "allowed_mentions": NO_PINGS,
    }


def confirmation(token: Token, label: str) -> Payload:
    """A private "Are you sure?" with the button again, for tokens that carry `confirm`."""
    again = Action(replace(token, confirm=False), label, "danger")
    return {
        "flags": IS_COMPONENTS_V2 | EPHEMERAL,
        "components": [{"type": 10, "content": phrases.SURE}, _row([_button(again)])],
        "allowed_mentions": NO_PINGS,
    }


def render_form(form: Form) -> RenderedForm:
    """The form as the `data` of a modal response."""
    emptied: list[str] = []
    parts: list[_Json] = []
    if form.intro:
        parts.append({"type": 10, "content": escape(clip(clean(form.intro), INTRO_CHARS)) or "–"})
    parts += [_field(field, emptied) for field in form.fields]
    title = clip(one_line(form.title) or phrases.NAME, MODAL_TITLE_CHARS)
    return RenderedForm(
        payload={"title": title, "custom_id": form.token.encode(), "components": parts},
        emptied=tuple(emptied),
    )


def safe_name(name: str, taken: Sequence[str] = ()) -> str:
    """A name that `attachment://` can carry, different from those taken. The pretty name belongs in the text."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")[-80:].lstrip("._-") or "file"
    stem, dot, suffix = cleaned.rpartition(".")
    stem, ending = (stem, dot + suffix) if stem else (cleaned, "")
    number, unique = 1, cleaned
    while unique in taken:
        number += 1
        unique = f"{stem}-{number}{ending}"
    return unique


def _uploads(files: Sequence[FileLine], taken: Sequence[str]) -> tuple[Upload, ...]:
    names = list(taken)
    uploads: list[Upload] = []
    for item in files:
        name = safe_name(item.name, names)
        names.append(name)
        uploads.append(Upload(name, item))
    return tuple(uploads)


def _lead(card: Card) -> Payload | None:
    users = list(dict.fromkeys(user for person in card.notify if (user := markdown.user_id(person))))[:20]
    if not users:
        return None
    content = f"{' '.join(f'<@{user}>' for user in users)} {escape(fallback(card))}"
    return {"content": content, "allowed_mentions": {"parse": [], "users": users}}


def _children(title: str, blocks: Sequence[Block]) -> list[_Json]:
    """Neighbouring texts share one text display; a message has 40 components, nested ones counted."""
    out: list[_Json] = [{"type": 10, "content": title}]
    rules = 0
    for block in blocks:
        if isinstance(block, Rule):
            rules += 1
            if rules <= RULES_MAX and out[-1]["type"] == 10:
                out.append({"type": 14, "divider": True, "spacing": 1})
        elif text := _text(block).strip():
            if out[-1]["type"] == 10:
                out[-1]["content"] += ("\n" if len(out) == 1 and "\n" not in out[-1]["content"] else "\n\n") + text
            else:
                out.append({"type": 10, "content": text})
    return out


def _text(block: Block) -> str:
    """A block as Discord Markdown."""
    match block:
        case Text():
            lines = [markdown.markdown(pieces_of(block))]
        case Fields():
            lines = [
                f"**{escape(row.label) or '–'}:** "
                + (code_span(row.value) if row.exact and isinstance(row.value, str) else inline(row.value))
                for row in block.rows
            ]
        case Steps():
            lines = [*_label(block), *(escape(step_text(block, index)) for index in range(len(block.items)))]
        case Files():
            lines = [*_label(block), *(f"📄 {_file(item)}" for item in block.items)]
        case Code():
            lines = [*_label(block), code_block(block.text, block.language)]
        case Table():
            lines = [*_label(block), code_block(grid_text([block.header, *block.rows]))]
        case Chart():
            lines = [*_label(block), code_block(chart_text(block))]
            return "\n".join(lines)
        case Rule():
            return ""
        case Note():
            text = "".join(inline(part) for part in block.parts)
            return "\n".join(f"-# {line}" for line in text.split("\n") if line.strip())
    lines += [f"-# {escape(block.more)}"] if block.more else []
    return "\n".join(lines)


def _label(block: Steps | Files | Code | Table | Chart) -> list[str]:
    return [f"**{escape(block.label)}**"] if block.label else []


def _file(item: FileLine) -> str:
    if url := safe_url(item.url):
        target = url.replace("(", "%28").replace(")", "%29")
        return f"[{escape(item.name)}](<{target}>){escape(file_text(item)[len(item.name) :])}"
    return escape(file_text(item))


def _attached(name: str) -> _Json:
    """An attachment of a V2 message that no component shows is invisible."""
    return {"type": FILE, "file": {"url": f"attachment://{name}"}}


def _row(components: Sequence[_Json]) -> _Json:
    return {"type": 1, "components": list(components)}


def _button(action: Action) -> _Json:
    token = replace(action.token, confirm=bool(action.confirm))
    label = clip(one_line(action.label) or "–", BUTTON_CHARS)
    return {"type": 2, "style": _STYLES[action.style], "label": label, "custom_id": token.encode()}


def _select(select: Select) -> _Json:
    return {
        "type": 3,
        "custom_id": select.token.encode(),
        "placeholder": clip(one_line(select.placeholder) or "–", 150),
        "min_values": 1,
        "max_values": 1,
        "options": [_option(option) for option in select.options],
    }


def _option(option: Option, *, default: bool = False) -> _Json:
    label = clip(one_line(option.label) or "–", OPTION_CHARS)
    return {"label": label, "value": option.value, **({"default": True} if default else {})}


def _field(field: FormField, emptied: list[str]) -> _Json:
    hint = field.hint
    match field:
        case TextField():
            component: _Json = {"type": 4, "style": 2 if field.multiline else 1, "max_length": INPUT_CHARS}
            required = field.required
            value = clean(field.value)
            if units(value) > INPUT_CHARS:
                emptied.append(field.name)
                hint, required = phrases.FORM_VALUE_TOO_LONG, False
            elif value:
                component["value"] = value
            component["required"] = required
        case ChoiceField():
            component = _choice(field)
        case FilesField():
            least = 1 if field.required else 0
            component = {"type": 19, "min_values": least, "max_values": FILES_MAX, "required": field.required}
        case CheckField():
            component = {"type": 23, "default": field.value}
        case _:
            assert_never(field)
    component["custom_id"] = field.name
    label: _Json = {"type": 18, "label": clip(one_line(field.label) or "–", MODAL_LABEL_CHARS), "component": component}
    return {**label, "description": clip(one_line(hint), MODAL_HINT_CHARS)} if hint.strip() else label


def _choice(field: ChoiceField) -> _Json:
    options = [_option(option, default=option.value in field.value) for option in field.options]
    few = len(options) <= RADIO_OPTIONS
    if field.many:
        ends = {"min_values": 1 if field.required else 0, "max_values": len(options)}
        return {"type": 22 if few else 3, "options": options, "required": field.required, **ends}
    for option in options[options.index(first) + 1 :] if (first := _first_default(options)) else []:
        option.pop("default", None)
    if few and len(options) > 1:
        return {"type": 21, "options": options, "required": field.required}
    return {"type": 3, "options": options, "required": field.required, "min_values": 1, "max_values": 1}


def _first_default(options: Sequence[_Json]) -> _Json | None:
    return next((option for option in options if option.get("default")), None)
