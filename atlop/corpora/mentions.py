"""Mentions that do not fit their text: signs of shifted or inclusive offsets."""

from atlop.schema import Document, Mention, Span


def is_misnamed(mention: Mention, *, document: Document) -> bool:
    """Whether the name of a mention differs, in more than space, from its words; never if it is discontinuous."""
    if len(mention.spans) > 1:
        return False
    words = document.sentences[mention.sentence][mention.start : mention.end]
    return _without_space(mention.name) != _without_space("".join(words))


def cuts_a_word(spans: tuple[Span, ...], *, text: str) -> bool:
    """Whether a mention begins or ends between two letters of a script with upper and lower case.

    Other scripts join words, or what is attached to a name, without a space.
    """
    return any(_is_cased(text[max(0, cut - 1) : cut + 1]) for span in spans for cut in span)


def _without_space(text: str) -> str:
    return "".join(text.split())


def _is_cased(letters: str) -> bool:
    return len(letters) == 2 and all(letter.lower() != letter.upper() for letter in letters)
