"""What kind a file is, which date it carries, which project its name speaks of."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from PIL import Image

_KINDS = {
    "Documents": "doc docx docm odt rtf txt md markdown pages tex wpd log pdf epub mobi xps rst",
    "Spreadsheets": "xls xlsx xlsm xlsb ods csv tsv numbers",
    "Presentations": "ppt pptx pptm pps ppsx odp key",
    "Images": "jpg jpeg png gif bmp tif tiff webp heic heif svg raw cr2 cr3 nef arw dng ico avif",
    "Audio": "mp3 wav m4a flac ogg oga aac wma aiff opus mid midi",
    "Videos": "mp4 mov avi mkv webm wmv m4v mpg mpeg flv 3gp",
    "Archives": "zip 7z rar tar gz tgz bz2 xz zst iso dmg jar",
    "Design": "psd ai indd sketch fig xd xcf afdesign afphoto blend dwg dxf stl step skp",
    "Code": "py js ts jsx tsx html htm css scss java c cpp h hpp cs go rs rb php sh bat ps1 sql ipynb r swift kt lua",
    "Data": "json jsonl xml yaml yml toml ini cfg parquet sqlite db geojson kml gpx shp dbf shx prj avro feather",
    "Mail and calendar": "eml msg mbox ics vcf pst",
    "Fonts": "ttf otf woff woff2",
    "Programs": "exe msi app apk deb rpm pkg appimage",
    "Subtitles": "srt vtt ass sub",
}
_BY_SUFFIX = {suffix: kind for kind, listed in _KINDS.items() for suffix in listed.split()}
OTHER, UNDATED = "Other", "Undated"
_WORDS = {
    "de": "Dokumente Tabellen Präsentationen Bilder Audio Videos Archive Gestaltung Code Daten Post_und_Termine "
    "Schriften Programme Untertitel Sonstiges Ohne_Datum",
    "fr": "Documents Tableaux Présentations Images Audio Vidéos Archives Création Code Données Courrier_et_agenda "
    "Polices Programmes Sous-titres Divers Sans_date",
    "es": "Documentos Hojas_de_cálculo Presentaciones Imágenes Audio Vídeos Archivos_comprimidos Diseño Código Datos "
    "Correo_y_agenda Fuentes Programas Subtítulos Otros Sin_fecha",
}
_NAMES = {
    language: dict(zip([*_KINDS, OTHER, UNDATED], (word.replace("_", " ") for word in words.split()), strict=True))
    for language, words in _WORDS.items()
}
_GENERIC = re.compile(
    r"^(img|image|dsc|dscn|dscf|pxl|mvi|vid|video|photo|foto|pic|picture|screenshot|screen|bildschirmfoto|capture|scan|"
    r"scanned|doc|document|dokument|file|datei|fichier|archivo|untitled|unbenannt|sans|new|neu|neue|copy|kopie|copie|"
    r"final|draft|entwurf|brouillon|borrador|version|backup|old|alt|temp|tmp|download|whatsapp|signal|the|der|die|das|"
    r"le|la|les|el|los|un|une|ein|eine|readme|notes|notizen|v|rev)$"
)
_NAME_DATES = (
    re.compile(r"(?<!\d)(?P<y>19[89]\d|20[0-4]\d)[-_. ]?(?P<m>0[1-9]|1[0-2])[-_. ]?(?P<d>0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>0?[1-9]|[12]\d|3[01])[-_.](?P<m>0?[1-9]|1[0-2])[-_.](?P<y>19[89]\d|20[0-4]\d)(?!\d)"),
    re.compile(r"(?<!\d)(?P<y>19[89]\d|20[0-4]\d)[-_. ](?P<m>0[1-9]|1[0-2])(?!\d)"),
)
_CORE_DATE = re.compile(rb"<dcterms:(?:created|modified)[^>]*>(\d{4})-(\d{2})-(\d{2})")
_PDF_DATE = re.compile(rb"/(?:CreationDate|ModDate)\s*\(D:(\d{4})(\d{2})(\d{2})")


def kind_of(path: Path) -> str:
    """The kind by suffix, `Other` for an unknown one."""
    suffix = path.suffix.lower().lstrip(".")
    return _BY_SUFFIX.get(suffix, OTHER)


def shown(kind: str, language: str) -> str:
    """The folder name for a kind in a language."""
    return _NAMES.get(language, {}).get(kind, kind)


def name_date(stem: str) -> date | None:
    """The date that a file name carries, if any."""
    for pattern in _NAME_DATES:
        if match := pattern.search(stem):
            return _date(int(match["y"]), int(match["m"]), int(match.groupdict().get("d") or 1))
    return None


def inner_date(path: Path) -> date | None:
    """The date a file carries inside: taken (pictures), created (office files, PDFs)."""
    suffix = path.suffix.lower()
    try:
        if suffix in (".jpg", ".jpeg", ".tif", ".tiff", ".heic", ".webp", ".png"):
            with Image.open(path) as picture:
                exif = picture.getexif()
                text = str(exif.get_ifd(0x8769).get(36867) or exif.get(306) or "")
            numbers = re.match(r"(\d{4}):(\d{2}):(\d{2})", text)
            return _date(*map(int, numbers.groups())) if numbers else None
        if suffix in (".docx", ".xlsx", ".pptx"):
            with zipfile.ZipFile(path) as archive:
                found = _CORE_DATE.search(archive.read("docProps/core.xml")[:65536])
        elif suffix == ".pdf":
            with path.open("rb") as file:
                found = _PDF_DATE.search(file.read(4 * 1024 * 1024))
        else:
            return None
    except (OSError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile, Image.DecompressionBombError):
        return None
    return _date(*map(int, found.groups())) if found else None


def changed_date(path: Path) -> date:
    """The day the file was last changed, as the file system says."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _tokens(stem: str) -> list[str]:
    for pattern in _NAME_DATES:
        stem = pattern.sub(" ", stem)
    return [token for token in re.split(r"[\s_.\-–()\[\]]+|(?<=[a-z])(?=[A-Z])", stem) if token]


def projects_of(paths: Sequence[Path]) -> dict[Path, str]:
    """The project of each file: the beginning of its name that other files share; empty where none does."""
    starts: dict[Path, list[str]] = {}
    for path in paths:
        kept = []
        for token in _tokens(path.stem):
            if token.isdigit() or _GENERIC.match(token.lower()):
                if kept:
                    break
                continue
            kept.append(token)
        starts[path] = kept
    counts = Counter(
        tuple(token.lower() for token in tokens[:size])
        for tokens in starts.values()
        for size in (1, 2, 3)
        if len(tokens) >= size
    )
    spelling: dict[tuple[str, ...], Counter[str]] = {}
    chosen: dict[Path, tuple[str, ...]] = {}
    for path, tokens in starts.items():
        key = _best_start(tuple(token.lower() for token in tokens), counts)
        chosen[path] = key
        spelling.setdefault(key, Counter())[" ".join(tokens[: len(key)])] += 1
    return {path: spelling[key].most_common(1)[0][0] if key else "" for path, key in chosen.items()}


def _best_start(tokens: tuple[str, ...], counts: Counter[tuple[str, ...]]) -> tuple[str, ...]:
    if not tokens or len(tokens[0]) < 2 or counts[tokens[:1]] < 2:
        return ()
    size = 1
    # A longer start is the project's name only when every file with the shorter start has it too.
    while size < min(3, len(tokens)) and counts[tokens[: size + 1]] == counts[tokens[:size]]:
        size += 1
    return tokens[:size]
