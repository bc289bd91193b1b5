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
    const int64 *__restrict__ stretch_start, const int64 *__restrict__ stretch_width, int n_stretches,
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
            stretch_of(stretch_start, 0, n_stretches, time_ns[threadIdx.x ? stop - 1 : first]);
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

// Mark rows that begin a bar, by looking up every bar: fewer bytes where bars hold many rows.
//
// time_ns : int64 (n_rows,), the whole history; block_first : int64, time of each 64th row
// stretch_start, stretch_width : as above; stretch_bar : int64 (n_stretches + 1,), number of its first bar
// marks : uint32, zero before, as above
extern "C" __global__ void mark_bars(
    const int64 *__restrict__ time_ns, int64 n_rows, const int64 *__restrict__ block_first,
    const int64 *__restrict__ stretch_start, const int64 *__restrict__ stretch_width,
    const int64 *__restrict__ stretch_bar, int n_stretches, uint32 *__restrict__ marks
) {
    const int64 bar = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (bar >= stretch_bar[n_stretches]) return;
    const int at = stretch_of(stretch_bar, 0, n_stretches, bar);
    const int64 time = stretch_start[at] + (bar - stretch_bar[at]) * stretch_width[at];
    const int64 n_blocks = (n_rows + GROUP - 1) >> SHIFT;
    const int64 block = first_at_least(block_first, 0, n_blocks, time, false);
    int64 row = 0;
    if (block > 0) {
        const int64 stop = block << SHIFT;
        row = first_at_least(time_ns, (block - 1) << SHIFT, stop < n_rows ? stop : n_rows, time, false);
    }
    if (row < n_rows) atomicOr(&marks[row >> 5], 1u << (row & 31));
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

// List the marked rows in order; a thread block of 128 a superblock.
//
// ends : int64 (n_supers,), running total of the counts; shift : added to each row
// time_ns, stretch_* : as above, rows from row0 on; time_ns null where no times are wanted
// rows : int64, overwritten; starts : int64, overwritten with the times at which these bars begin
extern "C" __global__ void __launch_bounds__(128) write_marks(
    const uint32 *__restrict__ marks, const int64 *__restrict__ ends, int64 row0, int shift,
    const int64 *__restrict__ time_ns, const int64 *__restrict__ stretch_start,
    const int64 *__restrict__ stretch_width, int n_stretches, int64 *__restrict__ rows,
    int64 *__restrict__ starts
) {
    __shared__ uint32 words[128];
    __shared__ int offsets[128];
    __shared__ int warps[4];
    const int lane = lane_of_warp(), warp = threadIdx.x >> 5;
    const uint32 word = marks[(int64)blockIdx.x * 128 + threadIdx.x];
    const int count = __popc(word);
    int before = count;
    for (int step = 1; step < 32; step <<= 1) {
        const int other = __shfl_up_sync(ALL_LANES, before, step);
        if (lane >= step) before += other;
    }
    if (lane == 31) warps[warp] = before;
    words[threadIdx.x] = word;
    __syncthreads();
    for (int i = 0; i < warp; i++) before += warps[i];
    offsets[threadIdx.x] = before - count;
    const int total = warps[0] + warps[1] + warps[2] + warps[3];
    const int64 base = ends[blockIdx.x] - total;
    const int64 first = (int64)blockIdx.x << SUPER_SHIFT;
    __syncthreads();
    // Dense marks: a warp a word, so that rows are written side by side. Sparse ones: a lane a word.
    const bool dense = total > 1024;
    const int step = dense ? 4 : 128;
    for (int at = dense ? warp : threadIdx.x; at < 128; at += step) {
        uint32 bits = words[at];
        int64 out = base + offsets[at];
        if (dense) {
            out += __popc(bits & ((1u << lane) - 1u));
            bits &= 1u << lane;
        }
        while (bits) {
            const int64 row = first + at * 32 + (__ffs((int)bits) - 1);
            bits &= bits - 1;
            rows[out] = row0 + row + shift;
            if (time_ns) {
                const int64 time = time_ns[row];
                const int z = stretch_of(stretch_start, 0, n_stretches, time);
                starts[out] = bar_start(
                    stretch_start[z], stretch_width[z], 1.0 / (double)stretch_width[z], time
                );
            }
            out++;
        }
    }
}
