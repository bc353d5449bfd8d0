/* The governor's fast half: whether a call is recorded or only counted, and the counts. governor.py decides how much is recorded; this file
 * does what it decided at every call. Counted calls lose nothing but their span: count, times and errors are written as records of kind 5. */
enum { WAYS = 8, COUNTED_AT_ONCE = 4096, MEASURED = 32 /* of so many recorded calls one is timed */, PHASES = 16, DEAR = 2000 /* ticks */, EVENTS_A_LOOK = 256, PROBES_NS = 60 };
enum { MOST = 1024 /* one call in so many is always recorded */, INTERRUPTED = 1000000 /* ticks: so long takes no capture */ };
#define UNLIMITED 0xFFFFFFFFu

typedef struct {
    unsigned int period;          /* of so many calls one is recorded; 1: all are */
    int left;                     /* recorded calls until governor.py is asked again */
    unsigned int early;           /* calls to come that are recorded in any case */
    u32 window, used;             /* calls recorded in the window `window` */
    unsigned int since;           /* calls that were only counted since the last recorded one */
    unsigned int cost;            /* ticks that recording one call took lately */
    unsigned int counted, errors; /* these and the times: since the last record of kind 5 */
    u64 total, self, least, most;
    u64 slow;                     /* ticks: a call that takes longer is recorded, though it was to be counted */
    u64 written;                  /* calls in records of kind 5 */
    u64 missed;                   /* calls without probes */
    u64 seen, seen_total, seen_self; /* calls that began while `dark` and with probes */
    u64 seen_counted, seen_spent, seen_below; /* what tracing did within them: calls counted, ticks of recording, calls right below */
    u64 lent;                     /* of what began with its probes on for good and calls dark functions: its time in dark calls while they had probes; */
    i64 crossed;                  /* and what of these is in nobody's self time */
    char listed;                  /* in `ever_counted` */
    char always;                  /* each call is recorded: of databases, HTTP and tests */
    char event;                   /* a site of lines or values: what comes there takes no time of its own; `off`: it is only numbered, as `missed` */
    u64 before;                   /* of such a site: `written` and `counted` when the last window ended */
    char muted;                   /* a function: of its lines and values some are only numbered at the moment */
    u64 mark;                     /* of any: the same at the last `mark_counted` */
    char roots;                   /* some of its calls had no parent */
    char dark, off;               /* phases.py switches its probes off and on; they are off */
    char lends;                   /* in `lenders` */
    struct { u32 trace, calls; } first[WAYS]; /* how many calls the latest traces have recorded as their first */
} Governed;

static struct {
    u64 spent;   /* ticks that recording took, by what calls of each function cost lately */
    u64 counted; /* calls that were only counted */
    u64 noted;   /* events likewise */
    u32 first_calls; /* of each function, recorded in each trace */
    u32 window, quota; /* of each function so many calls are recorded in a window; UNLIMITED: all */
    u32 others;      /* of so many windows and one, a power of two, each function has one that is its own */
    u64 look_at;     /* the tick at which the window ends */
    char on, tight;  /* tight: the last window cost more than it might */
    u32 phase;       /* how often the probes of dark functions were switched off; `ended`: when, of the last few */
    u64 ended[PHASES];
    u32 aside;       /* ticks that a recorded call takes beside what can be measured */
    double counting; /* ticks that counting a call took lately, where the program runs: its caches are colder than a calibration's */
    u64 close_at;    /* so many counted calls end the phase that is on */
} governor = {.phase = 1, .quota = UNLIMITED, .look_at = ~(u64)0, .close_at = ~(u64)0};

/* Every trace shows its first calls of a function. A trace that a newer one has displaced has had them. */
static inline int governor_first(Governed *g, u32 trace)
{
    u32 way = trace & (WAYS - 1);
    if (unlikely(g->first[way].trace < trace)) {
        g->first[way].trace = trace;
        g->first[way].calls = 0;
    }
    return unlikely(g->first[way].trace == trace && g->first[way].calls < governor.first_calls) && ++g->first[way].calls;
}

/* Whether its function may record another call in this window. */
static inline int governor_has_room(Governed *g)
{
    if (g->window != governor.window) {
        g->window = governor.window;
        g->used = (governor.window + (u32)((size_t)g >> 8)) & governor.others ? governor.quota : 0;
    }
    return g->used < governor.quota && ++g->used;
}

/* Whether a call is recorded whose function is new, or of which not every call is. ALONE: without standing for others. */
enum { COUNT_IT, RECORD_IT, ALONE };
static NEVER_INLINE int governor_prefers(Governed *g, u32 trace)
{
    if (g->always)
        return RECORD_IT;
    if (g->early) {
        g->early--;
        return RECORD_IT;
    }
    if (g->period == 1 && governor.quota == UNLIMITED)
        return RECORD_IT;
    if (governor_first(g, trace))
        return ALONE;
    return g->since + 1 >= MOST || (g->since + 1 >= g->period && governor_has_room(g)) ? RECORD_IT : COUNT_IT;
}

/* Whether this call is recorded and not only counted. `others`: the counted calls that it stands for, apart from itself. */
static inline int governor_picks(Governed *g, u32 trace, u32 *others)
{
    if (unlikely(g->early || g->period > 1 || governor.quota != UNLIMITED)) {
        int chosen = governor_prefers(g, trace);
        if (chosen != RECORD_IT)
            return chosen == ALONE;
    }
    *others = g->since;
    g->since = 0;
    return 1;
}

static inline void governor_add(Governed *g, u64 duration, u64 own, int failed)
{
    if (g->counted++ == 0 || duration < g->least)
        g->least = duration;
    if (duration > g->most)
        g->most = duration;
    g->total += duration;
    g->self += own;
    g->errors += failed;
    governor.counted++;
}

/* What was only counted, in calls: an event takes about a quarter of what a call does, which has two ends and a time. */
static inline u64 governor_counted(void)
{
    return governor.counted + governor.noted / 4;
}

/* Whether an event is written and not only counted: the first ones of its site, then as many in a window as the budget has room for. */
static inline int governor_takes(Governed *g)
{
    if (likely(!governor.on || governor.quota == UNLIMITED) || g->always)
        return 1;
    if (g->early) {
        g->early--;
        return 1;
    }
    return governor_has_room(g);
}

/* What was only numbered of an event's site is counted like the rest: exact, as events take no time. */
static inline void governor_fold(Governed *g)
{
    if (g->event && g->missed) {
        g->least = 0;
        g->counted += (unsigned int)g->missed;
        if (g->dark)
            g->seen += g->missed;
        g->missed = 0;
    }
}

/* When recording a call of `g` begins: the time, where this one is measured; else 0. Dear ones are measured every time, and so are first
 * calls, whose values are whole. */
static inline u64 governor_begins(const Governed *g, u32 number)
{
    return unlikely(number % MEASURED == 0 || g->cost > DEAR || g->early) ? ticks() : 0;
}

/* Recording took `took` ticks; it was charged with what it takes on average. What the scheduler did in between is no cost of ours: one
 * measurement counts as nine times the average at most in that. Beside what is measured a probe's call takes its time, and what the program
 * had in the caches is gone. */
static inline void governor_measured(Governed *g, u64 took)
{
    u64 most = 9 * (u64)g->cost + 1;
    took += governor.aside;
    if (took > INTERRUPTED)
        took = g->cost;
    governor.spent += took - g->cost;
    g->cost = (unsigned int)((7 * (u64)g->cost + (took < most ? took : most)) / 8);
}

/* Counting a call took `took` ticks and its probes' calls. */
static inline void governor_count_measured(u64 took)
{
    double most = 4 * governor.counting;
    double now = (double)(took + governor.aside / 2);
    if (governor.counting > 0)
        governor.counting += ((now < most ? now : most) - governor.counting) / 256;
    else
        governor.counting = now;
}

/* A record of kind 5 for what was counted. The definition of `fn` is written. */
static void governor_write(Governed *g, u32 fn)
{
    u8 *at;
    Record *r = g->counted ? spool_place(47) : NULL; /* may run Python: nothing was read before */
    u64 numbers[5] = {g->total, g->self, g->least, g->most, g->errors};
    if (r == NULL || g->counted == 0)
        return;
    at = spool.top - 47;
    *at++ = 'A';
    *at++ = 0x95;
    for (int i = 0; i < 5; i++) {
        *at++ = 0xCF;
        for (int shift = 56; shift >= 0; shift -= 8)
            *at++ = (u8)(numbers[i] >> shift);
    }
    *r = (Record){ticks(), 0, 0, 0, 0, 0, fn, 47, 0, 0, KIND_AGGREGATE, 0, 0, g->counted};
    spool_commit(47);
    g->written += g->counted;
    g->counted = g->errors = 0;
    g->total = g->self = g->most = 0;
}
