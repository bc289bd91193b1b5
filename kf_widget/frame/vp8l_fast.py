"""VP8L in one scan: copies from the row above and from the left, and one look at where text repeats."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_bits import BITS
from kf_widget.frame.vp8l_matches import ABOVE, FARTHEST, LEFT, LONGEST, alike, distance_code, hash4
from kf_widget.frame.vp8l_order import ORDER_WORK, order_alike
from kf_widget.frame.vp8l_pack import (
    BAD_INDEX,
    MANY,
    is_ranked,
    note_few,
    pack,
    packed_width,
    per_byte,
    rank_colours,
    replay,
)
from kf_widget.frame.vp8l_stream import SHORT_TOKENS, STREAM_WORK, write_file
from kf_widget.frame.vp8l_tokens import DISTANCES, GREENS, LITERALS, copied, copy_token
from kf_widget.frame.vp8l_words import leading_zeros
from kf_widget.jit import kernel, part
from kf_widget.raster.lookup import look_up

__all__ = ["FAST_WORK", "encode_fast", "far_share", "scan"]

_HASH_BITS = 12
_GREENS = BITS + 5
_DISTANCES = _GREENS + GREENS
_TABLE = _DISTANCES + DISTANCES
_PALETTE = _TABLE + (1 << _HASH_BITS)
_RANKS = _PALETTE + LITERALS
_ORDER = _RANKS + LITERALS
_BYTES = _ORDER + ORDER_WORK
_STREAM = _BYTES + LITERALS // 8
FAST_WORK = _STREAM + STREAM_WORK
"""Size of the int64 scratch array of `encode_fast`."""

_SHORT_RUN = 3
"""A copy from afar is sought where near ones are shorter, and in a second scan shorter than the next."""
_SHORT_AGAIN = 6
_FAR_RUN = 6
_LITERAL_BITS = 5
_COPY_BITS = 8

_FAR_SYMBOL = 14
"""From this distance symbol on a copy comes from afar."""
_REPEATS = np.array([[680, 0.02], [900, 0.15], [2048, 0.09]])
"""Of fewer tokens than the first, a picture with a larger share of copies from afar repeats itself, as glyphs
do, and is scanned again, which takes 50 us at most; thumbnails of candles do without."""
_NEAR_SYMBOL = 2
_NEAR_REPEATS = 0.06
"""Of as few tokens, one with a larger share of copies from close by, but neither from above nor from the
left, repeats itself, too: most thumbnails of point & figure have twice that, those of candles less."""
_PACKED_REPEATS = 0.15
_MANY_REPEATS = 0.25
"""The same of more tokens, where pixels are packed and where not. So much repeats in point & figure alone,
which takes a fifth fewer bytes for a quarter more time; frames with text are not slowed."""
_PLACES = 16
"""At so many earlier places a copy is sought then."""
_TINY = 256
"""A packed picture of fewer tokens, a dozen bricks, is also tried with one pixel to a byte."""


@part(_nrt=False)
def _near_bits(pixels: Any, width: int, at: int, stop: int, budget: int) -> int:
    """About how many bits the pixels up to `stop` take with near copies only; `budget` when not less."""
    n = pixels.size
    bits = 0
    while at < stop and bits < budget:
        most = min(n - at, LONGEST)
        above = alike(pixels, at, at - width, most) if at >= width else 0
        run = max(above, alike(pixels, at, at - 1, most))
        if run >= 2:
            if at + run >= stop:
                break
            at += run
            bits += _COPY_BITS + (2 if run > 6 else 0) + (2 if run > 32 else 0)
        else:
            at += 1
            bits += _LITERAL_BITS
    return min(bits, budget)


@part(_nrt=False)
def _share(distances: Any, first: int, stop: int) -> Any:
    """The share of copies whose distances have one of these symbols."""
    some = 0
    total = 0
    for s in range(distances.size):
        total += distances[s]
        if first <= s < stop:
            some += distances[s]
    return some / max(total, 1)


@part(_nrt=False)
def far_share(distances: Any) -> Any:
    """The share of copies from afar, by how often the symbols of their distances occur."""
    return _share(distances, _FAR_SYMBOL, distances.size)


@part(_nrt=False)
def _repeats(count: int, distances: Any, packed: bool) -> Any:
    """Whether a picture of so many tokens repeats itself, by how often the symbols of distances occur."""
    far = far_share(distances)
    for k in range(_REPEATS.shape[0]):
        if count < _REPEATS[k, 0]:
            return far > _REPEATS[k, 1] or _share(distances, _NEAR_SYMBOL, _FAR_SYMBOL) > _NEAR_REPEATS
    return far > (_PACKED_REPEATS if packed else _MANY_REPEATS)


@part(_nrt=False)
def _longest(pixels: Any, at: int, most: int, table: Any, slot: int) -> Any:
    """The best of the last `_PLACES` places that share a set of the table, which `at` joins; -1 if none."""
    first = slot & -_PLACES
    place = -1
    longest = 0
    for k in range(first, first + _PLACES):
        other = table[k]
        if other >= 0 and at - other <= FARTHEST:
            run = alike(pixels, at, other, most)
            if run > longest:
                longest = run
                place = other
    for k in range(first + _PLACES - 1, first, -1):
        table[k] = table[k - 1]
    table[first] = at
    return place


@part(_nrt=False)
def _take_back(
    pixels: Any, at: int, other: int, most: int, tokens: Any, count: int, greens: Any, distances: Any
) -> Any:
    """Take back the last tokens whose pixels come before those copied from afar, too.

    Parameters
    ----------
    pixels : uint8 (n,), of which those before `at` are said by `count` tokens
    other : where those from `at` on are copied from
    most : no more pixels are taken back
    greens, distances : how often the tokens use each symbol; changed likewise

    Returns
    -------
    (int, int)
        How many tokens are left, and how many pixels the others said.
    """
    more = 0
    while count > 0:
        token = tokens[count - 1]
        back = more + copied(token)
        if back > min(most, other) or alike(pixels, at - back, other - back, back - more) < back - more:
            break
        more = back
        count -= 1
        greens[token & 511] -= 1
        if token & 511 >= LITERALS:
            distances[(token >> 19) & 63] -= 1
    return count, more


@part(_nrt=False)
def scan(
    pixels: Any, width: int, tokens: Any, greens: Any, distances: Any, table: Any, again: Any = None
) -> int:
    """Tokens and their counts; `SHORT_TOKENS` when there is no room.

    The longer of the runs above and to the left is taken. Only where both are short, as in text and
    in antialiased lines, a table of the last place of each four pixels is asked, and its copy taken
    if near copies would take more bits. A look that did not pay rests until the run it found is
    over: without the rest a frame with three line studies takes 1.4 times as long.

    Parameters
    ----------
    again : None, or anything else for a second scan, in which each look compares several places, and a
        copy from afar takes back the tokens before it where it may begin earlier. Where bodies end, the row
        above goes on beyond a run to the left after one pixel or two; there these are written out, which
        spares a copy. That is a kernel of its own: one test in the loop would make every scan a tenth slower.
    """
    n = pixels.size
    room = tokens.size - 1
    table[:] = -1
    at = 0
    count = 0
    rest = 0
    while at < n:
        most = min(n - at, LONGEST)
        run = alike(pixels, at, at - width, most) if at >= width else 0
        code = ABOVE
        if run < most and at > 0:
            left = alike(pixels, at, at - 1, most)
            if left > run:
                run = left
                code = LEFT
        if run < (_SHORT_RUN if again is None else _SHORT_AGAIN) and most >= _FAR_RUN:
            slot = hash4(pixels, at, _HASH_BITS)
            if again is None:
                other = table[slot]
                table[slot] = at
            else:
                other = _longest(pixels, at, most, table, slot)
            if other >= 0 and at >= rest and at - other <= FARTHEST:
                far = alike(pixels, at, other, most)
                if far >= _FAR_RUN:
                    far_code = distance_code(at - other, width)
                    budget = _COPY_BITS + 4 + 62 - leading_zeros(max(far_code, 4))
                    if _near_bits(pixels, width, at, at + far, budget) == budget:
                        run = far
                        code = far_code
                        if again is not None:
                            count, more = _take_back(
                                pixels, at, other, LONGEST - far, tokens, count, greens, distances
                            )
                            at -= more
                            run += more
                    else:
                        rest = at + far
        if again is not None and code == LEFT and run >= 2 and at >= width and run + 2 < most:
            beyond = alike(pixels, at + 1, at + 1 - width, run + 1) > run
            if beyond or (run > 2 and alike(pixels, at + 2, at + 2 - width, run) == run):
                run = 1
        if count >= room:
            return SHORT_TOKENS
        if run >= 2:
            token = copy_token(run, code)
            tokens[count] = token
            greens[token & 511] += 1
            distances[(token >> 19) & 63] += 1
            at += run
        else:
            tokens[count] = pixels[at]
            greens[pixels[at]] += 1
            at += 1
        count += 1
    return count


@kernel
def encode_fast(
    indices: Any, colours: Any, n_colours: int, pixels: Any, tokens: Any, work: Any, out: Any
) -> int:
    """Encode an indexed image as a WebP file.

    Parameters
    ----------
    indices : uint8 (height, width), C-contiguous, sides 1..16383
    colours : uint32 (256,), 0xAARRGGBB, of which the first `n_colours` count
    pixels : uint8 (height * width,) or longer, scratch
    tokens : int64 (m,), scratch
    work : int64 (FAST_WORK,), scratch
    out : uint8 (k,), overwritten with the file

    Returns
    -------
    int
        Size of the file in bytes, or a negative number: `SHORT_TOKENS` (height * width + 1 always
        do), `BAD_INDEX`, or minus the size that `out` must have, at least `HEAD`.

    Notes
    -----
    Pixels of 16 colours or fewer are packed: a tenth fewer bytes. Where all indices are below 16, it is
    noted beforehand which occur; else a first scan tells, since each has a literal, and its tokens are
    replayed as ranks. A thumbnail without that scan takes two thirds of the time. A picture of few tokens
    is written unpacked, too, as it then has few literals to make a code for: bricks take 4 to 15 % less.
    """
    height, width = indices.shape
    greens = work[_GREENS : _GREENS + GREENS]
    distances = work[_DISTANCES : _DISTANCES + DISTANCES]
    table = work[_TABLE : _TABLE + (1 << _HASH_BITS)]
    palette = work[_PALETTE : _PALETTE + LITERALS]
    ranks = work[_RANKS : _RANKS + LITERALS]
    order = work[_ORDER : _ORDER + ORDER_WORK]
    given = indices.reshape(height * width)
    flat = given
    distances[:] = 0
    count = 0
    noted = note_few(given, n_colours, greens)
    if noted == MANY:
        count = scan(given, width, tokens, greens, distances, table)
        if count < 0:
            return SHORT_TOKENS
    used = rank_colours(colours, n_colours, greens, True, palette, ranks)
    if used < 0 or noted == BAD_INDEX:
        return BAD_INDEX
    packed = per_byte(used) > 1
    if packed and not is_ranked(greens, ranks):
        order_alike(palette, used, ranks, order)
        flat = pixels[: height * width]
        if noted == MANY:
            replay(tokens, count, width, ranks, flat)
        else:
            numbers = work[_BYTES : _BYTES + LITERALS // 8].view(np.uint8)
            for s in range(16):
                numbers[s] = ranks[s]
            look_up(given, numbers, flat, False)
    size = 0
    for turn in range(2):  # the second without packing
        if packed:
            pack(flat, width, used, pixels)
            flat = pixels[: height * packed_width(width, used)]
        if packed or turn > 0:
            greens[:] = 0
            distances[:] = 0
            count = scan(flat, flat.size // height, tokens, greens, distances, table)
            if count < 0:
                return SHORT_TOKENS
        if not packed:
            used = rank_colours(colours, n_colours, greens, False, palette, ranks)
        if turn == 0 and _repeats(count, distances, packed):
            greens[:] = 0
            distances[:] = 0
            count = scan(flat, flat.size // height, tokens, greens, distances, table, True)
            if count < 0:
                return SHORT_TOKENS
        here = out[size:]
        written: int = write_file(
            here,
            width,
            height,
            palette,
            used,
            ranks,
            packed,
            tokens,
            count,
            greens,
            distances,
            work[_STREAM:],
        )
        if turn == 0:
            size = written
            if size < 0 or not packed or count >= _TINY:
                break
        elif written < 0:  # the file must not depend on how much room there is
            size = written - size
        elif written < size:
            for i in range(written):
                out[i] = here[i]
            size = written
        packed = False
        flat = given
    return size
