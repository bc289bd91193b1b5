// Which rows begin a bar, found on the device, and the list of them.
//
// Calendars stay on the CPU: what comes here are stretches, runs of time in which bars lie on an even grid.
// Marks are one bit a row; `write_marks` turns them into rows, in order, with the times of the bars.

// Last of [first, stop) that begins at or before the time; the first one is known to.
__device__ inline int stretch_of(const int64 *__restrict__ stretch_start, int first, int stop, int64 time) {
    while (stop - first > 1) {
        const int middle = (first + stop) >> 1;
        if (stretch_start[middle] <= time) first = middle;
        else stop = middle;
    }
    return first;
}

// Start of the bar that holds a time of the stretch. The quotient is below 2^50, so one step corrects it.
__device__ inline int64 bar_start(int64 start, int64 width, double inverse, int64 time) {
    const int64 passed = time - start;
    int64 bars = (int64)((double)passed * inverse);
    const int64 rest = passed - bars * width;
    if (rest < 0) bars--;
    else if (rest >= width) bars++;
    return start + bars * width;
}

// Mark rows that begin a bar, by reading every time; a thread block of 256 a superblock.
//
// time_ns : int64, rows [row0, row1), non-decreasing; before : time of the row before row0, or the lowest int64
// stretch_start : int64 (n_stretches + 1,), UTC ns, the last one is an end; stretch_width : int64 (n_stretches,)
// marks : uint32 (128 * n_supers,), overwritten, bit r % 32 of word r / 32 for row row0 + r
// counts : int64 (n_supers,), overwritten with the marks of each superblock
extern "C" __global__ void __launch_bounds__(256) mark_times(
    const int64 *__restrict__ time_ns, int64 row0, int64 row1, int64 before,
    const int64 *__restrict__ stretch_start, const int64 *__restrict__ stretch_width, int64 n_stretches,
    uint32 *__restrict__ marks, int64 *__restrict__ counts
) {
    __shared__ int ends[2];
    __shared__ int total;
    const int64 first = (int64)blockIdx.x << SUPER_SHIFT;
    const int64 n_rows = row1 - row0;
    const int64 stop = first + SUPER < n_rows ? first + SUPER : n_rows;
    if (threadIdx.x == 0) total = 0;
    if ((threadIdx.x & 31) == 0 && threadIdx.x < 64)
        ends[threadIdx.x >> 5] =
            stretch_of(stretch_start, 0, (int)n_stretches, time_ns[threadIdx.x ? stop - 1 : first]);
    __syncthreads();
    const int near = ends[0], far = ends[1];
    int64 start = stretch_start[near], width = stretch_width[near];
    double inverse = 1.0 / (double)width;
    int mine = 0;
#pragma unroll 4
    for (int i = 0; i < SUPER / 256; i++) {
        const int64 row = first + i * 256 + threadIdx.x;
        bool mark = false;
        if (row < stop) {
            const int64 time = time_ns[row];
            const int64 earlier = row ? time_ns[row - 1] : before;
            if (near != far) {
                const int at = stretch_of(stretch_start, near, far + 1, time);
                start = stretch_start[at];
                width = stretch_width[at];
                inverse = 1.0 / (double)width;
            }
            mark = earlier < bar_start(start, width, inverse, time);
        }
        const uint32 bits = __ballot_sync(ALL_LANES, mark);
        if (lane_of_warp() == 0) {
            marks[(first + i * 256 + threadIdx.x) >> 5] = bits;
            mine += __popc(bits);
        }
    }
    if (lane_of_warp() == 0) atomicAdd(&total, mine);
    __syncthreads();
    if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// Mark rows that begin a bar, by looking for the ends of bars: fewer bytes where bars hold many rows. A thread
// a block of 64 rows, thread blocks of 256.
//
// time_ns : int64 (n_rows,); block_first : int64, time of each 64th row; the rest as above
extern "C" __global__ void __launch_bounds__(256) mark_blocks(
    const int64 *__restrict__ time_ns, int64 n_rows, const int64 *__restrict__ block_first,
    const int64 *__restrict__ stretch_start, const int64 *__restrict__ stretch_width, int64 n_stretches,
    uint32 *__restrict__ marks, int64 *__restrict__ counts
) {
    __shared__ int totals[8];
    const int64 block = (int64)blockIdx.x * 256 + threadIdx.x;
    const int64 start = block << SHIFT;
    uint32 low = 0, high = 0;
    if (start < n_rows) {
        const int64 stop = start + GROUP < n_rows ? start + GROUP : n_rows;
        // No row of the block is later than this.
        const int64 last = stop < n_rows ? block_first[block + 1] : time_ns[n_rows - 1];
        int64 row = start, time = block_first[block];
        const bool first = block == 0;
        const int64 before = first ? 0 : block_first[block - 1];
        int at = stretch_of(stretch_start, 0, (int)n_stretches, time);
        while (true) {
            const int64 width = stretch_width[at];
            const int64 begin = bar_start(stretch_start[at], width, 1.0 / (double)width, time);
            // Where the block before begins in the same bar, this row cannot begin one.
            if (row > start || first || (before < begin && time_ns[start - 1] < begin)) {
                const int bit = (int)(row - start);
                if (bit < 32) low |= 1u << bit;
                else high |= 1u << (bit - 32);
            }
            int64 end = stretch_start[at + 1];
            if (end - begin > width) end = begin + width;
            if (last < end) break;
            row = first_at_least(time_ns, row + 1, stop, end, false);
            if (row == stop) break;
            time = time_ns[row];
            if (time >= stretch_start[at + 1]) at = stretch_of(stretch_start, at + 1, (int)n_stretches, time);
        }
    }
    int count = __popc(low) + __popc(high);
    for (int step = 16; step > 0; step >>= 1) count += __shfl_xor_sync(ALL_LANES, count, step);
    if (lane_of_warp() == 0) totals[threadIdx.x >> 5] = count;
    __syncthreads();
    // Marks are there for whole superblocks, 64 threads each, of which the first counts.
    const int64 super = block >> SHIFT;
    if (super << SUPER_SHIFT < n_rows) {
        marks[2 * block] = low;
        marks[2 * block + 1] = high;
        if ((threadIdx.x & 63) == 0) counts[super] = totals[threadIdx.x >> 5] + totals[(threadIdx.x >> 5) + 1];
    }
}

// Marks of each superblock, a warp each. marks : uint32 (128 * n_supers,); counts : int64, overwritten
extern "C" __global__ void count_marks(
    const uint32 *__restrict__ marks, int64 n_supers, int64 *__restrict__ counts
) {
    const int64 super = ((int64)blockIdx.x * blockDim.x + threadIdx.x) >> 5;
    if (super >= n_supers) return;
    int count = 0;
    for (int i = 0; i < 4; i++) count += __popc(marks[super * 128 + i * 32 + lane_of_warp()]);
    for (int step = 16; step > 0; step >>= 1) count += __shfl_xor_sync(ALL_LANES, count, step);
    if (lane_of_warp() == 0) counts[super] = count;
}

__device__ inline int64 start_at(
    const int64 *__restrict__ stretch_start, const int64 *__restrict__ stretch_width, int n_stretches, int64 time
) {
    const int at = stretch_of(stretch_start, 0, n_stretches, time);
    const int64 width = stretch_width[at];
    return bar_start(stretch_start[at], width, 1.0 / (double)width, time);
}

// List the marked rows in order, and end_row after the last one; a warp a superblock, thread blocks of 64.
//
// ends : int64 (n_supers,), running total of the counts; shift : added to each row
// time_ns, stretch_* : as above, rows from row0 on; time_ns null where no times are wanted
// rows : int64, overwritten; starts : int64, overwritten with the times at which these bars begin
extern "C" __global__ void __launch_bounds__(64) write_marks(
    const uint32 *__restrict__ marks, const int64 *__restrict__ ends, int64 n_supers, int64 shift,
    int64 end_row, const int64 *__restrict__ time_ns, const int64 *__restrict__ stretch_start,
    const int64 *__restrict__ stretch_width, int64 n_stretches, int64 *__restrict__ rows,
    int64 *__restrict__ starts
) {
    __shared__ unsigned short lists[2][SUPER];
    const int64 super = ((int64)blockIdx.x * blockDim.x + threadIdx.x) >> 5;
    if (super >= n_supers) return;
    const int lane = lane_of_warp();
    uint32 word[4];
    int mine = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        word[i] = marks[super * 128 + lane * 4 + i];
        mine += __popc(word[i]);
    }
    int before = mine;
    for (int step = 1; step < 32; step <<= 1) {
        const int other = __shfl_up_sync(ALL_LANES, before, step);
        if (lane >= step) before += other;
    }
    const int total = __shfl_sync(ALL_LANES, before, 31);
    const int64 base = ends[super] - total;
    const int64 first = super << SUPER_SHIFT;
    if (super == n_supers - 1 && lane == 0) rows[ends[super]] = end_row;
    // Collected first, so that every lane then has rows of its own and neighbours write side by side.
    unsigned short *list = lists[threadIdx.x >> 5];
    int to = before - mine;
#pragma unroll
    for (int i = 0; i < 4; i++)
        for (uint32 bits = word[i]; bits; bits &= bits - 1)
            list[to++] = (unsigned short)(lane * 128 + i * 32 + (__ffs((int)bits) - 1));
    __syncwarp();
    // Eight times a lane are on their way at once: one at a time, a warp of the night's many short bars took
    // as long as all others together.
    for (int i = lane; i < total; i += 256) {
        int64 time[8];
#pragma unroll
        for (int k = 0; k < 8; k++)
            if (time_ns && i + 32 * k < total) time[k] = time_ns[first + list[i + 32 * k]];
#pragma unroll
        for (int k = 0; k < 8; k++) {
            const int at = i + 32 * k;
            if (at < total) {
                rows[base + at] = first + list[at] + shift;
                if (time_ns)
                    starts[base + at] = start_at(stretch_start, stretch_width, (int)n_stretches, time[k]);
            }
        }
    }
}
