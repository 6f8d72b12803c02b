"""What the commands share that score: facts held against their labels, and scores in depth."""

from atlop.corpora import Corpus, TrainFacts
from atlop.evaluation import DetailedScores, FactTable, detailed_scores, fact_table
from atlop.submission import Submission


def table_of_submission(submission: Submission, *, corpus: Corpus, train: TrainFacts) -> FactTable:
    """Hold the facts of a submission against the labels of its corpus."""
    return fact_table(
        corpus.documents, predictions=submission.predictions, train_facts=train.seen, unknown=submission.unknown
    )


def score_in_depth(table: FactTable, *, corpus: Corpus, train: TrainFacts) -> DetailedScores:
    """Score the facts of a table group by group."""
    return detailed_scores(table, documents=corpus.documents, train_frequency=train.frequency)
