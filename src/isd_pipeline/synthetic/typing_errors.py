"""Words that a note holds by mistake: typing errors, accents, numerals with units, brackets.

Real notes have a long tail of them: of MIMIC-III's 150,854 words three in five stand in one or
two training documents. They are put between the words of the filler, where no code is told of,
so that neither a mention nor its place in the text is touched.
"""

from collections.abc import Callable, Iterator, Sequence

ACCENTED = str.maketrans("aeioun", "áéíóúñ")
UNITS = ("mg", "mcg", "ml", "cc", "kg", "x", "h", "%", "mmHg", "th")
BRACKETS = ("({})", "[{}?]", "<{}>", '"{}"', "{}(+)", "[**{}**]")
LETTERS = "etaoinsrhldcumfpgwybvkxjqz"


def misspellings(words: Sequence[str], random: Callable[[], float]) -> Iterator[str]:
    """Words with a letter lost, doubled, exchanged with its neighbour or with another one.

    Without end: each time a word of five letters or more is drawn anew. A word may come again.
    """
    long = [word for word in words if len(word) > 4 and word.isalpha()]
    while True:
        word = long[int(random() * len(long))]
        at = 1 + int(random() * (len(word) - 2))
        changes = (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + LETTERS[int(random() * len(LETTERS))] + word[at + 1 :],
        )
        yield changes[int(random() * len(changes))]


def noise(lines: Sequence[str], wanted: int, random: Callable[[], float]) -> Iterator[str]:
    """So many words as hurried notes have them, made of the words of some lines."""
    plain = [word for line in lines for word in line.split() if len(word) > 4 and word.isalpha()]
    errors = misspellings(plain or ["patient"], random)
    for _ in range(wanted):
        kind = random()
        word = next(errors)
        if kind < 0.6:
            yield word
        elif kind < 0.75:
            yield word.translate(ACCENTED)
        elif kind < 0.9:
            yield f"{int(random() * 500)}{UNITS[int(random() * len(UNITS))]}"
        else:
            yield BRACKETS[int(random() * len(BRACKETS))].format(word)


def put_between(lines: list[str], word: str, random: Callable[[], float]) -> None:
    """Put a word behind some word of some line; as a line of its own where there is none."""
    if not lines:
        lines.append(word)
        return
    n = int(random() * len(lines))
    place = lines[n].find(" ", int(random() * len(lines[n])))
    lines[n] = f"{lines[n]} {word}" if place < 0 else f"{lines[n][:place]} {word}{lines[n][place:]}"
