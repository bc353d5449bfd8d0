/* The clock: the processor's counter where it runs at one rate on all processors (a read costs half), else the monotonic clock. Its rate is
 * measured against the monotonic clock, first over the milliseconds that starting takes, then over ever longer spans (clock_rate). */
#if defined(__x86_64__) && defined(__linux__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#include <x86intrin.h>
#define HAVE_COUNTER 1
#endif

static int use_counter;
static struct { u64 ticks, ns; } clock_first;
static double ns_per_tick = 1.0;

static inline u64 clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static inline u64 ticks(void)
{
#ifdef HAVE_COUNTER
    if (likely(use_counter))
        return __rdtsc();
#endif
    return clock_ns();
}

#ifdef HAVE_COUNTER
/* Both clocks at one instant: of several tries the one during which the least time passed. */
static void clock_pair(u64 *at_ticks, u64 *at_ns)
{
    u64 best = ~(u64)0;
    for (int i = 0; i < 12; i++) {
        u64 before = __rdtsc(), ns = clock_ns(), after = __rdtsc();
        if (after - before < best) {
            best = after - before;
            *at_ticks = before + (after - before) / 2;
            *at_ns = ns;
        }
    }
}

/* The kernel trusts the counter (it is its own clock source, or a paravirtual one built on it), and the processor says it never changes. */
static int counter_is_steady(void)
{
    unsigned a, b, c, d;
    char source[16] = {0};
    FILE *file;
    if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & (1u << 8)))
        return 0;
    file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (file == NULL)
        return 0;
    if (fgets(source, sizeof source, file) == NULL)
        source[0] = 0;
    fclose(file);
    return strncmp(source, "tsc", 3) == 0 || strncmp(source, "kvm-clock", 9) == 0;
}
#endif

/* Measure the rate over all the time since loading; at least `least_ns` of it, waiting for that if it must. */
static void clock_rate(u64 least_ns)
{
#ifdef HAVE_COUNTER
    u64 at_ticks, at_ns;
    if (!use_counter)
        return;
    while (clock_ns() - clock_first.ns < least_ns)
        ;
    clock_pair(&at_ticks, &at_ns);
    if (at_ticks > clock_first.ticks)
        ns_per_tick = (double)(at_ns - clock_first.ns) / (double)(at_ticks - clock_first.ticks);
#else
    (void)least_ns;
#endif
}

static int clock_begin(void)
{
#ifdef HAVE_COUNTER
    use_counter = counter_is_steady();
    if (use_counter)
        clock_pair(&clock_first.ticks, &clock_first.ns);
#endif
    return 0;
}

/* tick() -> now in ticks */
static PyObject *clock_tick(PyObject *self, PyObject *unused)
{
    return PyLong_FromUnsignedLongLong(ticks());
}

/* origin() -> (wall ns, ticks, ns per tick) of this instant, for a header */
static PyObject *clock_origin(PyObject *self, PyObject *unused)
{
    struct timespec wall;
    u64 before, after;
    clock_rate(4000000);
    for (int i = 0; i < 8; i++) { /* the clocks must be read together: not when something came between */
        before = ticks();
        clock_gettime(CLOCK_REALTIME, &wall);
        after = ticks();
        if ((double)(after - before) * ns_per_tick < 500)
            break;
    }
    return Py_BuildValue("KKd", (unsigned long long)wall.tv_sec * 1000000000u + (unsigned long long)wall.tv_nsec,
                         (unsigned long long)(before + (after - before) / 2), ns_per_tick);
}
