"""The lint of the Slack fake: each limit holds at its edge and not beyond, each wrong shape is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.slack import lint

Json = dict[str, Any]


def plain(size: int = 1) -> Json:
    return {"type": "plain_text", "text": "x" * size}


def mrkdwn(size: int = 1) -> Json:
    return {"type": "mrkdwn", "text": "x" * size}


def section(**fields: Any) -> Json:
    return {"type": "section", **fields}


def button(**fields: Any) -> Json:
    return {"type": "button", "text": plain(), **fields}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def confirm(title: int = 1, text: int = 1, yes: int = 1, no: int = 1) -> Json:
    return {"title": plain(title), "text": plain(text), "confirm": plain(yes), "deny": plain(no)}


def option(label: int = 1, value: int = 1, **fields: Any) -> Json:
    return {"text": plain(label), "value": "v" * value, **fields}


def options(count: int) -> list[Json]:
    return [{"text": plain(), "value": str(i)} for i in range(count)]


def select(count: int, **fields: Any) -> Json:
    return actions({"type": "static_select", "options": options(count), **fields})


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def words(size: int = 1) -> Json:
    return {"type": "text", "text": "x" * size}


def cell(size: int = 1) -> Json:
    return {"type": "raw_text", "text": "x" * size}


def table(rows: int, columns: int = 1, **fields: Any) -> Json:
    return {"type": "table", "rows": [[cell()] * columns for _ in range(rows)], **fields}


def data_table(rows: int, columns: int = 1, size: int = 1, **fields: Any) -> Json:
    body = [[cell(size)] * columns for _ in range(rows)]
    return {"type": "data_table", "caption": "c", "rows": body, **fields}


def chart(title: int = 1, **chart: Any) -> Json:
    return {"type": "data_visualization", "title": "x" * title, "chart": chart}


def pie(count: int, label: int = 0, value: float = 1) -> Json:
    segments = [{"label": "x" * label or str(i), "value": value} for i in range(count)]
    return chart(type="pie", segments=segments)


def bars(series: int = 1, points: int = 1, name: int = 0, axis: int = 1) -> Json:
    labels = [str(i) for i in range(points)]
    data = [{"label": label, "value": 1} for label in labels]
    rows = [{"name": "x" * name or str(i), "data": data} for i in range(series)]
    return chart(type="bar", series=rows, axis_config={"categories": labels, "x_label": "x" * axis})


def task(number: int = 0, status: str = "pending", **fields: Any) -> Json:
    return {"type": "task_card", "task_id": str(number), "title": "t", "status": status, **fields}


def plan(count: int) -> Json:
    return {"type": "plan", "title": "p", "tasks": [task(i) for i in range(count)]}


def card(**fields: Any) -> Json:
    return {"type": "card", **fields}


def container(count: int = 1, title: int = 1, **fields: Any) -> Json:
    return {"type": "container", "title": plain(title), "child_blocks": [{"type": "divider"}] * count, **fields}


def feedback(label: int = 1, value: int = 1) -> Json:
    one = {"text": plain(label), "value": "v" * value}
    return {"type": "feedback_buttons", "action_id": "f", "positive_button": one, "negative_button": one}


def icons(count: int, **fields: Any) -> Json:
    icon = {"type": "icon_button", "icon": "trash", "text": plain(), **fields}
    return {"type": "context_actions", "elements": [{**icon, "action_id": str(i)} for i in range(count)]}


EDGES: dict[str, tuple[Callable[[int], list[Json]], int]] = {
    # what → (blocks of a given size, the largest size that passes)
    "blocks": (lambda n: [{"type": "divider"}] * n, 50),
    "section text": (lambda n: [section(text=mrkdwn(n))], 3_000),
    "section field": (lambda n: [section(fields=[mrkdwn(n)])], 2_000),
    "section fields": (lambda n: [section(fields=[mrkdwn()] * n)], 10),
    "header": (lambda n: [{"type": "header", "text": plain(n)}], 150),
    "button label": (lambda n: [actions(button(text=plain(n)))], 75),
    "button value": (lambda n: [actions(button(value="v" * n))], 2_000),
    "button url": (lambda n: [actions(button(url="https://" + "x" * (n - 8)))], 3_000),
    "action_id": (lambda n: [actions(button(action_id="a" * n))], 255),
    "block_id": (lambda n: [{"type": "divider", "block_id": "b" * n}], 255),
    "accessibility label": (lambda n: [actions(button(accessibility_label="a" * n))], 75),
    "agent prompt": (lambda n: [actions(button(agent_prompt="a" * n))], 4_000),
    "who sees a button": (lambda n: [actions(button(visible_to_user_ids=[f"U{i:05}" for i in range(n)]))], 10),
    "actions": (lambda n: [actions(*(button(action_id=str(i)) for i in range(n)))], 25),
    "context": (lambda n: [{"type": "context", "elements": [mrkdwn()] * n}], 10),
    "context actions": (lambda n: [icons(n)], 5),
    "icon value": (lambda n: [icons(1, value="v" * n)], 2_000),
    "feedback label": (lambda n: [{"type": "context_actions", "elements": [feedback(n)]}], 75),
    "feedback value": (lambda n: [{"type": "context_actions", "elements": [feedback(1, n)]}], 2_000),
    "confirm title": (lambda n: [actions(button(confirm=confirm(n)))], 100),
    "confirm text": (lambda n: [actions(button(confirm=confirm(1, n)))], 300),
    "confirm yes": (lambda n: [actions(button(confirm=confirm(1, 1, n)))], 30),
    "confirm no": (lambda n: [actions(button(confirm=confirm(1, 1, 1, n)))], 30),
    "select": (lambda n: [select(n)], 100),
    "option label": (lambda n: [actions({"type": "static_select", "options": [option(n)]})], 75),
    "option value": (lambda n: [actions({"type": "static_select", "options": [option(1, n)]})], 150),
    "option description": (lambda n: [actions({"type": "overflow", "options": [option(description=plain(n))]})], 75),
    "placeholder": (lambda n: [select(1, placeholder=plain(n))], 150),
    "overflow": (lambda n: [actions({"type": "overflow", "options": options(n)})], 5),
    "checkboxes": (lambda n: [actions({"type": "checkboxes", "options": options(n)})], 10),
    "radio buttons": (lambda n: [actions({"type": "radio_buttons", "options": options(n)})], 10),
    "image url": (lambda n: [{"type": "image", "alt_text": "a", "image_url": "https://" + "x" * (n - 8)}], 3_000),
    "image text": (lambda n: [{"type": "image", "alt_text": "a" * n, "image_url": "https://x"}], 2_000),
    "markdown": (lambda n: [{"type": "markdown", "text": "x" * n}], 12_000),
    "markdown of a message": (lambda n: [{"type": "markdown", "text": "x" * (n // 2)}] * 2, 12_000),
    "alert": (lambda n: [{"type": "alert", "text": plain(n)}], 200),
    "card title": (lambda n: [card(title=plain(n))], 150),
    "card body": (lambda n: [card(body=plain(n))], 200),
    "card buttons": (lambda n: [card(title=plain(), actions=[button(action_id=str(i)) for i in range(n)])], 3),
    "carousel": (lambda n: [{"type": "carousel", "elements": [card(title=plain())] * n}], 10),
    "container": (lambda n: [container(n)], 10),
    "container title": (lambda n: [container(1, n)], 150),
    "list indent": (lambda n: [bullet(n)], 8),
    "table rows": (lambda n: [table(n)], 100),
    "table columns": (lambda n: [table(1, n)], 20),
    "tables": (lambda n: [table(1)] * n, 1),
    "data table rows": (lambda n: [data_table(n)], 201),
    "data table columns": (lambda n: [data_table(2, n)], 20),
    "data table page": (lambda n: [data_table(2, page_size=n)], 100),
    "data table row header": (lambda n: [data_table(2, 3, row_header_column_index=n)], 2),
    "chart title": (lambda n: [chart(n, type="pie", segments=[{"label": "a", "value": 1}])], 50),
    "chart segments": (lambda n: [pie(n)], 12),
    "chart label": (lambda n: [pie(1, n)], 20),
    "chart series": (lambda n: [bars(n)], 12),
    "chart points": (lambda n: [bars(1, n)], 20),
    "chart series name": (lambda n: [bars(1, 1, n)], 20),
    "chart axis": (lambda n: [bars(axis=n)], 50),
    "charts": (lambda n: [pie(1)] * n, 2),
    "tasks of a plan": (lambda n: [plan(n)], 50),
}


def bullet(indent: int) -> Json:
    item = {"type": "rich_text_section", "elements": [words()]}
    part = {"type": "rich_text_list", "style": "bullet", "indent": indent, "elements": [item]}
    return {"type": "rich_text", "elements": [part]}


def posted(blocks: Any, **others: Any) -> list[str]:
    return lint("chat.postMessage", {"channel": "C1", "text": "t", "blocks": blocks, **others})


@pytest.mark.parametrize("what", EDGES)
def test_limit_holds_at_its_edge_and_not_beyond(what: str) -> None:
    build, most = EDGES[what]
    assert posted(build(most)) == []
    beyond = most + (2 if what == "markdown of a message" else 1)
    assert any(fault.startswith("invalid_blocks") for fault in posted(build(beyond)))


WRONG: dict[str, Any] = {
    "no array": {"type": "divider"},
    "no object": ["divider"],
    "unknown block": [{"type": "accordion"}],
    "unknown field": [{"type": "divider", "colour": "red"}],
    "unknown field of an element": [actions(button(colour="red"))],
    "null": [section(text=mrkdwn(), accessory=None)],
    "empty section": [section()],
    "no fields": [section(fields=[])],
    "empty text": [section(text=mrkdwn(0))],
    "blank text": [section(text={"type": "mrkdwn", "text": "  "})],
    "text is no object": [section(text="hello")],
    "mrkdwn in a header": [{"type": "header", "text": mrkdwn()}],
    "mrkdwn on a button": [actions(button(text=mrkdwn()))],
    "verbatim on plain text": [section(text={**plain(), "verbatim": True})],
    "empty actions": [actions()],
    "empty value": [actions(button(value=""))],
    "unknown style": [actions(button(style="green"))],
    "action_id twice": [actions(button(action_id="a"), button(action_id="a"))],
    "block_id twice": [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}],
    "confirm without deny": [actions(button(confirm={"title": plain(), "text": plain(), "confirm": plain()}))],
    "image among actions": [actions({"type": "image", "alt_text": "a", "image_url": "https://x"})],
    "text input among actions": [actions({"type": "plain_text_input", "action_id": "a"})],
    "button in context": [{"type": "context", "elements": [button()]}],
    "button in context actions": [{"type": "context_actions", "elements": [button()]}],
    "unknown icon": [icons(1, icon="banana")],
    "no url": [actions(button(url="nowhere"))],
    "nobody sees it": [actions(button(visible_to_user_ids=[]))],
    "a name sees it": [actions(button(visible_to_user_ids=["ann"]))],
    "select without options": [select(0)],
    "options and groups": [select(1, option_groups=[{"label": plain(), "options": options(1)}])],
    "initial option is none of them": [select(1, initial_option=option(2, 2))],
    "url in a select": [actions({"type": "static_select", "options": [option(url="https://x")]})],
    "image without text": [{"type": "image", "image_url": "https://x"}],
    "image with two sources": [
        {"type": "image", "alt_text": "a", "image_url": "https://x", "slack_file": {"id": "F1"}}
    ],
    "file_input in a message": [
        {"type": "input", "label": plain(), "element": {"type": "file_input", "action_id": "a"}}
    ],
    "empty markdown": [{"type": "markdown", "text": ""}],
    "empty rich text": [{"type": "rich_text", "elements": []}],
    "empty rich text section": [rich()],
    "empty words": [rich(words(0))],
    "unknown rich element": [rich({"type": "blink", "text": "x"})],
    "unknown style of words": [rich({**words(), "style": {"big": True}})],
    "user in preformatted": [
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "user", "user_id": "U1"}]}],
        }
    ],
    "unknown alert level": [{"type": "alert", "text": plain(), "level": "panic"}],
    "empty card": [card(subtitle=plain())],
    "divider in a carousel": [{"type": "carousel", "elements": [{"type": "divider"}]}],
    "container in a container": [container(child_blocks=[container()])],
    "container without title": [{"type": "container", "child_blocks": [{"type": "divider"}]}],
    "collapsed but not collapsible": [container(default_collapsed=True)],
    "divider of a collapsible": [container(is_collapsible=True, has_header_divider=True)],
    "table without rows": [table(0)],
    "ragged table": [{"type": "table", "rows": [[cell(), cell()], [cell()]]}],
    "empty cell": [{"type": "table", "rows": [[cell(0)]]}],
    "cell without type": [{"type": "table", "rows": [[{"text": "x"}]]}],
    "more settings than columns": [table(1, 1, column_settings=[{}, {}])],
    "data table without caption": [{"type": "data_table", "rows": [[cell()], [cell()]]}],
    "data table with only a header": [data_table(1)],
    "rich header": [{**data_table(2), "rows": [[rich(words())], [cell()]]}],
    "number without value": [{**data_table(2), "rows": [[cell()], [{"type": "raw_number", "text": "1"}]]}],
    "too much data": [data_table(2, 2, 5_001)],
    "unknown chart": [chart(type="radar", segments=[])],
    "nothing of a pie": [pie(1, value=0)],
    "series twice": [chart(**{**bars()["chart"], "series": bars()["chart"]["series"] * 2})],
    "point without category": [
        chart(
            type="bar",
            series=[{"name": "a", "data": [{"label": "y", "value": 1}]}],
            axis_config={"categories": ["x"]},
        )
    ],
    "plan without tasks": [plan(0)],
    "task twice": [{"type": "plan", "title": "p", "tasks": [task(), task()]}],
    "pending task outside a plan": [task()],
    "unknown task status": [task(status="cancelled")],
    "details are text": [task(status="complete", details="text")],
    "source without text": [task(status="complete", sources=[{"type": "url", "url": "https://x"}])],
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_blocks_are_refused(what: str) -> None:
    assert any(fault.startswith("invalid_blocks") for fault in posted(WRONG[what]))


def test_everything_in_one_message_is_accepted() -> None:
    blocks = [
        {"type": "header", "text": plain(150)},
        section(text=mrkdwn(), fields=[plain()], accessory=button(confirm=confirm())),
        {"type": "context", "elements": [mrkdwn(), {"type": "image", "alt_text": "a", "image_url": "https://x"}]},
        actions(button(style="danger", visible_to_user_ids=["U0ANN"]), *select(2)["elements"]),
        {"type": "context_actions", "elements": [feedback()]},
        {"type": "alert", "text": mrkdwn(), "level": "warning"},
        container(is_collapsible=True, default_collapsed=True),
        bullet(2),
        table(2, 2, column_settings=[None, {"align": "right"}]),
        data_table(3, 3),
        bars(2, 3),
        pie(3),
        plan(3),
        task(status="in_progress", details=rich(words()), sources=[{"type": "url", "url": "https://x", "text": "x"}]),
        {"type": "carousel", "elements": [card(title=plain(), actions=[button()])]},
        {"type": "markdown", "text": "**x**"},
    ]
    assert posted(blocks) == []


MODAL: Json = {"type": "modal", "title": plain(), "blocks": [{"type": "divider"}]}
HOME: Json = {"type": "home", "blocks": [{"type": "divider"}]}
VIEW_EDGES: dict[str, tuple[Callable[[int], Json], int]] = {
    "title": (lambda n: {**MODAL, "title": plain(n)}, 24),
    "submit": (lambda n: {**MODAL, "submit": plain(n)}, 24),
    "close": (lambda n: {**MODAL, "close": plain(n)}, 24),
    "private_metadata": (lambda n: {**MODAL, "private_metadata": "x" * n}, 3_000),
    "callback_id": (lambda n: {**MODAL, "callback_id": "x" * n}, 255),
    "external_id": (lambda n: {**MODAL, "external_id": "x" * n}, 255),
    "blocks": (lambda n: {**MODAL, "blocks": [{"type": "divider"}] * n}, 100),
    "label": (lambda n: form(plain(n)), 2_000),
    "initial value": (lambda n: form(initial_value="x" * n), 3_000),
    "max_length": (lambda n: form(max_length=n), 3_000),
    "files": (lambda n: form(type="file_input", max_files=n), 10),
}


def form(label: Json | None = None, **element: Any) -> Json:
    body = {"type": "plain_text_input", "action_id": "a", **element}
    block = {"type": "input", "block_id": "b", "label": label or plain(), "element": body}
    return {**MODAL, "submit": plain(), "blocks": [block]}


@pytest.mark.parametrize("what", VIEW_EDGES)
def test_limit_of_a_modal_holds_at_its_edge_and_not_beyond(what: str) -> None:
    build, most = VIEW_EDGES[what]
    assert lint("views.open", {"view": build(most)}) == []
    assert lint("views.open", {"view": build(most + 1)}) != []


@pytest.mark.parametrize(
    "view",
    [
        {"type": "modal", "blocks": [{"type": "divider"}]},
        {**MODAL, "blocks": []},
        {**MODAL, "hash": "x"},
        {**MODAL, "type": "panel"},
        {**form(), "submit": None},
        {name: value for name, value in form().items() if name != "submit"},
        {**MODAL, "blocks": [plan(1)]},
        {**MODAL, "blocks": [table(1)]},
        {**MODAL, "blocks": [{"type": "markdown", "text": "x"}]},
        {**MODAL, "blocks": [{"type": "context_actions", "elements": [feedback()]}]},
        {**MODAL, "blocks": [{"type": "divider", "block_id": "a"}] * 2},
        form(confirm=confirm()),
        form(min_length=5, max_length=4),
        form(initial_value="12345", max_length=4),
        HOME,
    ],
)
def test_wrong_modals_are_refused(view: Json) -> None:
    assert lint("views.open", {"view": view}) != []


def test_home_tab_takes_no_title_and_no_message_blocks() -> None:
    assert lint("views.publish", {"view": HOME}) == []
    assert lint("views.publish", {"view": {**HOME, "title": plain()}}) != []
    assert lint("views.publish", {"view": {**HOME, "blocks": [plan(1)]}}) != []
    assert lint("views.publish", {"view": {**HOME, "blocks": [{"type": "alert", "text": plain()}]}}) != []
    assert lint("views.publish", {"view": MODAL}) != []


MESSAGES: list[tuple[Json, str]] = [
    ({}, "no_text"),
    ({"text": " "}, "no_text"),
    ({"text": "", "blocks": []}, "no_text"),
    ({"text": 7}, "invalid_arguments"),
    ({"text": "x" * 40_001}, "msg_too_long"),
    ({"markdown_text": "x" * 12_001}, "msg_too_long"),
    ({"markdown_text": "x", "text": "x"}, "markdown_text_conflict"),
    ({"text": "t", "blocks": "no json"}, "invalid_blocks_format"),
    ({"text": "t", "blocks": [section(text=mrkdwn(2_900))] * 5}, "msg_blocks_too_long"),
    ({"text": "t", "attachments": "x"}, "invalid_attachments"),
    ({"text": "t", "attachments": [{}] * 101}, "too_many_attachments"),
    ({"text": "t", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
    ({"text": "t", "metadata": {"event_type": "a b", "event_payload": {"a": 1}}}, "invalid_metadata_format"),
    ({"text": "t", "metadata": {"event_type": "a", "event_payload": {}}}, "invalid_metadata_format"),
    ({"text": "t", "metadata": {"event_type": "a", "event_payload": {"a": "x" * 9_000}}}, "metadata_too_large"),
]


@pytest.mark.parametrize(("args", "error"), MESSAGES)
def test_wrong_messages_are_refused(args: Json, error: str) -> None:
    for method in ("chat.postMessage", "chat.update", "chat.postEphemeral", "response_url"):
        assert any(fault.startswith(error) for fault in lint(method, args))


def test_messages_at_the_edge_are_accepted() -> None:
    assert lint("chat.postMessage", {"text": "x" * 40_000}) == []
    assert lint("chat.postMessage", {"markdown_text": "x" * 12_000}) == []
    metadata = {"event_type": "gofer_card", "event_payload": {"a": "x" * 8_000}}
    assert lint("chat.postMessage", {"text": "t", "metadata": metadata}) == []
    assert lint("response_url", {"delete_original": True}) == []
    assert lint("chat.postMessage", {"text": "t", "blocks": '[{"type": "divider"}]'}) == []


CHUNKS: list[tuple[Json, str]] = [
    ({}, "no_text"),
    ({"markdown_text": "x", "chunks": [{"type": "markdown_text", "text": "x"}]}, "cannot_provide_both"),
    ({"markdown_text": "x" * 12_001}, "msg_too_long"),
    ({"chunks": {"type": "markdown_text", "text": "x"}}, "invalid_chunks"),
    ({"chunks": [{"type": "markdown_text"}]}, "invalid_chunks"),
    ({"chunks": [{"type": "markdown_text", "text": ""}]}, "invalid_chunks"),
    ({"chunks": [{"type": "confetti"}]}, "invalid_chunks"),
    ({"chunks": [{"type": "plan_update"}]}, "invalid_chunks"),
    ({"chunks": [{"type": "task_update", "id": "1", "title": "t"}]}, "invalid_chunks"),
    ({"chunks": [{"type": "task_update", "id": "1", "title": "t", "status": "done"}]}, "invalid_chunks"),
    (
        {"chunks": [{"type": "task_update", "id": "1", "title": "t", "status": "error", "details": {}}]},
        "invalid_chunks",
    ),
    ({"chunks": [{"type": "blocks", "blocks": []}]}, "invalid_chunks"),
    ({"chunks": [{"type": "blocks", "blocks": [{"type": "divider"}] * 51}]}, "invalid_chunks"),
    ({"chunks": [{"type": "blocks", "blocks": [{"type": "divider"}] * 26}] * 2}, "invalid_chunks"),
    ({"chunks": [{"type": "blocks", "blocks": [{"type": "nope"}]}]}, "invalid_blocks"),
    ({"markdown_text": "x", "session_status": "asleep"}, "invalid_arguments"),
    ({"markdown_text": "x", "task_display_mode": "grid"}, "invalid_arguments"),
]


@pytest.mark.parametrize(("args", "error"), CHUNKS)
def test_wrong_chunks_are_refused(args: Json, error: str) -> None:
    assert any(fault.startswith(error) for fault in lint("chat.appendStream", args))


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("agents.sessions.setStatus", {"status": "busy"}),
        ("agents.sessions.setStatus", {"status": "active", "title": "x" * 201}),
        ("agents.sessions.rename", {"title": ""}),
        ("assistant.threads.setSuggestedPrompts", {"prompts": []}),
        ("assistant.threads.setSuggestedPrompts", {"prompts": [{"title": "t", "message": "m"}] * 5}),
        ("assistant.threads.setSuggestedPrompts", {"prompts": [{"title": "t"}]}),
        ("assistant.threads.setStatus", {"status": "s", "loading_messages": ["x" * 51]}),
        ("assistant.threads.setStatus", {"status": "s", "loading_messages": ["x"] * 11}),
        ("files.getUploadURLExternal", {"alt_txt": "x" * 1_001}),
        ("files.completeUploadExternal", {"initial_comment": "x" * 40_001}),
    ],
)
def test_other_wrong_arguments_are_refused(method: str, args: Json) -> None:
    assert lint(method, args) != []


def test_length_is_counted_in_utf16() -> None:
    assert posted([{"type": "header", "text": {"type": "plain_text", "text": "😀" * 75}}]) == []
    assert posted([{"type": "header", "text": {"type": "plain_text", "text": "😀" * 76}}]) != []
