"""Which texts nearly repeat another."""

from isd_pipeline.data.quality.near_duplicates import near_duplicates


def test_near_duplicates_are_found_by_shared_runs_of_words():
    text = "one two three four five six seven eight nine ten"
    half = "one two three four five six x y z a b c"
    others = {"same": text.upper(), "half": half, "none": "alpha beta"}
    assert near_duplicates({"a": text, "b": "gamma delta"}, others, 0.6) == {"a": "same"}
    assert near_duplicates({"a": text}, {"half": others["half"]}, 0.6) == {}
    assert near_duplicates({"a": text}, {"half": others["half"]}, 0.3) == {"a": "half"}
