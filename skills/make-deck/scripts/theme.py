"""The deck's look: 16:9 master and layouts with our colours, fonts, bars and slide numbers, built on an empty file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml import parse_xml
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as PresentationType
from pptx.util import Emu, Inches

FONT = "Arial"
WIDTH_IN, HEIGHT_IN = 13.333, 7.5
MARGIN_IN = 0.75
TITLE, CONTENT, SECTION, ONLY_TITLE = 0, 1, 2, 3
_NS = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)


@dataclass(frozen=True)
class Palette:
    """Colours without `#`. Text on `dark` is white, text on white is `ink`."""

    dark: str
    ink: str
    accents: tuple[str, str, str, str, str, str]
    pale: str = "F1F5F9"


PALETTES = {
    "teal": Palette("12263A", "1E293B", ("0F766E", "E07A3F", "3B6FA8", "C9A227", "7A5BA6", "6B7280")),
    "blue": Palette("0B2545", "1E293B", ("1D5FA8", "E8893C", "2A9D8F", "8D6CAB", "C8553D", "6B7280")),
    "green": Palette("17352A", "1F2A24", ("2F7D4F", "D98E2B", "3D7EA6", "9C6B98", "B5493B", "6B7280"), "F1F6F2"),
    "red": Palette("3A1420", "2A1B20", ("A63046", "E0A030", "3D6F99", "5B8C5A", "7A5BA6", "6B7280"), "F8F3F3"),
    "violet": Palette("2A1B47", "241B33", ("6B46B0", "E0863D", "2F8F9D", "C0507A", "5B8C5A", "6B7280"), "F5F3F9"),
    "grey": Palette("1F2328", "1F2328", ("3F4A56", "C77D2E", "3B6FA8", "5B8C5A", "A63046", "9AA3AD"), "F4F5F6"),
}
_COLOUR_WORDS = {
    "blue": r"blue|blau\w*|bleu\w*|azul\w*",
    "green": r"green|grün\w*|vert\w?|verde\w*",
    "red": r"red|rot\w*|rouge\w*|roj[oa]\w*",
    "violet": r"violet\w*|purple|lila|violett\w*|morad[oa]",
    "grey": r"gr[ea]y|black|monochrome|grau\w*|schwarz\w*|gris\w?|noir\w?|negr[oa]",
}


def palette_for(request: str) -> Palette:
    """The palette whose colour the request names, else the house one."""
    for name, words in _COLOUR_WORDS.items():
        if re.search(rf"\b(?:{words})\b", request, re.IGNORECASE):
            return PALETTES[name]
    return PALETTES["teal"]


def new_deck(palette: Palette) -> PresentationType:
    """An empty 16:9 deck with four layouts: title, content, section, title only."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDTH_IN), Inches(HEIGHT_IN)
    _keep_layouts(deck, (0, 1, 2, 5))
    _theme(deck, palette)
    _master(deck)
    layouts = deck.slide_layouts
    _dark(layouts[TITLE], palette, bar=True)
    _dark(layouts[SECTION], palette, bar=False)
    for index in (CONTENT, ONLY_TITLE):
        _shape(layouts[index], "Accent bar", (0, 0.62, 0.16, 0.78), "accent1")
        _place(layouts[index], "title", (MARGIN_IN, 0.45, WIDTH_IN - 2 * MARGIN_IN, 1.1))
    _place(layouts[CONTENT], "body", (MARGIN_IN, 1.75, WIDTH_IN - 2 * MARGIN_IN, 5.0))
    _place(layouts[TITLE], "title", (1.0, 2.1, 11.3, 1.9), anchor="b", size=44)
    _place(layouts[TITLE], "subTitle", (1.0, 4.25, 11.3, 1.2), size=22)
    _place(layouts[SECTION], "title", (1.0, 2.6, 11.3, 1.6), anchor="b", size=38)
    _place(layouts[SECTION], "body", (1.0, 4.4, 11.3, 1.2), size=20)
    for layout in layouts:
        _place(layout, "sldNum", (WIDTH_IN - 1.75, 6.95, 1.0, 0.35))
        _place(layout, "ftr", (MARGIN_IN, 6.95, 8.5, 0.35))
        _small_text(_placeholder(layout, "sldNum"), "r")
        _small_text(_placeholder(layout, "ftr"), "l")
        _remove(layout, "dt")
    return deck


def _keep_layouts(deck: PresentationType, kept: tuple[int, ...]) -> None:
    layouts = list(deck.slide_layouts)
    for index, layout in enumerate(layouts):
        if index not in kept:
            deck.slide_layouts.remove(layout)


def _theme(deck: PresentationType, palette: Palette) -> None:
    part: Any = deck.slide_master.part.part_related_by(RELATIONSHIP_TYPE.THEME)
    xml = part.blob.decode("utf-8")
    colours = {"dk1": palette.ink, "lt1": "FFFFFF", "dk2": palette.dark, "lt2": palette.pale}
    colours |= {f"accent{i}": colour for i, colour in enumerate(palette.accents, start=1)}
    colours |= {"hlink": palette.accents[0], "folHlink": palette.accents[5]}
    for name, colour in colours.items():
        xml = re.sub(rf"<a:{name}>.*?</a:{name}>", f'<a:{name}><a:srgbClr val="{colour}"/></a:{name}>', xml, flags=re.S)
    xml = re.sub(r'(<a:(?:major|minor)Font>\s*<a:latin typeface=")[^"]*', rf"\g<1>{FONT}", xml)
    xml = re.sub(r'(<a:clrScheme name=")[^"]*', r"\g<1>Gofer", xml)
    part._blob = xml.encode("utf-8")


def _master(deck: PresentationType) -> None:
    master = deck.slide_master
    levels = "".join(
        f'<a:lvl{i}pPr marL="{int(indent * 914400)}" indent="-{int(0.28 * 914400)}" algn="l" rtl="0">'
        f'<a:lnSpc><a:spcPct val="100000"/></a:lnSpc><a:spcBef><a:spcPts val="0"/></a:spcBef>'
        f'<a:spcAft><a:spcPts val="800"/></a:spcAft><a:buClr><a:schemeClr val="accent1"/></a:buClr>'
        f'<a:buFont typeface="Arial"/><a:buChar char="{mark}"/><a:defRPr sz="{size}00">'
        f'<a:solidFill><a:schemeClr val="tx1"/></a:solidFill><a:latin typeface="+mn-lt"/></a:defRPr></a:lvl{i}pPr>'
        for i, (indent, mark, size) in enumerate(((0.3, "•", 20), (0.65, "–", 18), (1.0, "•", 16)), start=1)
    )
    styles = parse_xml(
        f'<p:txStyles {_NS}><p:titleStyle><a:lvl1pPr algn="l"><a:lnSpc><a:spcPct val="95000"/></a:lnSpc><a:spcBef>'
        f'<a:spcPct val="0"/></a:spcBef><a:buNone/><a:defRPr sz="30" b="1"><a:solidFill><a:schemeClr val="tx2"/>'
        f'</a:solidFill><a:latin typeface="+mj-lt"/></a:defRPr></a:lvl1pPr></p:titleStyle>'
        f"<p:bodyStyle>{levels}</p:bodyStyle>"
        f'<p:otherStyle><a:lvl1pPr algn="l"><a:defRPr sz="1400"><a:latin typeface="+mn-lt"/>'
        "</a:defRPr></a:lvl1pPr></p:otherStyle></p:txStyles>".replace('sz="30"', 'sz="3000"')
    )
    old = master._element.find(qn("p:txStyles"))
    old.getparent().replace(old, styles)
    boxes = {
        "title": (MARGIN_IN, 0.45, WIDTH_IN - 2 * MARGIN_IN, 1.1),
        "body": (MARGIN_IN, 1.75, WIDTH_IN - 2 * MARGIN_IN, 5.0),
        "sldNum": (WIDTH_IN - 1.75, 6.95, 1.0, 0.35),
        "ftr": (MARGIN_IN, 6.95, 8.5, 0.35),
    }
    for kind, box in boxes.items():
        _place(master, kind, box)
    _remove(master, "dt")
    for kind, align in (("sldNum", "r"), ("ftr", "l")):
        _small_text(_placeholder(master, kind), align)


def _small_text(element: Any, align: str) -> None:
    style = element.find(f"{qn('p:txBody')}/{qn('a:lstStyle')}")
    for child in list(style):
        style.remove(child)
    style.append(
        parse_xml(
            f'<a:lvl1pPr {_NS} algn="{align}"><a:defRPr sz="1100"><a:solidFill><a:schemeClr val="accent6"/>'
            f'</a:solidFill><a:latin typeface="+mn-lt"/></a:defRPr></a:lvl1pPr>'
        )
    )


def _placeholder(owner: Any, kind: str) -> Any:
    wanted = {"title": ("title", "ctrTitle"), "body": ("body", None)}.get(kind, (kind,))
    for element in owner._element.cSld.spTree.findall(qn("p:sp")):
        mark = element.find(f".//{qn('p:nvPr')}/{qn('p:ph')}")
        if mark is not None and mark.get("type") in wanted:
            return element
    return None


def _remove(owner: Any, kind: str) -> None:
    element = _placeholder(owner, kind)
    if element is not None:
        element.getparent().remove(element)


def _place(owner: Any, kind: str, box: tuple[float, float, float, float], *, anchor: str = "", size: int = 0) -> None:
    element = _placeholder(owner, kind)
    if element is None:
        return
    properties = element.find(qn("p:spPr"))
    for child in properties.findall(qn("a:xfrm")):
        properties.remove(child)
    x, y, w, h = (int(Inches(value)) for value in box)
    frame = f'<a:xfrm {_NS}><a:off x="{x}" y="{y}"/><a:ext cx="{w}" cy="{h}"/></a:xfrm>'
    properties.insert(0, parse_xml(frame))
    body = element.find(f"{qn('p:txBody')}/{qn('a:bodyPr')}")
    if kind in ("title", "body", "subTitle"):
        for child in list(body):
            body.remove(child)
        body.set("anchor", anchor or ("ctr" if kind == "title" else "t"))
        body.append(etree.SubElement(body, qn("a:normAutofit")))
    if size:
        style = element.find(f"{qn('p:txBody')}/{qn('a:lstStyle')}")
        for child in list(style):
            style.remove(child)
        bold = ' b="1"' if kind == "title" else ""
        colour = "bg1" if kind == "title" else "bg2"
        style.append(
            parse_xml(
                f'<a:lvl1pPr {_NS} marL="0" indent="0" algn="l"><a:buNone/><a:defRPr sz="{size}00"{bold} cap="none">'
                f'<a:solidFill><a:schemeClr val="{colour}"/></a:solidFill></a:defRPr></a:lvl1pPr>'
            )
        )


def _dark(layout: Any, palette: Palette, *, bar: bool) -> None:
    """Dark background with an accent: a broad edge on the title slide, a short line on section slides."""
    data = layout._element.cSld
    background = parse_xml(
        f'<p:bg {_NS}><p:bgPr><a:solidFill><a:schemeClr val="tx2"/></a:solidFill><a:effectLst/></p:bgPr></p:bg>'
    )
    data.insert(0, background)
    if bar:
        _shape(layout, "Edge", (0, 0, 0.35, HEIGHT_IN), "accent1")
        _shape(layout, "Line", (1.08, 4.1, 1.6, 0.07), "accent2")
    else:
        _shape(layout, "Line", (1.08, 4.28, 1.2, 0.07), "accent1")


def _shape(owner: Any, name: str, box: tuple[float, float, float, float], colour: str) -> None:
    tree = owner._element.cSld.spTree
    x, y, w, h = (int(Emu(Inches(value))) for value in box)
    number = 900 + len(tree)
    tree.insert(
        2,
        parse_xml(
            f'<p:sp {_NS}><p:nvSpPr><p:cNvPr id="{number}" name="{name}"/><p:cNvSpPr/><p:nvPr userDrawn="1"/>'
            f"</p:nvSpPr><p:spPr><a:xfrm>"
            f'<a:off x="{x}" y="{y}"/><a:ext cx="{w}" cy="{h}"/></a:xfrm><a:prstGeom prst="rect">'
            f'<a:avLst/></a:prstGeom><a:solidFill><a:schemeClr val="{colour}"/></a:solidFill><a:ln><a:noFill/></a:ln>'
            f"</p:spPr><p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:endParaRPr/></a:p></p:txBody></p:sp>"
        ),
    )


def number_slide(slide: Any, footer: str) -> None:
    """Give a slide its number and, unless empty, a footer: python-pptx leaves these placeholders out."""
    for kind in ("sldNum", "ftr") if footer else ("sldNum",):
        source = _placeholder(slide.slide_layout, kind)
        if source is None:
            continue
        mark = etree.tostring(source.find(f".//{qn('p:nvPr')}/{qn('p:ph')}"), encoding="unicode")
        # LibreOffice does not take a footer's look from its layout, so it is said again here.
        # Slides without a footer are the dark ones, on which the grey of the others is hardly seen.
        colour = "accent6" if footer else "bg2"
        look = (
            f'<a:rPr lang="en-GB" sz="1100"><a:solidFill><a:schemeClr val="{colour}"/></a:solidFill>'
            '<a:latin typeface="+mn-lt"/></a:rPr>'
        )
        field_id = "{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}"
        inner = (
            f'<a:pPr algn="r"/><a:fld id="{field_id}" type="slidenum">{look}<a:t>‹#›</a:t></a:fld>'
            if kind == "sldNum"
            else f'<a:pPr algn="l"/><a:r>{look}<a:t>{_escaped(footer)}</a:t></a:r>'
        )
        name = "Slide number" if kind == "sldNum" else "Footer"
        number = 800 + len(slide.shapes)
        slide.shapes._spTree.append(
            parse_xml(
                f'<p:sp {_NS}><p:nvSpPr><p:cNvPr id="{number}" name="{name}"/>'
                f"<p:cNvSpPr><a:spLocks noGrp='1'/></p:cNvSpPr><p:nvPr>{mark}</p:nvPr></p:nvSpPr><p:spPr/>"
                f"<p:txBody><a:bodyPr/><a:lstStyle/><a:p>{inner}</a:p></p:txBody></p:sp>"
            )
        )


def _escaped(text: str) -> str:
    return re.sub(r"[\x00-\x1f]", " ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
