"""What a cut costs a corpus is added up."""

from atlop.preprocessing import Preprocessor, Truncation
from tests.made_documents import VOCABULARY, document, tokenizer_for


def test_losses_are_added_up_over_documents() -> None:
    places = [[(0, 0, 1), (0, 2, 3)], [(0, 1, 2), (0, 2, 3)], [(0, 2, 3)]]
    cut = document("Ada Bob Eve", entities=places, facts=[(0, 1, "P17"), (0, 2, "P17"), (2, 1, "P27")])
    whole = document("Ada left", entities=[[(0, 0, 1)]])
    documents = [cut, whole, cut]
    preprocessor = Preprocessor(tokenizer_for(*documents), vocabulary=VOCABULARY, max_length=8)
    truncation = Truncation.from_features(preprocessor.preprocess(documents))  # [CLS] * Ada * * Bob * [SEP]
    assert truncation == Truncation(documents=2, mentions=6, entities=2, facts=4)
    assert str(truncation) == "6 mentions truncated in 2 documents; 2 entities and 4 facts cannot be reached"


def test_documents_that_lose_only_text_do_not_count() -> None:
    item = document("Ada left and never came back", entities=[[(0, 0, 1)]])
    preprocessor = Preprocessor(tokenizer_for(item), vocabulary=VOCABULARY, max_length=8)
    assert Truncation.from_features(preprocessor.preprocess([item])) == Truncation(
        documents=0, mentions=0, entities=0, facts=0
    )
