"""May this call run? Rules first (deny, ask, allow), then its risk, then what people have granted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

from agent.core.parts import Rules
from agent.domain.asks import Grant, Risk
from agent.domain.blocks import Json
from agent.tools.registry import Tool

_RULE = re.compile(r"(?P<tool>[\w*-]+)(?:\((?P<spec>.*)\))?", re.DOTALL)


class Verdict(StrEnum):
    """Outcome for one call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


def judge(tool: Tool, arguments: Mapping[str, Json], rules: Rules, grants: Iterable[Grant]) -> Verdict:
    """The verdict for a call with checked arguments. Specificity of rules is irrelevant, only their list counts."""
    if _any(rules.deny, tool, arguments):
        return Verdict.DENY
    if _any(rules.ask, tool, arguments):
        return Verdict.ASK
    if _any((rule for rule in rules.allow if not rule.startswith("mcp__*")), tool, arguments):
        return Verdict.ALLOW
    if tool.risk_of(arguments) is Risk.LOW or granted(tool, arguments, grants):
        return Verdict.ALLOW
    return Verdict.ASK


def granted(tool: Tool, arguments: Mapping[str, Json], grants: Iterable[Grant]) -> bool:
    """Whether a standing grant covers this call: same tool, same definition, same printed pattern."""
    if tool.grant_pattern is None:
        return False
    pattern = tool.grant_pattern(arguments)
    if not pattern:
        return False
    return any(g.tool == tool.name and g.definition == tool.definition and g.pattern == pattern for g in grants)


def matches(rule: str, tool: Tool, arguments: Mapping[str, Json]) -> bool:
    """Whether a rule names this call. `Tool`, `Tool(spec)`, `Tool(prefix:*)`; names ignore case, `*` fits anything."""
    parsed = _RULE.fullmatch(rule.strip())
    if parsed is None or not fnmatchcase(tool.name.lower(), parsed["tool"].lower()):
        return False
    spec = parsed["spec"]
    if spec is None:
        return True
    subject = next((value for value in arguments.values() if isinstance(value, str)), "")
    return fnmatchcase(subject, re.sub(r":\*$", "*", spec))


def _any(rules: Iterable[str], tool: Tool, arguments: Mapping[str, Json]) -> bool:
    return any(matches(rule, tool, arguments) for rule in rules)
