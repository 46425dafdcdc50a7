"""From a title to what a hurried clinician writes: rules over words, the same for every code.

A paraphrase always keeps words of the title or their usual synonyms, so that a code never seen
in training can still be told by who knows its title.
"""

import re
from collections.abc import Callable
from functools import cache
from random import Random

from isd_pipeline.synthetic.codes import Code
from isd_pipeline.synthetic.phrases import clues, spoken

# Said in a title for the sake of the classification, and never in a note.
_FORMAL = re.compile(
    r"\[[^\]]*\]|\([^)]*\)|, (type II or unspecified type|not stated as [a-z]+|so stated)\b"
    r"|,? ?\b(without mention of|not specified as|unspecified as to) [^,;]+"
    r"|,? ?\b(not (elsewhere classified|otherwise specified|stated as [a-z]+)|elsewhere classified"
    r"|in (conditions|diseases) classified elsewhere|and of unspecified site|of unspecified site"
    r"|unspecified|episode of care|other and|other specified|other)\b,?",
    re.IGNORECASE,
)


def _pairs(block: str) -> dict[str, str]:
    """Lines of `long: short | long: short`."""
    return dict(pair.strip().split(": ") for pair in re.split(r"[|\n]", block.strip()))


_ABBREVIATIONS = _pairs(
    """
    acute myocardial infarction: AMI | myocardial infarction: MI | hypertension: HTN
    diabetes mellitus: DM | diabetes with: DM w/ | congestive heart failure: CHF | heart failure: HF
    chronic kidney disease: CKD | acute kidney failure: AKI | urinary tract infection: UTI
    urinary tract: GU tract | respiratory failure: resp failure | deep vein thrombosis: DVT
    pulmonary embolism: PE | malignant neoplasm of: CA of | secondary malignant neoplasm of: mets to
    benign neoplasm of: benign tumor of | carcinoma in situ: CIS | personal history of: h/o
    family history of: FHx of | history of: h/o | open reduction: ORIF | internal fixation: IF
    fracture of: fx of | fracture: fx | status: s/p | percutaneous: perc
    injection or infusion: infusion | lower extremity: LE | upper extremity: UE
    computerized axial tomography: CT | tomography: CT | bilateral: b/l | without: w/o | with: w/
    due to: d/t | secondary to: 2/2 | abdominal: abd | gastrointestinal: GI
    coronary artery: coronary | ventricular: vent | hemorrhage: bleed | left: L | right: R
    vertebra: vert | loss of consciousness: LOC | motor vehicle: MVC | chronic: chr | acute: ac
    """
)
_SYNONYMS = _pairs(
    """
    kidney: renal | renal: kidney | cardiac: heart | heart: cardiac | liver: hepatic
    hepatic: liver | lung: pulmonary | pulmonary: lung | brain: cerebral | cerebral: brain
    stomach: gastric | gastric: stomach | bladder: vesical | hemorrhage: bleeding | neoplasm: tumor
    malignant: cancerous | laceration: cut | contusion: bruise | excision: resection
    repair: reconstruction | incision: opening | insufficiency: failure | obstruction: blockage
    calculus: stone | edema: swelling | pain: ache | fever: febrile illness | disorder: disease
    disorders: problems | bacterial: bact | viral: virus | infection: infxn | inflammation: inflamed
    complication: problem | complications: problems | accident: crash | fall: mechanical fall
    femur: thigh bone | skull: cranial | vein: venous | artery: arterial | poisoning: overdose
    replacement: exchange | removal: extraction | insertion: placement | transplant: txp
    disease: dz | syndrome: syndr | chest: thoracic | skin: cutaneous | ulcer: ulceration
    stenosis: narrowing | thrombosis: clot | embolism: embolus | biopsy: bx | operation: surgery
    diagnostic: dx | dependence: addiction | abuse: misuse | burn: thermal injury
    dislocation: subluxation | injury: trauma | congenital: inborn | anomaly: malformation
    anomalies: malformations | tear: rupture
    """
)
_EMPTY = frozenset(
    "of the a an and or by to in on for other unspecified specified type site as not".split()  # noqa: SIM905
)
_ABBREVIATION = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, _ABBREVIATIONS), key=len, reverse=True)) + r")\b"
)
MOST_WORDS = 7


@cache  # 18,458 codes at most
def paraphrases(code: Code) -> tuple[str, ...]:
    """What notes say for the code, the usual thing first; at least one, all different."""
    dice = Random(f"paraphrases of {code.key}")
    core = _core(code.long_title)
    turned = _turned(core)
    found = [
        *spoken().get(code.key, ()),
        _abbreviated(turned),
        _with_synonyms(core, dice.random),
        _without_a_word(_with_synonyms(turned, dice.random), dice),
        _without_a_word(_abbreviated(core), dice),
        # The short title is itself a paraphrase: `Ac on chr syst hrt fail`.
        re.sub(r" ?\b(NEC|NOS|unspec|oth)\b\.?", "", code.short_title).strip(" ,-").lower(),
    ]
    # The title as it stands is what clinicians write least; it stays where nothing else does.
    different = [phrase for phrase in found if phrase and phrase not in (core, turned)]
    return tuple(dict.fromkeys(different or [turned]))


@cache  # likewise
def signs(code: Code) -> tuple[str, ...]:
    """What betrays the code without naming it; empty where nothing does."""
    return clues(code.key)


def _core(title: str) -> str:
    """The title without its formal parts, lower-cased, at most MOST_WORDS words of content."""
    plain = re.sub(r"\s+", " ", _FORMAL.sub(" ", title)).strip(" ,;:")
    words = (plain or title).lower().replace(";", ",").split()
    kept: list[str] = []
    for word in words:
        kept.append(word)
        if sum(w not in _EMPTY for w in kept) == MOST_WORDS:
            break
    while kept[1:] and (kept[-1].strip(",") in _EMPTY or kept[-1] in ("with", "without")):
        kept.pop()
    return " ".join(kept).strip(" ,")


def _turned(core: str) -> str:
    """`fracture of femur, closed` -> `closed femur fracture`."""
    head, _, tail = core.partition(", ")
    if tail and "," not in tail and len(tail.split()) <= 2:
        core = f"{tail} {head}"
    found = re.fullmatch(r"((?:[a-z-]+ ){0,2}[a-z-]+) of (?:the )?((?:[a-z-]+ ?){1,2})", core)
    return f"{found[2]} {found[1]}".strip() if found else core


def _abbreviated(phrase: str) -> str:
    return _ABBREVIATION.sub(lambda found: _ABBREVIATIONS[found[1]], phrase)


def _with_synonyms(phrase: str, random: Callable[[], float]) -> str:
    return " ".join(
        _SYNONYMS[word] if word in _SYNONYMS and random() < 0.6 else word for word in phrase.split()
    )


def _without_a_word(phrase: str, dice: Random) -> str:
    """One word of content dropped, if three are left."""
    words = phrase.split()
    content = [n for n, word in enumerate(words) if word not in _EMPTY]
    if len(content) >= 3:
        words.pop(content[int(dice.random() * len(content))])
    return " ".join(words).strip(" ,")


def misspelt(phrase: str, random: Callable[[], float]) -> str:
    """Two neighbouring letters inside the longest word change places."""
    word = max(phrase.split(), key=len)
    if len(word) < 5:
        return phrase
    at = 1 + int(random() * (len(word) - 3))
    return phrase.replace(word, word[:at] + word[at + 1] + word[at] + word[at + 2 :], 1)
