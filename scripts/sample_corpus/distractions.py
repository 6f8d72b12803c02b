"""Sentences that name two entities of fitting types without stating any of the twelve relations between them.

The slots are those of `wordings.py`; `a` and `b` are two entities of the document that no fact joins.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Distraction:
    """Sentences about two entities that no fact joins."""

    a: tuple[str, ...]
    """Kinds of the first entity."""
    b: tuple[str, ...]
    """Kinds of the second entity."""
    texts: tuple[str, ...]


PERSON = ("man", "woman")

DISTRACTIONS = (
    Distraction(
        PERSON,
        ("town",),
        (
            "{A} visited {b} in {y} .",
            "{A} spent a summer in {b} .",
            "{A} lived for some years in {b} .",
            "{A} gave a lecture in {b} on {d} .",
            "{A} sold a house in {b} in {y} .",
            "{A} went to school in {b} .",
            "{A} never returned to {b} after {y} .",
        ),
    ),
    Distraction(
        PERSON,
        ("country",),
        (
            "{A} travelled through {b} in {y} .",
            "{A} wrote against the government of {b} .",
            "{A} asked for the citizenship of {b} , but was refused .",
            "{A} was never a citizen of {b} , although {a.he} had many friends there .",
            "{A} was expelled from {b} on {d} .",
            "{A} learned the language of {b} as a child .",
        ),
    ),
    Distraction(
        PERSON,
        ("region",),
        (
            "{A} walked through {b} in {y} .",
            "{A} drew a map of {b} .",
            "{A} bought some land in {b} .",
            "{A} painted the hills of {b} .",
        ),
    ),
    Distraction(
        PERSON,
        PERSON,
        (
            "{A} wrote a letter to {b} on {d} .",
            "{A} criticised {b} in public .",
            "{A} admired {b} .",
            "{A} shared a house with {b} for two years .",
            "{A} quarrelled with {b} in {y} .",
            "{A} was a pupil of {b} .",
            "{A} was often taken for a relative of {b} , but the two were not related .",
            "{A} painted a portrait of {b} in {x} .",
        ),
    ),
    Distraction(
        PERSON,
        ("institution",),
        (
            "{A} was offered a post at {b} , but declined .",
            "{A} applied for a post at {b} in vain .",
            "{A} gave some money to {b} in {y} .",
            "{A} visited {b} on {d} .",
            "{A} wrote a short history of {b} .",
            "{A} took {b} to court in {y} .",
            "{A} was among the guests when {b} opened its new hall .",
        ),
    ),
    Distraction(
        PERSON,
        ("work",),
        (
            "{A} wrote a harsh review of {b} .",
            "{A} translated {b} in {y} .",
            "{A} drew the pictures for {b} .",
            "{A} owned a rare copy of {b} .",
            "{A} did not write {b} , although it was long sold under {a.his} name .",
            "{b} is dedicated to {a} .",
        ),
    ),
    Distraction(
        ("institution",),
        ("town", "region", "country"),
        (
            "{A} sent an expedition to {b} in {y} .",
            "{A} bought a collection of coins from {b} .",
            "{A} refused to open a branch in {b} .",
            "{A} held a meeting in {b} on {d} .",
            "{A} printed a guide to {b} .",
            "{A} lent a few of its treasures to a fair in {b} .",
        ),
    ),
    Distraction(
        ("institution",),
        PERSON,
        (
            "{A} gave a medal to {b} on {d} .",
            "{A} turned {b} down for a post .",
            "{A} invited {b} to dinner , but never hired {b.him} .",
        ),
    ),
    Distraction(
        ("town",),
        ("town",),
        (
            "An old road leads from {a} to {b} .",
            "A ferry runs between {a} and {b} .",
            "{A} quarrelled with {b} over fishing rights .",
            "{A} is often confused with {b} .",
            "{A} sells most of its {goods} to {b} .",
        ),
    ),
    Distraction(
        ("town",),
        ("region", "country"),
        (
            "Merchants from {a} sold {goods} in {b} .",
            "{A} was once claimed by {b} , but never belonged to it .",
        ),
    ),
    Distraction(
        ("region", "country"),
        ("region", "country"),
        (
            "{A} borders on {b} .",
            "{A} signed a treaty with {b} in {y} .",
            "{A} imports its {goods} from {b} .",
        ),
    ),
    Distraction(
        ("work",),
        ("town", "country"),
        (
            "{A} is set in {b} .",
            "{A} was printed in {b} in {y} .",
            "{A} was banned in {b} on {d} .",
        ),
    ),
    Distraction(
        ("work",),
        ("institution",),
        (
            "A signed copy of {a} is kept by {b} .",
            "{A} was shown in an exhibition of {b} .",
        ),
    ),
)
"""Every kind of distraction."""
