"""How much a message weighs: characters of its JSON, and pictures, which are billed by their size instead."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.blocks import Block
from agent.ports.llm import Message, json_size_chars

CHARS_PER_TOKEN = 3
"""On the safe side: English is nearer to four characters a token, other scripts less."""
PICTURE_TOKENS = 1_600
"""A picture of the size we send (1568 px) counts for at most about this many tokens."""
DOCUMENT_PICTURES = 8
"""A PDF passed as it is counts like this many pictures."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Characters and pictures."""

    chars: int
    pictures: int = 0

    @property
    def tokens(self) -> int:
        """Upper estimate."""
        return self.chars // CHARS_PER_TOKEN + self.pictures * PICTURE_TOKENS


def weigh(message: Message) -> Weight:
    """What a message weighs."""
    weights = [_weigh(block) for block in message.content]
    return Weight(sum(w.chars for w in weights), sum(w.pictures for w in weights))


def _weigh(block: Block) -> Weight:
    match block.get("type"):
        case "image":
            return Weight(0, 1)
        case "document":
            return Weight(0, DOCUMENT_PICTURES)
        case "tool_result" if isinstance(block.get("content"), list):
            weights = [_weigh(inner) for inner in block["content"]]
            return Weight(sum(w.chars for w in weights), sum(w.pictures for w in weights))
        case _:
            return Weight(json_size_chars(block))
