import pytest

from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers


def test_a_value_is_shown_as_json_has_it() -> None:
    assert [abbreviated(value) for value in (True, None, "é", [1, 2.0])] == ["true", "null", '"é"', "[1, 2.0]"]


def test_a_long_value_is_shown_cut() -> None:
    assert abbreviated("a" * 100) == '"' + "a" * 58 + "…"


def test_a_value_of_the_expected_kind_is_returned() -> None:
    assert expect(3, int, where="here") == 3
    assert expect(False, bool, where="here") is False
    assert field({"a": "b"}, "a", str, where="here") == "b"
    assert integers([1, 2], where="here") == (1, 2)


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_only_whole_numbers_are_whole_numbers(value: object) -> None:
    with pytest.raises(AtlopError, match=r"^here: expected a whole number, found "):
        expect(value, int, where="here")


def test_a_number_is_not_true_or_false() -> None:
    with pytest.raises(AtlopError, match=r"^here: expected true or false, found 1$"):
        expect(1, bool, where="here")


def test_a_missing_key_is_named_with_the_keys_that_are_there() -> None:
    with pytest.raises(AtlopError, match=r'^here: key "a" is missing; found "b", "c"$'):
        field({"b": 1, "c": 2}, "a", int, where="here")
    with pytest.raises(AtlopError, match=r'^here: key "a" is missing; found no key$'):
        field({}, "a", int, where="here")


def test_only_some_keys_of_an_object_without_the_expected_one_are_listed() -> None:
    with pytest.raises(AtlopError, match=r'dev\.json: key "title" is missing; found "0", .*, … and \d+ more$'):
        field(dict.fromkeys(map(str, range(1000))), "title", str, where="dev.json")
