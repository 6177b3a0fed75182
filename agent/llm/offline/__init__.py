"""The offline model: no language model, no network, no key. It lets ready-made skills do the work.

`model` is the adapter; `story` reads the conversation back, `jobs` and `matching` find the skill and
its inputs, `wishes` is the little it understands of people's words, `run` follows an approved plan,
`says` holds its sentences. Nothing here keeps state, calls out, or knows a particular skill.
"""

from agent.llm.offline.model import OfflineLlm

__all__ = ["OfflineLlm"]
