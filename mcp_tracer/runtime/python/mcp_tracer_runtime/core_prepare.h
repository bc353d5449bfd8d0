/* How a call begins: recorded, counted, or neither. As spans.prepare. */
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
        if (unlikely(g->muted))
            s->flags = FLAG_LEFT_OUT;
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
