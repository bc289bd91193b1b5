// CUDA's threads on one CPU core, enough for the kernels here to be compiled by g++ and run as they are.
//
// Each thread of a block is a fiber; blocks run one after the other. A fiber runs until it waits: at
// __syncthreads for its block, at a shuffle, ballot or __syncwarp for the lanes that the mask names. Lanes
// that never come, and a lane outside its own mask, end the process with a message.
#pragma once

#include <csetjmp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)

struct Dim {
    unsigned x, y, z;
};
static Dim threadIdx, blockIdx, blockDim, gridDim;

namespace simt {

constexpr unsigned LANES = 32, STACK = 128 * 1024, MOST = 1024;

struct Meeting {  // lanes of one mask, or threads of one block
    unsigned here = 0, round = 0;
};
struct Warp {
    Meeting meetings[LANES + 1];
    uint64_t values[LANES + 1][2][LANES];
};
struct Fiber {
    jmp_buf state;
    ucontext_t begin;
    std::unique_ptr<char[]> stack;
    bool started = false, done = false;
    const unsigned *round = nullptr;  // waits until this differs from `seen`
    unsigned seen = 0;
};

static Fiber fibers[MOST];
static Warp warps[MOST / LANES];
static Meeting block;
static jmp_buf scheduler;
static unsigned n_threads, current;
static void (*body)(void *);
static void *body_argument;

[[noreturn]] static void fail(const char *what) {
    std::fprintf(stderr, "simt: %s (block %u, thread %u)\n", what, blockIdx.x, current);
    std::abort();
}

static void wait_for(const unsigned &round) {
    Fiber &me = fibers[current];
    me.round = &round;
    me.seen = round;
    if (!_setjmp(me.state)) _longjmp(scheduler, 1);
}

// Come to a meeting; returns the parity of its round once everybody is there.
static unsigned meet(Meeting &meeting, unsigned expected) {
    const unsigned round = meeting.round;
    if (++meeting.here == expected) {
        meeting.here = 0;
        meeting.round++;
    } else {
        wait_for(meeting.round);
    }
    return round & 1;
}

static unsigned key_of(unsigned mask) {
    if (!(mask >> (current % LANES) & 1)) fail("a lane is not in its own mask");
    return mask == 0xffffffffu ? LANES : (unsigned)__builtin_ctz(mask);
}

static unsigned present(unsigned mask) {
    const unsigned first = current / LANES * LANES;
    if (first + LANES > n_threads) fail("blocks must be whole warps");
    return (unsigned)__builtin_popcount(mask);
}

template <typename T>
static T exchange(unsigned mask, T value, unsigned from) {
    static_assert(sizeof(T) <= 8);
    Warp &warp = warps[current / LANES];
    const unsigned key = key_of(mask);
    Meeting &meeting = warp.meetings[key];
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    warp.values[key][meeting.round & 1][current % LANES] = bits;
    const unsigned parity = meet(meeting, present(mask));
    if (!(mask >> from & 1)) fail("a shuffle reads a lane outside its mask");
    std::memcpy(&value, &warp.values[key][parity][from], sizeof(T));
    return value;
}

static void enter() {
    body(body_argument);
    fibers[current].done = true;
    _longjmp(scheduler, 1);
}

static void resume(unsigned thread) {
    current = thread;
    threadIdx = {thread, 0, 0};
    Fiber &fiber = fibers[thread];
    if (_setjmp(scheduler)) return;
    if (fiber.started) _longjmp(fiber.state, 1);
    fiber.started = true;
    getcontext(&fiber.begin);
    if (!fiber.stack) fiber.stack.reset(new char[STACK]);
    fiber.begin.uc_stack.ss_sp = fiber.stack.get();
    fiber.begin.uc_stack.ss_size = STACK;
    fiber.begin.uc_link = nullptr;
    makecontext(&fiber.begin, enter, 0);
    setcontext(&fiber.begin);
}

static void run(unsigned blocks, unsigned threads, void (*kernel)(void *), void *argument) {
    if (threads > MOST || threads % LANES) fail("blocks must be whole warps, at most 1,024 threads");
    n_threads = threads;
    body = kernel;
    body_argument = argument;
    gridDim = {blocks, 1, 1};
    blockDim = {threads, 1, 1};
    for (unsigned b = 0; b < blocks; b++) {
        blockIdx = {b, 0, 0};
        block = Meeting();
        for (auto &warp : warps) warp = Warp();
        for (unsigned t = 0; t < threads; t++) {
            fibers[t].started = fibers[t].done = false;
            fibers[t].round = nullptr;
        }
        for (unsigned left = threads; left;) {
            bool moved = false;
            left = 0;
            for (unsigned t = 0; t < threads; t++) {
                Fiber &fiber = fibers[t];
                if (fiber.done) continue;
                left++;
                if (fiber.round && *fiber.round == fiber.seen) continue;
                fiber.round = nullptr;
                moved = true;
                resume(t);
            }
            if (left && !moved) fail("threads wait for others that have ended or wait elsewhere");
        }
    }
}

}  // namespace simt

static void __syncthreads() { simt::meet(simt::block, simt::n_threads); }
static void __syncwarp(unsigned mask = 0xffffffffu) { simt::exchange(mask, 0, simt::current % 32); }

template <typename T>
static T __shfl_sync(unsigned mask, T value, int from) {
    return simt::exchange(mask, value, (unsigned)from & 31);
}
template <typename T>
static T __shfl_xor_sync(unsigned mask, T value, int step) {
    return simt::exchange(mask, value, (simt::current ^ (unsigned)step) & 31);
}
template <typename T>
static T __shfl_up_sync(unsigned mask, T value, int step) {
    const unsigned lane = simt::current & 31;
    return simt::exchange(mask, value, lane >= (unsigned)step ? lane - (unsigned)step : lane);
}
static unsigned __ballot_sync(unsigned mask, bool vote) {
    unsigned bits = 0;
    simt::Warp &warp = simt::warps[simt::current / 32];
    const unsigned key = simt::key_of(mask);
    simt::Meeting &meeting = warp.meetings[key];
    warp.values[key][meeting.round & 1][simt::current % 32] = vote;
    const unsigned parity = simt::meet(meeting, simt::present(mask));
    for (unsigned lane = 0; lane < 32; lane++)
        if (mask >> lane & 1 && warp.values[key][parity][lane]) bits |= 1u << lane;
    return bits;
}

static int __popc(unsigned bits) { return __builtin_popcount(bits); }
static int __ffs(int bits) { return __builtin_ffs(bits); }
static double __longlong_as_double(long long bits) {
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
template <typename T>
static T atomicAdd(T *at, T value) {
    const T old = *at;
    *at += value;
    return old;
}
static unsigned atomicOr(unsigned *at, unsigned bits) {
    const unsigned old = *at;
    *at |= bits;
    return old;
}
