/* Probes of coroutines, generators and async generators: flow.py says what each is for. Their span is a local of the function. What is not a
 * span (flow.NOTHING, where none could be made) is passed over. */
#define FLOW(o) (Py_TYPE(o) == &FlowSpan_Type ? (Span *)(o) : NULL)

static Span *flow_begin(PyThreadState *ts, Function *fn, Span *up, PyObject *const *args, Py_ssize_t count)
{
    Span *s = span_new(&FlowSpan_Type);
    u64 before = governor_begins(&fn->governed, last_seq);
    if (s == NULL)
        return NULL;
    if (span_prepare(s, fn, up, ts) < 0 || (count > 1 && s->record && fn->params && put_parameters(s, fn, args + 1, count - 1) < 0)) {
        span_unlink(s);
        Py_DECREF(s);
        return NULL;
    }
    if (unlikely(before && s->record))
        s->took = (u32)(ticks() - before);
    return s;
}

/* A span could not be made: the fault is counted and one that is closed from the start stands in. */
static PyObject *flow_nothing(Function *fn)
{
    Span *s;
    note_fault();
    s = span_new(&FlowSpan_Type);
    if (s == NULL) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    Py_INCREF(fn);
    s->fn = fn;
    s->closed = 1;
    return (PyObject *)s;
}

/* EC(fn, *arguments) -> span */
static PyObject *probe_enter_coroutine(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyThreadState *ts = thread_state();
    Function *fn = (Function *)args[0];
    Span *up = current_span(ts), *s = flow_begin(ts, fn, up, args, count);
    if (s == NULL)
        return flow_nothing(fn);
    if (up != NULL && !up->awaiting && own_intervals(up) < 0) /* its children may overlap: tasks started by plain code */
        note_fault();
    Py_INCREF(s);
    if (current_set(ts, (PyObject *)s) < 0)
        note_fault();
    s->start = ticks();
    open_show(s);
    return (PyObject *)s;
}

/* EG(fn, *arguments) -> span */
static PyObject *probe_enter_generator(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyThreadState *ts = thread_state();
    Function *fn = (Function *)args[0];
    Span *resumer = current_span(ts), *up = resumer, *s;
    if (unlikely(py.delegates != NULL && PyDict_GET_SIZE(py.delegates) > 0)) {
        PyObject *key = PyLong_FromVoidPtr(PyEval_GetFrame()), *found = key != NULL ? PyDict_GetItemWithError(py.delegates, key) : NULL;
        Py_XDECREF(key);
        if (found != NULL && IS_SPAN(found))
            up = (Span *)found;
        PyErr_Clear();
    }
    s = flow_begin(ts, fn, up, args, count);
    if (s == NULL)
        return flow_nothing(fn);
    if (s->up != resumer) {
        Span *old = s->up;
        Py_XINCREF(resumer);
        s->up = resumer;
        Py_XDECREF(old);
    }
    s->generator = 1;
    Py_INCREF(s);
    if (current_set(ts, (PyObject *)s) < 0)
        note_fault();
    s->start = s->resumed = ticks();
    open_show(s);
    return (PyObject *)s;
}

/* BW(span, awaitable) -> awaitable */
static PyObject *probe_await_begins(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s = FLOW(args[0]);
    if (likely(s != NULL && !s->closed)) {
        s->waited_since = ticks();
        s->awaiting = 1;
    }
    return returned(args[1]);
}

static inline void flow_count(Span *s, u64 now)
{
    u64 away = now > s->waited_since ? now - s->waited_since : 0;
    s->suspended += away;
    s->covered += (i64)away;
    s->resumes++;
    s->flags |= FLAG_SUSPENDED;
}

/* W(span, value) -> value */
static PyObject *probe_await_ended(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s = FLOW(args[0]);
    if (likely(s != NULL && !s->closed && s->awaiting)) {
        s->awaiting = 0;
        flow_count(s, ticks());
    }
    return returned(args[1]);
}

/* GY(span, value) -> value */
static PyObject *probe_yielding(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s = FLOW(args[0]);
    if (likely(s != NULL && !s->closed)) {
        PyThreadState *ts = thread_state();
        u64 now = ticks();
        if (current_span(ts) == s) {
            PyObject *up = s->up != NULL ? (PyObject *)s->up : Py_None;
            Py_INCREF(up);
            if (current_set(ts, up) < 0)
                note_fault();
        }
        if (cover_up(s, s->resumed, now) < 0)
            note_fault();
        s->resumed = 0;
        s->waited_since = now;
    }
    return returned(args[1]);
}

static int flow_resume(PyThreadState *ts, Span *s)
{
    Span *up;
    u64 now;
    if (unlikely(s->delegate != NULL && s->delegate != Py_None)) {
        PyObject *key = s->delegate;
        s->delegate = NULL;
        if (PyDict_DelItem(py.delegates, key) < 0)
            PyErr_Clear(); /* the generator below took another way out */
        Py_DECREF(key);
    }
    if (s->resumed)
        return 0;
    up = current_span(ts);
    if (up != s) {
        Span *old = s->up;
        Py_XINCREF(up);
        s->up = up;
        Py_XDECREF(old);
        Py_INCREF(s);
        if (current_set(ts, (PyObject *)s) < 0)
            return -1;
    }
    s->resumed = now = ticks();
    flow_count(s, now);
    return 0;
}

/* GR(span, value) -> value */
static PyObject *probe_resumed(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s = FLOW(args[0]);
    if (likely(s != NULL && !s->closed) && flow_resume(thread_state(), s) < 0)
        note_fault();
    return returned(args[1]);
}

/* Make `s` current again, ending what an exception jumped over. */
static int flow_wake(PyThreadState *ts, Span *s, u64 now)
{
    PyObject *answer;
    if (s->awaiting) {
        s->awaiting = 0;
        flow_count(s, now);
    }
    if (s->generator && flow_resume(ts, s) < 0)
        return -1;
    if (likely(current_span(ts) == s))
        return 0;
    answer = PyObject_CallFunction(py.wake, "OK", (PyObject *)s, (unsigned long long)now);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* CU(span) */
static PyObject *probe_flow_unwind(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s = FLOW(args[0]);
    if (s != NULL && !s->closed && flow_wake(thread_state(), s, ticks()) < 0)
        note_fault();
    Py_RETURN_NONE;
}

/* CRV(span, value) -> value */
static PyObject *probe_flow_returning(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s = FLOW(args[0]);
    if (s != NULL && !s->closed && s->fn->returns) {
        u64 now = s->record ? 0 : ticks();
        if (now)
            keep_if_slow(s, now);
        if (s->record && keep_result(s, s->fn, args[1]) < 0)
            note_fault();
    }
    return returned(args[1]);
}

/* CF(span) */
static PyObject *probe_flow_end(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s = FLOW(args[0]);
    PyThreadState *ts = thread_state();
    u64 now = ticks();
    int failed = 0;
    if (s == NULL || s->closed)
        Py_RETURN_NONE;
    s->closed = 1;
    Py_INCREF(s);
    failed = flow_wake(ts, s, now) < 0;
    if (!failed && current_span(ts) == s) {
        PyObject *up = s->up != NULL ? (PyObject *)s->up : Py_None;
        Py_INCREF(up);
        failed = current_set(ts, up) < 0;
    }
    failed = failed || cover_up(s, s->generator ? s->resumed : s->start, now) < 0;
    if (!failed)
        keep_if_slow(s, now);
    if (!failed && s->record && s->resumes && s->fn->waits) {
        if (s->payload.room - s->payload.length < 24 && bytes_grow(&s->payload, 24) < 0)
            failed = 1;
        else {
            put1(&s->payload, 'S');
            put1(&s->payload, 0x92);
            put_unsigned(&s->payload, s->suspended);
            put_unsigned(&s->payload, s->resumes);
            s->shown = s->payload.length;
        }
    }
    if (failed || finish(s, now) < 0)
        note_fault();
    span_unlink(s);
    Py_DECREF(s);
    Py_RETURN_NONE;
}
