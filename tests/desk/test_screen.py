"""The screen in a browser: every action by key and by mouse, marks exactly in their places."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isd_pipeline.coding.coder import Note
from isd_pipeline.desk.decisions import DecisionLog
from tests.desk.served import CODES, SAYS, THRESHOLD, Canned, places

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
Serve = Callable[..., str]

TEXT = (
    "CHIEF COMPLAINT\r\n"
    "A febrile 👩‍⚕️ 🤒 man with fever, cafe\u0301 and a productive cough; 𝛃 fever.\n\n"
    "PLAN: <b>no</b> chest pain. <script>document.title = 'taken'</script> "
    "e\u0301pneumonia🫁 again."
)
NOTE = Note("n <script>document.title = 'taken'</script>", TEXT)
HIGHLIGHTS = """() => Object.fromEntries([...CSS.highlights].map(([name, of]) => [
    name, [...of].map((range) => [range.startOffset, range.endOffset, range.toString()]),
]))"""
ABOVE = ("780.60", "786.2", "486")


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(tmp_path / "log.sqlite")


def opened(open_page: Open, address: str, who: str = "A. B.", **settings: Any) -> Any:
    """The first note's page, its coder named."""
    page = open_page(address, **settings)
    page.fill("#who", who)
    page.locator("tbody a").first.click()
    ready(page)
    return page


def ready(page: Any) -> None:
    page.wait_for_selector("#review[data-ready]")


def keys(page: Any, *pressed: str) -> None:
    for key in pressed:
        page.keyboard.press(key)


def settled(page: Any, n: int) -> None:
    """Wait until the page shows the record's first n entries."""
    page.wait_for_function(
        "n => document.getElementById('review').dataset.last === String(n)", arg=n
    )


def told(log: DecisionLog) -> list[tuple[str, str | None]]:
    return [(entry.decision, entry.code) for entry in log.entries()]


def test_every_decision_by_keys_alone(serve: Serve, open_page: Open, log: DecisionLog) -> None:
    page = opened(open_page, serve(NOTE))
    keys(page, "a")
    settled(page, 1)
    keys(page, "j", "r")
    settled(page, 2)
    keys(page, "j", "u")
    settled(page, 3)
    keys(page, "k", "a")
    settled(page, 4)
    keys(page, "z")
    settled(page, 5)
    keys(page, "/", *"parent")
    page.wait_for_selector("#add-list [role=option]")
    keys(page, "Enter")
    settled(page, 6)
    assert told(log) == [
        ("accepted", "780.60"),
        ("rejected", "786.2"),
        ("unsure", "486"),
        ("accepted", "786.2"),
        ("undone", "786.2"),
        ("added", "99.15"),
    ]
    assert page.locator(".row.selected").get_attribute("data-code") == "99.15"
    page.locator("#sign").focus()
    keys(page, "Enter")
    settled(page, 7)
    assert page.locator("#open").inner_text().startswith("Signed off by A. B.")
    keys(page, "a", "z", "m")  # nothing is decided about a note that is signed off
    page.locator("#reopen").focus()
    keys(page, "Space")
    settled(page, 8)
    assert told(log)[6:] == [("signed_off", None), ("reopened", None)]


def test_every_decision_by_mouse_alone(serve: Serve, open_page: Open, log: DecisionLog) -> None:
    page = opened(open_page, serve(NOTE))

    def act(code: str, name: str, n: int) -> None:
        page.locator(f'.row[data-code="{code}"]').get_by_role("button", name=name).click()
        settled(page, n)

    assert page.locator("#sign").inner_text() == "Sign off: 3 open"
    act("780.60", "Accept", 1)
    act("786.2", "Reject", 2)
    page.locator("#sign").click()  # one is open: it is shown instead
    assert page.locator(".row.selected").get_attribute("data-code") == "486"
    act("486", "Unsure", 3)
    act("486", "Undo", 4)
    act("486", "Accept", 5)
    page.get_by_text("Below the threshold of 0.50: 2 codes").click()
    act("786.50", "Accept", 6)
    page.get_by_text("Browse chapters").click()
    page.get_by_text("87-99 miscellaneous").click()
    page.locator("#browse details details summary").click()
    page.get_by_role("button", name="=Parenteral nutrition").click()
    settled(page, 7)
    page.fill("#add", "hypert")
    page.locator("#add-list [role=option]").click()
    settled(page, 8)
    page.locator("#sign").click()
    settled(page, 9)
    assert (
        page.locator("#counts").inner_text() == "0 open, 3 accepted, 1 rejected, 0 unsure, 2 added"
    )
    page.locator("#reopen").click()
    settled(page, 10)
    assert told(log) == [
        ("accepted", "780.60"),
        ("rejected", "786.2"),
        ("unsure", "486"),
        ("undone", "486"),
        ("accepted", "486"),
        ("accepted", "786.50"),
        ("added", "99.15"),
        ("added", "401.9"),
        ("signed_off", None),
        ("reopened", None),
    ]
    page.get_by_role("link", name="All notes").click()
    assert page.locator(".phase").inner_text() == "begun"


def test_the_focus_is_never_lost(serve: Serve, open_page: Open) -> None:
    page = opened(open_page, serve(NOTE))

    def press(button: str, n: int) -> str:
        page.locator(button).focus()
        keys(page, "Enter")
        settled(page, n)
        held = "document.activeElement.id || document.activeElement.closest('.row').dataset.code"
        return str(page.evaluate(held))

    keys(page, "a")
    settled(page, 1)
    assert press('.row[data-code="780.60"] .undo', 2) == "780.60"
    keys(page, "/", *"parent")
    page.wait_for_selector("#add-list [role=option]")
    keys(page, "Enter")
    settled(page, 3)
    assert press('.row[data-code="99.15"] .undo', 4) == "780.60"  # its row is gone
    keys(page, "a", "j", "a", "j", "a")
    settled(page, 7)
    assert press("#sign", 8) == "reopen"
    assert press("#reopen", 9) == "sign"


def test_evidence_is_highlighted_exactly_where_it_stands(serve: Serve, open_page: Open) -> None:
    page = opened(open_page, serve(NOTE))
    for code, (_, words) in SAYS.items():
        if code in ABOVE:
            page.locator(f'.row[data-code="{code}"] .pick').click()
            shown = page.evaluate(HIGHLIGHTS)
            found = [hit for n in (1, 2, 3, 4) for hit in shown[f"evidence-{n}"]]
            expected = [
                (units(span.begin), units(span.end), TEXT[span.begin : span.end])
                for span in places(TEXT, words)
            ]
            assert sorted(map(tuple, found)) == sorted(expected)
    assert page.evaluate("document.querySelector('.text').childNodes.length") == 1
    assert page.evaluate("document.querySelector('.text').textContent") == TEXT


def units(points: int) -> int:
    return len(TEXT[:points].encode("utf-16-le")) // 2


def test_heavier_evidence_is_stronger_and_that_of_other_codes_underlined(
    serve: Serve, open_page: Open
) -> None:
    page = opened(open_page, serve(NOTE))
    shown = {name: [hit[2] for hit in hits] for name, hits in page.evaluate(HIGHLIGHTS).items()}
    assert shown["evidence-4"] == ["fever", "fever"]
    assert shown["evidence-2"] == ["febrile"]
    assert sorted(shown["other"]) == ["cough", "pneumonia", "productive cough"]  # they overlap
    assert "chest pain" not in str(shown)  # of a code below the threshold


def test_a_sign_of_context_is_marked_and_said(serve: Serve, open_page: Open) -> None:
    page = opened(open_page, serve(Note("denied", "fever. No chest pain 🫁")))
    page.get_by_text("Below the threshold").click()
    page.locator('.row[data-code="786.50"] .pick').click()
    assert page.evaluate(HIGHLIGHTS)["cue"] == [[7, 9, "No"]]
    row = page.locator('.row[data-code="786.50"]')
    assert row.locator(".quote").inner_text() == "fever. No chest pain 🫁 denied: No plan"
    assert "all its evidence is denied" in row.inner_text()


def test_e_goes_from_one_stretch_to_the_next(serve: Serve, open_page: Open) -> None:
    long = Note("long", "fever\n" + "word " * 4000 + "febrile")
    page = opened(open_page, serve(long))
    keys(page, "e")
    assert page.evaluate(HIGHLIGHTS)["now"][0][2] == "fever"
    assert page.evaluate("document.querySelector('.text').scrollTop") == 0
    keys(page, "e")
    assert page.evaluate(HIGHLIGHTS)["now"][0][2] == "febrile"
    assert page.evaluate("document.querySelector('.text').scrollTop") > 1000
    keys(page, "e")
    assert page.evaluate(HIGHLIGHTS)["now"][0][2] == "fever"


AT_ONCE = """(keys) => [...keys].forEach((key) => document.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true })))"""
SELECT = """([begin, end]) => {
    const node = document.querySelector('.text').firstChild;
    getSelection().setBaseAndExtent(node, begin, node, end);
}"""


def test_what_is_selected_is_recorded_in_code_points(
    serve: Serve, open_page: Open, log: DecisionLog
) -> None:
    page = opened(open_page, serve(NOTE))
    begin = TEXT.index(" again") - 10  # "pneumonia🫁"
    page.evaluate(SELECT, [units(begin), units(begin + 11)])  # and the blank behind it
    keys(page, "m")
    assert "1 marked by you" in page.locator(".row.selected .marks").inner_text()
    assert page.evaluate(HIGHLIGHTS)["own"][0][2] == "pneumonia🫁"
    keys(page, "a")
    settled(page, 1)
    [entry] = log.entries()
    assert ([*map(tuple, entry.evidence)], entry.marked) == ([(begin, begin + 10, None)], True)
    page.evaluate(SELECT, [units(18), units(25)])  # a second stretch for what is accepted already
    page.get_by_role("button", name="Mark as evidence").click()
    settled(page, 2)
    assert [TEXT[place.begin : place.end] for place in log.entries()[1].evidence] == [
        TEXT[18:25].strip(),
        "pneumonia🫁",
    ]
    page.reload()
    ready(page)
    assert [hit[2] for hit in page.evaluate(HIGHLIGHTS)["own"]] == ["febril", "pneumonia🫁"]


def test_a_selection_that_cuts_an_emoji_takes_the_whole_of_it(
    serve: Serve, open_page: Open, log: DecisionLog
) -> None:
    page = opened(open_page, serve(NOTE))
    place = TEXT.index("🫁")
    page.evaluate(SELECT, [units(place) + 1, units(place) + 2])
    keys(page, "m", "a")
    settled(page, 1)
    assert [*map(tuple, log.entries()[0].evidence)] == [(place, place + 1, None)]


def test_what_is_found_is_marked_without_a_mouse(
    serve: Serve, open_page: Open, log: DecisionLog
) -> None:
    page = opened(open_page, serve(NOTE))
    keys(page, "f", *"FEVER")
    assert page.locator("#find-count").inner_text() == "1 of 2"
    keys(page, "Enter")
    assert page.locator("#find-count").inner_text() == "2 of 2"
    assert [hit[2] for hit in page.evaluate(HIGHLIGHTS)["found"]] == ["fever", "fever"]
    keys(page, "Tab", "Tab", "Tab", "Enter")  # to "Mark as evidence"
    page.locator(".row.selected .pick").focus()
    keys(page, "a")
    settled(page, 1)
    place = TEXT.rindex("fever")
    assert [*map(tuple, log.entries()[0].evidence)] == [(place, place + 5, None)]
    keys(page, "f", "Escape")
    assert page.evaluate(HIGHLIGHTS)["found"] == []


def test_a_title_that_is_another_codes_says_so_wherever_a_coder_reads_it(
    serve: Serve, open_page: Open
) -> None:
    lending = Canned()
    codes = replace(CODES, title_of={"780.60": "780.6", "99.15": "99.1"})
    lending.bundle = replace(lending.bundle, codes=codes)
    page = opened(open_page, serve(NOTE, coders={"tiny": lending}))
    row = page.locator('.row[data-code="780.60"] .pick')
    assert row.inner_text() == "780.60 Fever, unspecified (title of 780.6)"
    keys(page, "/", *"parent")
    found = page.locator("#add-list [role=option]")
    assert found.inner_text().endswith("=Parenteral nutrition (title of 99.1)")
    keys(page, "Enter")
    settled(page, 1)
    added = page.locator('#added .row[data-code="99.15"] .title')
    assert added.inner_text() == "=Parenteral nutrition (title of 99.1)"
    assert "title of" not in page.locator('.row[data-code="486"] .pick').inner_text()


def test_a_decision_needs_a_name(serve: Serve, open_page: Open, log: DecisionLog) -> None:
    page = opened(open_page, serve(NOTE), who="")
    keys(page, "a")
    assert page.locator("#message").inner_text().startswith("Say who you are")
    assert page.evaluate("document.activeElement.id") == "who"
    keys(page, *"aru")  # typed, not decided
    assert log.entries() == []
    assert page.input_value("#who") == "aru"


def test_keys_pressed_at_once_are_all_recorded_in_their_order(
    serve: Serve, open_page: Open, log: DecisionLog
) -> None:
    page = opened(open_page, serve(NOTE))
    page.evaluate(SELECT, [units(18), units(25)])
    page.evaluate(AT_ONCE, "aumjrzju")
    settled(page, 6)
    assert told(log) == [
        ("accepted", "780.60"),
        ("unsure", "780.60"),
        ("unsure", "780.60"),
        ("rejected", "786.2"),
        ("undone", "786.2"),
        ("unsure", "486"),
    ]
    assert [entry.marked for entry in log.entries()] == [False, False, True, False, False, False]


def test_a_reload_in_the_middle_loses_nothing(
    serve: Serve, open_page: Open, log: DecisionLog
) -> None:
    page = opened(open_page, serve(NOTE))
    keys(page, "a", "/", *"parent")
    page.wait_for_selector("#add-list [role=option]")
    keys(page, "Enter")
    settled(page, 2)
    page.reload()
    ready(page)
    assert page.locator('.row[data-code="780.60"]').get_attribute("data-decision") == "accepted"
    assert page.locator('#added .row[data-code="99.15"]').count() == 1
    assert page.input_value("#who") == "A. B."
    keys(page, "j", "r")
    settled(page, 3)
    assert log.verify() is None


def test_a_second_tab_sees_what_the_first_decides(serve: Serve, open_page: Open) -> None:
    first = opened(open_page, serve(NOTE))
    second = first.context.new_page()
    second.goto(first.url)
    ready(second)
    keys(first, "r")
    second.wait_for_selector('.row[data-code="780.60"][data-decision="rejected"]')


def test_another_coder_is_told_of_a_decision_meanwhile_and_records_none(
    serve: Serve, open_page: Open, log: DecisionLog
) -> None:
    address = serve(NOTE)
    first, second = opened(open_page, address), opened(open_page, address, who="C. D.")
    keys(first, "a")
    settled(first, 1)
    second.evaluate(AT_ONCE, "ruz")  # what was pressed behind it is not recorded either
    second.wait_for_selector("#message:not([hidden])")
    assert "in the meantime" in second.locator("#message").inner_text()
    row = second.locator('.row[data-code="780.60"]')
    assert row.get_attribute("data-decision") == "accepted"
    assert "accepted by A. B." in row.inner_text()
    keys(second, "r")  # having seen it
    settled(second, 2)
    assert [(entry.who, entry.decision) for entry in log.entries()] == [
        ("A. B.", "accepted"),
        ("C. D.", "rejected"),
    ]


def test_nothing_of_a_note_a_title_a_name_or_a_search_runs(serve: Serve, open_page: Open) -> None:
    page = opened(open_page, serve(NOTE))
    page.fill("#add", "<script>document.title = 'taken'</script>")
    page.wait_for_selector("#add-list .none")
    page.fill("#add", "diab")
    page.wait_for_selector("#add-list .code")
    page.fill("#find-words", "<script>document")
    assert page.locator("#find-count").inner_text() == "1 of 1"
    keys(page, "Enter")
    page.locator(".row .pick").first.click()
    assert page.title() == "Review a note"
    assert (
        page.evaluate("document.querySelectorAll('.text *, #review script, #review img').length")
        == 0
    )


def test_no_word_of_a_note_stays_in_the_browser(serve: Serve, open_page: Open) -> None:
    page = open_page(serve())
    page.fill("#who", "A. B.")
    page.fill("#paste-id", "ZZNAME")
    page.fill("#paste-text", "fever ZZCANARY")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Open it").click()
    ready(page)
    page.fill("#add", "ZZCANARY")
    page.wait_for_selector("#add-list .none")
    assert page.locator(".text").inner_text() == "fever ZZCANARY"
    stored = page.evaluate(
        "JSON.stringify([localStorage, sessionStorage, document.cookie, history.state])"
    )
    assert stored == '[{"isd-coder":"A. B."},{},"",null]'
    assert "ZZ" not in " ".join([*asked, page.url, page.title()])


def test_single_keys_can_be_switched_off(serve: Serve, open_page: Open, log: DecisionLog) -> None:
    page = opened(open_page, serve(NOTE))
    page.get_by_text("Keys", exact=True).click()
    page.uncheck("#keys")
    keys(page, "a", "r", "u")
    page.reload()
    ready(page)
    keys(page, "a")
    page.wait_for_timeout(200)
    assert log.entries() == []


def test_what_was_not_read_is_grey_and_said(serve: Serve, open_page: Open) -> None:
    page = opened(open_page, serve(NOTE, coders={"tiny": Canned(unread="PLAN")}))
    [[begin, end, text]] = page.evaluate(HIGHLIGHTS)["unread"]
    assert (begin, text) == (units(TEXT.index("PLAN")), TEXT[TEXT.index("PLAN") :])
    assert end == units(len(TEXT))
    assert f"all after character {TEXT.index('PLAN')}" in page.locator(".alert").nth(1).inner_text()


def test_the_outline_leads_to_a_section(serve: Serve, open_page: Open) -> None:
    page = opened(open_page, serve(Note("long", "START\n" + "word\n" * 900 + "PLAN: rest")))
    page.get_by_text("Outline").click()
    page.get_by_role("button", name="PLAN").click()
    assert page.evaluate("document.querySelector('.text').scrollTop") > 1000


def test_a_browser_without_highlights_gets_marks_in_the_same_places(
    serve: Serve, open_page: Open, log: DecisionLog
) -> None:
    page = open_page(serve(NOTE))
    page.add_init_script("Object.defineProperty(CSS, 'highlights', {value: undefined})")
    page.fill("#who", "A. B.")
    page.locator("tbody a").click()
    ready(page)
    marks = page.locator("mark.evidence-4")
    assert marks.all_inner_texts() == ["fever", "fever"]
    assert page.locator("mark.other").all_inner_texts() == ["productive ", "cough", "pneumonia"]
    assert page.evaluate("document.querySelector('.text').textContent") == TEXT
    marks.nth(1).select_text()
    keys(page, "m", "a")
    settled(page, 1)
    place = TEXT.rindex("fever")
    assert [*map(tuple, log.entries()[0].evidence)] == [(place, place + 5, None)]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    scheme: str, width: int, serve: Serve, open_page: Open
) -> None:
    settings = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    address = serve(NOTE, Note("empty", " "), coders={"tiny": Canned(unread="PLAN")})
    refuse_faults(open_page(address, **settings))
    refuse_faults(open_page(f"{address}/notes/0000", **settings))
    page = opened(open_page, address, **settings)
    refuse_faults(page)
    keys(page, "a", "j", "r")
    settled(page, 2)
    for name in ("Below the threshold", "Keys", "Outline", "Browse chapters"):
        page.locator("summary", has_text=name).click()
    page.locator("#browse summary").nth(1).click()
    page.fill("#find-words", "fever")
    page.fill("#add", "un")
    page.wait_for_selector("#add-list [role=option]")
    refuse_faults(page)


def refuse_faults(page: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    options = {"runOnly": {"type": "tag", "values": tags}}
    found = Axe().run(page, options=options).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []


def test_on_a_phone_the_note_stays_beside_the_code_that_is_looked_at(
    serve: Serve, open_page: Open
) -> None:
    long = Note("long", "cough\n" + "word " * 2000 + "pneumonia")
    page = opened(open_page, serve(long), viewport={"width": 390, "height": 800})
    page.locator('.row[data-code="486"] .pick').click()
    row, text = page.locator('.row[data-code="486"]'), page.locator(".text")
    seen = page.evaluate(
        """() => { const [range] = CSS.highlights.get("now");
            return [range.toString(), range.getBoundingClientRect().top]; }"""
    )
    below = text.bounding_box()["y"] + text.bounding_box()["height"]
    assert seen[0] == "pneumonia"
    assert 0 <= seen[1] < below < row.bounding_box()["y"] < 800


PAIRS = """() => [...document.styleSheets[0].cssRules].flatMap((rule) => {
    const rules = rule.media ? (matchMedia(rule.media.mediaText).matches ? [...rule.cssRules] : [])
        : [rule];
    return rules.filter((one) => one.selectorText?.startsWith("::highlight"))
        .map((one) => [one.selectorText, one.style.color, one.style.backgroundColor]);
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_highlighted_can_be_read(scheme: str, serve: Serve, open_page: Open) -> None:
    """axe does not see highlights, so their contrast is computed here (WCAG 2.2, 1.4.3)."""
    page = opened(open_page, serve(NOTE), color_scheme=scheme)
    ink = page.evaluate("getComputedStyle(document.body).color")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    pairs = {name: (ink, back) for name, ink, back in page.evaluate(PAIRS) if ink or back}
    assert len(pairs) == 7  # four strengths, own, found, unread; the last rule of each counts
    for name, (color, back) in pairs.items():
        assert contrast(color or ink, back or ground) >= 4.5, name


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_threshold_and_scores_are_drawn_where_they_belong(serve: Serve, open_page: Open) -> None:
    page = opened(open_page, serve(NOTE))
    row = page.locator('.row[data-code="780.60"]')
    assert float(row.locator(".fill").get_attribute("width")) == 90
    assert float(row.locator(".threshold").get_attribute("x")) == 100 * THRESHOLD
    assert "rare: seen 7 times" in page.locator('.row[data-code="486"]').inner_text()
    assert row.locator(".seen").inner_text() == "seen 30 times in training"
