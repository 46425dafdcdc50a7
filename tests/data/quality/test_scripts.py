"""Scripts that part no words are told, before somebody trains on a vocabulary of clauses."""

import pytest

from isd_pipeline.data.quality.scripts import MOSTLY, share_without_blanks


@pytest.mark.parametrize(
    "text", ["患者发热三天，伴咳嗽。CT 示肺炎", "発熱と咳があります", "ผู้ป่วยมีไข้และไอ", "ជំងឺគ្រុនក្តៅ"]
)
def test_a_script_without_blanks_is_told(text: str) -> None:
    assert share_without_blanks([text]) > MOSTLY


@pytest.mark.parametrize(
    "text",
    [
        "Fiebre y tos",
        "Fever (発熱) since three days",
        "발열과 기침",
        "высокая температура",
        "12",
        "",
    ],
)
def test_others_are_not(text: str) -> None:
    assert share_without_blanks([text]) <= MOSTLY


def test_the_share_is_of_all_letters_by_hand() -> None:
    assert share_without_blanks(["fever", "発熱", "12 _"]) == 2 / 7
