// OHLCV of the rows between neighbouring edges, in one pass over the rows.
//
// A superblock is 4,096 rows. A bar within one superblock, or within two and short, is made by `bars_inside`:
// up to eight rows by one lane, more by eight lanes. Any other bar has a piece in each superblock that it
// touches: `bar_pieces` makes them, a thread block a superblock, however long the bar; `level_up` adds levels
// above them, and `merge_bars` joins each bar's pieces. So no bar is too long or too short for the device, and
// a history that comes in chunks of whole superblocks needs nothing but the pieces of the chunks before.

#define SHORT_ROWS 1024

// Warps in a thread block of `bars_inside`, and how many blocks a multiprocessor must hold. Blocks are small
// because warps differ in work: with eight warps a third of them were waiting for the last to end. 24 warps
// hide the memory's latency, and ticks leave registers for them; bars, with three more columns, would spill.
#define WARPS 2
#if ONE_PRICE
#define INSIDE_BLOCKS 14
#else
#define INSIDE_BLOCKS 4
#endif

// Whether a bar comes in pieces, of which some may be in other chunks than rows [row0, row1).
__device__ inline bool in_pieces(int64 start, int64 stop, int64 row0, int64 row1) {
    return start >> SUPER_SHIFT != (stop - 1) >> SUPER_SHIFT &&
           (stop - start > SHORT_ROWS || start < row0 || stop > row1);
}

// Bars that do not come in pieces; of others the open, close and count.
//
// open, high, low, close : float64, rows [row0, row1); row0 a multiple of 4,096
// size : SIZE_T, likewise, or null
// edges : int64 (n_bars + 1,), non-decreasing; the first may lie before row0, the last beyond row1
// per_warp : bars a warp takes, 1 to 32
// out_* : (n_bars,), overwritten; NaN, 0.0 and 0 where the bar is empty; where a bar begins before row0 or
//         ends beyond row1, its open or its close is left as it is
extern "C" __global__ void __launch_bounds__(64, INSIDE_BLOCKS) bars_inside(
    const double *__restrict__ open, const double *__restrict__ high, const double *__restrict__ low,
    const double *__restrict__ close, const SIZE_T *__restrict__ size, int64 row0, int64 row1,
    const int64 *__restrict__ edges, int64 n_bars, int64 per_warp, double *__restrict__ out_open,
    double *__restrict__ out_high, double *__restrict__ out_low, double *__restrict__ out_close,
    double *__restrict__ out_volume, int64 *__restrict__ out_count
) {
    __shared__ int64 long_start[WARPS][32];
    __shared__ int long_rows[WARPS][32];
    __shared__ int long_bar[WARPS][32];
    __shared__ double sums[4 * WARPS][GROUP];
    const int warp = threadIdx.x >> 5, lane = lane_of_warp();
    const int64 first_bar = ((int64)blockIdx.x * WARPS + warp) * per_warp;
    const int64 bar = first_bar + lane;
    bool is_long = false;
    int64 start = 0, stop = 0;
    if (lane < per_warp && bar < n_bars) {
        start = edges[bar];
        stop = edges[bar + 1];
        const int64 rows = stop - start;
        out_count[bar] = rows > 0 ? rows : 0;
        if (rows <= 0) {
            out_open[bar] = out_high[bar] = out_low[bar] = out_close[bar] = nan_value();
            out_volume[bar] = 0.0;
        } else {
            const bool inside = !in_pieces(start, stop, row0, row1);
            is_long = inside && rows > 8;
            // A long bar's group reads its ends later, when they are at hand.
            if (!is_long) {
                if (start >= row0) out_open[bar] = open[start - row0];
                if (stop <= row1) out_close[bar] = close[stop - 1 - row0];
            }
            if (inside && !is_long) {
                const int64 at = start - row0;
                double highest = high[at], lowest = low[at];
                double v[8];
                // A short bar may straddle two blocks: each sums its own rows, then left + right.
                const int64 cut = (start | (GROUP - 1)) + 1;
                const int left = stop <= cut ? (int)rows : (int)(cut - start);
#pragma unroll
                for (int i = 0; i < 8; i++) {
                    if (i < rows) {
                        highest = higher(highest, high[at + i]);
                        lowest = lower(lowest, low[at + i]);
                    }
                    v[i] = size && i < left ? (double)size[at + i] : 0.0;
                }
                double sum = ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
                if (left < rows && size) {
#pragma unroll
                    for (int i = 0; i < 8; i++) v[i] = left + i < rows ? (double)size[at + left + i] : 0.0;
                    sum += ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
                }
                out_high[bar] = highest;
                out_low[bar] = lowest;
                out_volume[bar] = sum;
            }
        }
    }
    const uint32 longs = __ballot_sync(ALL_LANES, is_long);
    if (is_long) {
        const int slot = __popc(longs & ((1u << lane) - 1u));
        long_start[warp][slot] = start - row0;
        long_rows[warp][slot] = (int)(stop - start);
        long_bar[warp][slot] = lane;
    }
    __syncwarp();
    const int n_long = __popc(longs);
    double *slots = sums[threadIdx.x >> 3];
    for (int first = 0; first < n_long; first += 4) {
        const int item = first + (lane >> 3);
        const bool here = item < n_long;
        const int64 from = here ? long_start[warp][item] : 0;
        const int64 to = here ? from + long_rows[warp][item] : 0;
        Piece piece = sweep(high, low, size, from, to, 0, 2, slots);
        const int64 first_block = from >> SHIFT;
        const int blocks = here ? (int)(((to - 1) >> SHIFT) - first_block) + 1 : 0;
        const int most = most_of_warp(blocks);
        if (most > 2) {
            // Two superblocks meet in one addition, however far up the tree.
            const int room = GROUP - (int)(first_block & (GROUP - 1));
            const int left = blocks < room ? blocks : room;
            __syncwarp();
            double sum = fold_slots(slots, 0, left, most <= 8, ALL_LANES);
            if (most_of_warp(blocks - left) > 0) sum += fold_slots(slots, left, blocks, most <= 8, ALL_LANES);
            __syncwarp();
            if (blocks > 2) piece.sum = sum;
        }
        // One store for all: lane 0 has the high, 1 the volume, 2 the open, 3 the close, 4 the low.
        const int own = lane_of_group();
        if (!here || own > 4) continue;
        double value = own == 1 ? piece.sum : own == 4 ? -piece.extreme : piece.extreme;
        if (own == 2 || own == 3) value = own == 2 ? open[from] : close[to - 1];
        double *out = own == 0 ? out_high : own == 1 ? out_volume : own == 2 ? out_open : out_close;
        if (own == 4) out = out_low;
        out[first_bar + long_bar[warp][item]] = value;
    }
}

// What bars that come in pieces need of each superblock from row0, that is from first_super, on.
//
// edges : int64 (n_bars + 1,)
// rest_stop : int64 (n_supers,), where the piece of the bar that comes in from the left ends; 0 without one
// head_start : int64 (n_supers,), where the piece of the bar that goes on to the right begins; -1 without one
// bar_of, first_of, last_of : int64 (n_supers + 1,), that bar, -1 without one, and the superblocks that it
//         begins and ends in; the last entries are of the bar that comes in from before row0
// All are overwritten.
extern "C" __global__ void super_edges(
    const int64 *__restrict__ edges, int64 n_bars, int64 row0, int64 row1, int64 first_super, int64 n_supers,
    int64 *__restrict__ rest_stop, int64 *__restrict__ head_start, int64 *__restrict__ bar_of,
    int64 *__restrict__ first_of, int64 *__restrict__ last_of
) {
    const int64 super = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (super >= n_supers) return;
    const int64 first_row = row0 + (super << SUPER_SHIFT);
    const int64 end_row = first_row + SUPER;
    const int64 next = first_at_least(edges, 0, n_bars + 1, first_row, false);
    // The next superblock's first edge is near: its distance is doubled until it is passed.
    int64 reach = 64;
    while (next + reach < n_bars + 1 && edges[next + reach] < end_row) reach *= 2;
    const int64 limit = next + reach < n_bars + 1 ? next + reach : n_bars + 1;
    const int64 bar = first_at_least(edges, next, limit, end_row, false) - 1;
    const bool comes = next > 0 && next <= n_bars && edges[next] > first_row &&
                       in_pieces(edges[next - 1], edges[next], row0, row1);
    const bool leaves = bar >= next && bar < n_bars && edges[bar + 1] > end_row &&
                        in_pieces(edges[bar], edges[bar + 1], row0, row1);
    const int64 stop_row = end_row < row1 ? end_row : row1;
    rest_stop[super] = !comes ? 0 : edges[next] < stop_row ? edges[next] : stop_row;
    head_start[super] = leaves ? edges[bar] : -1;
    bar_of[super] = leaves ? bar : -1;
    first_of[super] = first_super + super;
    last_of[super] = leaves ? (edges[bar + 1] - 1) >> SUPER_SHIFT : -1;
    if (super == 0) {
        bar_of[n_supers] = edges[0] < row0 && edges[1] > row0 ? 0 : -1;
        first_of[n_supers] = edges[0] >> SUPER_SHIFT;
        last_of[n_supers] = (edges[1] - 1) >> SUPER_SHIFT;
    }
}

// High, low and sum of rows.
struct Whole {
    double high, low, sum;
};

// Rows [start, stop) of one superblock, by 128 threads; every thread must come here. Thread 0 has the result.
__device__ inline Whole super_piece(
    const double *__restrict__ high, const double *__restrict__ low, const SIZE_T *__restrict__ size,
    int64 start, int64 stop, double *sums, double *highs, double *lows
) {
    const int group = threadIdx.x >> 3;
    const uint32 mask = group_mask();
    const int blocks = (int)(((stop - 1) >> SHIFT) - (start >> SHIFT)) + 1;
    const Piece piece = sweep(high, low, size, start, stop, 2 * group, 32, sums);
    if (lane_of_group() == 0) highs[group] = piece.extreme;
    if (lane_of_group() == 4) lows[group] = -piece.extreme;
    __syncthreads();
    Whole whole = {0.0, 0.0, piece.sum};
    if (threadIdx.x < LANES) {
        if (blocks > 2) whole.sum = fold_slots(sums, 0, blocks, false, mask);
        whole.high = group_high(higher(highs[threadIdx.x], highs[threadIdx.x + 8]), mask);
        whole.low = group_low(lower(lows[threadIdx.x], lows[threadIdx.x + 8]), mask);
    }
    __syncthreads();
    return whole;
}

// The pieces of bars that come in pieces; a thread block of 128 a superblock.
//
// rest_stop, head_start : as `super_edges` makes them
// rest_*, head_* : float64 (n_supers,), overwritten with the pieces; -inf, inf and 0.0 without one
extern "C" __global__ void __launch_bounds__(128) bar_pieces(
    const double *__restrict__ high, const double *__restrict__ low, const SIZE_T *__restrict__ size,
    int64 row0, int64 row1, const int64 *__restrict__ rest_stop, const int64 *__restrict__ head_start,
    double *__restrict__ rest_high, double *__restrict__ rest_low, double *__restrict__ rest_sum,
    double *__restrict__ head_high, double *__restrict__ head_low, double *__restrict__ head_sum
) {
    __shared__ double sums[GROUP];
    __shared__ double highs[16];
    __shared__ double lows[16];
    const int64 super = blockIdx.x;
    const int64 first = super << SUPER_SHIFT;
    const int64 stop = first + SUPER < row1 - row0 ? first + SUPER : row1 - row0;
    const int64 rest_end = rest_stop[super], head_begin = head_start[super];
    Whole rest = {-infinity(), infinity(), 0.0};
    Whole head = rest;
    if (rest_end > 0) rest = super_piece(high, low, size, first, rest_end - row0, sums, highs, lows);
    if (head_begin >= 0) head = super_piece(high, low, size, head_begin - row0, stop, sums, highs, lows);
    if (threadIdx.x == 0) {
        rest_high[super] = rest.high;
        rest_low[super] = rest.low;
        rest_sum[super] = rest.sum;
        head_high[super] = head.high;
        head_low[super] = head.low;
        head_sum[super] = head.sum;
    }
}

// Nodes [first, stop) of one level from the level under it, eight lanes a node.
//
// high, low, sum : float64, levels one after the other; children [below, here), nodes from `here` on
extern "C" __global__ void level_up(
    double *high, double *low, double *sum, int64 below, int64 here, int64 first, int64 stop
) {
    const int64 node = first + (((int64)blockIdx.x * blockDim.x + threadIdx.x) >> 3);
    if (node >= stop) return;
    const int64 n_children = here - below;
    const int64 start = node << SHIFT;
    const int64 end = start + GROUP < n_children ? start + GROUP : n_children;
    const uint32 mask = group_mask();
    double h = -infinity(), l = infinity(), v[8];
#pragma unroll
    for (int k = 0; k < 8; k++) {
        const int64 child = start + lane_of_group() + 8 * k;
        v[k] = 0.0;
        if (child < end) {
            h = higher(h, high[below + child]);
            l = lower(l, low[below + child]);
            v[k] = sum[below + child];
        }
    }
    h = group_high(h, mask);
    l = group_low(l, mask);
    const double s = fold_lanes(v, mask);
    if (lane_of_group() == 0) {
        high[here + node] = h;
        low[here + node] = l;
        sum[here + node] = s;
    }
}

// Join the pieces of bars that touch several superblocks; eight lanes a bar.
//
// high, low, sum : float64, the `rest` pieces of all superblocks and, above them, their levels
// level_start : int64 (n_levels + 1,), where each begins
// head_* : float64, the pieces that such bars begin with, by superblock
// bar_of, first_of, last_of : int64 (n_items,), which bar from which to which superblock; skipped where -1,
//         and where the bar goes on to stop_super, whose piece is not there yet
// out_high, out_low, out_volume : float64, overwritten for these bars
extern "C" __global__ void merge_bars(
    const double *__restrict__ high, const double *__restrict__ low, const double *__restrict__ sum,
    const int64 *__restrict__ level_start, const double *__restrict__ head_high,
    const double *__restrict__ head_low, const double *__restrict__ head_sum,
    const int64 *__restrict__ bar_of, const int64 *__restrict__ first_of, const int64 *__restrict__ last_of,
    int64 n_items, int64 stop_super, double *__restrict__ out_high, double *__restrict__ out_low,
    double *__restrict__ out_volume
) {
    const int64 item = ((int64)blockIdx.x * blockDim.x + threadIdx.x) >> 3;
    if (item >= n_items || bar_of[item] < 0 || last_of[item] >= stop_super) return;
    const int lane = lane_of_group();
    const uint32 mask = group_mask();
    int64 left = first_of[item], right = last_of[item];
    double left_sum = head_sum[left], right_sum = sum[right];
    double highest = higher(head_high[left], high[right]);
    double lowest = lower(head_low[left], low[right]);
    for (int level = 0;; level++) {
        const int64 base = level_start[level];
        const int64 left_group = left >> SHIFT, right_group = right >> SHIFT;
        const bool meet = left_group == right_group;
        // Left of the gap: slot 0 is what the left end has come to, then whole nodes; the right end likewise.
        const int64 left_stop = meet ? right : (left_group + 1) << SHIFT;
        double v[8];
#pragma unroll
        for (int k = 0; k < 8; k++) {
            const int64 node = left + lane + 8 * k;
            v[k] = 0.0;
            if (node == left) v[k] = left_sum;
            else if (node < left_stop) {
                v[k] = sum[base + node];
                highest = higher(highest, high[base + node]);
                lowest = lower(lowest, low[base + node]);
            } else if (meet && node == right) v[k] = right_sum;
        }
        left_sum = fold_lanes(v, mask);
        if (meet) break;
        const int64 first = right_group << SHIFT;
#pragma unroll
        for (int k = 0; k < 8; k++) {
            const int64 node = first + lane + 8 * k;
            v[k] = 0.0;
            if (node < right) {
                v[k] = sum[base + node];
                highest = higher(highest, high[base + node]);
                lowest = lower(lowest, low[base + node]);
            } else if (node == right) v[k] = right_sum;
        }
        right_sum = fold_lanes(v, mask);
        left = left_group;
        right = right_group;
    }
    highest = group_high(highest, mask);
    lowest = group_low(lowest, mask);
    if (lane == 0) {
        out_high[bar_of[item]] = highest;
        out_low[bar_of[item]] = lowest;
        out_volume[bar_of[item]] = left_sum;
    }
}
