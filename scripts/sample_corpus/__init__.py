"""The invented world of the sample corpus, the sentences that tell of it, and the plans of its documents."""
