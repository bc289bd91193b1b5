"""Who began a trade: words, flags and numbers to +1, -1 and 0."""

from __future__ import annotations

from typing import Final

import numpy as np

from kf_widget.history.protocol import Int8s
from kf_widget.history.tables import Column

__all__ = ["sides"]

_WORDS: Final = {
    **dict.fromkeys(("buy", "b", "buyer", "bid", "1", "+1"), 1),
    **dict.fromkeys(("sell", "s", "seller", "a", "ask", "-1"), -1),
    **dict.fromkeys(("", "n", "none", "unknown", "u", "0"), 0),
}
_MAKER_WORDS: Final = {"true": -1, "t": -1, "1": -1, "false": 1, "f": 1, "0": 1, "": 0}


def sides(what: str, name: str, column: Column) -> Int8s:
    """int8 (n,): +1 buyer-initiated, -1 seller-initiated, 0 unknown (also where it is missing).

    Parameters
    ----------
    name : a column called like `is_buyer_maker` says whether the buyer was passive: true means -1.
    column : numbers -1, 0, 1; words buy, sell, B, S, A (ask: a seller began it), N; or of a maker column
        booleans, 0 and 1, or the words true and false.

    Raises
    ------
    ValueError : another value. TypeError : booleans in a column whose name does not say what true means.
    """
    maker = "buyermaker" in name.replace("_", "").replace(" ", "").casefold()
    if column.values is None:
        return _words(what, name, column, _MAKER_WORDS if maker else _WORDS)
    values = column.values
    if values.dtype.kind == "b" and not maker:
        raise TypeError(
            f"{what}: column {name!r} must hold -1, 0, 1 or words, got bool. If true means that the "
            "buyer was passive, call it 'is_buyer_maker'."
        )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{what}: column {name!r} must hold sides, got {values.dtype}. Use +1, -1 and 0.")
    if values.dtype.kind == "b":
        return 1 - 2 * values.astype(np.int8)
    if values.dtype == np.int8 and not maker:
        side: Int8s = np.ascontiguousarray(values)
        bad = (side < -1) | (side > 1)
    else:
        bad = (values > 1) | (values < (0 if maker else -1))
        whole, unknown = values, None
        if values.dtype.kind == "f":
            unknown = np.isnan(values)
            bad |= ~unknown & (values != np.rint(values))
            whole = np.where(unknown | bad, 0, values)
        side = whole.astype(np.int8)
        if maker:
            side = 1 - 2 * side
        if unknown is not None:
            side[unknown] = 0
    if bad.any():
        row = int(np.argmax(bad))
        wanted = "0 or 1" if maker else "-1, 0 or 1"
        raise ValueError(
            f"{what}: column {name!r} must be {wanted}, got {values[row]} at row {row}. Recode it."
        )
    return side


def _words(what: str, name: str, column: Column, meaning: dict[str, int]) -> Int8s:
    coded = column.text.dictionary_encode()
    words = coded.dictionary.to_pylist()
    unknown = len(words)
    table = np.zeros(unknown + 1, dtype=np.int8)
    codes = coded.indices.fill_null(unknown).to_numpy(zero_copy_only=False)
    for code, word in enumerate(words):
        value = meaning.get(word.strip().casefold())
        if value is None:
            row = int(np.argmax(codes == code))
            known = ", ".join(repr(w) for w in meaning if w)
            raise ValueError(
                f"{what}: column {name!r} must be one of {known} (in any case), "
                f"got {word!r} at row {row}. Recode it."
            )
        table[code] = value
    side: Int8s = table[codes]
    return side
