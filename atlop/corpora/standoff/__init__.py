"""Standoff annotation, mentions at offsets and relations between them, to documents: rules that many formats share.

- What a file groups (equivalences, clusters, chains, identifiers) is one entity; every other mention is one of its own.
- A relation between two mentions is a fact between their entities. Facts that become equal are merged and counted.
- Nested and overlapping mentions are kept, and the same span twice with two types is two mentions. A mention without
  a letter is left out and counted, with its relations.
- An id that stands twice, an offset outside the text, and a relation to an id that is missing make a document invalid.
"""

from atlop.corpora.standoff.content import Content, PlainText, PlainWords
from atlop.corpora.standoff.draft import Draft, Group, Key, merged_sets
from atlop.corpora.standoff.reading import read_drafts

__all__ = ["Content", "Draft", "Group", "Key", "PlainText", "PlainWords", "merged_sets", "read_drafts"]
