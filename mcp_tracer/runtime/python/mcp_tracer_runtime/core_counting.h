/* What beginning and ending share: threads, the table of open spans, and calls that are only counted. */
/* --- threads: ids of the last few that ended a span --- */
static struct { unsigned long ident; u32 id_plus_1; } known_threads[16];

static inline int thread_known(unsigned long ident, u16 *id)
{
    size_t place = (ident >> 8 ^ ident >> 14) & 15;
    if (likely(known_threads[place].ident == ident && known_threads[place].id_plus_1)) {
        *id = (u16)(known_threads[place].id_plus_1 - 1);
        return 1;
    }
    return 0;
}

static NEVER_INLINE int thread_ask(unsigned long ident, u16 *id)
{
    size_t place = (ident >> 8 ^ ident >> 14) & 15;
    PyObject *answer = PyObject_CallFunction(py.thread_id, "k", ident);
    if (answer == NULL)
        return -1;
    *id = (u16)PyLong_AsUnsignedLongMask(answer);
    known_threads[place].ident = ident;
    known_threads[place].id_plus_1 = *id + 1u;
    Py_DECREF(answer);
    return 0;
}

static PyObject *span_forget_threads(PyObject *self, PyObject *unused)
{
    memset(known_threads, 0, sizeof known_threads);
    forget_error_ids();
    Py_RETURN_NONE;
}

/* --- preparing --- */
/* The first span of a thread: Python code runs, and may even end the table. */
static NEVER_INLINE void open_ask_thread(Span *s)
{
    u16 thread = 0;
    python_ran++;
    if (thread_ask(s->thread, &thread) < 0)
        note_fault();
    if (s->entry != NULL)
        s->entry->record.thread = thread;
}

static inline void span_open(Span *s)
{
    OpenEntry *entry = open_entry();
    s->record = 1;
    s->seq = ++last_seq;
    span_link(s);
    s->entry = entry;
    if (likely(entry != NULL)) {
        Record *r = &entry->record;
        r->parent = s->parent;
        r->trace = s->trace_id;
        r->fn = s->fn->id;
        r->depth = s->depth > 65535 ? 65535 : (u16)s->depth;
        if (unlikely(!thread_known(s->thread, &r->thread)))
            open_ask_thread(s);
    }
}

static int own_intervals(Span *up)
{
    if (up->intervals == NULL && (up->intervals = PyList_New(0)) == NULL)
        return -1;
    return 0;
}

static int define(Function *fn)
{
    PyObject *answer = PyObject_CallMethod((PyObject *)fn, "define", NULL);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* The window has ended: let governor.py judge it. Runs Python. */
static NEVER_INLINE int end_window(void)
{
    u64 before = ticks(), took;
    PyObject *answer;
    governor.look_at = ~(u64)0;
    python_ran++;
    answer = py.look != NULL ? PyObject_CallNoArgs(py.look) : NULL;
    Py_XDECREF(answer);
    took = ticks() - before;
    governor.spent += took < INTERRUPTED ? took : 0; /* other threads may have run */
    return answer == NULL && PyErr_Occurred() ? -1 : 0;
}

/* --- calls that are only counted --- */
static PyObject *ever_counted; /* list of the Functions with such calls */

static NEVER_INLINE int list_counted(Function *fn)
{
    fn->governed.listed = 1;
    return PyList_Append(ever_counted, (PyObject *)fn);
}

static NEVER_INLINE int write_counted(Function *fn)
{
    if (unlikely(spool.stopped)) /* it is among what is missing: see governor_missing */
        return 0;
    if (!fn->defined && define(fn) < 0)
        return -1;
    governor_write(&fn->governed, fn->id);
    return 0;
}

/* The phase has seen enough: phases.py ends it. Runs Python. */
static NEVER_INLINE int close_phase(void)
{
    PyObject *answer;
    governor.close_at = ~(u64)0;
    python_ran++;
    answer = py.close != NULL ? PyObject_CallNoArgs(py.close) : NULL;
    Py_XDECREF(answer);
    return answer == NULL && PyErr_Occurred() ? -1 : 0;
}

static inline int count_call(Function *fn, u64 duration, u64 own, int failed)
{
    governor_add(&fn->governed, duration, own, failed);
    if (unlikely(!fn->governed.listed) && list_counted(fn) < 0)
        return -1;
    if (unlikely(governor.counted >= governor.close_at) && close_phase() < 0)
        return -1;
    return unlikely(fn->governed.counted % COUNTED_AT_ONCE == 0) && fn->governed.counted ? write_counted(fn) : 0;
}

/* An event that is only counted. A call may be long and have nothing but these: now and then they look at the clock. Runs Python. */
static inline int count_event(Function *site)
{
    Governed *g = &site->governed;
    g->least = 0;
    g->counted++;
    governor.noted++;
    if (unlikely(!g->listed) && list_counted(site) < 0)
        return -1;
    if (unlikely(governor.noted % EVENTS_A_LOOK == 0)) {
        detail.now = ticks();
        if (detail.now >= governor.look_at && end_window() < 0)
            return -1;
    }
    return unlikely(g->counted % COUNTED_AT_ONCE == 0) ? write_counted(site) : 0;
}

/* --- functions whose probes are off at times (phases.py) --- */
static inline void begin_dark(Span *s)
{
    s->phase = governor.phase;
    s->counted_before = governor_counted();
    s->spent_before = governor.spent;
}

static PyObject *lenders; /* list of the Functions that call dark ones */

/* `up`, which began before its function was dark if ever that was, has called a dark one: `seen` ticks of that had probes, and of `lost` no
 * call knows whose time it was. */
static void lend(Span *up, u64 seen, i64 lost)
{
    Governed *g = &up->fn->governed;
    if (unlikely(!g->lends)) {
        g->lends = 1;
        if (PyList_Append(lenders, (PyObject *)up->fn) < 0)
            PyErr_Clear(); /* its self time stays uncorrected */
    }
    g->lent += seen;
    g->crossed += lost;
}

/* Ticks of `s` that were seen: until its phase ended. Its self time is `own`, or what was seen of that. */
static inline u64 seen_of(Span *s, u64 now, u64 *own)
{
    u64 until = governor.phase - s->phase < PHASES ? governor.ended[s->phase % PHASES] : s->start, seen, known;
    seen = until > s->start ? until - s->start : 0;
    known = s->seen_until > until ? s->seen_until - s->start : seen;
    *own = (i64)known > s->covered - s->later ? known - (u64)(s->covered - s->later) : 0;
    if (s->up != NULL && s->up->phase == s->phase)
        s->up->seen_until = now;
    return seen;
}

/* A call of a dark function has ended: what is seen stands for what is not. Where its phase ended before it, its self time is what was seen
 * of it, and whoever called it learns how much of its duration is in nobody's self time. What is suspended keeps all of its own, and is no
 * example then. Returns the self time. */
static NEVER_INLINE u64 end_dark(Span *s, u64 now, u64 duration, u64 own)
{
    Governed *g = &s->fn->governed;
    int crossing = s->phase != governor.phase;
    u64 whole = own, seen = crossing && !FLOWS(s) ? seen_of(s, now, &own) : duration;
    if (s->up != NULL) {
        i64 lost = s->lost + (i64)(whole - own);
        s->up->below++;
        if (s->up->phase == 0)
            lend(s->up, seen, lost);
        else {
            s->up->lost += lost;
            s->up->later += s->up->phase != s->phase ? (i64)duration : 0;
        }
    }
    if (!(s->flags & FLAG_ERROR) && !(crossing && FLOWS(s))) { /* failing ones are all recorded */
        g->seen++;
        g->seen_total += duration;
        g->seen_self += own;
        g->seen_below += s->below;
        if (!FLOWS(s)) { /* while those wait, others run */
            g->seen_counted += governor_counted() - s->counted_before;
            g->seen_spent += governor.spent - s->spent_before;
        }
    }
    return own;
}

/* A call without a parent that is only counted: so is all that it calls. */
static inline void count_root(Span *s, Function *fn, PyThreadState *ts)
{
    fn->governed.since++;
    Py_INCREF(fn);
    s->fn = fn;
    Py_INCREF(py.counted);
    s->trace = py.counted;
    s->thread = ts->thread_id;
    s->counted = 1;
    if (unlikely(fn->governed.dark))
        begin_dark(s);
}

static inline int below_counted(const Span *s)
{
    return s->trace == py.counted && py.counted != NULL;
}
