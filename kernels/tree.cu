// The sum rule of the history layer, for groups of eight lanes.
//
// A sum over rows [a, b) is the root of one tree keyed by row number in which rows outside [a, b) count as
// 0.0: aligned groups of 64 rows, 64 of those, and so on; within a group s[i] = v[i] + v[i + 32], then + 16,
// + 8, + 4, + 2, + 1, all in float64. x + 0.0 is x, and a run of up to 64 neighbours has the same sum
// wherever in its group it lies, so a partial group may be padded with zeros behind its last row.
// kf_widget/history/index_kernels.py says the same for the CPU; both give the same bits.
//
// Four groups of eight lanes share a warp. Eight lanes and eight values each make three quarters of the
// tree plain register adds; a whole warp on 64 rows would need three times as many shuffles.
//
// SIZE_T    type of the sizes, float or double
// ONE_PRICE 1 for ticks, whose open, high, low and close are one column; 0 for bars

#ifndef SIZE_T
#define SIZE_T float
#endif
#ifndef ONE_PRICE
#define ONE_PRICE 1
#endif

typedef long long int64;
typedef unsigned int uint32;

#define SHIFT 6
#define GROUP 64
#define SUPER_SHIFT 12
#define SUPER 4096
#define LANES 8
#define ALL_LANES 0xffffffffu

__device__ inline double infinity() { return __longlong_as_double(0x7ff0000000000000LL); }
__device__ inline double nan_value() { return __longlong_as_double(0x7ff8000000000000LL); }
__device__ inline double higher(double a, double b) { return a < b ? b : a; }
__device__ inline double lower(double a, double b) { return b < a ? b : a; }
__device__ inline int lane_of_warp() { return threadIdx.x & 31; }
__device__ inline int lane_of_group() { return threadIdx.x & (LANES - 1); }

// The lanes of this thread's group, as a mask for shuffles.
__device__ inline uint32 group_mask() { return 0xffu << (threadIdx.x & 24); }

__device__ inline double group_high(double value, uint32 mask) {
    for (int step = 4; step > 0; step >>= 1) value = higher(value, __shfl_xor_sync(mask, value, step));
    return value;
}

__device__ inline double group_low(double value, uint32 mask) {
    for (int step = 4; step > 0; step >>= 1) value = lower(value, __shfl_xor_sync(mask, value, step));
    return value;
}

__device__ inline double group_sum(double value, uint32 mask) {
    for (int step = 4; step > 0; step >>= 1) value += __shfl_xor_sync(mask, value, step);
    return value;
}

// One tree over 64 values of which lane i of the group holds i, i + 8, ... i + 56.
__device__ inline double fold_lanes(const double v[8], uint32 mask) {
    return group_sum(((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])), mask);
}

// What one lane holds of a run of neighbours: every eighth, from the multiple of eight at or before the first.
// So eight lanes read whole sectors of memory, and the run's place in its group is right for the tree.
template <typename T, int K>
struct Run {
    double high[K];
#if !ONE_PRICE
    double low[K];
#endif
    T value[K];
    int rows;
    bool early;
};

// Load rows [start, stop), of one block, at most 8 K from start & ~7 on; none where stop <= start.
//
// high, low : float64; value : float or double, or null for values of 0
template <typename T, int K>
__device__ inline void load(
    Run<T, K> &run, const double *__restrict__ high, const double *__restrict__ low,
    const T *__restrict__ value, int64 start, int64 stop
) {
    const int64 row = (start & ~(int64)7) + lane_of_group();
    run.rows = (int)(stop - row);
    run.early = row < start;
#pragma unroll
    for (int k = 0; k < K; k++) {
        run.value[k] = (T)0;
        if (8 * k < run.rows && (k > 0 || !run.early)) {
            run.high[k] = high[row + 8 * k];
#if !ONE_PRICE
            run.low[k] = low[row + 8 * k];
#endif
            if (value) run.value[k] = value[row + 8 * k];
        }
    }
}

// Take what was loaded: highest and lowest so far, and this lane's part of the sum.
template <typename T, int K>
__device__ inline double take(const Run<T, K> &run, double &highest, double &lowest) {
    double v[8];
#pragma unroll
    for (int k = 0; k < 8; k++) {
        v[k] = k < K ? (double)run.value[k < K ? k : 0] : 0.0;
        if (k < K && 8 * k < run.rows && (k > 0 || !run.early)) {
            highest = higher(highest, run.high[k < K ? k : 0]);
#if ONE_PRICE
            lowest = lower(lowest, run.high[k < K ? k : 0]);
#else
            lowest = lower(lowest, run.low[k < K ? k : 0]);
#endif
        }
    }
    if (K <= 2) return v[0] + v[1];
    if (K <= 4) return (v[0] + v[2]) + (v[1] + v[3]);
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

// Sums of two runs at once: lanes 0 to 3 return that of the first, lanes 4 to 7 that of the second. The first
// step sends away what the partner keeps. Whole warps come here: a mask that is known spares the check of it.
__device__ inline double two_sums(double a, double b) {
    const bool upper = lane_of_group() & 4;
    const double sum = (upper ? b : a) + __shfl_xor_sync(ALL_LANES, upper ? a : b, 4);
    const double half = sum + __shfl_xor_sync(ALL_LANES, sum, 2);
    return half + __shfl_xor_sync(ALL_LANES, half, 1);
}

// Highest and negated lowest of a group: lanes 0 to 3 return the one, lanes 4 to 7 the other.
__device__ inline double two_extremes(double highest, double lowest) {
    const bool upper = lane_of_group() & 4;
    double most = higher(upper ? -lowest : highest, __shfl_xor_sync(ALL_LANES, upper ? highest : -lowest, 4));
    most = higher(most, __shfl_xor_sync(ALL_LANES, most, 2));
    return higher(most, __shfl_xor_sync(ALL_LANES, most, 1));
}

// Two neighbouring blocks' rows [from, cut) and [middle, to), at most 8 K of each: extremes, and both sums.
template <typename T, int K>
__device__ inline double take_two(
    const double *__restrict__ high, const double *__restrict__ low, const T *__restrict__ value, int64 from,
    int64 cut, int64 middle, int64 to, double &highest, double &lowest
) {
    double one, other;
    if (K < 8) {  // both blocks' loads go out before either is used
        Run<T, K> near, far;
        load(near, high, low, value, from, cut);
        load(far, high, low, value, middle, to);
        one = take(near, highest, lowest);
        other = take(far, highest, lowest);
    } else {  // one block's loads are enough at a time, and leave registers for more warps
        Run<T, K> run;
        load(run, high, low, value, from, cut);
        one = take(run, highest, lowest);
        load(run, high, low, value, middle, to);
        other = take(run, highest, lowest);
    }
    return two_sums(one, other);
}

// Highest of a number over the four groups of a warp.
__device__ inline int most_of_warp(int value) {
    for (int step = 8; step < 32; step <<= 1) {
        const int other = __shfl_xor_sync(ALL_LANES, value, step);
        value = other > value ? other : value;
    }
    return value;
}

// What eight lanes found: the high in lanes 0 to 3, the negated low in lanes 4 to 7, and a sum in all.
struct Piece {
    double extreme, sum;
};

// Rows [start, stop), of which this group of lanes takes two blocks of 64 at a time. Whole warps come here; a
// group without rows gives start == stop.
//
// slots : float64, overwritten with the sums of the blocks, where there are more than two
// part, step : the first block to take, and how far it is to the next; 0 and 2 of eight lanes on their own
// The sum is that of the rows where they are in at most two blocks and part is 0.
template <typename T>
__device__ inline Piece sweep(
    const double *__restrict__ high, const double *__restrict__ low, const T *__restrict__ value,
    int64 start, int64 stop, int part, int step, double *slots
) {
    const int64 first_block = start >> SHIFT;
    const int blocks = stop > start ? (int)(((stop - 1) >> SHIFT) - first_block) + 1 : 0;
    const int most_blocks = most_of_warp(blocks);
    double highest = -infinity(), lowest = infinity(), sum = 0.0;
    for (int round = 0; round < most_blocks; round += step) {
        const int i = round + part;
        const int64 a = (first_block + i) << SHIFT, middle = a + GROUP, end = middle + GROUP;
        const int64 from = start > a ? start : a, cut = stop < middle ? stop : middle;
        const int64 to = stop < end ? stop : end;
        // The whole warp takes the way that its longest run needs: short runs then cost a quarter.
        const int near = (int)(cut - (from & ~(int64)7)), far = (int)(to - middle);
        const int most = most_of_warp(near > far ? near : far);
        double both;
        if (most <= 16)
            both = take_two<T, 2>(high, low, value, from, cut, middle, to, highest, lowest);
        else if (most <= 32)
            both = take_two<T, 4>(high, low, value, from, cut, middle, to, highest, lowest);
        else
            both = take_two<T, 8>(high, low, value, from, cut, middle, to, highest, lowest);
        if (i < blocks) sum = both;
        if (blocks > 2) {
            if (lane_of_group() == 0 && i < blocks) slots[i] = sum;
            if (lane_of_group() == 4 && i + 1 < blocks) slots[i + 1] = sum;
        }
    }
    return {two_extremes(highest, lowest), sum + __shfl_xor_sync(ALL_LANES, sum, 4)};
}

// One tree over slots [first, stop), at most 64; 0.0 when there are none. few : whether there are at most eight
// in every group that comes along.
__device__ inline double fold_slots(const double *slots, int first, int stop, bool few, uint32 mask) {
    const int from = first + lane_of_group();
    if (few) return group_sum(from < stop ? slots[from] : 0.0, mask);
    double v[8];
#pragma unroll
    for (int k = 0; k < 8; k++) v[k] = from + 8 * k < stop ? slots[from + 8 * k] : 0.0;
    return fold_lanes(v, mask);
}

// First of [start, stop) whose value is at least the target (above it when `right`); stop when none is.
__device__ inline int64 first_at_least(
    const int64 *__restrict__ values, int64 start, int64 stop, int64 target, bool right
) {
    while (start < stop) {
        const int64 middle = start + ((stop - start) >> 1);
        const int64 value = values[middle];
        if (value < target || (right && value == target)) start = middle + 1;
        else stop = middle;
    }
    return start;
}
