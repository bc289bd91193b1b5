"""The store: a history of ticks on disk, a folder that any tool can read.

**The folder.** Every column is one flat little-endian file without a header, so that
``numpy.memmap(path, dtype)`` reads it. The end of a file's name is its type: ``.i8`` int64, ``.f8`` float64,
``.f4`` float32, ``.i1`` int8, ``.u8`` uint64.

    manifest.json                 what is committed; replaced as a whole
    lock                          held by the one process that writes; holds its number
    time_ns.i8 price.f8           one entry a row; size.f8 or size.f4, and side.i1, where the ticks have them
    checksums.u8                  (segments, columns): xxh3-64 of every complete segment of 262,144 rows
    index/high.1.f8 ...           nodes of the `RangeIndex`: high, low, sum, first (.i8) of each level,
                                  1 being blocks of 64 rows, 2 superblocks of 64 blocks, and so on
    minute/ hour/ day/            bars of closed UTC minutes, hours and days, where they are worth it
        time_ns.i8 open.f8 high.f8 low.f8 close.f8 volume.f8 count.i8
        first_row.i8              the tick that each bar begins with, and then the first that no bar covers
        index/                    nodes over the bars

**The promise.** Files only grow. A row is committed once a manifest that counts it is in place, and that
happens in this order: the bytes are written behind all that was committed, every file and every new folder is
synced, the manifest is written under another name, synced, renamed, and the folder is synced. Only complete
nodes, segments and bars are kept, so that nothing committed ever has to change; what a file holds beyond
the committed length is ignored by readers and cut off by the next writer. A reader maps exactly the committed
rows and never sees another one.

**Bars.** They are of rows that a later minute (hour, day) has closed, cut at multiples of it since 1970 UTC.
Whether a level is worth it is asked at 262,144 rows and at every power of two above: if the rows up to
there fill, on average, 64 rows a bar, the level is kept from then on, from the first row on. So the files
depend on the rows alone, not on how they were cut into batches and appends.

**The manifest** is a JSON object: format, version, id, rows, size (type or null), side, tz, bars (their
number in each level), tail (xxh3-64 of each column's rows after the last complete segment), source (what is
being ingested and how far), and a checksum of all that. It names no file, so it cannot lead outside of the
folder, and every file is measured before it is mapped.
"""
