"""Pages of made documents: at random, and one whose words would break out of a careless page."""

from dataclasses import replace
from functools import cache

import numpy as np

from atlop.evaluation import compare, detailed_scores, fact_table, table_scores
from atlop.report import DocumentAnalysis, ScoredResult, contents, render_report
from atlop.report.analysis import PairScores
from atlop.report.outcomes import outcomes
from atlop.schema import Document, Fact
from tests.evaluation.scored_documents import documents_at_random, predictions_at_random
from tests.made_documents import document

HOSTILE_TITLE = "</script><script>window.broken = 1</script> \"quoted\" & 'so' <b>bold</b>"
HOSTILE_SENTENCE = "<img src=x onerror=window.broken=2> אבג מדינה 👩‍🚀 ]]> <!-- {{title}} \u2028 \ud800 &amp;"
HOSTILE = document(
    HOSTILE_SENTENCE, entities=[[(0, 0, 3)], [(0, 3, 5)], [(0, 5, 6)]],
    facts=[(0, 1, "P1"), (2, 0, "<i>P7</i>\udfff", (0,))], title=HOSTILE_TITLE,
)  # fmt: skip
HOSTILE_WORDS = HOSTILE.sentences[0]
DOCUMENTS = [*documents_at_random(11, seed=1), HOSTILE]
NAMES = {"P1": "country", "P2": 'named "<so>"'}


def made_analysis(item: Document, facts: list[Fact]) -> DocumentAnalysis:
    """Make up what a model may say: the margin of each fact follows from its pair."""
    keys = list(outcomes(item, found=facts))
    margins = {key: float(key[0] - key[1]) if key[2] != "P9" else 2.5 for key in keys}
    pairs = {
        (subject, object_): PairScores(
            3.0,
            {relation: 3 + margin for (s, o, relation), margin in margins.items() if (s, o) == (subject, object_)},
        )
        for subject, object_, _ in keys
    }
    weights = np.arange(item.words) / 1000
    shares = dict.fromkeys(pairs, [0.75] + [0.0] * (len(item.sentences) - 1))
    of_pairs = {(min(pair), max(pair)): weights for pair in pairs}
    return DocumentAnalysis(tuple(facts), margins, pairs, shares=shares, weights=of_pairs)


def made_page(*, is_compared: bool = True) -> str:
    """Return a page of made documents."""
    return render_report(
        made_contents(is_compared=is_compared), title=f"{HOSTILE_TITLE} \ud800", pictures={"<A> picture": "<svg/>"}
    )


@cache
def made_contents(*, is_compared: bool = True) -> dict[str, object]:
    """Return what it shows."""
    found = predictions_at_random(DOCUMENTS, seed=2, share=0.6)
    found[-1] = [Fact(0, 1, "P1", evidence=(0,)), Fact(1, 2, "P2")]
    other = [[replace(fact, evidence=()) for fact in facts[::2]] + [Fact(0, 1, "P5")] for facts in found]
    tables = [fact_table(DOCUMENTS, predictions=each, train_facts=None) for each in (found, other)]
    results = [
        ScoredResult(
            name,
            each,
            table_scores(table),
            detailed_scores(table, documents=DOCUMENTS, train_frequency=None),
            about={"Encoder": "<tiny>", "Epochs": "4"},
        )
        for name, each, table in zip(("<first>", "second"), (found, other), tables, strict=True)
    ]
    return contents(
        DOCUMENTS,
        result=results[0],
        file={"path": "dev.json", "documents": len(DOCUMENTS)},
        names=NAMES,
        analyses=[made_analysis(item, facts) for item, facts in zip(DOCUMENTS, found, strict=True)],
        other=results[1] if is_compared else None,
        comparison=compare(tables[1], tables[0], documents=DOCUMENTS, train_frequency=None) if is_compared else None,
    )
