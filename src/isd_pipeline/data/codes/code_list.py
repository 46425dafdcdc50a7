"""A user's own list of codes: which ones a cohort keeps."""

from collections import Counter
from pathlib import Path


def read_code_list(path: Path) -> tuple[str, ...]:
    """The codes of a file, one a line, in its order. Blank lines and those after # are none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8, has no code, a code twice, or more than a code in a line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; extract.codes_file names a list of codes")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8; write one code a line, as plain text") from None
    codes = {number: line.strip() for number, line in enumerate(lines, start=1)}
    codes = {number: code for number, code in codes.items() if code and not code.startswith("#")}
    for number, code in codes.items():
        if any(sign in code for sign in ',;\t"'):
            raise ValueError(f"{path}, row {number}: more than a code; write one a line, unquoted")
    if not codes:
        raise ValueError(f"{path}: no code in it; write one a line")
    code, times = Counter(codes.values()).most_common(1)[0]
    if times > 1:
        rows = " and ".join(str(number) for number, one in codes.items() if one == code)
        raise ValueError(f"{path}, rows {rows}: {code} more than once; keep one of them")
    return tuple(codes.values())
