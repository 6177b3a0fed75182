"""Random cards and forms, and a small list of strings that have broken chat bots before."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

from hypothesis import strategies as st

from agent.domain.files import ChartExcerpt, ChartKind, ChartSeries
from bot.cards import (
    MAX_ACTIONS,
    MAX_FIELDS,
    MAX_OPTIONS,
    Action,
    Card,
    CardKind,
    CardState,
    Chart,
    CheckField,
    ChoiceField,
    Code,
    Field,
    Fields,
    FileLine,
    Files,
    FilesField,
    Form,
    Moment,
    Note,
    Option,
    Person,
    Rule,
    Select,
    StepLine,
    Steps,
    StepState,
    Table,
    Text,
    TextField,
    Token,
    Verb,
)

NASTY = (
    "",
    " ",
    "\n\n\n",
    "\x00\x07\x1b[31mred\x1b[0m",
    "<!channel> <!here|here> <@U0123456> <#C0123456|general> <https://evil.example|safe>",
    "@everyone @here <@123456789012345678> <@&123456789012345678> </run:123456789012345678> <:x:123456789012345678>",
    "&amp; & &lt;script&gt; <script>alert(1)</script>",
    "``` ```` `a``b` ```python\nprint(1)\n",
    "**bold *both* ~~gone~~ __under__ ||spoiler|| [a](javascript:alert(1)) ![p](https://t.example/x.png)",
    "# not a title\n> not a quote\n- not a list\n1. not a number\n-# not small",
    "abc\u202egnp.exe \u2066x\u2069 \u200bzero\u200d \ufeff \U000e0041",
    "\ud83d lone \udc00 halves \ud800",
    "👩‍👩‍👧‍👦" * 60,
    "Z̷̢͇a̵l̸g̵o̶ " * 40,
    "مرحبا بالعالم שלום 你好，世界 こんにちは",
    "a" * 5_000,
    "&" * 5_000,
    "*_`~<" * 2_000,
    "\n".join(f"line {n}" for n in range(2_000)),
    "> " * 3_000,
    "* " * 3_000 + "deep",
    "[" * 3_000 + "](" * 3_000,
    "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 300,
    "https://example.com/a_b_(c)?d=1&e=<f>. and www.example.com",
    "${HOME} $(id) {{7*7}} %s %n '; DROP TABLE tasks;--",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢" * 200,
)

texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=60),
    st.text(alphabet="*_~`<>&[]()#-|\\@:/\n ae1.", max_size=400),
    st.builds(lambda part, count: part * count, st.text(min_size=1, max_size=20), st.integers(1, 300)),
)
names = st.text(alphabet=string.ascii_letters + string.digits + "_-", min_size=1, max_size=32)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(Moment)  # noqa: DTZ001
people = st.sampled_from(["slack:T1:U0123456", "discord:123456789012345678", "web:owner", "x", ""]).map(Person)
inlines = st.one_of(texts, moments, people)
files = st.sampled_from(["", "", "arguments.txt", "rows.csv", "größe & co.md"])
tokens = st.builds(
    Token,
    verb=st.sampled_from(Verb),
    subject_id=st.text(alphabet=string.ascii_letters + "_-0", min_size=1, max_size=40),
    revision=st.integers(0, 10**10 - 1),
    choice=st.text(alphabet=string.ascii_letters + "_-0", max_size=32),
    confirm=st.booleans(),
)


def several(of: st.SearchStrategy, most: int, least: int = 0) -> st.SearchStrategy:
    return st.lists(of, min_size=least, max_size=most).map(tuple)


options = st.lists(st.builds(Option, names, texts), min_size=1, max_size=MAX_OPTIONS, unique_by=lambda o: o.value).map(
    tuple
)
sizes = st.none() | st.integers(0, 10**14)
rows = several(several(texts, 12, 1), 40)


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """A chart as `deliver` keeps it: as many values as labels."""
    labels = draw(st.lists(texts, min_size=1, max_size=20))
    values = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=len(labels), max_size=len(labels))
    series = draw(st.lists(st.builds(ChartSeries, name=texts, values=values.map(tuple)), min_size=1, max_size=12))
    kind = draw(st.sampled_from(get_args(ChartKind)))
    return Chart(ChartExcerpt(kind=kind, labels=tuple(labels), series=tuple(series)), draw(texts))


blocks = st.one_of(
    st.builds(Text, texts, st.booleans(), file=files),
    st.builds(Fields, several(st.builds(Field, texts, inlines, st.booleans()), 60), file=files),
    st.builds(
        Steps,
        several(st.builds(StepLine, texts, st.sampled_from(get_args(StepState))), 80),
        label=texts,
        start=st.none() | st.integers(0, 99),
    ),
    st.builds(
        Files,
        several(st.builds(FileLine, texts, sizes, texts, texts, st.sampled_from(["", "outputs/a.xlsx"])), 30),
        label=texts,
    ),
    st.builds(Code, texts, label=texts, language=texts, file=files),
    st.builds(Table, several(texts, 25), rows, file=files, label=texts),
    st.builds(Table, several(texts, 25), rows, label=texts, whole=texts, rows_left=st.integers(0, 10**6)),
    charts(),
    st.just(Rule()),
    st.builds(Note, several(inlines, 8)),
)
actions = st.builds(Action, tokens, texts, st.sampled_from(["primary", "danger", "plain"]), texts)
selects = st.builds(Select, tokens, texts, options)
repeated = st.sampled_from([Rule(), Code(NASTY[17]), Note((NASTY[5],))])


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """A card of any kind; the revision tells its buttons apart."""
    parts = [*draw(several(actions, MAX_ACTIONS)), *draw(several(selects, 2))]
    told = [replace(part, token=replace(part.token, revision=number)) for number, part in enumerate(parts)]
    return Card(
        key="key",
        kind=draw(st.sampled_from(CardKind)),
        state=draw(st.sampled_from(CardState)),
        title=draw(texts),
        blocks=draw(st.one_of(several(blocks, 6), several(repeated, 60))),
        actions=tuple(part for part in told if isinstance(part, Action)),
        selects=tuple(part for part in told if isinstance(part, Select)),
        notify=draw(several(people, 3)),
        fallback=draw(texts),
        quiet=draw(st.booleans()),
    )


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """A form with one to five fields of any kind."""
    intro = draw(texts)
    found: list[TextField | ChoiceField | FilesField | CheckField] = []
    for name in draw(st.lists(names, min_size=1, max_size=MAX_FIELDS - bool(intro), unique=True)):
        label, hint = draw(texts), draw(texts)
        offered = draw(options)
        chosen = tuple(option.value for option in offered if draw(st.booleans()))
        found.append(
            draw(
                st.sampled_from(
                    [
                        TextField(name=name, label=label, hint=hint, value=draw(texts), multiline=draw(st.booleans())),
                        ChoiceField(
                            name=name, label=label, hint=hint, options=offered, value=chosen, many=draw(st.booleans())
                        ),
                        FilesField(name=name, label=label, hint=hint, required=draw(st.booleans())),
                        CheckField(name=name, label=label, hint=hint, value=draw(st.booleans())),
                    ]
                )
            )
        )
    return Form(token=draw(tokens), title=draw(texts), fields=tuple(found), intro=intro, submit=draw(texts))
