/* Functions and spans as both sides see them: the attributes that definitions.py and spans.py use are members of these structs. */
enum { FLAG_ERROR = 1, FLAG_SUSPENDED = 2, FLAG_LEFT_OUT = 4, FLAG_OPEN = 8 };
#define WIDE 0xFFFFFFFFu
#define MAX_EVENTS 10000u
#define MAX_FREE 512

/* --- Function: what the hot probes ask of a function or call site. definitions.Function derives from it. --- */
typedef struct {
    PyObject_HEAD
    unsigned int id;
    int level;
    long long max_depth, room;
    unsigned long long min_ticks;
    char defined, params, returns, raises, waits;
    PyObject *head;      /* bytes: the tag of section P and the array's head */
    PyObject *secret;    /* tuple of bool, () where no parameter is secret */
    PyObject *names;     /* tuple: of parameters or variables */
    PyObject *variables; /* True, False or a frozenset */
    char receiver;       /* the first parameter is `self` or `cls` */
    Detail detail;
    char inner;          /* a site: not recorded below a call that is only counted */
    Governed governed;
} Function;

static PyMemberDef function_members[] = {
    {"id", T_UINT, offsetof(Function, id), 0, NULL},
    {"level", T_INT, offsetof(Function, level), 0, NULL},
    {"max_depth", T_LONGLONG, offsetof(Function, max_depth), 0, NULL},
    {"room", T_LONGLONG, offsetof(Function, room), 0, NULL},
    {"min_ticks", T_ULONGLONG, offsetof(Function, min_ticks), 0, NULL},
    {"defined", T_BOOL, offsetof(Function, defined), 0, NULL},
    {"params", T_BOOL, offsetof(Function, params), 0, NULL},
    {"returns", T_BOOL, offsetof(Function, returns), 0, NULL},
    {"raises", T_BOOL, offsetof(Function, raises), 0, NULL},
    {"waits", T_BOOL, offsetof(Function, waits), 0, NULL},
    {"head", T_OBJECT_EX, offsetof(Function, head), 0, NULL},
    {"secret", T_OBJECT_EX, offsetof(Function, secret), 0, NULL},
    {"names", T_OBJECT_EX, offsetof(Function, names), 0, NULL},
    {"variables", T_OBJECT_EX, offsetof(Function, variables), 0, NULL},
    {"receiver", T_BOOL, offsetof(Function, receiver), 0, NULL},
    {"eager", T_INT, offsetof(Function, detail.eager), 0, NULL},
    {"fails", T_INT, offsetof(Function, detail.fails), 0, NULL},
    {"due", T_ULONGLONG, offsetof(Function, detail.due), 0, NULL},
    {"inner", T_BOOL, offsetof(Function, inner), 0, NULL},
    {"period", T_UINT, offsetof(Function, governed.period), 0, NULL},
    {"early", T_UINT, offsetof(Function, governed.early), 0, NULL},
    {"always", T_BOOL, offsetof(Function, governed.always), 0, NULL},
    {"roots", T_BOOL, offsetof(Function, governed.roots), 0, NULL},
    {"left", T_INT, offsetof(Function, governed.left), 0, NULL},
    {"listed", T_BOOL, offsetof(Function, governed.listed), 0, NULL},
    {"since", T_UINT, offsetof(Function, governed.since), 0, NULL},
    {"cost", T_UINT, offsetof(Function, governed.cost), 0, NULL},
    {"dark", T_BOOL, offsetof(Function, governed.dark), 0, NULL},
    {"off", T_BOOL, offsetof(Function, governed.off), 0, NULL},
    {"missed", T_ULONGLONG, offsetof(Function, governed.missed), 0, NULL},
    {"counted", T_UINT, offsetof(Function, governed.counted), READONLY, NULL},
    {"counted_total", T_ULONGLONG, offsetof(Function, governed.total), READONLY, NULL},
    {"written", T_ULONGLONG, offsetof(Function, governed.written), READONLY, NULL},
    {"seen", T_ULONGLONG, offsetof(Function, governed.seen), READONLY, NULL},
    {"seen_total", T_ULONGLONG, offsetof(Function, governed.seen_total), READONLY, NULL},
    {"seen_self", T_ULONGLONG, offsetof(Function, governed.seen_self), READONLY, NULL},
    {"seen_counted", T_ULONGLONG, offsetof(Function, governed.seen_counted), READONLY, NULL},
    {"seen_spent", T_ULONGLONG, offsetof(Function, governed.seen_spent), READONLY, NULL},
    {"seen_below", T_ULONGLONG, offsetof(Function, governed.seen_below), READONLY, NULL},
    {"lent", T_ULONGLONG, offsetof(Function, governed.lent), READONLY, NULL},
    {"crossed", T_ULONGLONG, offsetof(Function, governed.crossed), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static void function_dealloc(PyObject *self)
{
    Function *fn = (Function *)self;
    Py_XDECREF(fn->head);
    Py_XDECREF(fn->secret);
    Py_XDECREF(fn->names);
    Py_XDECREF(fn->variables);
    Py_TYPE(self)->tp_free(self);
}

/* -fn: code that has two bodies asks so which of them runs; where it is the one without probes, the call is numbered. */
static PyObject *function_asked(PyObject *self)
{
    Governed *g = &((Function *)self)->governed;
    PyObject *answer = unlikely(g->off) ? Py_False : Py_True;
    g->missed += (u64)g->off;
    Py_INCREF(answer);
    return answer;
}

static PyNumberMethods function_numbers = {.nb_negative = function_asked};

static PyTypeObject Function_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_as_number = &function_numbers,
    .tp_name = "mcp_tracer_runtime._core.Function",
    .tp_basicsize = sizeof(Function),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = PyType_GenericNew,
    .tp_dealloc = function_dealloc,
    .tp_members = function_members,
};

/* --- Span and FlowSpan --- */
typedef struct Span {
    PyObject_HEAD
    Function *fn;
    struct Span *up;             /* what was current before; NULL: nothing */
    PyObject *trace;
    struct Span *older, *newer;  /* neighbours among the open ones, while `linked` */
    unsigned long thread;
    Bytes payload;               /* what stands behind `shown` is being written and not to be read yet */
    u32 trace_id, seq, parent, depth;
    u64 start;                   /* from here to `shown`: zero in every new span */
    i64 covered;
    u32 err, events, others;     /* others: calls that were only counted and that this one stands for */
    u32 took;                    /* ticks that beginning to record it took, where that was measured */
    u32 phase, below;            /* in which it began, 0 where its function was not dark; dark calls right below */
    u64 counted_before, spent_before, seen_until; /* what tracing had done then; until when callees were seen, where a phase ended in it */
    i64 later;                   /* of what is covered, by calls of later phases */
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
    memset((char *)s + offsetof(Span, start), 0, offsetof(Span, resumed) - offsetof(Span, start));
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

static PyObject *span_make(PyTypeObject *type, PyObject *args, PyObject *named)
{
    return (PyObject *)span_new(type);
}

static PyObject *get_up(PyObject *self, void *unused)
{
    Span *up = ((Span *)self)->up;
    PyObject *answer = up != NULL ? (PyObject *)up : Py_None;
    Py_INCREF(answer);
    return answer;
}

static int set_up(PyObject *self, PyObject *value, void *unused)
{
    Span *old = ((Span *)self)->up;
    if (value == NULL || (value != Py_None && !IS_SPAN(value))) {
        PyErr_SetString(PyExc_TypeError, "a span or None");
        return -1;
    }
    if (value == Py_None)
        value = NULL;
    Py_XINCREF(value);
    ((Span *)self)->up = (Span *)value;
    Py_XDECREF(old);
    return 0;
}

static PyObject *get_trace(PyObject *self, void *unused)
{
    PyObject *trace = ((Span *)self)->trace;
    if (trace == NULL) {
        PyErr_SetString(PyExc_AttributeError, "trace");
        return NULL;
    }
    Py_INCREF(trace);
    return trace;
}

static int set_trace(PyObject *self, PyObject *value, void *unused)
{
    Span *s = (Span *)self;
    PyObject *id = value != NULL ? PyObject_GetAttrString(value, "id") : NULL;
    unsigned long number;
    if (id == NULL)
        return -1;
    number = PyLong_AsUnsignedLong(id);
    Py_DECREF(id);
    if (number == (unsigned long)-1 && PyErr_Occurred())
        return -1;
    s->trace_id = (u32)number;
    Py_INCREF(value);
    Py_XSETREF(s->trace, value);
    return 0;
}

static PyObject *get_payload(PyObject *self, void *unused)
{
    Span *s = (Span *)self;
    return PyBytes_FromStringAndSize((char *)s->payload.data, s->shown);
}

static int set_payload(PyObject *self, PyObject *value, void *unused)
{
    Span *s = (Span *)self;
    if (value == NULL || !PyBytes_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return -1;
    }
    s->payload.length = s->shown = 0;
    if (put_raw(&s->payload, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)) < 0)
        return -1;
    s->shown = s->payload.length;
    return 0;
}

static PyObject *get_intervals(PyObject *self, void *unused)
{
    PyObject *intervals = ((Span *)self)->intervals;
    if (intervals == NULL)
        intervals = Py_None;
    Py_INCREF(intervals);
    return intervals;
}

static int set_intervals(PyObject *self, PyObject *value, void *unused)
{
    if (value == Py_None)
        value = NULL;
    else if (value == NULL || !PyList_CheckExact(value)) {
        PyErr_SetString(PyExc_TypeError, "a list or None");
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(((Span *)self)->intervals, value);
    return 0;
}

static PyObject *get_result(PyObject *self, void *unused)
{
    PyObject *result = ((Span *)self)->result;
    if (result == NULL)
        return PyBytes_FromStringAndSize("", 0);
    Py_INCREF(result);
    return result;
}

static int set_result(PyObject *self, PyObject *value, void *unused)
{
    if (value == NULL || !PyBytes_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return -1;
    }
    Py_INCREF(value);
    Py_XSETREF(((Span *)self)->result, value);
    return 0;
}

static PyObject *get_held(PyObject *self, void *unused)
{
    return PyBool_FromLong(Py_TYPE(self) == &FlowSpan_Type);
}

static PyObject *get_start(PyObject *self, void *unused)
{
    return PyLong_FromUnsignedLongLong(((Span *)self)->start);
}

static int set_start(PyObject *self, PyObject *value, void *unused)
{
    u64 start = value != NULL ? PyLong_AsUnsignedLongLong(value) : 0;
    if (value == NULL || PyErr_Occurred())
        return -1;
    ((Span *)self)->start = start;
    open_show((Span *)self);
    return 0;
}

static PyGetSetDef span_getset[] = {
    {"start", get_start, set_start, NULL, NULL},
    {"up", get_up, set_up, NULL, NULL},
    {"trace", get_trace, set_trace, NULL, NULL},
    {"payload", get_payload, set_payload, NULL, NULL},
    {"intervals", get_intervals, set_intervals, NULL, NULL},
    {"result", get_result, set_result, NULL, NULL},
    {"held", get_held, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMemberDef span_members[] = {
    {"fn", T_OBJECT_EX, offsetof(Span, fn), 0, NULL},
    {"seq", T_UINT, offsetof(Span, seq), 0, NULL},
    {"parent", T_UINT, offsetof(Span, parent), 0, NULL},
    {"covered", T_LONGLONG, offsetof(Span, covered), 0, NULL},
    {"thread", T_ULONG, offsetof(Span, thread), 0, NULL},
    {"depth", T_UINT, offsetof(Span, depth), 0, NULL},
    {"err", T_UINT, offsetof(Span, err), 0, NULL},
    {"events", T_UINT, offsetof(Span, events), 0, NULL},
    {"others", T_UINT, offsetof(Span, others), 0, NULL},
    {"flags", T_UBYTE, offsetof(Span, flags), 0, NULL},
    {"detail", T_BYTE, offsetof(Span, detail), 0, NULL},
    {"record", T_BOOL, offsetof(Span, record), 0, NULL},
    {"counted", T_BYTE, offsetof(Span, counted), 0, NULL},
    {"announced", T_BOOL, offsetof(Span, announced), 0, NULL},
    {"awaiting", T_BOOL, offsetof(Span, awaiting), 0, NULL},
    {"closed", T_BOOL, offsetof(Span, closed), 0, NULL},
    {"generator", T_BOOL, offsetof(Span, generator), 0, NULL},
    {"resumed", T_ULONGLONG, offsetof(Span, resumed), 0, NULL},
    {"suspended", T_ULONGLONG, offsetof(Span, suspended), 0, NULL},
    {"waited_since", T_ULONGLONG, offsetof(Span, waited_since), 0, NULL},
    {"resumes", T_UINT, offsetof(Span, resumes), 0, NULL},
    {"delegate", T_OBJECT, offsetof(Span, delegate), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyTypeObject Span_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "mcp_tracer_runtime._core.Span",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = span_make,
    .tp_dealloc = span_dealloc,
    .tp_members = span_members,
    .tp_getset = span_getset,
};
static PyTypeObject FlowSpan_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "mcp_tracer_runtime._core.FlowSpan",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = span_make,
    .tp_dealloc = span_dealloc,
};

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

/* --- calls that are only counted --- */
static PyObject *ever_counted; /* list of the Functions with such calls */

static NEVER_INLINE int list_counted(Function *fn)
{
    fn->governed.listed = 1;
    return PyList_Append(ever_counted, (PyObject *)fn);
}

static NEVER_INLINE int write_counted(Function *fn)
{
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

/* --- functions whose probes are off at times (phases.py) --- */
static inline void begin_dark(Span *s)
{
    s->phase = governor.phase;
    s->counted_before = governor.counted;
    s->spent_before = governor.spent;
}

static PyObject *lenders; /* list of the Functions that call dark ones */

/* `up`, which began before its function was dark if ever that was, has called a dark one: for `seen` ticks with probes, and `crossed` after that. */
static void lend(Span *up, u64 seen, u64 crossed)
{
    Governed *g = &up->fn->governed;
    if (unlikely(!g->lends)) {
        g->lends = 1;
        if (PyList_Append(lenders, (PyObject *)up->fn) < 0)
            PyErr_Clear(); /* its self time stays uncorrected */
    }
    g->lent += seen;
    g->crossed += crossed;
}

/* A call of a dark function has ended: what is seen stands for what is not. Where its phase ended before it, its self time is what was seen
 * of it. Returns that. */
static NEVER_INLINE u64 end_dark(Span *s, u64 now, u64 duration, u64 own)
{
    Governed *g = &s->fn->governed;
    u64 seen = duration;
    if (s->phase != governor.phase) {
        u64 until = governor.phase - s->phase < PHASES ? governor.ended[s->phase % PHASES] : s->start, known;
        seen = until > s->start ? until - s->start : 0;
        known = s->seen_until > until ? s->seen_until - s->start : seen;
        own = (i64)known > s->covered - s->later ? known - (u64)(s->covered - s->later) : 0;
        if (s->up != NULL && s->up->phase == s->phase)
            s->up->seen_until = now;
    }
    if (s->up != NULL) {
        s->up->below++;
        if (s->up->phase != s->phase)
            s->up->later += (i64)duration;
        if (s->up->phase == 0)
            lend(s->up, seen, duration - seen);
    }
    if (!(s->flags & FLAG_ERROR)) { /* failing ones are all recorded */
        g->seen++;
        g->seen_total += duration;
        g->seen_self += own;
        g->seen_below += s->below;
        if (!FLOWS(s)) { /* while those wait, others run */
            g->seen_counted += governor.counted - s->counted_before;
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

/* The window has ended: let governor.py judge it. Runs Python. */
static NEVER_INLINE int end_window(void)
{
    PyObject *answer;
    governor.look_at = ~(u64)0;
    python_ran++;
    answer = py.look != NULL ? PyObject_CallNoArgs(py.look) : NULL;
    Py_XDECREF(answer);
    return answer == NULL && PyErr_Occurred() ? -1 : 0;
}

/* Let governor.py look at `fn`. Runs Python. */
static NEVER_INLINE int review(Function *fn)
{
    PyObject *answer = py.review != NULL ? PyObject_CallFunctionObjArgs(py.review, (PyObject *)fn, NULL) : NULL;
    python_ran++;
    Py_XDECREF(answer);
    return answer == NULL && PyErr_Occurred() ? -1 : 0;
}

/* Fill `s`, new, for `fn` under `up` (a span or NULL), as spans.prepare does. -1 with an exception set. */
static inline int span_prepare(Span *s, Function *fn, Span *up, PyThreadState *ts)
{
    int level = fn->level;
    Governed *g = &fn->governed;
    if (unlikely(up == NULL && level && g->since + 1 < g->period && fn->defined && py.counted != NULL)) {
        count_root(s, fn, ts);
        return 0;
    }
    if (unlikely(detail.now >= governor.look_at) && end_window() < 0)
        return -1;
    python_ran += up == NULL || !fn->defined;
    if (unlikely(up == NULL || (level && up->trace == py.undecided))) {
        PyObject *answer = PyObject_CallFunctionObjArgs(py.prepare, (PyObject *)s, (PyObject *)fn, up != NULL ? (PyObject *)up : Py_None, NULL);
        Py_XDECREF(answer);
        return answer == NULL ? -1 : 0;
    }
    Py_INCREF(fn);
    s->fn = fn;
    if (unlikely(g->dark))
        begin_dark(s);
    Py_INCREF(up);
    s->up = up;
    s->trace = up->trace;
    Py_XINCREF(s->trace);
    s->trace_id = up->trace_id;
    s->parent = up->seq;
    s->depth = up->depth + (level != 0);
    s->thread = ts->thread_id;
    if (unlikely(s->thread != up->thread && up->intervals == NULL) && own_intervals(up) < 0)
        return -1;
    if (likely(level && s->trace_id && s->depth <= fn->max_depth && !(fn->inner && up->counted) && governor_picks(g, s->trace_id, &s->others))) {
        governor.spent += g->cost;
        if (unlikely(--g->left <= 0) && review(fn) < 0)
            return -1;
        s->detail = (char)detail_choose(&fn->detail);
        span_open(s);
        if (unlikely(!fn->defined) && define(fn) < 0)
            return -1;
        return 0;
    }
    s->seq = up->seq;
    if (level && governor.on && (s->trace_id || below_counted(up))) {
        g->since++;
        s->counted = s->depth > fn->max_depth ? 2 : 1;
        s->depth -= s->counted == 1; /* what it calls hangs below the nearest recorded call */
    }
    return 0;
}

/* A span that is not recorded: entering and leaving must stay in balance when preparing the real one failed. */
static Span *span_plain(Function *fn, Span *up)
{
    Span *s = span_new(&Span_Type);
    if (s == NULL)
        return NULL;
    Py_INCREF(fn);
    s->fn = fn;
    s->trace = up != NULL && up->trace != NULL ? up->trace : py.undecided;
    Py_XINCREF(s->trace);
    if (up != NULL) {
        Py_INCREF(up);
        s->up = up;
        s->trace_id = up->trace_id;
        s->seq = s->parent = up->seq;
        s->depth = up->depth;
        s->thread = up->thread;
    }
    return s;
}

/* --- ending --- */
static int cover(Span *up, u64 start, u64 now)
{
    if (up->awaiting) {
        if (start < up->waited_since)
            up->covered += (i64)(up->waited_since - start);
    }
    else if (up->intervals == NULL)
        up->covered += (i64)(now - start);
    else {
        PyObject *pair = Py_BuildValue("KK", (unsigned long long)start, (unsigned long long)now);
        if (pair == NULL || PyList_Append(up->intervals, pair) < 0) {
            Py_XDECREF(pair);
            return -1;
        }
        Py_DECREF(pair);
        if (PyList_GET_SIZE(up->intervals) > 256) {
            PyObject *joined = PyObject_CallFunctionObjArgs(py.merged, up->intervals, NULL);
            if (joined == NULL)
                return -1;
            Py_SETREF(up->intervals, joined);
        }
    }
    return 0;
}

static inline int write_ended(Span *s, u64 now)
{
    u64 duration = now > s->start ? now - s->start : 0;
    i64 own = (i64)duration - s->covered;
    u16 thread = 0;
    Record *r;
    detail.now = now;
    if (unlikely(s->intervals != NULL && PyList_GET_SIZE(s->intervals) > 0)) {
        PyObject *sum = PyObject_CallFunctionObjArgs(py.covered_by, s->intervals, NULL);
        if (sum == NULL)
            return -1;
        own -= PyLong_AsLongLong(sum);
        Py_DECREF(sum);
    }
    if (own < 0)
        own = 0;
    if (unlikely(duration < s->fn->min_ticks && !s->announced))
        return 0;
    if (unlikely(s->phase))
        own = (i64)end_dark(s, now, duration, (u64)own);
    if (!s->record) {
        s->counted = 0;
        return count_call(s->fn, duration, (u64)own, s->flags & FLAG_ERROR);
    }
    if (unlikely(s->result != NULL && !(s->flags & FLAG_ERROR))
        && put_raw(&s->payload, PyBytes_AS_STRING(s->result), (size_t)PyBytes_GET_SIZE(s->result)) < 0)
        return -1;
    if (unlikely(duration >= WIDE)) {
        NEED(&s->payload, 32);
        put1(&s->payload, 'W');
        put1(&s->payload, 0x92);
        put_unsigned(&s->payload, duration);
        put_unsigned(&s->payload, (u64)own);
        duration = WIDE;
        own = WIDE;
    }
    if (unlikely(!thread_known(s->thread, &thread)) && thread_ask(s->thread, &thread) < 0)
        return -1;
    r = spool_place(s->payload.length);
    if (likely(r != NULL)) {
        size_t length = s->payload.length;
        copy_payload(spool.top - length, s->payload.data, length);
        r->tick = s->start;
        r->duration = (u32)duration;
        r->self = (u32)own;
        r->seq = s->seq;
        r->parent = s->parent;
        r->trace = s->trace_id;
        r->fn = s->fn->id;
        r->length = (u32)length;
        r->depth = s->depth > 65535 ? 65535 : (u16)s->depth;
        r->thread = thread;
        r->kind = KIND_SPAN;
        r->flags = s->flags;
        r->err = (u16)s->err;
        r->count = s->others + 1;
        spool_commit(length);
    }
    return 0;
}

/* Write or count an ended span whose parent knows about its time; it is open until its record counts. -1 with an exception set. */
static inline int finish(Span *s, u64 now)
{
    int failed = 0;
    if (s->record) {
        failed = write_ended(s, now);
        span_unlink(s);
        if (unlikely(s->took))
            governor_measured(&s->fn->governed, s->took + ticks() - now);
    }
    else if (s->counted)
        failed = write_ended(s, now);
    return failed;
}

/* An event of `s` at `site` with whole sections as payload. */
static int event(Span *s, Function *site, const u8 *data, size_t length)
{
    Record *r;
    if (site->level == 0)
        return 0;
    site->governed.seen += site->governed.dark && (s->record || s->counted);
    if (!s->record)
        return s->counted ? count_call(site, 0, 0, 0) : 0;
    if (++s->events > MAX_EVENTS) {
        s->flags |= FLAG_LEFT_OUT;
        return governor.on ? count_call(site, 0, 0, 0) : 0;
    }
    governor.spent += site->governed.cost;
    if (!site->defined && define(site) < 0)
        return -1;
    r = spool_place(length);
    if (r != NULL) {
        memcpy(spool.top - length, data, length);
        *r = (Record){ticks(), 0, 0, s->seq, s->events, s->trace_id, site->id, (u32)length, 0, 0, KIND_EVENT, 0, 0, 1};
        spool_commit(length);
    }
    return 0;
}

/* --- the same for the Python side --- */
/* choose(function) and charge(function, ticks): as in detail.py */
static PyObject *span_choose(PyObject *self, PyObject *fn)
{
    if (!PyObject_TypeCheck(fn, &Function_Type))
        return PyErr_Format(PyExc_TypeError, "a function expected");
    detail.now = ticks();
    return PyLong_FromLong(detail_choose(&((Function *)fn)->detail));
}

static PyObject *span_charge(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 took = PyLong_AsUnsignedLongLong(args[1]);
    if (!PyObject_TypeCheck(args[0], &Function_Type) || PyErr_Occurred())
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a function expected");
    detail.now = ticks();
    detail_charge(&((Function *)args[0])->detail, took);
    Py_RETURN_NONE;
}

static PyObject *span_opened(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (!IS_SPAN(args[0]))
        return PyErr_Format(PyExc_TypeError, "a span expected");
    span_open((Span *)args[0]);
    Py_RETURN_NONE;
}

static PyObject *span_finish(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 now = PyLong_AsUnsignedLongLong(args[1]);
    if (!IS_SPAN(args[0]) || PyErr_Occurred() || finish((Span *)args[0], now) < 0)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a span expected");
    Py_RETURN_NONE;
}

static PyObject *span_cover(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 start = PyLong_AsUnsignedLongLong(args[1]), now = PyLong_AsUnsignedLongLong(args[2]);
    if (!IS_SPAN(args[0]) || PyErr_Occurred() || cover((Span *)args[0], start, now) < 0)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a span expected");
    Py_RETURN_NONE;
}

static PyObject *span_event(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (!IS_SPAN(args[0]) || !PyObject_TypeCheck(args[1], &Function_Type) || !PyBytes_Check(args[2]))
        return PyErr_Format(PyExc_TypeError, "event(span, site, bytes)");
    if (event((Span *)args[0], (Function *)args[1], (u8 *)PyBytes_AS_STRING(args[2]), (size_t)PyBytes_GET_SIZE(args[2])) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* light(fn): make a span current that is not recorded */
static PyObject *span_light(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyThreadState *ts = PyThreadState_Get();
    PyObject *up = current_get(ts);
    Span *s;
    if (up == NULL || !PyObject_TypeCheck(args[0], &Function_Type))
        return NULL;
    s = span_plain((Function *)args[0], up == Py_None ? NULL : (Span *)up);
    if (s == NULL)
        return NULL;
    Py_INCREF(s);
    if (current_set(ts, (PyObject *)s) < 0)
        Py_CLEAR(s);
    return (PyObject *)s;
}

/* open_spans() -> the recorded spans that have not ended, oldest first */
static PyObject *span_open_list(PyObject *self, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    for (Span *s = open_ends.newer; list != NULL && s != &open_ends; s = s->newer) /* appending to a list runs no Python code */
        if (PyList_Append(list, (PyObject *)s) < 0)
            Py_CLEAR(list);
    return list;
}

static PyObject *span_forget(PyObject *self, PyObject *span)
{
    if (IS_SPAN(span))
        span_unlink((Span *)span);
    Py_RETURN_NONE;
}

/* forget_all(): in a forked child, what is open belongs to the parent */
static PyObject *span_forget_all(PyObject *self, PyObject *unused)
{
    while (open_ends.newer != &open_ends)
        span_unlink(open_ends.newer);
    Py_RETURN_NONE;
}

/* govern(first calls): how many calls of each function each trace records at least; 0: the governor is off and nothing is counted */
static PyObject *governor_switch(PyObject *self, PyObject *first_calls)
{
    unsigned long number = PyLong_AsUnsignedLongMask(first_calls);
    if (PyErr_Occurred())
        return NULL;
    governor.first_calls = (u32)number;
    governor.on = number != 0;
    if (!governor.on) {
        governor.quota = UNLIMITED;
        governor.tight = 0;
        governor.look_at = ~(u64)0;
    }
    Py_RETURN_NONE;
}

/* window(number, quota, ticks, tight): the next window of so many ticks begins, in which each function records so many calls; UNLIMITED: all */
static PyObject *governor_window(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    governor.window = (u32)PyLong_AsUnsignedLongMask(args[0]);
    governor.quota = (u32)PyLong_AsUnsignedLongMask(args[1]);
    governor.look_at = ticks() + PyLong_AsUnsignedLongMask(args[2]);
    governor.tight = args[3] == Py_True;
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* usage() -> (ticks spent on recording, calls only counted), since loading */
static PyObject *governor_usage(PyObject *self, PyObject *unused)
{
    return Py_BuildValue("KK", (unsigned long long)governor.spent, (unsigned long long)governor.counted);
}

/* write_counted(): a record for each function with counted calls */
static PyObject *governor_flush(PyObject *self, PyObject *unused)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ever_counted); i++) {
        Function *fn = (Function *)PyList_GET_ITEM(ever_counted, i);
        if (fn->governed.counted && write_counted(fn) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

/* counted_functions() -> list of the functions with calls that were only counted; not to be changed */
static PyObject *governor_functions(PyObject *self, PyObject *unused)
{
    Py_INCREF(ever_counted);
    return ever_counted;
}

/* forget_counted(functions): what was counted of them is not to be written */
static PyObject *governor_forget(PyObject *self, PyObject *functions)
{
    for (Py_ssize_t i = 0; PyList_Check(functions) && i < PyList_GET_SIZE(functions); i++) {
        Governed *g = &((Function *)PyList_GET_ITEM(functions, i))->governed;
        g->counted = g->errors = 0;
        g->total = g->self = g->most = 0;
    }
    Py_RETURN_NONE;
}

/* phase(counted calls): the probes of dark functions are on, until so many further calls were counted; 0: they are off */
static PyObject *governor_phase(PyObject *self, PyObject *calls)
{
    u64 number = PyLong_AsUnsignedLongLong(calls);
    if (PyErr_Occurred())
        return NULL;
    if (number == 0)
        governor.ended[governor.phase++ % PHASES] = ticks();
    governor.close_at = number ? governor.counted + number : ~(u64)0;
    Py_RETURN_NONE;
}

/* lenders() -> list of the functions that called dark ones; not to be changed */
static PyObject *governor_lenders(PyObject *self, PyObject *unused)
{
    Py_INCREF(lenders);
    return lenders;
}

/* begin_dark(span) */
static PyObject *span_begin_dark(PyObject *self, PyObject *span)
{
    if (IS_SPAN(span))
        begin_dark((Span *)span);
    Py_RETURN_NONE;
}

/* facts() -> what this core found out about its surroundings; for tests and reports */
static PyObject *core_facts(PyObject *self, PyObject *unused)
{
    return Py_BuildValue("{s:O,s:O,s:d,s:K}", "context_in_place", layout_known ? Py_True : Py_False, "counter", use_counter ? Py_True : Py_False,
                         "ns_per_tick", ns_per_tick, "dropped", (unsigned long long)spool.dropped);
}
