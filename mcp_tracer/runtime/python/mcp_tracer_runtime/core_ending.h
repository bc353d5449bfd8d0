/* How a call ends: its time is taken from its caller's self time, and its record is written or its times are added. */

/* Many children of `up` are put in order and joined, so that they take little room and time however many there were. */
static int join_intervals(Span *up)
{
    PyObject *taken = up->intervals, *joined;
    up->intervals = PyList_New(0); /* to which other threads add meanwhile */
    if (up->intervals == NULL) {
        up->intervals = taken;
        return -1;
    }
    joined = PyObject_CallFunctionObjArgs(py.merged, taken, NULL);
    Py_DECREF(taken);
    if (joined == NULL || PyList_SetSlice(up->intervals, 0, 0, joined) < 0) {
        Py_XDECREF(joined);
        return -1;
    }
    Py_DECREF(joined);
    return 0;
}

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
        if (PyList_GET_SIZE(up->intervals) > 256)
            return join_intervals(up);
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
        r->flags = s->flags | (unlikely(s->fn->governed.muted) ? FLAG_LEFT_OUT : 0);
        r->err = s->flags & FLAG_ERROR ? (u16)s->err : 0;
        r->count = s->others + 1;
        spool_commit(length);
    }
    else
        spool.dropped++; /* the others are counted */
    return 0;
}

/* The call above learns with what one that it made has failed: what leaves a call expression is known by that alone where it is swallowed.
 * Of the calls above only expressions take it for their own, and none whose own is known (exceptions.blame). */
static NEVER_INLINE void tell_failure(Span *s)
{
    if (!(s->up->flags & FLAG_ERROR))
        s->up->err = s->err;
}

/* Whether a call that was only counted took longer than any of its function that was kept for that. */
static inline int found_slow(const Span *s, u64 now)
{
    return s->counted == 1 && !s->record && now > s->start && now - s->start > s->fn->governed.slow;
}

/* Python of ours has answered; nothing but its failing matters. */
static void answered(PyObject *answer)
{
    python_ran++;
    if (answer == NULL)
        note_fault();
    Py_XDECREF(answer);
}

/* It is recorded after all. Runs Python. */
static NEVER_INLINE void keep_slow(Span *s, u64 now)
{
    answered(PyObject_CallFunction(py.keep, "OK", (PyObject *)s, (unsigned long long)now));
    s->took = 0; /* what that says is of counting */
}

static inline void keep_if_slow(Span *s, u64 now)
{
    if (unlikely(found_slow(s, now)))
        keep_slow(s, now);
}

/* It was recorded after it had begun: what its parameters are. Runs Python. */
static NEVER_INLINE void complete(Span *s)
{
    answered(PyObject_CallFunctionObjArgs(py.complete, (PyObject *)s, NULL));
}

/* Write or count an ended span whose parent knows about its time; it is open until its record counts. -1 with an exception set. */
static inline int finish(Span *s, u64 now)
{
    int failed = 0;
    if (unlikely(s->flags & FLAG_ERROR) && s->up != NULL)
        tell_failure(s);
    keep_if_slow(s, now);
    if (s->record) {
        if (unlikely(s->detail == UNSEEN))
            complete(s);
        failed = write_ended(s, now);
        span_unlink(s);
        if (unlikely(s->took))
            governor_measured(&s->fn->governed, s->took + ticks() - now);
    }
    else if (s->counted) {
        failed = write_ended(s, now);
        if (unlikely(s->took))
            governor_count_measured(s->took + ticks() - now);
    }
    return failed;
}

/* Whether an event of `s` at `site` is written. Where not, it is counted, if its span is. Runs Python. -1 with an exception set. */
static inline int event_wanted(Span *s, Function *site)
{
    if (site->level == 0)
        return 0;
    site->governed.seen += site->governed.dark && (s->record || s->counted);
    if (!s->record)
        return s->counted ? count_event(site) : 0;
    if (likely(s->events < MAX_EVENTS && governor_takes(&site->governed)))
        return 1;
    s->flags |= FLAG_LEFT_OUT;
    return governor.on ? count_event(site) : 0;
}

/* Write an event of `s` at `site` with whole sections as payload. */
static int event_write(Span *s, Function *site, const u8 *data, size_t length)
{
    Record *r;
    s->events++;
    governor.spent += site->governed.cost;
    if (!site->defined && define(site) < 0)
        return -1;
    r = spool_place(length);
    detail.now = ticks();
    if (r != NULL) {
        memcpy(spool.top - length, data, length);
        *r = (Record){detail.now, 0, 0, s->seq, s->events, s->trace_id, site->id, (u32)length, 0, 0, KIND_EVENT, 0, 0, 1};
        spool_commit(length);
    }
    return likely(detail.now < governor.look_at) ? 0 : end_window();
}
