"""Which of a few languages a note is in, told by its function words.

Articles, prepositions, conjunctions, pronouns and auxiliaries are a third of running text, whatever
it is about, and each language has its own. A word that two languages share counts for both; what
decides is which language has the larger share of all words. Any other language has a small share
of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

FUNCTION_WORDS: Mapping[str, frozenset[str]] = {  # by ISO 639-1, in lower case
    language: frozenset(words.split())
    for language, words in {
        "ca": "el la els les un una uns unes de del dels d l al als a amb en per i o que qui no "
        "es és era ha han va van ser està són com més però si es seva seu sense fins entre sobre "
        "des després quan també molt aquest aquesta ho hi li",
        "de": "der die das den dem des ein eine einen einem einer eines und oder aber nicht kein "
        "keine mit von zu zum zur im in am an auf aus bei beim nach für durch über unter ohne vor "
        "ist sind war waren wird wurde wurden hat hatte sich er sie es als wie dass bis seit auch",
        "en": "the a an and or but not no of to in on at by for with from into without after "
        "before during between over under is are was were be been being has had have he she it "
        "his her their they that this these which who as than then there when while did does",
        "es": "el la los las un una unos unas de del al a con en por para y e o u que quien no se "
        "es era fue fueron ha han había ser está están son como más pero si su sus sin hasta entre "
        "sobre desde tras durante cuando también muy este esta lo le",
        "fr": "le la les un une des du de d l au aux à avec en dans par pour sur sous et ou que "
        "qui ne pas est était sont étaient a ont avait été être il elle ils elles ce cette ces son "
        "sa ses sans après avant chez entre depuis plus mais si comme lors se",
        "it": "il lo la i gli le un uno una di del dello della dei degli delle a al alla ai alle "
        "da dal dalla con in nel nella per su sul sulla e ed o che chi non si è era sono ha hanno "
        "aveva stato stata come più ma se suo sua senza fino tra fra dopo durante anche",
        "nl": "de het een en of maar niet geen van in op aan met voor door naar uit bij tot over "
        "onder zonder na is zijn was waren wordt werd werden heeft had hebben hij zij ze er die "
        "dat deze dit als dan ook om te sinds tijdens tussen nog",
        "pt": "o a os as um uma uns umas de do da dos das em no na nos nas ao à com por para pelo "
        "pela e ou que quem não se é era foi foram há tem ser está são como mais mas seu sua sem "
        "até entre sobre desde após durante quando também muito este esta lhe",
    }.items()
}
LEAST = 0.05  # of all words: where a language has fewer function words, it is not that language


def function_word_shares(words: Sequence[str]) -> dict[str, float]:
    """By language the share of the words that are function words of it; 0 where there is none."""
    counted, total = Counter(words), max(len(words), 1)
    return {
        language: sum(counted[word] for word in own) / total
        for language, own in FUNCTION_WORDS.items()
    }


def language_of(shares: Iterable[Mapping[str, float]]) -> str | None:
    """The language with the largest share over some notes, None where none has `LEAST`."""
    every = list(shares)
    mean = {name: sum(one[name] for one in every) / len(every) for name in FUNCTION_WORDS}
    best = max(mean, key=lambda name: mean[name])
    return best if mean[best] >= LEAST else None


def margin(shares: Mapping[str, float], own: str) -> tuple[float, str]:
    """How much larger the largest other share is than that of the own language, and whose it is."""
    other = max((name for name in shares if name != own), key=lambda name: shares[name])
    return shares[other] - shares[own], other
