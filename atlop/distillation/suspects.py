"""Suspect labels: what teachers say of labelled documents that they were trained without."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlop.config import RunConfig
from atlop.corpora import Corpus, CorpusFile
from atlop.distillation.stages import Stages, check_folds, teacher_names, train_teachers
from atlop.ensemble import load_ensemble
from atlop.errors import StoppedError
from atlop.evaluation import JudgedDocument, Suspect, rank_facts, suspect_record
from atlop.experiments import ExperimentFolder
from atlop.experiments.devices import device_name
from atlop.files import one_writer
from atlop.preprocessing import fold_numbers, pairs_to_classify
from atlop.schema import RelationVocabulary
from atlop.teachers import teacher_scores


@dataclass(frozen=True)
class JudgedCorpus:
    """A labelled corpus, and what teachers say of it."""

    corpus: Corpus
    vocabulary: RelationVocabulary
    """The relations of the teachers."""
    documents: Iterator[JudgedDocument]
    """Every document with the margins of the teacher that was trained without it, which are computed on the way."""


@dataclass(frozen=True)
class SuspectLabels:
    """The suspect labels of a corpus."""

    corpus: Corpus
    names: Mapping[str, str]
    """Readable names of relations."""
    labels: int
    """Labelled facts that teachers have judged."""
    denied_count: int
    """Those that they deny: with a margin of at most 0."""
    asserted_count: int
    """Facts without a label that they assert: with a margin above 0."""
    denied: tuple[Suspect, ...]
    """Denied labels, the largest doubt first."""
    asserted: tuple[Suspect, ...]
    """Asserted facts without a label, the highest margin first."""

    def as_json(self) -> dict[str, Any]:
        """Return counts, and the suspects with their text, as JSON values."""

        def records(suspects: Sequence[Suspect]) -> list[dict[str, Any]]:
            documents = self.corpus.documents
            return [suspect_record(each, document=documents[each.document], names=self.names) for each in suspects]

        return {
            "file": self.corpus.summary(),
            "labels": self.labels,
            "denied_count": self.denied_count,
            "asserted_count": self.asserted_count,
            "denied": records(self.denied),
            "asserted": records(self.asserted),
        }


def find_suspects(judged: JudgedCorpus, *, count: int = 100) -> SuspectLabels:
    """Find the labelled facts that teachers deny, and the facts without a label that they assert.

    Args:
        judged: A corpus; its documents are scored now.
        count: How many of each kind to return at most, the firmest first.

    Raises:
        AtlopError: A score is not finite.
    """
    ranked = rank_facts(judged.documents, relations=judged.vocabulary.relations, count=count)
    denied = [each for each in ranked.labelled if each.margin <= 0]
    return SuspectLabels(
        judged.corpus,
        judged.vocabulary.names,
        labels=len(ranked.labelled),
        denied_count=len(denied),
        asserted_count=ranked.asserted,
        denied=tuple(denied[:count]),
        asserted=ranked.unlabelled[: ranked.asserted],
    )


def judge(
    corpus: Path,
    *,
    config: RunConfig,
    teachers: Path,
    folds: int = 5,
    device: str | None = None,
    devices: Sequence[str] = (),
    show_progress: bool = True,
) -> JudgedCorpus:
    """Judge each document of a corpus by a teacher that was trained without it; margins are exact, not cut at a floor.

    Args:
        corpus: The labelled documents that the teachers are trained on.
        config: Configuration of the teachers.
        teachers: Folder of the teachers, which may be that of `atlop distill`: finished ones are kept, an interrupted
            one is resumed and missing ones are trained.
        folds: Number of folds.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        devices: Train teachers side by side, one at a time on each: `cpu`, or the number of a GPU.
        show_progress: Whether to draw progress bars.

    Raises:
        AtlopError: The corpus cannot be read, the teachers are of other documents or settings, or a training fails.
        StoppedError: A signal stopped a training.
    """
    if devices:
        device, *_ = map(device_name, devices)
    check_folds(config, folds=folds, device=device)
    data = config.data
    file = CorpusFile(corpus, format=data.format, invalid=data.invalid, relations=data.relations)
    read = file.read()
    with one_writer(teachers, is_folder=True):
        stages = Stages(
            ExperimentFolder(teachers),
            work=dict.fromkeys(teacher_names(folds), 1.0),
            device=device,
            show_progress=show_progress,
        )
        try:
            runs = train_teachers(
                config, documents=len(read.documents), folds=folds, file=file, stages=stages, devices=devices
            )
        except StoppedError as stopped:
            message = f"{stopped}. The same `atlop suspects …` goes on with the remaining teachers"
            raise StoppedError(message, exit_code=stopped.exit_code) from None
    ensembles = [load_ensemble(run) for run in runs]
    scored = teacher_scores(
        read.documents,
        name=corpus.name,
        ensembles=ensembles,
        teacher_of=fold_numbers(len(read.documents), folds=folds) - 1,
        device=device,
        show_progress=show_progress,
    )
    judged = (
        JudgedDocument(index, document, pairs_to_classify(document), scores.margins)
        for index, (document, scores) in enumerate(zip(read.documents, scored, strict=True))
    )
    return JudgedCorpus(read, ensembles[0].rule.vocabulary, judged)
