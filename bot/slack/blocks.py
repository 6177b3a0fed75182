"""Cards and forms as Block Kit JSON. Pure: no SDK, no I/O; every payload is inside Slack's limits.

Slack also refuses messages whose blocks are longer than about 13,200 characters of JSON altogether
(`msg_blocks_too_long`, documented nowhere), so the finished JSON is measured and the card
shortened further until it is below `JSON_CHARS`.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, assert_never

from bot import phrases
from bot.cards import (
    LABEL_CHARS,
    Action,
    Block,
    Card,
    CardKind,
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
    Inline,
    Note,
    Option,
    Payload,
    Person,
    Rendered,
    RenderedForm,
    Rule,
    Select,
    Steps,
    Table,
    Text,
    TextField,
    Upload,
)
from bot.fit import Fitted, Limits, chart_text, fallback, file_text, fit, pieces_of, plain, plain_block, step_text
from bot.markup import Grid, clean, clip, one_line, safe_url, units
from bot.slack import native as new
from bot.slack import rich_text
from bot.slack.native import NativeBlock
from bot.slack.rich_text import Element, escape, user_id

JSON_CHARS = 12_000
HEADER_CHARS = 150
CONTEXT_CHARS = 2_900
"""A mrkdwn text object takes 3,000."""
INPUT_CHARS = 3_000
"""Also the most that a plain_text_input can start with."""
RADIO_OPTIONS = 10
VIEW_TITLE_CHARS = 24
FILE_INPUT_MAX = 10
MESSAGE_BLOCKS = 40
"""Of 50; who is told, the title, up to two selects, the buttons, feedback, two last lines and what stands above a table
take the others."""
PLAIN_CHARS = 2_900
"""Of a card without any formatting: a section takes 3,000."""
_BUDGETS = (9_000, 6_000, 4_000, 2_500, 1_500, 800, 300)
_TABLE_BUDGET = 11_000
"""Tried first where a table may be large: its cost is known almost exactly."""
_TOLD_MAX = 20


def render_card(
    card: Card,
    *,
    native: Collection[NativeBlock] = (),
    mention: Collection[str] | None = None,
    most_chars: int = JSON_CHARS,
) -> Rendered:
    """The card as one chat.postMessage or chat.update body (`text`, `blocks`, no unfurling), the channel apart.

    `native`: blocks that may be used though some workspaces do not have them yet; after an `invalid_blocks` answer
    the surface renders again without. `mention`: the person ids that are mentioned, which tells them, as `card.notify`
    is in any case; all others are only named. None: everybody who is in the text. `most_chars`: of the blocks' JSON.
    """
    card = card if mention is None else _named(card, mention)
    told = [
        user for person in card.notify if (mention is None or person.person_id in mention) and (user := user_id(person))
    ]
    fitted, blocks = _fitting(card, frozenset(native), most_chars)
    if mention is not None and (unseen := [user for user in dict.fromkeys(told) if not _mentions(blocks, user)]):
        blocks = [_calling(unseen[:_TOLD_MAX]), *blocks]
    payload = {"text": escape(fallback(card)), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}
    files = (item for block in card.blocks if isinstance(block, Files) for item in block.items if item.path)
    return Rendered(
        payloads=(payload,),
        overflow=fitted.overflow,
        uploads=tuple(Upload(one_line(item.name) or item.path, item) for item in files),
    )


def render_bare(card: Card, *, mention: Collection[str] = (), buttons: bool = True) -> Payload:
    """The card as plain text, for a workspace that refuses what `render_card` made of it; with its buttons, if any."""
    users = dict.fromkeys(user for p in card.notify if p.person_id in mention and (user := user_id(p)))
    calling = "".join(f"<@{user}> " for user in list(users)[:_TOLD_MAX])
    body = _short(f"{_sign(card)}{clean(plain(card))}", PLAIN_CHARS)
    foot = _foot(card, _BUDGETS[0], frozenset()) if buttons else []
    blocks: list[Element] = []
    if foot:
        text = {"type": "mrkdwn", "text": calling + body, "verbatim": True}
        blocks = [{"type": "section", "text": text}, *foot]
    return {"text": calling + body, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def render_home(card: Card) -> Payload:
    """The card as a Home tab, for views.publish: its buttons stand above all that is to be read. Nobody is told."""
    head, *body = render_card(replace(card, actions=(), selects=()), mention=()).card["blocks"]
    return {"type": "home", "blocks": [head, *buttons_of(card), *body]}


def buttons_of(card: Card) -> list[Element]:
    """The card's buttons and selects alone."""
    return _foot(card, _BUDGETS[0], frozenset())


def render_form(form: Form) -> RenderedForm:
    """The form as a views.open `view`; `callback_id` and `private_metadata` carry its token."""
    emptied: list[str] = []
    blocks: list[Element] = []
    if form.intro:
        text = {"type": "plain_text", "text": _short(clean(form.intro), INPUT_CHARS), "emoji": False}
        blocks.append({"type": "section", "block_id": "intro", "text": text})
    for field in form.fields:
        blocks.append(_input(field, emptied))
    token = form.token.encode()
    view = {
        "type": "modal",
        "callback_id": token,
        "private_metadata": token,
        "title": _plain(form.title, VIEW_TITLE_CHARS),
        "submit": _plain(form.submit, VIEW_TITLE_CHARS),
        "close": _plain(phrases.CANCEL, VIEW_TITLE_CHARS),
        "blocks": blocks,
    }
    return RenderedForm(payload=view, emptied=tuple(emptied))


def _fitting(card: Card, native: frozenset[NativeBlock], most_chars: int) -> tuple[Fitted, list[Element]]:
    large = "data_table" in native and any(isinstance(block, Table) and new.is_large(block) for block in card.blocks)
    rows, columns = (new.TABLE_ROWS, new.TABLE_COLUMNS) if large else (new.SMALL_ROWS, new.SMALL_COLUMNS)
    fitted = Fitted(card)
    blocks: list[Element] = []
    for budget in (*([_TABLE_BUDGET] if large else []), *_BUDGETS):
        most = min(budget, _TABLE_BUDGET if large else 6_000)
        limits = Limits(
            text=budget, block=most, blocks=MESSAGE_BLOCKS, items=45, table_rows=rows, table_columns=columns
        )
        fitted = fit(card, limits, _cost)
        body, foot = fitted.card.blocks, _foot(card, budget, native)
        # Native cells cost more than a table of text: before anything is left out, it is drawn as that.
        for grids in (True, False) if native and not any(isinstance(block, Table) for block in body) else (False,):
            blocks = [*_above(card, _body(card.kind, body, native, grids=grids)), *foot]
            if units(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) <= most_chars:
                return fitted, blocks
    return fitted, blocks


def _named(card: Card, mention: Collection[str]) -> Card:
    """The card with those people as plain names who must not be told of it."""

    def name(part: Inline) -> Inline:
        return str(part) if isinstance(part, Person) and part.person_id not in mention else part

    def quiet(block: Block) -> Block:
        match block:
            case Fields():
                return replace(block, rows=tuple(replace(row, value=name(row.value)) for row in block.rows))
            case Note():
                return Note(tuple(map(name, block.parts)))
            case _:
                return block

    return replace(card, blocks=tuple(map(quiet, card.blocks)))


def _mentions(blocks: Sequence[Element], user: str) -> bool:
    drawn = json.dumps(blocks)
    return f"<@{user}>" in drawn or f'"user_id": "{user}"' in drawn


def _calling(users: Sequence[str]) -> Element:
    """The line that tells people, where the card itself names none of them."""
    text = {"type": "mrkdwn", "text": " ".join(f"<@{user}>" for user in users), "verbatim": True}
    return {"type": "context", "elements": [text]}


def _cost(block: Block) -> int:
    """Characters of the block and roughly what its JSON adds."""
    match block:
        case Note():
            # Slack limits this text object by itself; nothing above it may be let through.
            text = rich_text.mrkdwn(block.parts)
            return units(text) + 60 if units(text) <= CONTEXT_CHARS else 10**9
        case Fields():
            return units(plain_block(block)) + 90 * len(block.rows)
        case Steps() | Files():
            return units(plain_block(block)) + 60 * len(block.items)
        case Table():
            cells = [cell for row in (block.header, *block.rows) for cell in row]
            return sum(map(units, cells)) + _cell_cost(block) * len(cells) + units(block.more) + units(block.label)
        case Chart():
            return max(units(plain_block(block)) + 60, len(json.dumps(new.data_visualization(block))))
        case Text() | Code() | Rule():
            return units(plain_block(block)) + 60
    assert_never(block)


def _cell_cost(table: Table) -> int:
    return new.CELL_CHARS if new.is_large(table) else 40


def _above(card: Card, body: list[Element]) -> list[Element]:
    """The card's title and body. A quiet one begins with its plan, which people can fold, or with a line in small."""
    if not card.quiet:
        return [*_head(card), *body]
    title = one_line(card.title) or phrases.NAME
    if body and body[0]["type"] == "plan":
        return [{**body[0], "title": clip(title, HEADER_CHARS)}, *body[1:]]
    text = {"type": "mrkdwn", "text": _short(title, HEADER_CHARS), "verbatim": True}
    return [{"type": "context", "elements": [text]}, *body]


def _head(card: Card) -> list[Element]:
    if card.kind is CardKind.NOTICE and card.title.endswith("."):
        # A sentence for one person needs no heading, and may be longer than one can be.
        said = clip(one_line(card.title), PLAIN_CHARS)
        return [
            {"type": "rich_text", "elements": [rich_text.section([rich_text.inline(said, bold=bool(card.blocks))])]}
        ]
    return [{"type": "header", "text": _plain(f"{_sign(card)}{one_line(card.title) or phrases.NAME}", HEADER_CHARS)}]


def _sign(card: Card) -> str:
    """What the state is, at a glance. A notice has none: that it was said is no success."""
    said = card.kind is CardKind.NOTICE and card.state is CardState.DONE
    return "" if said else f"{phrases.STATE_SIGNS[card.state]} "


def _body(
    kind: CardKind, blocks: Sequence[Block], native: frozenset[NativeBlock], *, grids: bool = False
) -> list[Element]:
    """The blocks of a card. `grids`: the first table that stands in a text is drawn as a block of its own."""
    out: list[Element] = []
    tables = plans = 0
    for block in blocks:
        match block:
            case Rule():
                out.append({"type": "divider"})
            case Note():
                if text := rich_text.mrkdwn(block.parts).strip():
                    text_object = {"type": "mrkdwn", "text": text, "verbatim": True}
                    out.append({"type": "context", "elements": [text_object]})
            case Table() if not tables and block.header:
                tables += 1
                out += _table(block, native)
            case Text() if grids and not tables and (around := _around_table(block, native)):
                tables += 1
                out += around
            case Steps() if "plan" in native and kind is CardKind.STATUS and not plans and new.can_plan(block):
                plans += 1
                out += [new.plan(block), *_below(block.more)]
            case Chart() if "data_visualization" in native and (drawn := new.data_visualization(block)):
                out.append(drawn)
            case _:
                if elements := _elements(block):
                    out.append({"type": "rich_text", "elements": elements})
    return out


def _elements(block: Block) -> list[Element]:
    """What a block is inside one rich_text block."""
    match block:
        case Text():
            return [*rich_text.elements(pieces_of(block)), *_more(block.more)]
        case Code():
            label = _label(block)
            return [
                *([rich_text.section(label)] if label else []),
                rich_text.preformatted(block.text),
                *_more(block.more),
            ]
        case Fields():
            lines = [
                [rich_text.inline(f"{row.label}: ", bold=True), rich_text.inline(row.value, code=row.exact)]
                for row in block.rows
            ]
        case Steps():
            lines = [_label(block), *([rich_text.inline(step_text(block, i))] for i in range(len(block.items)))]
        case Files():
            lines = [_label(block), *([rich_text.inline("📄 "), *_file(item)] for item in block.items)]
        case Table():
            return [rich_text.preformatted(plain_block(block))]
        case Chart():
            label = _label(block)
            return [*([rich_text.section(label)] if label else []), rich_text.preformatted(chart_text(block))]
        case Rule() | Note():
            return []
    lines += [[rich_text.inline(block.more)]] if block.more else []
    joined = [part for line in lines if line for part in (*line, {"type": "text", "text": "\n"})][:-1]
    return [rich_text.section(joined)] if joined else []


def _file(item: FileLine) -> list[Element]:
    if url := safe_url(item.url):
        link = {"type": "link", "url": url, "text": item.name}
        rest = file_text(item)[len(item.name) :]
        return [link, rich_text.inline(rest)] if rest else [link]
    return [rich_text.inline(file_text(item))]


def _label(block: Steps | Files | Code | Table | Chart) -> list[Element]:
    return [rich_text.inline(block.label, bold=True)] if block.label else []


def _more(text: str) -> list[Element]:
    return [rich_text.section([rich_text.inline(text)])] if text else []


def _below(text: str) -> list[Element]:
    return _rich(_more(text))


def _table(table: Table, native: frozenset[NativeBlock]) -> list[Element]:
    if "data_table" in native and new.is_large(table):
        return [new.data_table(table), *_below(table.more)]
    width = len(table.header)
    rows = [[*row[:width], *[""] * (width - len(row))] for row in (table.header, *table.rows)]
    cells = [[{"type": "raw_text", "text": one_line(cell) or "–"} for cell in row] for row in rows]
    above = [{"type": "rich_text", "elements": [rich_text.section(_label(table))]}] if table.label else []
    return [*above, {"type": "table", "rows": cells}, *_below(table.more)]


def _around_table(text: Text, native: frozenset[NativeBlock]) -> list[Element]:
    """A text with its first table as a block between what stands before and behind; empty: no table that Slack takes.

    Slack takes 100 rows of a plain table, 201 of a sortable one, each with the header, and 20 columns.
    """
    pieces = pieces_of(text)
    for at, piece in enumerate(pieces):
        if isinstance(piece, Grid) and len(piece.rows) > 1 and len(piece.rows[0]) <= new.TABLE_COLUMNS:
            table = Table(piece.rows[0], piece.rows[1:])
            if len(piece.rows) <= (new.TABLE_ROWS if "data_table" in native and new.is_large(table) else 100):
                around = (pieces[:at], pieces[at + 1 :])
                before, after = ([*rich_text.elements(part)] for part in around)
                return [*_rich(before), *_table(table, native), *_rich([*after, *_more(text.more)])]
    return []


def _rich(elements: list[Element]) -> list[Element]:
    return [{"type": "rich_text", "elements": elements}] if elements else []


def _foot(card: Card, budget: int, native: frozenset[NativeBlock]) -> list[Element]:
    out = [_select(select, budget) for select in card.selects]
    thumbs, actions = new.feedback(card.actions) if "context_actions" in native else (None, card.actions)
    if actions:
        out.append({"type": "actions", "elements": [_button(action) for action in actions]})
    return [*out, *([thumbs] if thumbs else [])]


def _button(action: Action) -> Element:
    # Slack has a dialog of its own, so the mark for other platforms is taken off.
    action_id = replace(action.token, confirm=False).encode()
    button: Element = {"type": "button", "action_id": action_id, "text": _plain(action.label, LABEL_CHARS)}
    if action.style != "plain":
        button["style"] = action.style
    if action.confirm:
        dialog: Element = {
            "title": _plain(phrases.SURE, 100),
            "text": _plain(action.confirm, 150),
            "confirm": _plain(action.label, 30),
            "deny": _plain(phrases.SURE_DENY, 30),
        }
        button["confirm"] = dialog | ({"style": action.style} if action.style != "plain" else {})
    return button


def _select(select: Select, budget: int) -> Element:
    options = select.options if budget > _BUDGETS[-2] else select.options[:10]
    element = {
        "type": "static_select",
        "action_id": select.token.encode(),
        "placeholder": _plain(select.placeholder, 75),
        "options": [_option(option) for option in options],
    }
    return {"type": "actions", "elements": [element]}


def _option(option: Option) -> Element:
    return {"text": _plain(option.label, LABEL_CHARS), "value": option.value}


def _input(field: FormField, emptied: list[str]) -> Element:
    block: Element = {"type": "input", "block_id": field.name, "label": _plain(field.label, 200)}
    hint = field.hint
    optional = True
    match field:
        case TextField():
            element: Element = {"type": "plain_text_input", "multiline": field.multiline, "max_length": INPUT_CHARS}
            value = clean(field.value)
            if units(value) > INPUT_CHARS:
                emptied.append(field.name)
                hint = f"{phrases.FORM_VALUE_TOO_LONG} {hint}"
            elif value:
                element["initial_value"] = value
            optional = not field.required or field.name in emptied
        case ChoiceField():
            element, optional = _choice(field), not field.required
        case FilesField():
            element, optional = {"type": "file_input", "max_files": FILE_INPUT_MAX}, not field.required
        case CheckField():
            yes = {"text": _plain(field.label, LABEL_CHARS), "value": "yes"}
            element = {"type": "checkboxes", "options": [yes]}
            if field.value:
                element["initial_options"] = [yes]
    block |= {"element": {**element, "action_id": field.name}, "optional": optional}
    return {**block, "hint": _plain(hint, 300)} if hint.strip() else block


def _choice(field: ChoiceField) -> dict[str, Any]:
    options = [_option(option) for option in field.options]
    chosen = [option for option in options if option["value"] in field.value]
    few = len(options) <= RADIO_OPTIONS
    if field.many:
        element: Element = {"type": "checkboxes" if few else "multi_static_select", "options": options}
        return element | ({"initial_options": chosen} if chosen else {})
    element = {"type": "radio_buttons" if few else "static_select", "options": options}
    return element | ({"initial_option": chosen[0]} if chosen else {})


def _plain(text: str, limit: int) -> Element:
    """A plain_text object. `emoji` is off, so that `:name:` in foreign text stays what it is."""
    return {"type": "plain_text", "text": _short(one_line(text) or "–", limit), "emoji": False}


def _short(text: str, limit: int) -> str:
    """Escaped text of at most `limit` units, cut between characters and never within an entity."""
    escaped = escape(text)
    if units(escaped) <= limit:
        return escaped
    sizes = accumulate(units(escape(char)) for char in text)
    return escape(text[: bisect_right(list(sizes), limit - 1)].rstrip()) + "…"
