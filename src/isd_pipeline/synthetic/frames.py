# ruff: noqa: E501
"""The sentences in which codes are named, and the sections where such sentences stand.

A frame is what stands before the phrase and what stands after it. Of each system, the sections
are given with their chances summed up, so that one draw between 0 and 1 finds a section.
"""

Frames = tuple[tuple[str, str], ...]
Places = tuple[tuple[float, str, Frames], ...]

# An assigned code, affirmed.
NAMED: dict[str, Places] = {
    "diagnosis": (
        (0.26, "story", (
            ("The patient presented with ", "."), ("Was found to have ", " on evaluation."),
            ("This is a patient with known ", "."), ("Recently treated for ", " elsewhere."),
            ("History is notable for ", "."), ("Transferred here because of ", "."),
        )),
        (0.56, "past", (("- ", ""), ("", ""), ("# ", ""), ("* ", ", followed as outpatient"), ("", ", stable"))),
        (0.92, "course", (
            ("# ", ":"), ("# ", ": as above."), ("The stay was notable for ", "."),
            ("", " was managed by the team."), ("Treatment of ", " was continued."),
            ("This was attributed to ", "."), ("The course was complicated by ", "."),
        )),
        (1.0, "final", (("", ""), ("", ""), ("s/p treatment of ", ""))),
    ),
    "procedure": (
        (0.35, "operations", (("", ""), ("", " on [**2150-3-2**]"), ("s/p ", ""))),
        (0.50, "story", (("Had ", " before transfer."), ("Now s/p ", "."), ("Admitted for ", "."))),
        (1.0, "course", (
            ("Underwent ", "."), ("", " was done at the bedside."), ("Taken for ", " the next day."),
            ("Required ", "."), ("", " went well."), ("The team decided on ", "."),
        )),
    ),
}  # fmt: skip

# Where a list has named the code already.
COURSE = {
    system: ((1.0, "course", places[-1 - (system == "diagnosis")][2]),)
    for system, places in NAMED.items()
}

# A treatment, a result or a complication is told as it happened.
SIGNS = (
    "course",
    (("", "."), ("Also ", "."), ("Overnight: ", "."), ("Of note, ", "."), ("", ", per team.")),
)

# A code that is not assigned.
DENIED: dict[str, Places] = {
    "diagnosis": (
        (0.28, "story", (
            ("Denies ", "."), ("No history of ", "."), ("Has not had ", "."), ("Negative for ", "."),
            ("Denies any recent fevers, chills or ", "."), ("No known ", "."),
        )),
        (0.52, "family", (
            ("Mother with ", ""), ("Father died of ", ""), ("Brother: ", ""), ("Sister has ", ""),
            ("No family history of ", ""), ("Several aunts with ", ""), ("Grandmother had ", " late in life"),
        )),
        (0.70, "results", (
            ("No evidence of ", "."), ("No radiographic signs of ", "."), ("", " is not seen."),
            ("Findings are not suggestive of ", "."), ("IMPRESSION: no ", "."),
        )),
        (0.92, "course", (
            ("There was initial concern for ", ", which was ruled out."), ("Without ", " at any point."),
            ("", " was thought unlikely."), ("Work-up for ", " was negative."),
            ("Monitored closely for ", ", which did not develop."), ("No signs of ", "."),
        )),
        (1.0, "instructions", (("Return at once if you have signs of ", "."), ("Ask about your risk of ", "."))),
    ),
    "procedure": (
        (0.7, "course", (
            ("", " was considered and deferred."), ("The family declined ", "."), ("No need for ", "."),
            ("Did not require ", "."), ("", " was cancelled."),
        )),
        (1.0, "instructions", (("You may need ", " one day."), ("We decided against ", " for now."))),
    ),
}  # fmt: skip
