"""Every word Gofer shows to people, and every word and emoji it understands as a decision.

Short, no jargon, and it says what happens next. Pure: no clock, no platform.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum

from agent.domain.asks import AskKind, Risk
from agent.domain.files import ChangeType
from agent.domain.people import LOCAL, Actor
from agent.domain.task import Status

NAME = "Gofer"


class Word(StrEnum):
    """What a typed word or an emoji can mean. Approve and deny always mean *once*."""

    APPROVE = "approve"
    DENY = "deny"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    UNDO = "undo"
    STATUS = "status"
    MUTE = "mute"
    FORGET = "forget"


_WORDS: Mapping[Word, str] = {
    Word.APPROVE: "approve approved yes y yep yeah yup sure ok okay k go lgtm allow accept agreed|go ahead|do it|"
    "looks good|looks good to me|sounds good|go for it|ship it|+1",
    Word.DENY: "deny denied no n nope nah reject rejected decline disallow|do not|dont|don't|no way|"
    "no thanks|not now|-1",
    Word.STOP: "stop cancel abort halt quit|stop it|stop now|cancel it|never mind|nevermind",
    Word.PAUSE: "pause wait hold|hold on|pause it",
    Word.RESUME: "resume continue unpause|go on|carry on|keep going",
    Word.RETRY: "retry|try again|again|once more",
    Word.UNDO: "undo revert rollback|roll back|undo it|undo that|put it back",
    Word.STATUS: "status progress|how far|how far are you|what's up|where are we",
    Word.MUTE: "mute quiet|be quiet",
    Word.FORGET: "forget|forget this|forget that",
}
_SAID: Mapping[str, Word] = {
    form: word
    for word, line in _WORDS.items()
    for index, part in enumerate(line.split("|"))
    for form in (part.split() if index == 0 else [part])
}

_EMOJI: Mapping[Word, str] = {
    Word.APPROVE: "✅ ☑ ✔ 👍 🆗 white_check_mark ballot_box_with_check heavy_check_mark +1 thumbsup thumbs_up ok",
    Word.DENY: "❌ ✖ ❎ 👎 x heavy_multiplication_x negative_squared_cross_mark -1 thumbsdown thumbs_down",
    Word.STOP: "🛑 ⏹ octagonal_sign stop_sign black_square_for_stop stop_button",
    Word.PAUSE: "⏸ double_vertical_bar pause_button",
    Word.RESUME: "▶ arrow_forward play_button",
    Word.RETRY: "🔁 🔄 repeat arrows_counterclockwise",
}
_REACTED: Mapping[str, Word] = {form: word for word, line in _EMOJI.items() for form in line.split()}


def word_of(text: str) -> Word | None:
    """What a reply decides when it is nothing but a deciding word (or its emoji); None: it is ordinary text."""
    said = unicodedata.normalize("NFKC", text).replace("’", "'").casefold().strip()
    if not said.isascii() or re.fullmatch(r":[\w+-]+:(:skin-tone-\d:)?", said):
        return emoji_word(said)
    said = re.sub(r"\s+", " ", said).strip(" .!,;")
    said = re.sub(r"^please,? (?=.)|[, ]+(please|thanks|thank you|thx)$", "", said).strip(" .!,;")
    return _SAID.get(said)


def emoji_word(emoji: str) -> Word | None:
    """What a reaction decides. Takes the character or a platform's name for it, skin tone and colons ignored."""
    name = emoji.strip().strip(":").casefold().partition("::")[0]
    name = re.sub("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]", "", name)
    return _REACTED.get(name)


_THANKS = re.compile(
    r"(?i)(thanks?( you)?|thx|ty|cheers|great|perfect|nice|awesome|wonderful|cool|well done|good job|super|danke|merci|"
    r"gracias|grazie)( (a lot|so much|very much|again|gofer|everyone|all|work|job))*"
)


def is_thanks(text: str) -> bool:
    """A reply that only says thanks: nothing to do for it."""
    said = re.sub(r"[\s,.!:;()\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]+", " ", text).strip()
    return bool(_THANKS.fullmatch(said)) or bool(not said and text.strip() and emoji_word(text) is None)


def is_question(text: str) -> bool:
    """A reply that asks something: it is answered, but interrupts nothing."""
    return text.rstrip().endswith(("?", "？", "؟"))


STEP_SIGNS: Mapping[str, str] = {
    "pending": "○",
    "running": "▶",
    "done": "✓",
    "skipped": "–",
    "failed": "✗",
    "unreported": "·",
}
STATE_SIGNS: Mapping[str, str] = {
    "planned": "📋",
    "running": "⏳",
    "waiting": "✋",
    "done": "✅",
    "failed": "⚠️",
    "stopped": "⏹",
}
STATUS: Mapping[Status, str] = {
    Status.QUEUED: "Waiting for a free worker",
    Status.PLANNING: "Planning",
    Status.RUNNING: "Working",
    Status.WAITING: "Waiting for you",
    Status.PAUSED: "Paused",
    Status.FINISHED: "Finished",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Stopped",
}
_ENDED: Mapping[Status, str] = {
    Status.FINISHED: "Done in",
    Status.FAILED: "Failed after",
    Status.CANCELLED: "Stopped after",
}
ASK_TITLES: Mapping[AskKind, str] = {
    AskKind.PLAN: "Plan: shall I go ahead?",
    AskKind.CALL: "May I do this?",
    AskKind.CHANGES: "Keep these changes?",
    AskKind.QUESTION: "I have a question",
    AskKind.BUDGET: "The budget is used up",
    AskKind.SKILL: "May I use this skill?",
    AskKind.CONNECTOR: "May I use this connector?",
    AskKind.EGRESS: "May I reach this address?",
    AskKind.MEMORY: "May I remember this?",
    AskKind.SCHEDULE: "May I schedule this?",
    AskKind.ACCESS: "Somebody asks for access",
}
DECIDED_TITLES: Mapping[AskKind, str] = {
    AskKind.PLAN: "Plan",
    AskKind.CALL: "Permission",
    AskKind.CHANGES: "Changes",
    AskKind.QUESTION: "Question",
    AskKind.BUDGET: "Budget",
    AskKind.SKILL: "Skill",
    AskKind.CONNECTOR: "Connector",
    AskKind.EGRESS: "Address",
    AskKind.MEMORY: "Memory",
    AskKind.SCHEDULE: "Schedule",
    AskKind.ACCESS: "Access",
}
"""Of asks that ask no more, to stand before what became of them."""
NOT_DECIDED = "not decided in time"
NOT_NEEDED = "no longer needed"
RISKS: Mapping[Risk, str] = {
    Risk.LOW: "Low: stays in the workspace",
    Risk.MEDIUM: "Medium: changes files or settings of yours",
    Risk.HIGH: "High: leaves Gofer or cannot be undone",
}
CHANGES: Mapping[ChangeType, str] = {
    "deleted": "deleted",
    "overwritten": "overwritten",
    "moved": "moved",
    "created": "new",
}
_DECISIONS: Mapping[str, str] = {
    "approve": "Approved",
    "revise": "Changes requested",
    "reject": "Rejected",
    "allow": "Allowed once",
    "allow_task": "Allowed for this task",
    "allow_always": "Always allowed here",
    "deny": "Denied",
    "apply": "Applied",
    "discard": "Discarded",
}
_BUDGET_DECISIONS: Mapping[str, str] = {"allow": "More allowed", "deny": "Stopped"}
DETAILS = "Details"
REVIEW = "Review"
STEER = "Steer"
PAUSE = "Pause"
RESUME = "Resume"
STOP = "Stop"
RETRY = "Try again"
CHANGE = "Change something"
UNDO = "Undo"
GOOD = "Good result"
BAD = "Not what I wanted"
THANKS_GOOD = "Thank you, noted."
THANKS_BAD = "Thank you, noted. Press “Change something”, or mention me with what should be different."
OTHER_ANSWER = "Answer in my words"
PICK = "Pick an answer"
SURE = "Are you sure?"
YES_SURE = "Yes, do it"
SURE_STOP = "Stop this task? Files made so far stay in the workspace."
SURE_DENY = "Go back"
SURE_UNDO = "Put the files back as they were before this task?"
CANCEL = "Cancel"
SEND = "Send"
STEER_TITLE = "Steer this task"
CHANGE_TITLE = "Change something"
EDIT_TITLE = "Edit the plan"
ANSWER_TITLE = "Your answer"
DENY = "Deny"
DENY_TITLE = "Deny this"
REASON = "Why not?"
REASON_HINT = "I read it and look for another way."
NEW_TITLE = "New task"
NEW_LABEL = "What shall I do?"
NEW_HINT = "Say what you have and what you want to get."
INSTRUCTION = "What should be different?"
INSTRUCTION_HINT = "I take it up at the next step."
STEPS_TITLE = "Steps"
STEPS_LABEL = "Steps, one per line"
NEW_STEPS = "The steps should be:"
PLAN_TOO_LONG = "The plan is too long to edit here: say below what to change."
FORM_VALUE_TOO_LONG = "Too long to show here: leave empty to keep it."
FILES = "Files"
MORE_FILES = "More files"
ANSWER_LABEL = "Answer"
REPLY_HINT_DECIDE = "Click, react ✅ or ❌, or reply yes or no."
REPLY_HINT_BUTTONS = "Only the buttons count here."
REPLY_HINT_PLAN = "Reply with what you want changed, or click."
REPLY_HINT_ANSWER = "Click, or just reply."
EXPIRED = "Nobody decided in time. Say what you want and I ask again."
WITHDRAWN = "No longer needed."
OPEN_UNTIL = "Open until "
FOR = "For "
BY = " by "
AT = ", "
REQUEST = "Request"
TOOL = "Tool"
RISK = "Risk"
PATTERN = "Pattern"
NO_ARGUMENTS = "It takes no arguments."
ALLOW_PATTERN_TASK = "Allow this pattern for this task"
ALLOW_PATTERN_ALWAYS = "Always allow this pattern here"
SURE_ALWAYS = "It will not ask again here for anything that fits the pattern."
FILES_TOUCHED = "Files it will touch"
ASKS_AGAIN = "Asks again before"
NEW_STEP = "new"
SKILLS = "Skills"
COST = "Expected cost"
SPENT = "Spent"
NOW = "Just now"
BEFORE_PAUSE = "Before the pause"
WAITING = "Waiting"
WAITING_FOR = "Waiting for a decision: "
SKIPPED = "skipped"
NOT_REPORTED = "not reported"
STARTED = "Started "
DELIVERED = "Files"
NOT_DONE = "Not done, because it was denied: "
NEXT = "Next: "
NO_MODEL_PRICE = "no price known for this model, counted at the dearest rate"
STARTING = "I have it and start now."
UNNAMED = "Untitled"
OLD_PLAN = "An earlier plan"
CHART = "Chart"
REPLACED = "Replaced by the newer plan below."
NOT_SENT_LINKED = "could not be sent here: use the link, good for a week"
NOT_SENT = "could not be sent here: ask me for smaller parts, or an admin to set GOFER_PUBLIC_URL for links"
CANNOT_POST = "I cannot write in that conversation"
IMPOSSIBLE = "I cannot do that here"
LOST = "I could not take this up"
LOST_NEXT = "Something went wrong at my end, again and again. Please send it again."
HELP = """Mention me in a channel or write to me directly: say what you want and attach the files.
- I show a plan where there is something to decide. Approve it, or reply with what you want changed.
- While I work, reply in the thread to steer me. *stop*, *pause*, *resume*, *status* and *undo* are understood.
- ✅ or 👍 approves, ❌ or 👎 denies, 🛑 stops, ⏸ pauses, 🔁 tries again.
- *use NAME* picks a skill, *!command* runs a command in the thread's sandbox.
- *mute* makes me listen to mentions only; *forget* removes the files and everything said in a thread."""
JOINED = "Hello. I work on files and questions in threads."
JOINED_NEXT = "Mention me with what you want and attach the files; I show a plan before I change anything of yours."
PROMPTS = (
    ("Clean and merge tables", "Merge and clean these tables, then make a workbook with totals and a chart."),
    ("Make a deck", "Make a deck from these notes."),
    ("Write minutes", "Write the minutes of this meeting with decisions and actions."),
    ("What can you do?", "What can you do?"),
)
"""Suggestions where a conversation begins: title and message; Slack shows four."""
OWNER = "the owner"
"""The local account, for others."""
YOUR_ACCOUNT = "Your account"
OPEN_AS_ME = "Open the web chat as me"
OPEN_AS_ME_NEXT = "The button gives you, and only you, a link that works once, for 15 minutes."
NO_WEB_CHAT = "The web chat has no address that you could reach."
NO_WEB_CHAT_NEXT = "An admin gives it one with GOFER_PUBLIC_URL."
NOT_BY_NAME = "You have access by a channel, a group or `everyone`, and in a browser I cannot see that."
NOT_BY_NAME_NEXT = "Ask an admin to add you by your id to `start` under `[access]` in gofer.toml."
SIGN_IN_LINK = "Open the web chat"
SIGN_IN_ONCE = "Works once, for 15 minutes. It is for you alone: do not pass it on. You stay signed in for 12 hours."
CONNECTORS_TITLE = "Connectors"
NO_CONNECTORS = "None are set up: this version cannot add any yet. What you can connect is your account."
NO_ACCESS = "You have no access to Gofer here yet."
NO_ACCESS_NEXT = "An admin can let you in."
MEMBERS_ONLY = "Gofer works for members of this workspace only."
REQUEST_ACCESS = "Request access"
LET_IN = "Let in"
REFUSE = "Refuse"
EMPTY = "What shall I do?"
ONLY_FILES = "Have a look at these files and say what you can do with them."
NOT_TAKEN = "Some files could not be taken"
FILES_MISSING = "Files that could not be taken:"
TASK_OF = "Task of "
WANTS_IN = "Somebody asks for access"
LET_IN_TITLE = "Access: given"
REFUSED_TITLE = "Access: refused"
NOT_HERE = "You may not hand work to me in this channel."
NOT_HERE_NEXT = "Write to me directly, or ask an admin."
NOT_HERE_ASK = "Ask an admin to let you in."
NOT_HERE_AND_NOT_ALONE = "You may hand work to me in some channels only, and this is none of them."
ONLY_IN_CHANNELS = "You may hand work to me in some channels only."
ELSEWHERE_NEXT = "Use one where you have worked with me, or ask an admin to let you in everywhere."
ASKED_ALREADY = "You have asked already; an admin has to decide."
ADMINS_ASKED = "I have asked an admin."
NO_ADMIN = "Nobody can be asked here: this Gofer has no admin on this platform."
WELCOME_IN = "You have access to Gofer now."
WELCOME_NEXT = "Mention me in a channel, or just write here."
STAYS_OUT = "An admin has decided not to let you in."
WRITE_OR_ATTACH = "Write what you want done, or attach a file."
NOTHING_YET = "Nothing is at work here, and nothing was yet."
BEGUN = "I have begun already, so the edit changes nothing."
BEGUN_NEXT = "Reply here with what to do differently."
NO_THREADS = "I may not begin threads in this channel, so I answer here."
THREADS_FULL = "This server has as many open threads as Discord allows, so I answer here."


def signed_in_name(actor: Actor) -> str:
    """Who somebody is, on a page where several people may be signed in: `Ann (Slack)`."""
    if actor.person_id in LOCAL:
        return OWNER
    platform = actor.person_id.partition(":")[0].capitalize()
    return f"{' '.join(actor.name.split())[:80] or actor.person_id.rpartition(':')[2]} ({platform})"


def sign_in_as(actor: Actor) -> str:
    """Above the link that does it."""
    return f"Sign in to the web chat as {signed_in_name(actor)}"


def decision(kind: AskKind, choice: str) -> str:
    """The decision in one or two words, to stand before "by"."""
    words = _BUDGET_DECISIONS if kind is AskKind.BUDGET else _DECISIONS
    return words.get(choice, "Answered" if kind is AskKind.QUESTION else "Decided")


def type_hint(*, choices: int, free: str) -> str:
    """What can be typed at a terminal; `free` is what words of one's own would be: `revise`, `answer`, or not taken."""
    own = {"revise": "what should be different", "answer": "your answer"}.get(free, "")
    parts = ["the number of your choice"] if choices else []
    return f"Type {' or '.join([*parts, *([own] if own else [])])}"


def no_such_choice(typed: str, *, choices: int, free: str) -> str:
    """Said at a terminal when something was typed that decides nothing."""
    numbers = "1" if choices == 1 else f"a number from 1 to {choices}"
    words = ", or say it in words" if free else ""
    return f"“{typed}” is none of the choices: type {numbers}{words}."


def nothing_at_work(ended: str, request: str) -> str:
    """`status` where nothing is at work: how the last task ended."""
    return f"Nothing is at work here. The last task: {ended} (“{request}”)."


def larger_than(limit_bytes: int) -> str:
    """Of a file that does not fit; in the unit of the documents."""
    return f"It is larger than {limit_bytes // 1024**2} MiB."


def larger_together(limit_bytes: int) -> str:
    """Of a file that does not fit with those before it."""
    return f"With the files before it, it is more than {limit_bytes // 1024**2} MiB."


def still_in(next_step: str, task_id: str) -> str:
    """Where the files of a task are that could not be written."""
    return f"{next_step} Nothing is lost: `gofer tasks files {task_id} --out DIR` writes the files again."


def beginning_of(name: str, sheet: str) -> str:
    """Above the first rows of a delivered table."""
    return f"{name}, sheet {sheet}" if sheet else name


def page_of(title: str, number: int) -> str:
    """What a picture of a page shows, for those who do not see it."""
    return f"{title}, page {number}"


def more_in(count: int, file: str) -> str:
    """`… 12 more (in plan.md)`"""
    return f"… {count:,} more (in {file})"


def complete_in(file: str) -> str:
    """Said when entries had to be shortened."""
    return f"… in full in {file}"


def rest_in(file: str) -> str:
    """Said when a text had to be cut."""
    return f"… the rest is in {file}"


def moved_from(path: str) -> str:
    """Behind the new name of a moved file."""
    return f"moved from {path}"


def more_checks(count: int) -> str:
    """Said when the checks are too many for a card."""
    return f"… and {counted(count, 'more check')}, see Details."


def ended(status: Status, worked_s: float, *, done: int, steps: int, calls: int) -> str:
    """`Done in 12 s · 3 steps`: all that a status card has to say once its task has ended."""
    parts = [f"{_ENDED[status]} {duration(worked_s)}"]
    if steps and done < steps:
        parts.append(f"{done} of {counted(steps, 'step')} reported" if done else f"{counted(steps, 'step')} planned")
    elif steps or calls:
        parts.append(counted(steps, "step") if steps else counted(calls, "call"))
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """`12 s`, `2 min 5 s`, `1 h 3 min`, `2 d 4 h`: two units at most."""
    whole = int(seconds)
    if whole < 1:
        return "less than 1 s"
    units = ((whole // 86_400, "d"), (whole // 3_600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    first = next(index for index, (count, _) in enumerate(units) if count)
    return " ".join(f"{count} {unit}" for count, unit in units[first : first + 2] if count)


def more_options(count: int) -> str:
    """Said when a drop-down cannot hold all options."""
    return f"{count} more are possible: reply with yours."


def size(size_bytes: int) -> str:
    """`12 KB`, decimal units as file managers show them."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    value = float(size_bytes)
    for unit in ("KB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return ""


def money(cost_usd: float) -> str:
    """`$0.04`; below a cent `under $0.01`."""
    return "under $0.01" if 0 < cost_usd < 0.005 else f"${cost_usd:,.2f}"


def counted(count: int, noun: str) -> str:
    """`1 file`, `3 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


# -- typed commands about one task
WHY_TITLE = "What you may do here"
WHY_YES = "You may hand me work here."
WHY_NO = "You may not hand me work here."
WHY_NOTE = "An admin changes this in gofer.toml, under [access] and [channels], or by letting you in."
STOPPED_IT = "Stopped. Nothing more is done."
ENDED_ALREADY = "It had ended already."
GOES_ON = "It was resumed already, or never paused:"
TRIED_AGAIN = "I try it again; its thread shows how it goes."
PLACE_GONE = "The thread or channel was deleted."
NO_FILES_YET = "It has delivered no files so far."
FILES_IN_THREAD = "They are in its thread."
DECIDED_YES = "Approved. It goes on in its thread."
DECIDED_NO = "Denied. Its thread shows what happens now."


NO_LIBRARIES = "its Python libraries are missing, so most skills cannot run; `gofer sandbox build` installs them"
"""Of an embedded sandbox that was never prepared."""


def links_left_out(names: Sequence[str]) -> str:
    """Which symbolic links of the inputs are not followed."""
    shown = ", ".join(names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Left out, because links are not followed: {shown}{more}"
