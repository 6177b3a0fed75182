"""Rules every file of the repository keeps."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.architecture.repository import ROOT, files, shown, text_of

CODE = ("*.py", "*.js", "*.css", "*.html", "*.sh", "Makefile", ".ci/*", "requirements/install", "requirements/lock")
# Parents in which a checkout tells nothing about the machine.
ORDINARY = {Path("/"), Path("/tmp"), Path("/srv"), Path("/opt"), Path("/var/tmp"), Path("/home")}


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{shown(path)}:{number}: {line.strip()[:100]}"
        for path in files()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_of_code_is_longer_than_500_lines() -> None:
    lengths = {shown(path): len(text_of(path).splitlines()) for path in files(*CODE)}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


def test_no_file_names_a_place_on_one_machine() -> None:
    """Homes of people, and the folder this checkout lies in. /home/gofer is the account of our image and unit."""
    places = [rf"{re.escape(str(ROOT))}(?![\w-])"]
    if ROOT.parent not in ORDINARY:
        places.append(re.escape(f"{ROOT.parent}/"))
    homes = r"/(?:home|Users)/(?!gofer\b|agent\b|[<{$*\[(\\])\w+/"
    own_home = rf"(?<![\w.]){re.escape(str(Path.home()))}/\w"
    assert lines_with(re.compile("|".join([*places, homes, own_home]))) == []


def test_no_file_names_a_package_index() -> None:
    """Ours installs from whatever index the machine is set to, a mirror included."""
    hosts: set[str] = set()
    for name, value in os.environ.items():
        if re.match(r"(PIP|UV|NPM_CONFIG)_.*(INDEX|REGISTRY|LINKS)", name, re.IGNORECASE):
            hosts |= {host for url in value.split() if (host := urlsplit(url).hostname)}
    known = r"(?:python(?:hosted)|npm(?:js)|yarn(?:pkg))\.(?:org|com)|pyp(?:i)\.org/simple"
    pattern = re.compile("|".join([known, *(re.escape(host) for host in sorted(hosts))]))
    assert lines_with(pattern) == []


def test_every_package_says_what_lives_in_it() -> None:
    packages = files("bot/**/__init__.py", "agent/**/__init__.py", "bot/__init__.py", "agent/__init__.py")
    assert packages, "no packages found"
    silent = [shown(path) for path in packages if len(ast.get_docstring(ast.parse(text_of(path))) or "") < 60]
    assert silent == []


def test_every_relative_link_in_the_documents_leads_somewhere() -> None:
    """Templates are left out: their links are made where they are used."""
    documents = [path for path in files("*.md") if not {"templates", "examples"} & set(path.parts)]
    links = re.compile(r"(?<!!)\[[^\]]*\]\((?![a-z]+:|#)([^)#\s]+)")
    dead = [
        f"{shown(path)}: {target}"
        for path in documents
        for target in links.findall(re.sub(r"```.*?```|`[^`]*`", "", text_of(path), flags=re.DOTALL))
        if not (path.parent / target).exists()
    ]
    assert dead == []
