"""Published corpora in DocRED format."""

from atlop.corpora.hosts import GitHubFolder, HubDataset
from atlop.corpora.published import Checksum, PublishedCorpus, PublishedFile

DOWNLOADS = {
    "docred": PublishedCorpus(
        title="DocRED",
        host=HubDataset("thunlp/docred", revision="7985b4e0371e6c61a756feb41b7b27becf71c666"),
        files=(
            PublishedFile(
                "data/train_annotated.json.gz",
                entries=3_053,
                download=Checksum("0d01cd07cabd7f9077db6ea8628832cf60281b4228ec1ba54647f836a3b17d02", 2_810_860),
                unpacked=Checksum("7e706348a02cf91f38bd8c379f934ab61aedadc901fca10d962c1d82ab78e95b", 13_029_595),
            ),
            PublishedFile(
                "data/dev.json.gz",
                entries=998,
                download=Checksum("6ae4d7f5b0b9d2cbe74b9634ed43b35b7cb5b7c0dc3a16226dbe343139a4ae05", 928_690),
                note="until August 2021 the file had 1,000 documents",
            ),
            PublishedFile("data/test.json.gz", entries=1_000),
            PublishedFile(
                "data/rel_info.json.gz",
                entries=96,
                content="relation names",
                download=Checksum("7ef27efff537ba89ae66f6f4e60e4908d4df3860a4c2819ea94fa5ed696bdc70"),
            ),
            PublishedFile(
                "data/train_distant.json.gz",
                entries=101_873,
                unpacked=Checksum("db6d3cdaab8d36926318bb9339f6fd82d19dbacd186c74d7c20c734355a58b36", 437_046_821),
                fetched_by_default=False,
            ),
        ),
        note="There is no rel2id.json (the usual class ids) in DocRED's repository, and none is needed to train: "
        "the relations of the train file are then numbered in alphabetical order. A released checkpoint needs the "
        "rel2id.json that it was trained with.",
        language="en",
    ),
    "redocred": PublishedCorpus(
        title="Re-DocRED",
        host=GitHubFolder("tonytan48/Re-DocRED", revision="main"),  # the checksums pin its content
        files=(
            PublishedFile(
                "data/train_revised.json",
                entries=3_053,
                download=Checksum("c40a137a1c57f3e2daaf5ebf511eaa1518f9305ffaa3052d46271921a91826f2", 18_602_933),
            ),
            PublishedFile(
                "data/dev_revised.json",
                entries=500,
                download=Checksum("051ee1d057204a5d08ef5502beacdadf191245b5eaf0e29ec2c607cf002c016f", 3_245_588),
            ),
            PublishedFile(
                "data/test_revised.json",
                entries=500,
                download=Checksum("ea673b7ef91e16510d7eb88863d3903e47318dc5653ef361266f27ae3b84723c", 3_207_228),
            ),
        ),
        note="The relation names are in DocRED's rel_info.json; fetch it with `atlop download docred --files rel_info`",
        language="en",
    ),
}
"""Downloadable corpora, by name."""
