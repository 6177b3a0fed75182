"""Minutes from a transcript by rules: each entry is a sentence that was said, sorted by how it was said."""

import re
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from docx import Document
from docx.shared import Pt

OUT = Path("outputs")
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
NUMBERS = {word: value for value, word in enumerate(SMALL.split())}
NUMBERS |= {word: 10 * n for n, word in enumerate(TENS.split(), 2)}
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
HEDGE = re.compile(
    r"\b(?:would be like|or something|an awful lot|tells you something|something about)\b", re.IGNORECASE
)
DAYS = r"\b(?:today|tomorrow|tonight|(?:mon|tues|wednes|thurs|fri|satur|sun)day|next week|by the end|deadline)\b"
IDEA = re.compile(
    r"\b(?:we|you|it) (?:could|can make|might|should)\b|\bwould be good\b|\bI think one\b|\bwhat about\b"
    r"|\bdon't need\b",
    re.IGNORECASE,
)
DECIDED = re.compile(
    r"(?:\bis|\bare|\bwe're|\bwe are) to (?!be like)|\bhas to be\b|\bwe'll have\b|\bwe decided\b|\bagreed\b",
    re.IGNORECASE,
)
STOP = {"the", "and", "for", "that", "this", "with", "you", "your"}


# -- reading


def clean(text):
    text = re.sub(r"\{dis[^}]*\}", " — ", text)  # where a speaker breaks off
    text = re.sub(r"\{[^}]*\}", " ", text)
    text = re.sub(r"(?<=[A-Z])_(?=[A-Za-z])", "", text)
    text = re.sub(r"\b(?:um|uh|mm|hmm|ah|oh)\b ?,?", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(\w{1,2}) (?=\1\w+)", "", text)  # a word begun twice
    text = re.sub(r"\b(\w+)((?: \1\b)+)", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(\w+(?: \w+){0,3}) (?:\w )?(?=\1\b)", "", text)
    text = re.sub(r"\s+([,.?!])", r"\1", text)
    return " ".join(re.sub(r"(?:,\s*)+,", ",", text).split()).strip(",— ").lstrip(".")


def turns_of(text):
    """(role, what was said); what a role says on after a short interjection is joined to its sentence."""
    out = []
    for line in text.splitlines():
        role, found, said = line.partition(":")
        said = clean(said)
        if not found or not re.search(r"\w", said):
            continue
        recent = next((turn for turn in reversed(out[-2:]) if turn[0] == role.strip()), None)
        if recent and not re.search(r"[.?!]$", recent[1]) and (said[0].islower() or recent is out[-1]):
            recent[1] += " " + said
        else:
            out.append([role.strip(), said])
    return out


def sentences(said):
    return [part.strip() for part in re.split(r"(?<=[.?!])\s+", said) if len(part.split()) > 2]


def words(text):
    return [word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 2 and word not in STOP]


def stems(text):
    return {word[:5] for word in words(text)}


def polish(sentence):
    sentence = re.sub(
        r"^(?:(?:so|and|well|okay|right|yeah|now|then|because|but|like|I think|I mean)\b,? )+", "", sentence, flags=re.I
    )
    sentence = re.sub(r",? (?:you know|sort of|I guess)\b,?", "", sentence).strip(" ,—")
    return sentence[:1].upper() + sentence[1:].rstrip(" ,—")


# -- people


def names_of(turns, roles):
    """First names by role: words that people are addressed by, next to a role's words or before its answer."""
    joined = " ".join(said for _, said in turns)
    vocative = (
        r"(?:, |\byou,? )([A-Z][a-z]{2,8})(?=[,.?])|(?:^|[.?!] )([A-Z][a-z]{2,8})(?=, why |\?)|that's ([A-Z][a-z]+),"
    )
    called = Counter(next(filter(None, found)) for found in re.findall(vocative, joined))
    ordinary = set(re.findall(r"\b[a-z]+\b", joined))
    names = [name for name in called if name.lower() not in ordinary and name not in ("Okay", "Right", "Great", "Fine")]
    score = defaultdict(Counter)
    for number, (speaker, said) in enumerate(turns):
        for name in names:
            for found in re.finditer(rf"\b{name}\b", said):
                near = said[max(0, found.start() - 90) : found.end() + 45]
                for role in roles:
                    if role != speaker:
                        score[name][role] += len(stems(role) & stems(near))
                if said[found.end() :].strip(" .?") == "" or found.start() == 0:
                    answer = next((role for role, _ in turns[number + 1 :] if role != speaker), "")
                    score[name][answer] += 1
    out = {}
    pairs = ((count, name, role) for name, by in score.items() for role, count in by.items() if role in roles)
    for count, name, role in sorted(pairs, key=lambda pair: (-pair[0], pair[1])):
        if count and role not in out and name not in out.values():
            out[role] = name
    return out


# -- figures


def quantities(text):
    """(value, unit, position) of the numbers spelled out in a text."""
    tokens = [(found[0].lower(), found.start()) for found in re.finditer(r"[A-Za-z']+", text)]
    i = 0
    while i < len(tokens):
        word, start = tokens[i]
        article = word == "a" and i + 1 < len(tokens) and tokens[i + 1][0] in SCALES
        if word not in NUMBERS and not article:
            i += 1
            continue
        total, part = Fraction(0), Fraction(0)
        while i < len(tokens):
            word = tokens[i][0]
            following = [token for token, _ in tokens[i + 1 : i + 3]]
            if word in NUMBERS:
                part += NUMBERS[word]
            elif word in SCALES:
                part = (part or 1) * SCALES[word]
            elif word == "and" and following == ["a", "half"]:
                part += Fraction(1, 2)
                i += 2
            elif not (word == "a" and article):
                break
            article = False
            i += 1
        total += part
        yield total, tokens[i][0] if i < len(tokens) else "", start


def shown(value, unit):
    if value >= 1_000_000:
        number = f"{float(value / 1_000_000):g} million"
    else:
        number = f"{float(value):.2f}" if value.denominator > 1 else str(value)
    return f"{number} {unit}".strip()


def figures_of(turns):
    """Prices, costs and aims as said; of the counts only the one that the other figures bear out."""
    found, counts = {}, []
    for _, said in turns:
        for sentence in sentences(said):
            for value, unit, start in quantities(sentence):
                before = re.split(r"[,;]", sentence[:start])[-1].lower()
                wide = sentence[max(0, start - 60) : start].lower()
                if unit == "of" or (unit in ("", "so") and value >= 1000):
                    counts.append(value)
                elif unit.startswith("euro") or unit.startswith("dollar") or unit.startswith("pound"):
                    unit = unit.capitalize()
                    if "profit" in before:
                        found.setdefault("Profit aim", (value, unit))
                    elif re.search(r"\bcost", before):
                        found.setdefault("Cost per item", (value, unit))
                    elif re.search(r"\bsell|\bprice", wide):
                        found.setdefault("Selling price", (value, unit))
                elif unit == "minutes":
                    found["Time for the meeting"] = (value, unit)
    rows = [(name, shown(*figure)) for name, figure in found.items()]
    price, cost, aim = (found.get(name) for name in ("Selling price", "Cost per item", "Profit aim"))
    if price and cost and aim:
        margin = price[0] - cost[0]
        rows.append(("Margin per item", shown(margin, price[1])))
        units = aim[0] / margin
        if units in counts:
            rows.append(("Units to sell for that profit", shown(units, "")))
    return rows


# -- what was said


def ideas_of(turns, chair):
    """Proposals after somebody asked for ideas."""
    asked = next((n for n, (_, said) in enumerate(turns) if re.search(r"\bideas\b[^.]*\?", said)), len(turns))
    out = []
    for role, said in turns[asked + 1 :]:
        if role != chair:
            out += [(role, sentence) for sentence in sentences(said) if IDEA.search(sentence)]
    return out


def decisions_of(turns, chair):
    """What the chair lays down, without guesses."""
    said = [(role, sentence) for role, text in turns for sentence in sentences(text) if role == chair]
    out = []
    for _, sentence in said:
        firm = sentence.split(" That tells")[0]
        if DECIDED.search(firm) and "?" not in firm and not HEDGE.search(firm) and "agenda" not in firm:
            out.append(polish(firm))
    return out


def actions_of(turns, chair, roles):
    """(role, task, due): in the last part the chair names one role after another with what it is to do."""
    last = " ".join(said for role, said in turns[len(turns) * 3 // 4 :] if role == chair)
    places = []
    for role in roles:
        if role != chair and (found := re.search(rf"\b{role.split()[0]}\b", last, re.IGNORECASE)):
            places.append((found.start(), found.end(), role))
    places.sort()
    # A role's word may be part of another's task: a place counts only where a task follows before the next role.
    out = []
    for (_, begin, role), (end, _, _) in pairwise([*places, (len(last), 0, "")]):
        part = last[begin:end]
        task = re.search(r"\bfor the ([^.,?]+)", part) or re.search(r"\bthe ([^.,?]*\w{5,}[^.,?]*)", part)
        if task:
            due = re.search(DAYS, re.split(r"[.?]", part[task.start() :])[0], re.IGNORECASE)
            out.append((role, polish(task[1]), due[0] if due else "not set"))
    return out


def questions_of(turns):
    """What was left open: asked or supposed, and answered with not knowing, or put off, or only wondered."""
    out = []
    for (role, said), (_, reply) in pairwise([*turns, ["", ""]]):
        parts = sentences(said)
        if parts and re.match(r"(?:I )?don't know\b|not sure\b", reply, re.IGNORECASE):
            out.append((role, parts[-1]))
        for sentence, after in pairwise([*parts, ""]):
            if "?" in sentence and re.search(r"\bhave to think about\b", after):
                out.append((role, sentence))
        out += [(role, part) for part in parts if re.search(r"\bwondering if\b|\bwould be more like\b", part)]
    return out


# -- writing


def main():
    (path,) = sorted(path for path in Path("inputs").rglob("*") if path.is_file())
    turns = turns_of(path.read_text(encoding="utf-8"))
    roles = list(dict.fromkeys(role for role, _ in turns))
    chair = next(role for role, said in turns if re.search(r"\bwelcome\b", said, re.IGNORECASE))
    names = names_of(turns, roles)

    def who(role):
        return f"{names[role]} ({role})" if role in names else role

    figures = figures_of(turns)
    ideas, decisions, actions = ideas_of(turns, chair), decisions_of(turns, chair), actions_of(turns, chair, roles)
    questions = questions_of(turns)
    welcome = next(said for role, said in turns if role == chair and re.search(r"\bwelcome\b", said, re.IGNORECASE))
    kind = re.search(r"this is the ([\w-]+) meeting", welcome)
    purpose = re.search(r"to (?:create|build|make|plan) (?:a|an|the) [^.,]+", welcome)
    title = f"{kind[1].capitalize() if kind else 'Team'} meeting: minutes"

    summary = [f"{title.split(':')[0]} of {len(roles)} people, led by the {chair}."]
    if purpose:
        summary.append(f"The group is {purpose[0]}.")
    summary += [decisions[0].rstrip(".") + "."] if decisions else []
    if figures:
        summary.append("Figures: " + "; ".join(f"{name.lower()} {value}" for name, value in figures[:5]) + ".")
    summary.append(
        f"{len(ideas)} ideas were raised and none of them decided; {len(actions)} tasks were given out and "
        f"{len(questions)} questions stayed open."
    )
    document = Document()
    document.styles["Normal"].font.size = Pt(10)
    document.add_heading(title, level=0)
    document.add_heading("Attendees", level=1)
    for role in sorted(roles, key=lambda role: role != chair):
        document.add_paragraph(who(role) + (", chair" if role == chair else ""), style="List Bullet")
    document.add_heading("Summary", level=1)
    document.add_paragraph(" ".join(" ".join(summary).split()[:120]))
    document.add_heading("Key figures", level=1)
    table(document, ("Figure", "Value"), figures)
    document.add_heading("Decisions", level=1)
    listed(document, decisions)
    document.add_heading("Ideas raised", level=1)
    listed(document, [f"{who(role)}: {polish(sentence)}" for role, sentence in ideas])
    document.add_heading("Action items", level=1)
    table(document, ("Owner", "Task", "Due"), [(who(role), task, due) for role, task, due in actions])
    document.add_heading("Open questions", level=1)
    listed(document, [f"{who(role)}: {polish(sentence)}" for role, sentence in questions])
    OUT.mkdir(exist_ok=True)
    document.save(str(OUT / "minutes.docx"))


def table(document, header, rows):
    made = document.add_table(rows=1, cols=len(header))
    made.style = "Light Grid Accent 1"
    for cell, text in zip(made.rows[0].cells, header, strict=True):
        cell.text = text
    for row in rows:
        for cell, text in zip(made.add_row().cells, row, strict=True):
            cell.text = text


def listed(document, lines):
    for line in dict.fromkeys(lines) or ["None."]:
        document.add_paragraph(line, style="List Bullet")


if __name__ == "__main__":
    main()
