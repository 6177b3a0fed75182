"""Words of a request made comparable: case, accents and endings of English, German, French and Spanish taken off.

Small on purpose: it serves the offline model, which compares a request with descriptions of skills. Two
forms of a word should meet; two words that only look alike may meet too, a plan is shown before anything is done.
"""

from __future__ import annotations

import re
import unicodedata

STEM_CHARS = 4
"""A stem is never cut shorter than this."""
PREFIX_REST_CHARS = 3
COMPOUND_CHARS = 6
"""German compounds: a known word of this length at the beginning or end of a longer one counts."""

_TOKEN = re.compile(r"[^\W_]+")
_SUFFIXES = (
    "ieren iere iert ungen ings ing ung ies ied ern ers end eur ado ada ez er ar ir en em es ed as os al e s a o"
)
_ENDINGS = sorted(_SUFFIXES.split(), key=len, reverse=True)
_PARTICLES = ("zusammen", "auf", "um")
"""Parts of German verbs that stand apart in a sentence: "führe … zusammen"."""

_ENGLISH = """
a an and any are as at be been but by can could do does each every for from get give go have i if in into is it its
just let like made make makes making may me my need needs new not now of on one or our out please put so some take
than that the their them then there these they this to too two use used uses using up us was we were what when where
which who will with work would you your want wants say says said people person ask asks asked file files all also here
thing things something etc e g skill skills way ways sure hand help helps time good create creates creating write
writes writing build builds building prepare produce turn turns
"""
_GERMAN = """
aber alle als am an auch auf aus bei bitte bis da das dass dein dem den der des die dies diese diesen dieser dieses
doch du ein eine einem einen einer es etwas fur haben hat ich im in ist kann kannst konntest mach mache machen mein
meine meinen mich mir mit nach nicht noch nur oder ohne schon sich sie sind so soll um und uns unser unsere unseren
vom von vor was wenn wer wie wir wird wo zu zum zur datei dateien erstell erstelle erstellen schreib schreibe
schreiben daraus mal einmal brauche
"""
_FRENCH = """
ai au aux avec ce ces cet cette comme dans de des du elle en et est etre fais faire faites fait il ils je la le les
leur lui ma mais me mes moi mon ne nos notre nous on ou par pas peux plus pour pouvez que qui sa sans se ses si son
sont sur ta te tes toi ton tous tout toute toutes tu un une vos votre vous y fichier fichiers cree creer ecris ecrire
redige rediger plait sil partir
"""
_SPANISH = """
al algo con cual de del el ella en era es esa ese eso esta este esto estas estos favor haz hacer hay la las le lo los
me mi mis muy no nos nuestra nuestro o para pero por puede puedes que quiero se ser si sin son su sus te ti todo todos
todas tu una uno unos unas y ya archivo archivos crea crear escribe escribir necesito
"""
STOP = frozenset(f"{_ENGLISH}{_GERMAN}{_FRENCH}{_SPANISH}".split())
"""Words that tell nothing about the work, plain."""


def plain(text: str) -> str:
    """Lower case without accents: `Präsentation` becomes `prasentation`."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in split if not unicodedata.combining(char))


def tokens(text: str) -> list[str]:
    """The words in order, plain; digits alone are none."""
    return [token for token in _TOKEN.findall(plain(text)) if not token.isdigit()]


def stem(token: str) -> str:
    """What is left of a plain word without its ending, in one spelling for k/c, z/s and doubled letters."""
    for ending in _ENDINGS:
        if token.endswith(ending) and len(token) - len(ending) >= STEM_CHARS:
            token = token[: -len(ending)]
            break
    if token.endswith("y"):
        token = f"{token[:-1]}i"
    token = token.replace("k", "c").replace("z", "s")
    return re.sub(r"(.)\1+", r"\1", token)


def content(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order."""
    return [stem(token) for token in tokens(text) if token not in STOP and len(token) > 1]


def known_forms(text: str) -> dict[str, str]:
    """Stems by which a description's words are found; the value is a particle that must stand apart, or empty."""
    forms = dict.fromkeys(content(text), "")
    for token in tokens(text):
        for particle in _PARTICLES:
            rest = token.removeprefix(particle)
            if rest != token and len(rest) >= STEM_CHARS:
                forms.setdefault(stem(rest), particle)
    return forms


def alike(asked: str, known: str) -> bool:
    """Whether a stem of a request means a stem of a description: equal, a longer form of it, or a compound with it."""
    if asked == known:
        return True
    short, long = sorted((asked, known), key=len)
    if len(short) >= STEM_CHARS and long.startswith(short) and len(long) - len(short) <= PREFIX_REST_CHARS:
        return True
    return (len(known) >= COMPOUND_CHARS and (asked.endswith(known) or asked.startswith(known))) or (
        len(asked) > COMPOUND_CHARS and known.startswith(asked)
    )
