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

struct Piece {
    double high, low, sum;
};

template <typename T>
struct alignas(2 * sizeof(T)) Pair {
    T x, y;
};

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

// What one lane sees of a group of 64 children: extremes, and the sums of its even and of its odd children.
struct Share {
    double high, low, even, odd;
};

// What one lane loads of it: children 2 i, 2 i + 1 and every 16th from there, in pairs.
template <typename T>
struct Loaded {
    Pair<double> high[4];
#if !ONE_PRICE
    Pair<double> low[4];
#endif
    Pair<T> value[4];
    int first;
    uint32 width;
};

// Load children [start, stop), at most 64, of the group that begins at base; none where stop <= start.
//
// high, low : float64; value : float or double, or null for values of 0
// The columns must be readable up to an even number of rows.
template <typename T>
__device__ inline void load(
    Loaded<T> &loaded, const double *__restrict__ high, const double *__restrict__ low,
    const T *__restrict__ value, int64 base, int64 start, int64 stop
) {
    loaded.first = (int)(start - base);
    loaded.width = stop > start ? (uint32)(stop - start) : 0;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int at = 2 * lane_of_group() + 16 * k;
        const int in = at - loaded.first;
        const bool here = (uint32)in < loaded.width || (uint32)(in + 1) < loaded.width;
        loaded.value[k].x = loaded.value[k].y = (T)0;
        if (here) {
            const int64 pair = (base + at) >> 1;
            loaded.high[k] = reinterpret_cast<const Pair<double> *>(high)[pair];
#if !ONE_PRICE
            loaded.low[k] = reinterpret_cast<const Pair<double> *>(low)[pair];
#endif
            if (value) loaded.value[k] = reinterpret_cast<const Pair<T> *>(value)[pair];
        }
    }
}

// Take what was loaded into a share; its sums are overwritten.
template <typename T>
__device__ inline void take(Share &share, const Loaded<T> &loaded) {
    double x[4], y[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int at = 2 * lane_of_group() + 16 * k - loaded.first;
        const bool in_x = (uint32)at < loaded.width, in_y = (uint32)(at + 1) < loaded.width;
        const Pair<double> high = loaded.high[k];
#if ONE_PRICE
        const Pair<double> low = high;
#else
        const Pair<double> low = loaded.low[k];
#endif
        if (in_x) {
            share.high = higher(share.high, high.x);
            share.low = lower(share.low, low.x);
        }
        if (in_y) {
            share.high = higher(share.high, high.y);
            share.low = lower(share.low, low.y);
        }
        x[k] = in_x ? (double)loaded.value[k].x : 0.0;
        y[k] = in_y ? (double)loaded.value[k].y : 0.0;
    }
    share.even = (x[0] + x[2]) + (x[1] + x[3]);
    share.odd = (y[0] + y[2]) + (y[1] + y[3]);
}

// Sums of two groups at once: lanes 0 to 3 return that of the first share, lanes 4 to 7 that of the second.
// Each halving sends away what the partner keeps, so two trees cost five shuffles and not twelve.
__device__ inline double two_sums(const Share &a, const Share &b, uint32 mask) {
    const int lane = lane_of_group();
    const double even = (lane & 4 ? b.even : a.even) + __shfl_xor_sync(mask, lane & 4 ? a.even : b.even, 4);
    const double odd = (lane & 4 ? b.odd : a.odd) + __shfl_xor_sync(mask, lane & 4 ? a.odd : b.odd, 4);
    double sum = (lane & 2 ? odd : even) + __shfl_xor_sync(mask, lane & 2 ? even : odd, 2);
    sum += __shfl_xor_sync(mask, sum, 1);
    return sum + __shfl_xor_sync(mask, sum, 2);
}

// Rows [start, stop), not empty, of which this group of lanes takes two blocks of 64 at a time.
//
// slots : float64, overwritten with the sums of the blocks, where there are more than two; step : 2 times the
//         number of groups that share the rows, of which this one is number `part`
// Returns the extremes that this lane saw; the sum of the rows where they are in at most two blocks.
template <typename T>
__device__ inline Piece sweep(
    const double *__restrict__ high, const double *__restrict__ low, const T *__restrict__ value,
    int64 start, int64 stop, int part, int step, double *slots, uint32 mask
) {
    const int64 first_block = start >> SHIFT;
    const int blocks = (int)(((stop - 1) >> SHIFT) - first_block) + 1;
    Piece piece = {-infinity(), infinity(), 0.0};
    for (int i = 2 * part; i < blocks; i += step) {
        const int64 a = (first_block + i) << SHIFT, middle = a + GROUP, end = middle + GROUP;
        // Both blocks' loads go out before either is used.
        Loaded<T> near, far;
        load(near, high, low, value, a, start > a ? start : a, stop < middle ? stop : middle);
        load(far, high, low, value, middle, middle, stop < end ? stop : end);
        Share one = {piece.high, piece.low, 0.0, 0.0};
        take(one, near);
        Share other = {one.high, one.low, 0.0, 0.0};
        take(other, far);
        piece.high = other.high;
        piece.low = other.low;
        piece.sum = two_sums(one, other, mask);
        if (blocks > 2) {
            if (lane_of_group() == 0) slots[i] = piece.sum;
            if (lane_of_group() == 4 && i + 1 < blocks) slots[i + 1] = piece.sum;
        }
    }
    if (blocks <= 2) piece.sum += __shfl_xor_sync(mask, piece.sum, 4);
    return piece;
}

// One tree over slots [first, stop), at most 64; 0.0 when there are none.
__device__ inline double fold_slots(const double *slots, int first, int stop, uint32 mask) {
    double v[8];
#pragma unroll
    for (int k = 0; k < 8; k++) {
        const int i = first + lane_of_group() + 8 * k;
        v[k] = i < stop ? slots[i] : 0.0;
    }
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
