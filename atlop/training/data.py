"""The data of a run: documents to train and evaluate on."""

import logging
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from atlop.config import DataConfig, EvidenceConfig, Invalid, PreprocessingConfig, RunConfig
from atlop.corpora import Corpus, CorpusFile, check_relations, log_issues, read_train_facts, read_vocabulary
from atlop.errors import AtlopError
from atlop.files import file_sha256
from atlop.preprocessing import (
    MarginStore,
    Mixture,
    MixturePart,
    PreprocessedCorpus,
    TypeVocabulary,
    count_shared_texts,
    preprocessed_corpus,
    train_rows,
)
from atlop.schema import NameTriple, RelationVocabulary
from atlop.teachers import corpus_files, refuse_half_labelled, teacher_digest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """A preprocessed corpus file."""

    path: Path
    sha256: dict[str, str]
    """Of every file that was read for it, by path."""
    documents: PreprocessedCorpus

    def counts(self) -> dict[str, Any]:
        """Return the counts for the run's summary."""
        return {
            "documents": len(self.documents),
            **self.documents.metadata.issues.counts(),
            "truncation": asdict(self.documents.truncation),
        }


class TrainingData:
    """Train and dev. Train documents stay on disk; dev documents are in memory for scoring."""

    def __init__(
        self,
        config: DataConfig,
        *,
        tokenizer: PreTrainedTokenizerBase,
        preprocessing: PreprocessingConfig,
        evidence: EvidenceConfig,
        type_embeddings: bool = False,
        seed: int,
        show_progress: bool,
    ):
        """Read and preprocess train and dev; log what is skipped, truncated or unknown.

        Raises:
            AtlopError: A file is invalid, has unlabelled documents or unknown relations, or lacks evidence to train on.
        """
        self._config = config
        read = partial(
            _preprocess_labelled, tokenizer=tokenizer, preprocessing=preprocessing, show_progress=show_progress
        )
        train_file, dev_file = (
            CorpusFile(path, format=config.format, invalid=config.invalid, relations=config.relations)
            for path in (config.train, config.dev)
        )
        dev = dev_file.read()
        self.dev_documents = dev.documents
        facts = config.train_facts
        self._configured_facts = None if facts is None else self._read_facts(facts, invalid="strict")
        dev_features = read(dev, file=dev_file)
        train = read(train_file, file=train_file, evidence_by_rule=evidence.is_by_rule)
        if evidence.weight and not (evidence.is_taught or train.has_evidence):
            raise AtlopError(
                f"{config.train}: has no annotated evidence, which evidence.weight={evidence.weight:g} trains; set "
                "evidence.source=rule to train with sentences that name both entities, or evidence.weight=0"
            )
        if (rows := train_rows(len(train), config, seed=seed)) is not None:
            train = train.take(rows)
        log_issues(config.train, documents=len(train), issues=train.metadata.issues)
        self.vocabulary = read_vocabulary(
            config.relations, names=config.relation_names, relations=train.metadata.relations
        )
        types = sorted({*train.metadata.types} - {""}) if type_embeddings else None
        if types == []:
            raise AtlopError(f"{config.train}: its entities have no types; set classifier.type_embeddings=false")
        self.types = None if types is None else TypeVocabulary(types)
        skipped = rows is not None or bool(train.metadata.issues.skipped)
        check_relations(config.train, relations=train.relations, vocabulary=self.vocabulary, skipped=skipped)
        self.train = Split(config.train, train_file.sha256, train.with_vocabulary(self.vocabulary, types=self.types))
        self.dev = Split(config.dev, dev_file.sha256, dev_features.with_vocabulary(self.vocabulary, types=self.types))
        self.shared_texts = count_shared_texts(dev_features, path=config.dev, other=train, other_path=config.train)
        for split in (self.train, self.dev):
            if split.documents.truncation.documents:
                logger.warning("%s: %s", split.path, split.documents.truncation)
            if unknown := split.documents.unknown_facts:
                logger.warning("%s: %d facts have relations that are unknown to the model", split.path, unknown)

    @cached_property
    def train_facts(self) -> frozenset[NameTriple]:
        """Facts that dev shares with train, which Ign F1 ignores; read on first use.

        Raises:
            AtlopError: The train file has changed since it was preprocessed.
        """
        if self._configured_facts is not None:
            return self._configured_facts
        if CorpusFile(self._config.train, format=self._config.format).sha256 != self.train.sha256:
            raise AtlopError(f"{self._config.train}: has changed since it was preprocessed; restore it")
        return self._read_facts(self._config.train, invalid=self._config.invalid)

    def file_hashes(self) -> dict[str, str]:
        """Return the sha256 of every input file, by path."""
        config = self._config
        others = [path for path in (config.train_facts, config.relations, config.relation_names) if path is not None]
        return {**self.train.sha256, **self.dev.sha256, **{str(path): file_sha256(path) for path in others}}

    def _read_facts(self, path: Path, *, invalid: Invalid) -> frozenset[NameTriple]:
        among = {triple for document in self.dev_documents for triple in document.name_triples()}
        return read_train_facts(path, format=self._config.format, invalid=invalid, among=among)


def training_documents(
    config: RunConfig,
    *,
    train: PreprocessedCorpus,
    targets: dict[str, MarginStore],
    dev: PreprocessedCorpus,
    tokenizer: PreTrainedTokenizerBase,
    vocabulary: RelationVocabulary,
    types: TypeVocabulary | None,
    show_progress: bool = False,
) -> Mixture:
    """Return the documents that a training draws from, with their soft targets.

    Args:
        config: The run's configuration.
        train: The train documents.
        targets: What `atlop.teachers.soft_targets` returned.
        dev: The dev documents, whose texts further documents should not have; a warning counts those that do.
        tokenizer: The student's.
        vocabulary: The relations of the student.
        types: The types of entities that it tells apart; `None` if it does not read them.
        show_progress: Whether to draw a progress bar while documents are preprocessed.

    Raises:
        AtlopError: The soft targets are of other documents or relations, or only some further documents have labels.
    """
    if not targets:
        return Mixture([MixturePart(train)], sha256={})
    section, files = config.distillation, corpus_files(config)
    is_taught = config.evidence.is_taught
    parts = [MixturePart(train, margins=targets["train"], has_shares=is_taught)]
    if (file := files.get("unlabelled")) is not None:
        corpus = _preprocess(
            file,
            file=file,
            show_progress=show_progress,
            tokenizer=tokenizer,
            preprocessing=config.preprocessing,
            evidence_by_rule=config.evidence.is_by_rule,
        )
        log_issues(file.path, documents=len(corpus), issues=corpus.metadata.issues)
        unlabelled = corpus.metadata.unlabelled
        refuse_half_labelled(file.path, documents=len(corpus), unlabelled=unlabelled)
        corpus = corpus.with_vocabulary(vocabulary, types=types)
        if unknown := corpus.unknown_facts:
            logger.warning("%s: %d facts have relations that are unknown to the model", file.path, unknown)
        count_shared_texts(dev, path=config.data.dev, other=corpus, other_path=file.path)
        weight, margins = section.unlabelled_weight, targets["unlabelled"]
        parts.append(MixturePart(corpus, not unlabelled, weight, margins, has_shares=is_taught))
    for (name, store), part in zip(targets.items(), parts, strict=True):
        file = files[name]
        store.check(part.documents, relations=vocabulary.relations, documents=file.identity()["files"], name=file.path)
        if is_taught and not store.has_shares:
            raise AtlopError(
                f"{store.path}: the teachers have no localized context, and so no share of sentences to learn; set "
                "evidence.source=annotated, or evidence.weight=0"
            )
    sha256 = {str(teacher): teacher_digest(teacher) for teacher in section.teachers}
    if section.margins is not None:
        sha256 |= {str(store.path): store.sha256 for store in targets.values()}
    return Mixture(parts, sha256=sha256 | (files["unlabelled"].sha256 if "unlabelled" in files else {}))


def _preprocess_labelled(
    source: Corpus | CorpusFile, *, file: CorpusFile, show_progress: bool, **options: Any
) -> PreprocessedCorpus:
    corpus = _preprocess(source, file=file, show_progress=show_progress, **options)
    if not corpus or corpus.metadata.unlabelled:
        raise AtlopError(f"{file.path}: has unlabelled documents, or none at all; training needs labelled documents")
    return corpus


def _preprocess(
    source: Corpus | CorpusFile, *, file: CorpusFile, show_progress: bool, **options: Any
) -> PreprocessedCorpus:
    return preprocessed_corpus(
        source,
        name=str(file.path),
        identity=file.identity(),
        **options,
        progress=partial(tqdm, desc=f"preprocessing {file.path.name}", unit=" docs", disable=not show_progress),
    )
