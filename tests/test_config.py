from pathlib import Path

import pytest

from atlop.config import RunConfig
from atlop.config_files import dump_config, find_config, load_config
from atlop.errors import AtlopError
from tests.test_cli import run

CONFIGS = Path(__file__).parents[1] / "configs"
SMALLEST = """
[data]
train = "train.json"
dev = "dev.json"

[encoder]
name = "bert-base-cased"
"""


@pytest.fixture
def smallest(tmp_path: Path) -> str:
    path = tmp_path / "smallest.toml"
    path.write_text(SMALLEST, encoding="utf-8")
    return str(path)


def message_of(source: str, *overrides: str) -> str:
    with pytest.raises(AtlopError) as caught:
        load_config(source, overrides=overrides)
    return str(caught.value)


def test_without_a_value_an_override_restores_the_default() -> None:
    changed = load_config("docred_bert_base", overrides=["data.relation_names=", "trainer.epochs=", "data.format="])
    assert (changed.data.relation_names, changed.data.format, changed.trainer.epochs) == (None, None, 30)
    assert "encoder.name: missing" in message_of("docred_bert_base", "encoder.name=")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid_and_found_by_its_name(path: Path) -> None:
    assert load_config(str(path)) == load_config(path.stem)
    assert find_config(path.stem) == path


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_configuration_holds_only_what_differs(path: Path, tmp_path: Path) -> None:
    lines, config = path.read_text(encoding="utf-8").splitlines(), load_config(path.stem)

    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            without = tmp_path / "without.toml"
            without.write_text("\n".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
            try:
                changed = load_config(str(without)) != config
            except AtlopError as error:
                changed = ": missing;" in str(error)
            assert changed, line


@pytest.mark.parametrize(
    ("name", "encoder", "encoder_rate"),
    [
        ("docred_bert_base", "bert-base-cased", 5e-5),
        ("docred_roberta_large", "roberta-large", 3e-5),
        ("redocred_roberta_large", "roberta-large", 3e-5),
    ],
)
def test_the_published_settings_are_those_of_the_paper(name: str, encoder: str, encoder_rate: float) -> None:
    config = load_config(name)

    assert config.encoder.name == encoder
    assert config.preprocessing.max_length == 1024
    assert (config.classifier.representation_size, config.classifier.block_size) == (768, 64)
    assert config.objective.max_relations == 4
    assert config.optimizer.encoder_learning_rate == encoder_rate
    assert config.optimizer.new_layers_learning_rate == 1e-4
    assert (config.optimizer.epsilon, config.optimizer.weight_decay) == (1e-6, 0.0)
    assert (config.optimizer.warmup_fraction, config.optimizer.max_gradient_norm) == (0.06, 1.0)
    assert (config.trainer.epochs, config.trainer.batch_size, config.trainer.seed) == (30, 4, 66)


def test_a_file_named_by_its_path_comes_before_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample").write_text(SMALLEST, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert load_config("sample").data.train == Path("train.json")


def write(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_takes_over_what_it_does_not_set_key_by_key(tmp_path: Path) -> None:
    base = write(tmp_path / "base" / "first.toml", SMALLEST + "[trainer]\nepochs = 3\nbatch_size = 2\n")
    write(
        tmp_path / "base" / "second.toml", 'extends = "first.toml"\n[heads.own]\nweight = 0.5\n[trainer]\nepochs = 7\n'
    )
    own = write(tmp_path / "own" / "own.toml", 'extends = "../base/second.toml"\n[trainer]\nseed = 1\n')

    config = load_config(own, overrides=["trainer.batch_size=8"])

    assert config == load_config(
        base, overrides=["trainer.epochs=7", "trainer.seed=1", "trainer.batch_size=8", "heads.own.weight=0.5"]
    )


def test_a_file_may_extend_a_shipped_configuration(tmp_path: Path) -> None:
    own = write(tmp_path / "own.toml", 'extends = "docred_roberta_large"\ntrainer.epochs = 1\n')

    assert load_config(own) == load_config("docred_roberta_large", overrides=["trainer.epochs=1"])


def test_the_sample_corpus_is_found_by_a_file_that_extends_its_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write(tmp_path / "own.toml", 'extends = "sample"\ndata.train_documents = 9\ntrainer.epochs = 1\n')
    monkeypatch.chdir(tmp_path)

    config = load_config(own)

    assert config.data.train.is_file()
    assert config.data.train_documents == 9


def test_a_configuration_that_extends_itself_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path / "first.toml", 'extends = "second.toml"\n')
    second = write(tmp_path / "second.toml", 'extends = "first.toml"\n')

    assert message_of(first) == (
        f"{first}, which extends {second}, which extends {first}: a configuration cannot extend itself; "
        "remove one `extends`"
    )


def test_what_cannot_be_extended_is_refused(tmp_path: Path) -> None:
    own = write(tmp_path / "own.toml", 'extends = "docred_bert"\n')
    assert message_of(own).startswith(f"{own}: extends: docred_bert: no such TOML file; shipped ones are ")

    write(tmp_path / "own.toml", "extends = 3\n")
    assert message_of(own) == (
        f"{own}: extends: expected the name of a shipped configuration or a path relative to this file, found 3"
    )


def test_a_wrong_key_of_an_extended_file_names_that_file_too(tmp_path: Path) -> None:
    base = write(tmp_path / "base.toml", SMALLEST + "[trainer]\nlr = 1\n")
    own = write(tmp_path / "own.toml", 'extends = "base.toml"\n')

    assert message_of(own).startswith(f"{own}, which extends {base}: the configuration is not valid:\n  trainer.lr: ")


def test_the_whole_configuration_is_shown_as_toml_or_json(tmp_path: Path) -> None:
    expected = load_config("gda_scibert", overrides=["trainer.epochs=2"])

    output, _ = run("config", "show", "gda_scibert", "--set", "trainer.epochs=2")
    assert load_config(write(tmp_path / "shown.toml", output)) == expected

    output, _ = run("config", "show", "gda_scibert", "--set", "trainer.epochs=2", "--json")
    assert RunConfig.model_validate_json(output) == expected


def test_an_unknown_name_is_refused_with_the_shipped_ones() -> None:
    message = message_of("docred_bert")

    assert message.startswith("docred_bert: no such TOML file; shipped ones are biored_minilm, ")
    assert "docred_bert_base, " in message


def test_what_is_no_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[data\n", encoding="utf-8")

    assert message_of(str(path)).startswith(f"{path}: not valid TOML: ")
    assert "line 1" in message_of(str(path))


def test_a_name_that_no_file_can_have_is_no_file() -> None:
    assert ": no such TOML file; shipped ones are " in message_of("9" * 5000)


def test_what_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "\xe9"\n')

    assert message_of(str(path)) == f"{path}: byte 8 is not UTF-8; save the file as UTF-8"


def test_an_unknown_key_is_refused_with_the_nearest_known_one(smallest: str) -> None:
    message = message_of(smallest, "optimizer.encoder_learning_rat=3e-5")

    assert "optimizer.encoder_learning_rat: unknown key; did you mean encoder_learning_rate?" in message


def test_an_unknown_section_is_refused_with_the_nearest_known_one(smallest: str) -> None:
    assert "optimiser: unknown key; did you mean optimizer?" in message_of(smallest, "optimiser.epsilon=1e-6")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoding.markers=none", "encoding: was renamed to preprocessing in version 0.2"),
        ("data.layout=docred", "data.layout: was renamed to format in version 0.2"),
        ("trainer.max_skipped_updates=1", "max_skipped_updates: was renamed to max_skipped_steps in version 0.2"),
    ],
)
def test_a_key_of_version_0_1_is_refused_with_its_new_name(smallest: str, override: str, message: str) -> None:
    assert message in message_of(smallest, override)


def test_every_wrong_key_is_named_at_once(smallest: str) -> None:
    message = message_of(smallest, "trainer.epochs=0", "trainer.lr=1.0", "encoder.name=3")

    assert "trainer.epochs: " in message
    assert "trainer.lr: unknown key" in message
    assert "encoder.name: " in message


def test_a_missing_key_is_named_with_the_option_that_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text('[data]\ntrain = "train.json"\n', encoding="utf-8")

    message = message_of(str(path))

    assert "data.dev: missing; add it to the file or give --set data.dev=…" in message
    assert "encoder: missing" in message


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_refused(smallest: str, value: str) -> None:
    message = message_of(smallest, f"optimizer.epsilon={value}")

    assert f"optimizer.epsilon: Input should be a finite number; found {value}" in message


def test_nan_is_refused_in_the_file_as_well(tmp_path: Path) -> None:
    path = tmp_path / "nan.toml"
    path.write_text(SMALLEST + "[optimizer]\nweight_decay = nan\n", encoding="utf-8")

    assert "optimizer.weight_decay: Input should be a finite number; found nan" in message_of(str(path))


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("optimizer.encoder_learning_rate=3e-5", "optimizer", "encoder_learning_rate", 3e-5),
        ("encoder.gradient_checkpointing=true", "encoder", "gradient_checkpointing", True),
        ('encoder.name="roberta-large"', "encoder", "name", "roberta-large"),
        ("encoder.name=roberta-large", "encoder", "name", "roberta-large"),
        ("data.relations=meta/a=b.json", "data", "relations", Path("meta/a=b.json")),
        ("trainer.evaluation_interval=50", "trainer", "evaluation_interval", 50),
    ],
)
def test_an_override_is_toml_or_plain_text(smallest: str, override: str, section: str, key: str, value: object) -> None:
    assert getattr(getattr(load_config(smallest, overrides=[override]), section), key) == value


def test_of_two_overrides_the_last_counts(smallest: str) -> None:
    assert load_config(smallest, overrides=["trainer.seed=1", "trainer.seed=2"]).trainer.seed == 2


@pytest.mark.parametrize("override", ["trainer.seed", "=3", "trainer.=3", ".seed=3"])
def test_an_override_without_key_or_value_is_refused_with_an_example(smallest: str, override: str) -> None:
    message = message_of(smallest, override)

    assert message == f"--set {override}: expected section.key=value, for example optimizer.epsilon=1e-6"


def test_an_override_below_a_value_is_refused(smallest: str) -> None:
    assert message_of(smallest, "encoder.name.size=3") == "--set encoder.name.size=3: name is a value, not a section"


def test_what_is_written_into_a_run_loads_as_the_same_configuration(smallest: str, tmp_path: Path) -> None:
    config = load_config(smallest, overrides=["trainer.seed=7", "optimizer.epsilon=1e-8"])
    path = tmp_path / "config.toml"
    path.write_text(dump_config(config), encoding="utf-8")

    assert load_config(str(path)) == config


def test_a_configuration_cannot_be_changed(smallest: str) -> None:
    config = load_config(smallest)

    with pytest.raises(ValueError, match="frozen"):
        config.trainer.epochs = 3  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    fields = {name: field for name, field in RunConfig.model_fields.items() if name != "heads"}
    assert RunConfig.model_fields["heads"].description

    for section in [field.annotation for field in fields.values()]:
        for name, field in section.model_fields.items():  # type: ignore[union-attr]
            assert field.description, f"{section}.{name}"


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.stem)
def test_no_shipped_configuration_names_a_precision(path: Path) -> None:
    assert "precision =" not in path.read_text(encoding="utf-8")
