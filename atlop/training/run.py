"""A configuration to a trained model: reads, encodes, trains, and keeps the record."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from accelerate.utils import set_seed
from tqdm import tqdm

from atlop.config import DataConfig, RunConfig
from atlop.corpora import Corpus, check_relations, read_corpus, read_train_facts, read_vocabulary
from atlop.encoding import DocumentEncoder, EncodedDocument, Truncation
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores, official_scores
from atlop.files import refuse_taken, sha256_of
from atlop.model import document_encoder, new_model, save_model
from atlop.prediction import accelerator_for, predict_facts
from atlop.schema import NameTriple
from atlop.training.loop import Trainer, total_updates
from atlop.training.record import RunFolder
from atlop.training.tracking import Tracker
from atlop.training.updates import Updater

logger = logging.getLogger(__name__)


def train(config: RunConfig, *, output: Path, show_progress: bool = True) -> dict[str, Any]:
    """Train a model and leave everything about it in one folder.

    Args:
        config: The run's configuration.
        output: The run's folder; it must not exist, or be empty. `best/` and `last/` in it are model folders.
        show_progress: Whether to draw progress bars.

    Returns:
        What `summary.json` says: the best dev scores, where they were reached, what truncation cost, and seconds.

    Raises:
        AtlopError: The folder exists, a file is not as it should be, the encoder cannot be loaded, or a loss is not
            finite.
    """
    started = monotonic()
    folder = RunFolder(output)
    refuse_taken(output)
    accelerator = accelerator_for(config.trainer.precision)
    show_progress = show_progress and accelerator.is_main_process
    if config.trainer.batch_size % accelerator.num_processes:
        raise AtlopError(
            f"trainer.batch_size: {config.trainer.batch_size} documents cannot be shared evenly by "
            f"{accelerator.num_processes} processes; choose a multiple"
        )
    train_corpus, dev_corpus = _read(config.data)
    vocabulary = read_vocabulary(config.data.relations, names=config.data.relation_names, train=train_corpus.documents)
    check_relations(train_corpus, vocabulary=vocabulary)
    updates = total_updates(config.trainer, documents=len(train_corpus.documents))
    train_facts = _train_facts(config.data, train=train_corpus)

    set_seed(config.trainer.seed)
    model, tokenizer = new_model(
        config.encoder.name,
        vocabulary=vocabulary,
        encoding=config.encoding,
        classifier=config.classifier,
        objective=config.objective,
    )
    if config.encoder.gradient_checkpointing:
        model.encoder.activation_checkpointing_enable({"use_reentrant": False})
    encoder = document_encoder(model, tokenizer)
    train_documents = _encode(train_corpus, encoder=encoder, show_progress=show_progress)
    dev_documents = _encode(dev_corpus, encoder=encoder, show_progress=show_progress)

    if accelerator.is_main_process:
        folder.create(config, data=_data_sha256(config.data))
    accelerator.wait_for_everyone()
    tracker = Tracker(
        config.tracking if accelerator.is_main_process else config.tracking.model_copy(update={"wandb": "disabled"}),
        folder=output,
        settings=config.model_dump(mode="json"),
    )
    updater = Updater(
        model, accelerator=accelerator, documents=train_documents, config=config.optimizer, updates=updates
    )
    evaluations: list[OfficialScores] = []

    def evaluate() -> OfficialScores:
        predictions = predict_facts(
            model, dev_documents, accelerator=accelerator, batch_size=config.trainer.prediction_batch_size
        )
        evaluations.append(official_scores(dev_corpus.documents, predictions=predictions, train_facts=train_facts))
        return evaluations[-1]

    def log(metrics: Mapping[str, Any]) -> None:
        if accelerator.is_main_process:
            folder.log(metrics)
            tracker.log(metrics, update=metrics["update"])

    def save(is_best: bool) -> None:
        if accelerator.is_main_process:
            for target in [folder.last, folder.best] if is_best else [folder.last]:
                save_model(target, model=model, tokenizer=tokenizer)

    state = Trainer(
        updater,
        config=config.trainer,
        documents=train_documents,
        evaluate=evaluate,
        save=save,
        log=log,
        show_progress=show_progress,
    ).fit()
    summary = {
        "best": {"update": state.best_update, **asdict(max(evaluations, key=lambda scores: scores.f1))},
        "last": asdict(evaluations[-1]),
        "updates": state.update,
        "train": _described(train_corpus, train_documents),
        "dev": _described(dev_corpus, dev_documents),
        "seconds": monotonic() - started,
    }
    if accelerator.is_main_process:
        folder.summarise(summary)
    tracker.finish()
    return summary


def _read(config: DataConfig) -> tuple[Corpus, Corpus]:
    """Read train and dev; both must be labelled."""
    corpora = [read_corpus(path, layout=config.layout, invalid=config.invalid) for path in (config.train, config.dev)]
    for corpus in corpora:
        if not corpus.documents or any(document.facts is None for document in corpus.documents):
            raise AtlopError(
                f"{corpus.path}: has documents without labels, or none at all; training needs labelled ones"
            )
    return corpora[0], corpora[1]


def _train_facts(config: DataConfig, *, train: Corpus) -> frozenset[NameTriple]:
    if config.train_facts is not None:
        return read_train_facts(config.train_facts, layout=config.layout)
    return frozenset(triple for document in train.documents for triple in document.name_triples())


def _encode(corpus: Corpus, *, encoder: DocumentEncoder, show_progress: bool) -> list[EncodedDocument]:
    """Encode a corpus and say what was lost."""
    documents = list(
        encoder.encode(
            tqdm(corpus.documents, desc=f"encoding {corpus.path.name}", unit="document", disable=not show_progress)
        )
    )
    truncation = Truncation.of(documents)
    if truncation.documents:
        logger.warning("%s: %s", corpus.path, truncation)
    unknown = sum(document.unknown_facts for document in documents)
    if unknown:
        logger.warning("%s: %d facts have relations that the model does not know and cannot find", corpus.path, unknown)
    return documents


def _described(corpus: Corpus, documents: Sequence[EncodedDocument]) -> dict[str, Any]:
    return {
        "documents": len(documents),
        "skipped_documents": len(corpus.skipped),
        "merged_facts": corpus.merged,
        "truncation": asdict(Truncation.of(documents)),
    }


def _data_sha256(config: DataConfig) -> dict[str, str]:
    paths = [config.train, config.dev, config.train_facts, config.relations, config.relation_names]
    return {str(path): sha256_of(path) for path in paths if path is not None}
