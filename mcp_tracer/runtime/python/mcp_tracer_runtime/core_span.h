/* Spans in memory, and their places in the table of open ones. */
typedef struct Span {
    PyObject_HEAD
    Function *fn;
    struct Span *up;             /* what was current before; NULL: nothing */
    PyObject *trace;
    struct Span *older, *newer;  /* neighbours among the open ones, while `linked` */
    unsigned long thread;
    Bytes payload;               /* what stands behind `shown` is being written and not to be read yet */
    u32 trace_id, seq, parent, depth;
    u64 start;
    i64 covered;
    u32 err, events, others;     /* others: calls that were only counted and that this one stands for */
    u32 took;                    /* ticks that beginning to record it took, where that was measured */
    u32 phase, below;            /* in which it began, 0 where its function was not dark; dark calls right below */
    u64 counted_before, spent_before, seen_until; /* what tracing had done then; until when callees were seen, where a phase ended in it */
    i64 later, lost;             /* of what is covered: by calls of later phases; in nobody's self time */
    u8 flags;
    char detail, record, counted, announced, awaiting, closed, generator, linked; /* counted: 2 where it must never be recorded: too deep */
    OpenEntry *entry;            /* its place in the table of open spans; NULL: none */
    PyObject *intervals;         /* list of (start, end); NULL: children do not overlap */
    PyObject *result;            /* section R of a `return` that a finally follows; NULL: none */
    u32 shown;
    u64 resumed, suspended, waited_since; /* of coroutines and generators */
    u32 resumes;
    PyObject *delegate;
    u8 own[96];
} Span;

static PyTypeObject Span_Type, FlowSpan_Type;
static Span open_ends = {.older = &open_ends, .newer = &open_ends};
static Span *free_spans;
static int free_count;
static u32 last_seq;

#define FLOWS(s) (Py_TYPE(s) == &FlowSpan_Type)
#define IS_SPAN(o) (Py_TYPE(o) == &Span_Type || Py_TYPE(o) == &FlowSpan_Type)

/* Small payloads without a call: eight bytes at a time, the last eight overlapping. */
static inline void copy_payload(u8 *to, const u8 *from, size_t length)
{
    if (unlikely(length > 64)) {
        memcpy(to, from, length);
        return;
    }
    if (length >= 8) {
        u64 word;
        for (size_t i = 0; i + 8 < length; i += 8) {
            memcpy(&word, from + i, 8);
            memcpy(to + i, &word, 8);
        }
        memcpy(&word, from + length - 8, 8);
        memcpy(to + length - 8, &word, 8);
    }
    else
        for (size_t i = 0; i < length; i++)
            to[i] = from[i];
}

/* --- the table of open spans --- */
/* Let a reader find `s`, which has just begun. A payload that is too large for the entry is left to the flush. */
static inline void open_show(Span *s)
{
    OpenEntry *entry = s->entry;
    detail.now = s->start;
    if (likely(entry != NULL)) {
        entry->record.tick = s->start;
        memcpy(entry->payload, s->payload.data, 16); /* there is always room to read and to write more than that */
        if (unlikely(s->shown > 16) && s->shown <= OPEN_PAYLOAD)
            memcpy(entry->payload + 16, s->payload.data + 16, s->shown - 16);
        entry->record.length = likely(s->shown <= OPEN_PAYLOAD) ? s->shown : 0;
        __atomic_store_n(&entry->record.seq, s->seq, __ATOMIC_RELEASE);
    }
}

static inline void open_hide(Span *s)
{
    if (s->entry != NULL) {
        open_entry_return(s->entry);
        s->entry = NULL;
    }
}

/* The table is not this process's, or not for long: no span has an entry any more. */
static void open_spans_leave_table(void)
{
    for (Span *s = open_ends.newer; s != &open_ends; s = s->newer)
        s->entry = NULL;
}

static inline void span_link(Span *s)
{
    s->older = open_ends.older;
    s->newer = &open_ends;
    open_ends.older->newer = s;
    open_ends.older = s;
    s->linked = 1;
}

static inline void span_unlink(Span *s)
{
    if (s->linked) {
        s->older->newer = s->newer;
        s->newer->older = s->older;
        s->linked = 0;
        open_hide(s);
    }
}

static inline Span *span_new(PyTypeObject *type)
{
    Span *s = free_spans;
    if (likely(s != NULL)) {
        free_spans = s->up;
        free_count--;
#if defined(Py_DEBUG) || defined(Py_TRACE_REFS)
        PyObject_Init((PyObject *)s, type);
#else
        Py_SET_TYPE(s, type);
        Py_SET_REFCNT(s, 1);
#endif
    }
    else {
        s = PyObject_New(Span, type);
        if (s == NULL)
            return NULL;
    }
    s->fn = NULL;
    s->up = NULL;
    s->trace = NULL;
    s->trace_id = s->seq = s->parent = s->depth = 0;
    s->thread = 0;
    s->start = 0;
    s->covered = 0;
    s->err = s->events = s->others = s->took = s->phase = s->below = s->shown = 0;
    s->seen_until = 0;
    s->later = s->lost = 0;
    s->flags = 0;
    s->detail = s->record = s->counted = s->announced = s->awaiting = s->closed = s->generator = s->linked = 0;
    s->entry = NULL;
    s->intervals = s->result = NULL;
    if (type == &FlowSpan_Type) /* plain spans never look there */
        memset((char *)s + offsetof(Span, resumed), 0, offsetof(Span, own) - offsetof(Span, resumed));
    else
        s->delegate = NULL;
    s->payload.data = s->payload.own = s->own;
    s->payload.room = sizeof s->own;
    s->payload.length = 0;
    return s;
}

/* Frees a chain of spans without recursion: each may hold the last reference to the one it was called from. */
static void span_dealloc(PyObject *self)
{
    Span *s = (Span *)self;
    for (;;) {
        Span *up = s->up;
        span_unlink(s);
        bytes_free(&s->payload);
        Py_XDECREF(s->fn);
        Py_XDECREF(s->trace);
        Py_XDECREF(s->intervals);
        Py_XDECREF(s->result);
        Py_XDECREF(s->delegate);
        if (free_count < MAX_FREE) {
            s->up = free_spans;
            free_spans = s;
            free_count++;
        }
        else
            PyObject_Free(s);
        if (up == NULL || !IS_SPAN(up))
            return;
        if (Py_REFCNT(up) > 1) {
            Py_DECREF(up);
            return;
        }
        s = up;
    }
}
