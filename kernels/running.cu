// Volume and value bars: rows at which a running total reaches the next multiple of a step.
//
// The total of row r is the sum of rows [0, r] by the fixed tree. All rows of a block share what stands
// before the block, and on the way from the block to the root that enters as one addend for each halving:
// six a level. So a row's exact total is its own sum within the block plus six adds a level.

// Largest whole k with k * step <= total.
__device__ inline double count_multiples(double total, double step) {
    double k = floor(total / step);
    if ((k + 1.0) * step <= total) k += 1.0;
    else if (k * step > total) k -= 1.0;
    return k;
}

// Add to partial sums of a block what stands before it, up to the root; all lanes of a warp together.
//
// a, b : sums of the block's first rows; nodes, level_start, n_levels : sums of blocks and the levels above
__device__ inline void climb(
    const double *__restrict__ nodes, const int64 *__restrict__ level_start, int n_levels, int64 block,
    double *a, double *b
) {
    const int lane = lane_of_warp();
    for (int level = 0; level < n_levels; level++, block >>= SHIFT) {
        const int slot = (int)(block & (GROUP - 1));
        if (slot == 0) continue;
        const int64 first = level_start[level] + block - slot;
        const double near = lane < slot ? nodes[first + lane] : 0.0;
        const double far = lane + 32 < slot ? nodes[first + lane + 32] : 0.0;
        const double half = __shfl_sync(ALL_LANES, near, slot & 31);
        if (slot >= 32) {
            *a += half;
            *b += half;
        }
        double sum = near + far;
        for (int step = 16; step > 0; step >>= 1) {
            const double other = __shfl_sync(ALL_LANES, sum, (slot & (2 * step - 1)) ^ step);
            *a += other;
            *b += other;
            sum += __shfl_xor_sync(ALL_LANES, sum, step);
        }
    }
}

// Sum of the first `count` of 64 values by the halving tree.
__device__ inline double first_sum(const double *__restrict__ v, int count) {
    double x[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        double y[8];
#pragma unroll
        for (int k = 0; k < 8; k++) y[k] = i + 8 * k < count ? v[i + 8 * k] : 0.0;
        x[i] = ((y[0] + y[4]) + (y[2] + y[6])) + ((y[1] + y[5]) + (y[3] + y[7]));
    }
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

// Mark rows that end a volume or value bar; a warp a block of 64 rows, thread blocks of 256.
//
// price : float64 (n_rows,), or null to sum the sizes alone; size : SIZE_T (n_rows,)
// nodes, level_start, n_levels : sums of blocks of these values, and the levels above them
// marks : uint32 (128 * n_supers,), zero before, set where a row ends a bar
extern "C" __global__ void __launch_bounds__(256) mark_crossings(
    const double *__restrict__ price, const SIZE_T *__restrict__ size, int64 n_rows,
    const double *__restrict__ nodes, const int64 *__restrict__ level_start, int64 n_levels, double step,
    uint32 *__restrict__ marks
) {
    __shared__ double leaves[8][GROUP];
    const int lane = lane_of_warp();
    const int64 block = ((int64)blockIdx.x * blockDim.x + threadIdx.x) >> 5;
    const int64 start = block << SHIFT;
    if (start >= n_rows) return;
    double before = 0.0, after = nodes[block];
    climb(nodes, level_start, (int)n_levels, block, &before, &after);
    const double reached = count_multiples(before, step);
    if (count_multiples(after, step) == reached) return;
    double *v = leaves[threadIdx.x >> 5];
    for (int i = lane; i < GROUP; i += 32) {
        const int64 row = start + i;
        v[i] = row >= n_rows ? 0.0 : price ? price[row] * (double)size[row] : (double)size[row];
    }
    __syncwarp();
    double near = first_sum(v, lane + 1), far = first_sum(v, lane + 33);
    climb(nodes, level_start, (int)n_levels, block, &near, &far);
    const double near_count = count_multiples(near, step), far_count = count_multiples(far, step);
    const double middle = __shfl_sync(ALL_LANES, near_count, 31);
    double near_before = __shfl_up_sync(ALL_LANES, near_count, 1);
    double far_before = __shfl_up_sync(ALL_LANES, far_count, 1);
    if (lane == 0) {
        near_before = reached;
        far_before = middle;
    }
    const uint32 low = __ballot_sync(ALL_LANES, start + lane < n_rows && near_count > near_before);
    const uint32 high = __ballot_sync(ALL_LANES, start + lane + 32 < n_rows && far_count > far_before);
    if (lane == 0) {
        marks[block * 2] = low;
        marks[block * 2 + 1] = high;
    }
}

