"""An import-linter contract: each listed module is imported only from its home.

import-linter's own `protected` contract fails when a listed package is not imported anywhere (yet), and says nothing
about a package that nobody listed. This one takes modules as they come, and closes the list of libraries.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from grimp import ImportGraph


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def listed_for(module: str, homes: dict[str, frozenset[str]]) -> str | None:
    """The most specific listed package that holds `module`: `agent.tools.checks` before `agent.tools`."""
    return max((package for package in homes if is_within(module, package)), key=len, default=None)


class HomesContract(Contract):
    """Options: `homes` = lines "imported: importer importer ..." (a package holds for all below it and
    may always import itself); `closed` = every library outside the standard library has to be listed.
    """

    type_name = "homes"

    homes = fields.ListField(subfield=fields.StringField())
    closed = fields.BooleanField(required=False, default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        homes = dict(self._parse(line) for line in self.homes)  # type: ignore[attr-defined]
        broken: list[str] = []
        for imported in sorted(graph.modules):
            listed = listed_for(imported, homes)
            if listed is None:
                if self.closed and graph.is_module_squashed(imported) and imported not in sys.stdlib_module_names:
                    importers = sorted(graph.find_modules_that_directly_import(imported))
                    broken.append(f"{imported} has no home yet; imported by {', '.join(importers)}")
                continue
            broken += [
                f"{importer} imports {imported}, which only {' '.join(sorted(homes[listed]))} may"
                for importer in sorted(graph.find_modules_that_directly_import(imported))
                if not any(is_within(importer, allowed) for allowed in homes[listed] | {listed})
            ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line)
        output.new_line()

    @staticmethod
    def _parse(line: Any) -> tuple[str, frozenset[str]]:
        imported, _, importers = str(line).partition(":")
        return imported.strip(), frozenset(importers.split())
