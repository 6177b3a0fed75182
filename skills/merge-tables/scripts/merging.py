"""Puts tables with the same or similar headers under one another, drops exact duplicates, joins by a clear key."""

from __future__ import annotations

import difflib
import itertools
import re
from collections import Counter
from dataclasses import dataclass, field

from columns import Column, Kind, TypedTable, is_id_name, unify_spelling, words
from job import plural
from sources import Cell

_CONCEPTS = {
    word: concept
    for concept, listed in {
        "date": "date|datum|dato|fecha|jour|tag|day",
        "amount": "amount|betrag|montant|importe|summe|suma|sum|total",
        "revenue": "revenue|sales|umsatz|turnover|erlos|ventes|chiffre d affaires|ventas|ingresos",
        "quantity": "quantity|qty|menge|anzahl|stuck|quantite|cantidad|pieces|units|pcs",
        "price": "price|unit price|preis|einzelpreis|stuckpreis|prix|prix unitaire|precio|precio unitario",
        "customer": "customer|client|kunde|kundin|cliente|customer name|kundenname|nom du client",
        "customer id": "customer id|customer no|customer number|cust id|kundennummer|kunden nr|kundennr|kunden id|"
        "client id|numero client|id client|id cliente|numero de cliente",
        "product": "product|item|article|artikel|produkt|produit|producto|articulo|product name",
        "product id": "product id|item no|item id|sku|artikelnummer|artikel nr|artikelnr|produktnummer|article no",
        "region": "region|gebiet|bereich|zone",
        "country": "country|land|pays|pais",
        "city": "city|town|stadt|ort|ville|ciudad",
        "category": "category|kategorie|categorie|categoria|warengruppe",
        "name": "name|nom|nombre",
        "email": "email|e mail|mail|e mail adresse|courriel|correo|correo electronico|email address",
        "phone": "phone|telephone|tel|telefon|telefono|phone number|telefonnummer",
        "description": "description|beschreibung|bezeichnung|descripcion|details|text",
        "currency": "currency|wahrung|devise|moneda",
        "invoice": "invoice|invoice no|rechnung|rechnungsnummer|facture|factura",
    }.items()
    for word in listed.split("|")
}
_KEEP = re.compile(
    r"keep\s+(all\s+|the\s+)?duplicat|(don.?t|do not|without)\s+(remov|drop|delet)\w*\s+(the\s+)?dup|"
    r"(duplikate|dubletten|doppelte)\s+(behalten|nicht)|garder?\s+les\s+doublons|(mantener|"
    r"conservar)\s+(los\s+)?duplicad",
    re.IGNORECASE,
)


@dataclass
class Merged:
    """Tables that belong together as one. `duplicates`: removed rows with where each came from."""

    columns: list[Column]
    file_rows: list[tuple[str, int]]
    sources: list[str]
    renamed: list[tuple[str, str, str]] = field(default_factory=list)
    duplicates: list[tuple[str, int, list[Cell]]] = field(default_factory=list)
    cleaned: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.file_rows)

    def column(self, name: str) -> Column | None:
        """The column with this exact name."""
        return next((column for column in self.columns if column.name == name), None)

    def row(self, index: int) -> list[Cell]:
        """One row in column order."""
        return [column.cells[index] for column in self.columns]


def wants_duplicates(request: str) -> bool:
    """True when the request says that duplicate rows are to stay."""
    return bool(_KEEP.search(request))


def match_columns(base: list[Column], other: list[Column]) -> dict[str, str]:
    """Which column of `other` is which of `base`: same words, then same meaning, then nearly the same spelling."""
    pairs: dict[str, str] = {}
    open_base = {column.name: column for column in base}
    open_other = {column.name: column for column in other}

    def settle(test: str) -> None:
        for name, column in list(open_other.items()):
            fits = [b for b in open_base.values() if _alike(b, column, test)]
            rivals = [o for o in open_other.values() if fits and _alike(fits[0], o, test)]
            if len(fits) == 1 and len(rivals) == 1:
                pairs[name] = fits[0].name
                del open_base[fits[0].name], open_other[name]

    for test in ("words", "concept", "spelling"):
        settle(test)
    return pairs


def _alike(a: Column, b: Column, test: str) -> bool:
    first, second = words(a.name), words(b.name)
    if test == "words":
        return (first or a.name.casefold()) == (second or b.name.casefold())
    if not _kinds_fit(a.kind, b.kind):
        return False
    if test == "concept":
        return first in _CONCEPTS and _CONCEPTS[first] == _CONCEPTS.get(second)
    if re.findall(r"\d+", first) != re.findall(r"\d+", second):
        return False
    squeezed = first.replace(" ", ""), second.replace(" ", "")
    if min(len(squeezed[0]), len(squeezed[1])) < 4:
        return squeezed[0] == squeezed[1]
    return squeezed[0] == squeezed[1] or difflib.SequenceMatcher(None, *squeezed).ratio() >= 0.86


def _kinds_fit(a: Kind, b: Kind) -> bool:
    return a == b or {a, b} in ({"text", "id"}, {"number", "percent"}, {"number", "id"})


def merge_all(tables: list[TypedTable], *, keep_duplicates: bool) -> list[Merged]:
    """The tables grouped by similar headers, each group as one table; the group with most rows first."""
    groups: list[list[TypedTable]] = []
    for table in tables:
        for group in groups:
            first = group[0]
            common = len(match_columns(first.columns, table.columns))
            smaller = min(len(first.columns), len(table.columns))
            if common >= max(1, 0.6 * smaller) and (common >= 2 or smaller == 1):
                group.append(table)
                break
        else:
            groups.append([table])
    merged = [_merge_group(group, keep_duplicates=keep_duplicates) for group in groups]
    return sorted(merged, key=lambda one: -one.size)


def _merge_group(group: list[TypedTable], *, keep_duplicates: bool) -> Merged:
    result = Merged([], [], [table.label for table in group])
    for table in group:
        pairs = match_columns(result.columns, table.columns) if result.columns else {}
        for new_name, base_name in pairs.items():
            if new_name != base_name:
                result.renamed.append((table.label, new_name, base_name))
        _append(result, table, pairs)
        result.cleaned.update(table.cleaned)
        result.doubts += table.doubts
    _note_near_names(result)
    _split_units(result, group)
    for column in result.columns:
        if changed := unify_spelling(column):
            result.cleaned[f"cells in {column.name!r} brought to one spelling (upper and lower case)"] += changed
    if not keep_duplicates:
        _drop_duplicates(result)
    if len(group) > 1:
        taken = {column.name.casefold() for column in result.columns}
        name = next(name for name in ("Source", "Source file", "Source file 2") if name.casefold() not in taken)
        result.columns.append(Column(name, "text", [label for label, _ in result.file_rows]))
    _note_conflicting_ids(result)
    return result


def _note_near_names(result: Merged) -> None:
    """Columns that were kept apart although their names say nearly the same, and no file fills both."""
    homes = {
        column.name: {
            label for (label, _), cell in zip(result.file_rows, column.cells, strict=True) if cell is not None
        }
        for column in result.columns
    }
    for one, other in itertools.combinations(result.columns, 2):
        first, second = homes[one.name], homes[other.name]
        if first and second and not first & second and _nearly_same(one.name, other.name):
            result.doubts.append(
                f"{one.name!r} ({', '.join(sorted(first)[:2])}) and {other.name!r} ({', '.join(sorted(second)[:2])}) "
                "may be the same; they were kept as two columns"
            )


def _nearly_same(one: str, other: str) -> bool:
    """True for names that agree but for a bracket, a unit or a word more, and for names of one meaning."""
    bare = [words(re.sub(r"[(\[][^)\]]*[)\]]|[€$£%]", " ", name)) for name in (one, other)]
    if not all(bare):
        return False
    if bare[0] == bare[1] or (bare[0] in _CONCEPTS and _CONCEPTS[bare[0]] == _CONCEPTS.get(bare[1])):
        return True
    first, second = (set(name.split()) for name in bare)
    if first <= second or second <= first:
        return True
    return difflib.SequenceMatcher(None, *bare).ratio() >= 0.86


def _append(result: Merged, table: TypedTable, pairs: dict[str, str]) -> None:
    before, added = result.size, len(table.file_rows)
    by_base = {base: name for name, base in pairs.items()}
    for column in result.columns:
        part = table.column(by_base.get(column.name, ""))
        column.cells = column.cells + (part.cells if part else [None] * added)
        if part:
            _absorb(column, part)
            _take_unit(result, column, part)
            if _is_raw(column.name) and not _is_raw(part.name) and words(column.name) == words(part.name):
                result.renamed.append((result.sources[0], column.name, part.name))
                pairs[part.name] = column.name = part.name
    taken = {column.name.casefold() for column in result.columns}
    for part in table.columns:
        if part.name in pairs:
            continue
        name, number = part.name, 2
        while name.casefold() in taken:
            name, number = f"{part.name} {number}", number + 1
        taken.add(name.casefold())
        copy = Column(name, part.kind, [None] * before + part.cells, part.unit, part.decimals)
        copy.with_time, copy.is_rate, copy.is_year = part.with_time, part.is_rate, part.is_year
        result.columns.append(copy)
    result.file_rows += table.file_rows


def _absorb(column: Column, part: Column) -> None:
    empty = all(cell is None for cell in part.cells)
    if column.kind != part.kind and not empty:
        if all(cell is None for cell in column.cells[: len(column.cells) - len(part.cells)]):
            column.kind = part.kind
        elif {column.kind, part.kind} != {"number", "percent"}:
            column.kind = "id" if "id" in (column.kind, part.kind) else "text"
            column.cells = [_plain_text(cell) for cell in column.cells]
    column.decimals = max(column.decimals, part.decimals)
    column.with_time = column.with_time or part.with_time
    column.is_rate = column.is_rate or part.is_rate


def _is_raw(name: str) -> bool:
    """True for a name as a database writes it, which a person's spelling beats."""
    return name == name.lower() or "_" in name


def _take_unit(result: Merged, column: Column, part: Column) -> None:
    """A currency that only some files name is taken for all of them, and said."""
    if column.kind == "number" and bool(column.unit) != bool(part.unit):
        column.unit = column.unit or part.unit
        column.decimals = max(column.decimals, 2) if column.decimals else 0
        result.doubts.append(
            f"{column.name!r} names {column.unit} in some files only; the others were taken to mean it too"
        )


def _plain_text(cell: Cell) -> Cell:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if hasattr(cell, "strftime"):
        return cell.strftime("%Y-%m-%d")
    return cell if cell is None else str(cell)


def _split_units(result: Merged, group: list[TypedTable]) -> None:
    """Files in different currencies get a column that names the currency of each row."""
    for column in list(result.columns):
        if column.kind != "number" or result.column(f"{column.name} currency"):
            continue
        units: dict[str, str] = {}
        for table in group:
            pairs = match_columns([column], table.columns)
            part = table.column(next(iter(pairs), ""))
            units[table.label] = part.unit if part else ""
        named = {unit for unit in units.values() if unit}
        if len(named) > 1:
            column.unit = ""
            cells: list[Cell] = [units[label] or None for label, _ in result.file_rows]
            result.columns.append(Column(f"{column.name} currency", "text", cells))
            result.doubts.append(
                f"{column.name!r} comes in several currencies ({', '.join(sorted(named))}); totals are per currency"
            )


def _drop_duplicates(result: Merged) -> None:
    seen: set[tuple[Cell, ...]] = set()
    keep: list[int] = []
    across = 0
    first_in: dict[tuple[Cell, ...], str] = {}
    for index in range(result.size):
        key = tuple(cell.casefold() if isinstance(cell, str) else cell for cell in result.row(index))
        label, number = result.file_rows[index]
        if key in seen:
            result.duplicates.append((label, number, result.row(index)))
            across += first_in[key] != label
        else:
            seen.add(key)
            first_in[key] = label
            keep.append(index)
    if not result.duplicates:
        return
    for column in result.columns:
        column.cells = [column.cells[index] for index in keep]
    result.file_rows = [result.file_rows[index] for index in keep]
    count = len(result.duplicates)
    result.cleaned["exact duplicate rows removed (listed on their own sheet)"] += count
    if not any(column.kind == "id" or is_id_name(column.name) for column in result.columns):
        result.doubts.append(
            f"{plural(count, 'exact duplicate')} removed although no column identifies a row: "
            + ("it may be a real repeat" if count == 1 else "some may be real repeats")
        )


def _note_conflicting_ids(result: Merged) -> None:
    """Say when one id stands for different rows in a column that is otherwise unique."""
    column = next((c for c in result.columns if c.kind == "id" or is_id_name(c.name)), None)
    if column is None:
        return
    counts = Counter(cell for cell in column.cells if cell is not None)
    repeated = [str(value) for value, count in counts.items() if count > 1]
    if counts and 0 < len(repeated) <= max(1, len(counts) // 20):
        shown = ", ".join(repeated[:3])
        stand = f"{plural(len(repeated), 'value')} of {column.name!r} {'stands' if len(repeated) == 1 else 'stand'}"
        result.doubts.append(f"{stand} in several rows that differ ({shown}); all were kept")


def join_lookups(merged: list[Merged]) -> list[str]:
    """Add columns of smaller tables to the main one where a key column clearly matches; returns what was joined."""
    if len(merged) < 2:
        return []
    main, said = merged[0], []
    for lookup in merged[1:]:
        found = _clear_key(main, lookup)
        if found is None:
            continue
        key, other = found
        rows = {_key(cell): index for index, cell in enumerate(other.cells) if cell is not None}
        places = [rows.get(_key(cell)) if cell is not None else None for cell in key.cells]
        taken = {column.name.casefold() for column in main.columns}
        for column in lookup.columns:
            if column is other or column.name.startswith("Source"):
                continue
            name = column.name if column.name.casefold() not in taken else f"{lookup_name(lookup)} {column.name}"
            if name.casefold() in taken:
                continue
            cells = [None if place is None else column.cells[place] for place in places]
            copy = Column(name, column.kind, cells, column.unit, column.decimals, column.with_time, is_rate=True)
            main.columns.append(copy)
            taken.add(name.casefold())
        missing = sum(place is None for place in places)
        sentence = f"{lookup_name(lookup)} joined by {key.name!r} = {other.name!r}"
        main.joined.append(sentence)
        said.append(sentence)
        if missing:
            have = "has" if missing == 1 else "have"
            main.doubts.append(
                f"{plural(missing, 'row')} {have} a {key.name!r} that {lookup_name(lookup)} does not know"
            )
    return said


def lookup_name(merged: Merged) -> str:
    """The short name of the first file a table came from."""
    return re.sub(r"\.\w{2,4}( \[|$)", r"\1", merged.sources[0])


def _key(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).casefold()


def _clear_key(main: Merged, lookup: Merged) -> tuple[Column, Column] | None:
    best: tuple[float, Column, Column] | None = None
    for other in lookup.columns:
        values = [_key(cell) for cell in other.cells if cell is not None]
        unique = len(values) == lookup.size and len(set(values)) == len(values) and len(values) >= 2
        if not unique or other.kind in ("date", "percent"):
            continue
        for key in main.columns:
            mine = {_key(cell) for cell in key.cells if cell is not None}
            if not mine or key.kind in ("date", "percent"):
                continue
            shared = len(mine & set(values)) / len(mine)
            strength = _name_strength(key, other)
            clear = shared >= 0.7 if strength >= 1 else shared >= 0.9 if strength >= 0.5 else _lettered(mine, shared)
            if clear and (best is None or shared + strength > best[0]):
                best = (shared + strength, key, other)
    return (best[1], best[2]) if best else None


def _name_strength(a: Column, b: Column) -> float:
    first, second = words(a.name), words(b.name)
    if first == second or (first in _CONCEPTS and _CONCEPTS[first] == _CONCEPTS.get(second)):
        return 1.0
    one, two = set(first.split()), set(second.split())
    return 0.5 if one and two and (one <= two or two <= one) else 0.0


def _lettered(values: set[str], shared: float) -> bool:
    """Values such as `c-104` that agree are a key whatever the column is called; plain small numbers are not."""
    return (
        shared >= 0.95 and len(values) >= 5 and all(re.search(r"[^\W\d_]", v) and re.search(r"\d", v) for v in values)
    )
