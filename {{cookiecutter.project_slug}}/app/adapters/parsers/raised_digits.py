import re

_EXPONENT = re.compile(r"[-−+]?\d+")
_SUPERSCRIPT = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_MAX_LENGTH = 100


def raise_digits(pieces: list[str], start: int) -> None:
    """Write the raised digits from `start` on as such: behind a digit an exponent, or the sign of a note, would be read
    as part of the number.
    """
    if len(pieces) - start > _MAX_LENGTH or sum(map(len, pieces[start:])) > _MAX_LENGTH:
        return
    raised = "".join(pieces[start:])
    if _EXPONENT.fullmatch(raised.strip()) and "".join(pieces[max(0, start - 2) : start])[-1:].isdigit():
        pieces[start:] = [raised.strip().translate(_SUPERSCRIPT)]
