"""Read BioC XML as the objects that BioC JSON has, one document at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, iterparse

from atlop.errors import AtlopError
from atlop.files import opened

_LISTS = {"passage": "passages", "sentence": "sentences", "annotation": "annotations", "relation": "relations"}
_ENTITY = b"<!ENTITY"
_PROLOG = 1 << 16  # bytes at the start of a file, where a document type stands


def read_bioc_xml(path: Path) -> Iterator[dict[str, Any]]:
    """Yield each document of a collection.

    The document type that a file names is not fetched.

    Raises:
        AtlopError: The file is not well-formed, or declares entities of XML, which BioC has none of.
    """
    with opened(path) as file:
        if _ENTITY in file.read(_PROLOG):
            raise AtlopError(f"{path}: declares entities of XML (<!ENTITY), which are not read; remove them")
    with opened(path) as file:
        try:
            for _, element in iterparse(file):
                if element.tag == "document":
                    yield _record(element)
                    element.clear()
        except (ParseError, LookupError, ValueError) as error:  # also of its bytes
            raise AtlopError(f"{path}: not well-formed XML ({error}); the file may be cut short") from None


def _record(element: Element) -> dict[str, Any]:
    """Return a document, passage, sentence, annotation or relation."""
    record: dict[str, Any] = {"infons": {}, "passages": [], "relations": [], **element.attrib}
    for child in element:
        text = (child.text or "").replace("\r\n", "\n").replace("\r", "\n")
        if child.tag in _LISTS:
            record.setdefault(_LISTS[child.tag], []).append(_record(child))
        elif child.tag == "infon":
            record["infons"][child.get("key", "")] = text
        elif child.tag == "location":
            record.setdefault("locations", []).append(dict(child.attrib))
        elif child.tag == "node":
            record.setdefault("nodes", []).append(dict(child.attrib))
        else:
            record[child.tag] = text
    return record
