"""The relations of a BioC document, in four dialects."""

from collections.abc import Mapping, Sequence
from typing import Any

from atlop.corpora.standoff import Draft, Group, Key
from atlop.errors import AtlopError, listed
from atlop.json_values import abbreviated
from atlop.schema import NO_IDENTIFIER

_SUBJECTS = frozenset({"arg1", "subject", "subj", "head", "entity1", "source"})
_TYPES = ("type", "relation", "relation type")


class Relations:
    """Adds the relations of one document to its draft."""

    def __init__(
        self,
        draft: Draft,
        annotations: Sequence[dict[str, Any]],
        relations: Sequence[dict[str, Any]],
        *,
        groups: Mapping[str, list[Group]],
    ):
        """Store what relations may name.

        Args:
            draft: The document; its mentions have the indices of their annotations.
            annotations: All annotations.
            relations: All relations.
            groups: Entities of each identifier.
        """
        self._draft, self._relations, self._groups = draft, relations, groups
        self._indices: dict[str, list[int]] = {}
        for index, annotation in enumerate(annotations):
            self._indices.setdefault(str(annotation.get("id")), []).append(index)
        self._names = {str(relation.get("id")) for relation in relations}
        self._types = {
            id(group): str((annotations[key].get("infons") or {}).get("type"))
            for each in groups.values()
            for group in each
            for key in group.keys
            if isinstance(key, int)
        }

    def add(self) -> None:
        """Add them in order.

        Raises:
            AtlopError: One names an annotation or identifier that the document does not have, or has twice.
        """
        for relation in self._relations:
            infons = relation.get("infons")
            infons = infons if isinstance(infons, dict) else {}
            where = f"{self._draft.where}: relation {relation.get('id', '')}".rstrip()
            ends, novelty = self._ends(relation, infons, where=where), infons.get("novel")
            if ends is None:
                self._draft.skipped_relations += 1
                continue
            name = next((infons[key] for key in _TYPES if isinstance(infons.get(key), str)), None)
            if name is None and len(infons) == 1:
                name = next(iter(infons.values()))
            if not isinstance(name, str):
                raise AtlopError(f"{where} has no type; expected one of {', '.join(_TYPES)} among its infons")
            self._draft.relate(*ends, name, where=where, novelty=novelty if isinstance(novelty, str) else None)

    def _ends(
        self, relation: dict[str, Any], infons: dict[str, Any], *, where: str
    ) -> tuple[Key | Group, Key | Group] | None:
        if {"role1", "role2"} <= infons.keys():
            roles = [_role(infons[key]) for key in ("role1", "role2")]
            subject, object_ = (self._entity(name, type=type_, where=where) for name, type_ in roles)
            return subject, object_
        if {"entity1", "entity2"} <= infons.keys():
            subject, object_ = (self._entity(infons[key], type=None, where=where) for key in ("entity1", "entity2"))
            return subject, object_
        nodes = relation.get("nodes") or ()
        if {"Chemical", "Disease"} <= infons.keys() and not nodes:
            subject, object_ = (self._entity(infons[key], type=key, where=where) for key in ("Chemical", "Disease"))
            return subject, object_
        if not isinstance(nodes, list | tuple) or len(nodes) != 2 or not all(isinstance(node, dict) for node in nodes):
            return None
        first, second = nodes
        if str(second.get("role")).lower() in _SUBJECTS and str(first.get("role")).lower() not in _SUBJECTS:
            first, second = second, first
        names = [str(node.get("refid")) for node in (first, second)]
        if any(name in self._names and name not in self._indices for name in names):
            return None  # a relation between relations
        return self._mention(names[0], where=where), self._mention(names[1], where=where)

    def _mention(self, name: str, *, where: str) -> int:
        indices = self._indices.get(name, [])
        if len(indices) == 1:
            return indices[0]
        problem = "which stands twice in the document" if indices else "which the document does not have"
        raise AtlopError(f"{where} names annotation {name}, {problem}; fix or remove it")

    def _entity(self, identifier: object, *, type: str | None, where: str) -> Group:
        groups = self._groups.get(str(identifier)) or self._groups.get(str(identifier).split(";")[0], [])
        if not groups or identifier in NO_IDENTIFIER:
            known = listed(list(self._groups)) or "none"
            raise AtlopError(
                f"{where} names the identifier {abbreviated(identifier)}, but no annotation has it (known: {known})"
            )
        return next((group for group in groups if self._types[id(group)] == type), groups[0])


def _role(value: object) -> tuple[object, str | None]:
    """Return identifier and type of an end as PubTator 3 has it: an object in JSON, `Type|identifier` in XML."""
    if isinstance(value, dict):
        type_ = value.get("type")
        return value.get("identifier"), type_ if isinstance(type_, str) else None
    type_, bar, identifier = str(value).partition("|")
    return (identifier, type_) if bar else (value, None)
