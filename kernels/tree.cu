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

// High, low and sum of children [start, stop), a non-empty part of one aligned group of 64.
//
// high, low : float64; value : float or double, or null for a sum of 0.0
// The columns must be readable up to an even number of rows: lanes load pairs.
template <typename T>
__device__ Piece group_piece(
    const double *__restrict__ high, const double *__restrict__ low, const T *__restrict__ value,
    int64 start, int64 stop, uint32 mask
) {
    const int64 base = start & ~(int64)(GROUP - 1);
    const int first = (int)(start - base);
    const uint32 width = (uint32)(stop - start);
    const int lane = 2 * lane_of_group();
    Pair<double> h[4];
    Pair<double> l[4];
    Pair<T> s[4];
    bool in_x[4], in_y[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int at = lane + 16 * k;
        in_x[k] = (uint32)(at - first) < width;
        in_y[k] = (uint32)(at + 1 - first) < width;
        s[k].x = s[k].y = (T)0;
        if (in_x[k] || in_y[k]) {
            const int64 pair = (base + at) >> 1;
            h[k] = reinterpret_cast<const Pair<double> *>(high)[pair];
#if ONE_PRICE
            l[k] = h[k];
#else
            l[k] = reinterpret_cast<const Pair<double> *>(low)[pair];
#endif
            if (value) s[k] = reinterpret_cast<const Pair<T> *>(value)[pair];
        }
    }
    double highest = -infinity(), lowest = infinity();
    double x[4], y[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
        if (in_x[k]) {
            highest = higher(highest, h[k].x);
            lowest = lower(lowest, l[k].x);
        }
        if (in_y[k]) {
            highest = higher(highest, h[k].y);
            lowest = lower(lowest, l[k].y);
        }
        x[k] = in_x[k] ? (double)s[k].x : 0.0;
        y[k] = in_y[k] ? (double)s[k].y : 0.0;
    }
    Piece piece;
    piece.high = group_high(highest, mask);
    piece.low = group_low(lowest, mask);
    const double even = group_sum((x[0] + x[2]) + (x[1] + x[3]), mask);
    const double odd = group_sum((y[0] + y[2]) + (y[1] + y[3]), mask);
    piece.sum = even + odd;
    return piece;
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
