"""Identifiers of BioC's annotations, by which mentions are grouped and relations name entities."""

import re
from typing import Any

_KEYS = frozenset(
    (
        *("mesh", "ncbi gene", "ncbigene", "ncbi taxonomy", "ncbi taxon", "species", "omim", "chebi"),
        *("dbsnp", "uniprot", "cellosaurus", "concept id", "conceptid", "normalized id", "database_id"),
    )
)
_DESCRIPTIONS = ("HGVS:", "RS#:", "CorrespondingGene:", "CorrespondingSpecies:", "VariantGroup:")
"""What follows the identifier of a variant, and names no other entity."""


def identifiers_of(infons: dict[str, Any]) -> tuple[str, ...]:
    """Return the identifiers of an annotation; empty if it has none.

    Several are parted by `,` or `;` under the key `identifier`, where `|` belongs to the names of variants, and by `|`
    under the keys of databases.
    """
    key = "identifier" if "identifier" in infons else next((key for key in infons if key.casefold() in _KEYS), None)
    value = None if key is None else infons[key]
    if key is None or not isinstance(value, str | int):
        return ()
    parts = re.split("[,;]" if key == "identifier" else r"\|", str(value))
    named = [part.strip() for part in parts if not part.strip().startswith(_DESCRIPTIONS)]
    return tuple(dict.fromkeys(part for part in named or [str(value)] if part))
