"""What the core needs from the outside, as Protocols; each docstring is the contract.

Adapters (`llm`, `sandbox`, `store`, `engine`, `skillset`, `workspace`) implement these and are
blind to each other. The contract suites in `tests/contracts` are the same text, runnable.
"""
