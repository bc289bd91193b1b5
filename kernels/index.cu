// The index of a history: high, low, sum and first time of each block of 64 rows. `level_up` adds levels.

// Nodes of all blocks, eight lanes a block.
//
// high, low : float64 (n_rows,); size : SIZE_T (n_rows,), or null
// time_ns : int64 (n_rows,), or null, and node_first is left as it is; node_* : (n_blocks,), overwritten
extern "C" __global__ void __launch_bounds__(256) index_blocks(
    const double *__restrict__ high, const double *__restrict__ low, const SIZE_T *__restrict__ size,
    const int64 *__restrict__ time_ns, int64 n_rows, double *__restrict__ node_high,
    double *__restrict__ node_low, double *__restrict__ node_sum, int64 *__restrict__ node_first
) {
    const int64 block = ((int64)blockIdx.x * blockDim.x + threadIdx.x) >> 3;
    const int64 start = block << SHIFT;
    const int64 end = start + GROUP < n_rows ? start + GROUP : n_rows;
    const int64 stop = end > start ? end : start;
    const Piece piece = sweep(high, low, size, start, stop, 0, 2, (double *)0);
    if (stop == start) return;
    if (lane_of_group() == 0) node_high[block] = piece.extreme;
    if (lane_of_group() == 4) node_low[block] = -piece.extreme;
    if (lane_of_group() == 1) node_sum[block] = piece.sum;
    if (lane_of_group() == 2 && time_ns) node_first[block] = time_ns[start];
}

// Sums of price times size of all blocks, each product rounded to float64; eight lanes a block.
//
// price : float64 (n_rows,); size : SIZE_T (n_rows,); node_sum : float64 (n_blocks,), overwritten
extern "C" __global__ void __launch_bounds__(256) value_blocks(
    const double *__restrict__ price, const SIZE_T *__restrict__ size, int64 n_rows,
    double *__restrict__ node_sum
) {
    const int64 block = ((int64)blockIdx.x * blockDim.x + threadIdx.x) >> 3;
    const int64 start = block << SHIFT;
    if (start >= n_rows) return;
    double v[8];
#pragma unroll
    for (int k = 0; k < 8; k++) {
        const int64 row = start + lane_of_group() + 8 * k;
        v[k] = row < n_rows ? price[row] * (double)size[row] : 0.0;
    }
    const double sum = fold_lanes(v, group_mask());
    if (lane_of_group() == 0) node_sum[block] = sum;
}
