"""Sentences of the sample corpus that state several facts at once; the slots are those of `wordings.py`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Joint:
    """Texts that state several facts at once, or that lean on a fact told before."""

    states: tuple[tuple[str, str, str], ...]
    """Relation, subject slot, object slot of what the texts state."""
    texts: tuple[str, ...]
    leans_on: tuple[tuple[str, str, str], ...] = ()
    """Facts told earlier, without which the texts cannot be understood; their evidence is evidence here too."""


JOINT = {
    "birth": Joint(
        states=(("P569", "s", "t"), ("P19", "s", "o")),
        texts=(
            "{S} was born on {t} in {o} .",
            "{s} ( born {t} in {o} ) was a {s.job} .",
            "{S} was born in {o} on {t} , the youngest of five children .",
        ),
    ),
    "birth and death": Joint(
        states=(("P19", "s", "o"), ("P20", "s", "o")),
        texts=(
            "{S} was born in {o} and died there in {y} .",
            "{S} was born and died in {o} .",
            "{o} was both the birthplace of {s} and the place of {s.his} death .",
        ),
    ),
    "death at the birthplace": Joint(
        states=(("P20", "s", "o"),),
        texts=(
            "{S} died in the town where {s.he} had been born .",
            "In {y} {S} returned to the town of {s.his} birth and died there .",
        ),
        leans_on=(("P19", "s", "o"),),
    ),
    "place": Joint(
        states=(("P131", "s", "r"), ("P17", "r", "o")),
        texts=(
            "{S} lies in {r} , which belongs to {o} .",
            "{s} is a town in {r} , which is part of {o} .",
        ),
    ),
    "their child": Joint(
        states=(("P40", "s", "c"), ("P40", "o", "c")),
        texts=(
            "Their {c.son} {c} became a {c.job} .",
            "The couple had a {c.son} , {c} .",
            "Their only child was {c} .",
        ),
        leans_on=(("P26", "s", "o"),),
    ),
    "couple of citizens": Joint(
        states=(("P26", "s", "o"), ("P27", "s", "c"), ("P27", "o", "c")),
        texts=(
            "{s} and {s.his} {o.wife} , {o} , were both citizens of {c} .",
            "Together with {s.his} {o.wife} , {o} , {s} became a citizen of {c} in {y} .",
        ),
    ),
    "colleagues": Joint(
        states=(("P108", "s", "c"), ("P108", "o", "c")),
        texts=(
            "{s} and {o} both worked for {c} .",
            "In {y} {c} hired {s} and {o} .",
        ),
    ),
}
"""Name of a group of facts -> the texts that state them together."""
