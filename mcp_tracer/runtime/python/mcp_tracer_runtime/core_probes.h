/* Probes of plain functions and of call sites: plain.py and sites.py say what each is for. No probe lets an exception out: a fault of ours
 * is counted, and the program's own exception is being handled, not raised, while a probe runs. */

static inline PyThreadState *thread_state(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

static inline PyObject *returned(PyObject *value)
{
    Py_INCREF(value);
    return value;
}


/* The current span as a Span, NULL for none. -1 through `failed` where memory is out. */
static inline Span *current_span(PyThreadState *ts)
{
    PyObject *value = current_get(ts);
    if (unlikely(value == NULL)) {
        PyErr_Clear();
        return NULL;
    }
    return likely(IS_SPAN(value)) ? (Span *)value : NULL;
}

/* Entering failed: the span that was made, if any, goes, and one that is not recorded takes its place. */
static NEVER_INLINE void enter_lightly(PyThreadState *ts, Function *fn, Span *s)
{
    Span *up;
    note_fault();
    if (s != NULL) {
        span_unlink(s);
        Py_DECREF(s);
    }
    up = current_span(ts);
    s = span_plain(fn, up);
    if (s == NULL || current_set(ts, (PyObject *)s) < 0)
        PyErr_Clear();
}

/* A probe that ends `fn` failed: make what was current before it current again. */
static NEVER_INLINE void abandon(PyThreadState *ts, Function *fn)
{
    Span *s;
    note_fault();
    for (s = current_span(ts); s != NULL && s->fn != fn; s = s->up)
        ;
    if (s != NULL) {
        PyObject *up = s->up != NULL ? (PyObject *)s->up : Py_None;
        span_unlink(s);
        Py_INCREF(up);
        if (current_set(ts, up) < 0)
            PyErr_Clear();
    }
}

/* `value` as `fn` captures now. */
static inline int capture(Bytes *b, Span *s, Function *fn, PyObject *value, int depth, Reading *r)
{
    if (unlikely(encode_value(b, value, (Py_ssize_t)fn->room, depth, r) < 0))
        return -1;
    if (unlikely(r->cut))
        s->flags |= FLAG_LEFT_OUT;
    return 0;
}

static inline int detail_depth(Reading *r, int chosen)
{
    reading_begin(r, chosen == BRIEF);
    return chosen == BRIEF ? BRIEF_DEPTH : VALUE_DEPTH;
}

static int put_parameter(Span *s, Function *fn, Py_ssize_t i, PyObject *value, int depth, Reading *r)
{
    PyObject *secret = fn->secret;
    if (unlikely(secret != NULL && PyTuple_Check(secret) && i < PyTuple_GET_SIZE(secret) && PyTuple_GET_ITEM(secret, i) == Py_True
                 && value != Py_None && !PyBool_Check(value))) {
        static const u8 by_name[] = {0xD6, 5, 'n', 'a', 'm', 'e'};
        return put_raw(&s->payload, by_name, 6);
    }
    r->nodes = VALUE_NODES;
    return capture(&s->payload, s, fn, value, depth, r);
}

/* `self` or `cls`: named, with shallow fields from level 4 on. */
static int put_receiver(Span *s, Function *fn, PyObject *value)
{
    Reading r;
    reading_begin(&r, 0);
    return encode_value(&s->payload, value, (Py_ssize_t)fn->room, fn->level >= 4 && s->detail != BRIEF, &r);
}

static int put_parameters(Span *s, Function *fn, PyObject *const *values, Py_ssize_t count)
{
    Bytes *b = &s->payload;
    Reading r;
    int depth = detail_depth(&r, s->detail);
    u64 before = detail_begins(s->detail);
    u32 length = b->length;
    Py_ssize_t i = 0;
    if (likely(PyBytes_GET_SIZE(fn->head) == 2)) { /* a new span has room for that */
        memcpy(b->data + b->length, PyBytes_AS_STRING(fn->head), 2);
        b->length += 2;
    }
    else if (put_raw(b, PyBytes_AS_STRING(fn->head), (size_t)PyBytes_GET_SIZE(fn->head)) < 0)
        return -1;
    if (fn->receiver && put_receiver(s, fn, values[i++]) < 0)
        return -1;
    for (; i < count; i++)
        if (put_parameter(s, fn, i, values[i], depth, &r) < 0)
            return -1;
    s->shown = b->length;
    detail_ends(&fn->detail, before, b->length - length);
    return 0;
}

static inline int put_result(Span *s, Function *fn, PyObject *value)
{
    Reading r;
    int depth = detail_depth(&r, s->detail);
    u64 before = detail_begins(s->detail);
    u32 length = s->payload.length;
    NEED(&s->payload, 10);
    put1(&s->payload, 'R');
    if (capture(&s->payload, s, fn, value, depth, &r) < 0)
        return -1;
    s->shown = s->payload.length;
    detail_ends(&fn->detail, before, s->payload.length - length);
    return 0;
}

/* Section R as bytes, for a `return` that a finally may still overrule. */
static int keep_result(Span *s, Function *fn, PyObject *value)
{
    u8 own[256];
    Bytes b = {own, 0, sizeof own, own};
    Reading r;
    PyObject *result = NULL;
    int depth = detail_depth(&r, s->detail);
    u64 before = detail_begins(s->detail);
    put1(&b, 'R');
    if (capture(&b, s, fn, value, depth, &r) == 0)
        result = PyBytes_FromStringAndSize((char *)b.data, b.length);
    detail_ends(&fn->detail, before, b.length);
    bytes_free(&b);
    if (result == NULL)
        return -1;
    Py_XSETREF(s->result, result);
    return 0;
}

/* E(fn, *arguments) */
static PyObject *probe_enter(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Function *fn = (Function *)args[0];
    PyThreadState *ts = thread_state();
    PyObject **place = current_place(ts);
    Span *up = likely(place != NULL && IS_SPAN(*place)) ? (Span *)*place : current_span(ts), *s = span_new(&Span_Type);
    unsigned ran = python_ran;
    u64 before = governor_begins(&fn->governed, last_seq);
    if (unlikely(s == NULL || span_prepare(s, fn, up, ts) < 0 || (count > 1 && s->record && fn->params && put_parameters(s, fn, args + 1, count - 1) < 0)))
        enter_lightly(ts, fn, s);
    else if (likely(place != NULL && ran == python_ran && *place == (PyObject *)up)) {
        *place = (PyObject *)s;
        forget_cached();
        Py_DECREF(up); /* the context's reference; the new span holds one */
        s->start = ticks();
        open_show(s);
        if (unlikely(before))
            s->took = (u32)(s->start - before);
    }
    else {
        if (unlikely(current_set(ts, (PyObject *)s) < 0))
            PyErr_Clear();
        else {
            s->start = ticks();
            open_show(s);
        }
    }
    Py_RETURN_NONE;
}

/* The current span of `fn`; what an exception jumped over ends. NULL where it has none, -1 through `failed`. */
static inline Span *own_span(PyThreadState *ts, Function *fn, u64 now, int *failed)
{
    Span *s = current_span(ts);
    *failed = 0;
    if (likely(s != NULL && s->fn == fn))
        return s;
    for (; s != NULL && s->fn != fn; s = s->up)
        ;
    if (s != NULL) {
        PyObject *found = PyObject_CallFunction(py.own, "OK", (PyObject *)fn, (unsigned long long)now);
        if (found == NULL) {
            *failed = 1;
            return NULL;
        }
        Py_DECREF(found); /* current, so its context holds it */
        return IS_SPAN(found) ? (Span *)found : NULL;
    }
    return NULL;
}

/* Take `s`, the current span, off: its reference is the caller's, and what was before it is current. */
static inline int take_off(PyThreadState *ts, Span *s)
{
    PyObject **place = current_place(ts);
    if (likely(place != NULL && *place == (PyObject *)s && s->up != NULL)) {
        Py_INCREF(s->up);
        *place = (PyObject *)s->up;
        ((Variable *)current_var)->cached = NULL;
        return 0;
    }
    {
        PyObject *up = s->up != NULL ? (PyObject *)s->up : Py_None;
        Py_INCREF(s);
        Py_INCREF(up);
        return current_set(ts, up);
    }
}

static inline int cover_up(Span *s, u64 start, u64 now)
{
    Span *up = s->up;
    if (up == NULL)
        return 0;
    if (likely(!up->awaiting && up->intervals == NULL)) {
        up->covered += (i64)(now - start);
        return 0;
    }
    return cover(up, start, now);
}

/* End `s`, the current span, with what it has. -1: it is still current. */
static inline int end_span(PyThreadState *ts, Span *s, u64 now)
{
    if (take_off(ts, s) < 0)
        return -1;
    if (cover_up(s, s->start, now) < 0 || finish(s, now) < 0)
        note_fault();
    span_unlink(s);
    Py_DECREF(s);
    return 0;
}

/* R(fn, value) -> value */
static PyObject *probe_leave(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 now = ticks();
    Function *fn = (Function *)args[0];
    PyObject *value = args[1];
    PyThreadState *ts = thread_state();
    PyObject **place = current_place(ts);
    int failed;
    Span *s;
    if (likely(place != NULL && IS_SPAN(*place))) {
        s = (Span *)*place;
        if (likely(s->fn == fn && s->up != NULL && !s->up->awaiting && s->up->intervals == NULL)) { /* the common case of what follows */
            Py_INCREF(s->up);
            *place = (PyObject *)s->up;
            forget_cached();
            s->up->covered += (i64)(now - s->start);
            keep_if_slow(s, now);
            if (unlikely((s->record && fn->returns && put_result(s, fn, value) < 0) || finish(s, now) < 0))
                note_fault();
            Py_DECREF(s);
            return returned(value);
        }
    }
    s = own_span(ts, fn, now, &failed);
    if (likely(s != NULL)) {
        if (unlikely(take_off(ts, s) < 0))
            failed = 1;
        else {
            keep_if_slow(s, now);
            if (unlikely(cover_up(s, s->start, now) < 0 || (s->record && fn->returns && put_result(s, fn, value) < 0) || finish(s, now) < 0))
                note_fault();
        }
        if (!failed) {
            span_unlink(s);
            Py_DECREF(s);
        }
    }
    if (unlikely(failed))
        abandon(ts, fn);
    return returned(value);
}

/* RV(fn, value) -> value: a `finally` or `with` still runs */
static PyObject *probe_returning(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Function *fn = (Function *)args[0];
    int failed;
    u64 now = ticks();
    Span *s = own_span(thread_state(), fn, now, &failed);
    if (failed)
        note_fault();
    else if (s != NULL && (s->record || found_slow(s, now)) && fn->returns) {
        Py_INCREF(s);
        if (!s->record)
            keep_slow(s, now);
        if (s->record && keep_result(s, fn, args[1]) < 0)
            note_fault();
        Py_DECREF(s);
    }
    return returned(args[1]);
}

/* F(fn) */
static PyObject *probe_end(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 now = ticks();
    Function *fn = (Function *)args[0];
    PyThreadState *ts = thread_state();
    int failed;
    Span *s = own_span(ts, fn, now, &failed);
    if (s != NULL && end_span(ts, s, now) < 0)
        failed = 1;
    if (failed)
        abandon(ts, fn);
    Py_RETURN_NONE;
}

/* U(fn) */
static PyObject *probe_unwind(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    int failed;
    own_span(thread_state(), (Function *)args[0], ticks(), &failed);
    if (failed)
        note_fault();
    Py_RETURN_NONE;
}

/* P(site, last) -> last */
static PyObject *probe_open_call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Function *site = (Function *)args[0];
    PyThreadState *ts = thread_state();
    Span *up = current_span(ts), *s;
    u64 before;
    if (unlikely(site->level < 3)) {
        s = span_plain(site, up);
        if (s == NULL || current_set(ts, (PyObject *)s) < 0)
            note_fault();
        else
            s->start = ticks();
        return returned(args[1]);
    }
    s = span_new(&Span_Type);
    before = governor_begins(&site->governed, last_seq);
    if (unlikely(s == NULL || span_prepare(s, site, up, ts) < 0))
        enter_lightly(ts, site, s);
    else if (unlikely(current_set(ts, (PyObject *)s) < 0))
        PyErr_Clear();
    else {
        s->start = ticks();
        open_show(s);
        if (unlikely(before))
            s->took = (u32)(s->start - before);
    }
    return returned(args[1]);
}

/* A(site, value) -> value */
static PyObject *probe_close_call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 now = ticks();
    Function *site = (Function *)args[0];
    PyThreadState *ts = thread_state();
    int failed;
    Span *s = own_span(ts, site, now, &failed);
    if (likely(s != NULL)) {
        if (unlikely(take_off(ts, s) < 0))
            failed = 1;
        else {
            int alone = s->covered == 0 && s->intervals == NULL; /* else a traced function below wrote the value */
            keep_if_slow(s, now);
            if (cover_up(s, s->start, now) < 0 || (s->record && site->returns && alone && put_result(s, site, args[1]) < 0) || finish(s, now) < 0)
                note_fault();
            span_unlink(s);
            Py_DECREF(s);
        }
    }
    if (unlikely(failed))
        abandon(ts, site);
    return returned(args[1]);
}

/* Whether this site of lines or values is only numbered; then it is. Code that asks (`-site`) does not get here. */
static inline int is_off(Function *site)
{
    site->governed.missed += (u64)site->governed.off;
    return site->governed.off;
}

/* VA and VP: `show` writes it, called with the span and what the probe was given. -1: an exception of the program's is to be raised. */
static int show_in_python(PyObject *show, PyObject *const *args, Py_ssize_t count)
{
    Function *site = (Function *)args[0];
    Span *s = current_span(thread_state());
    int wanted;
    if (is_off(site) || s == NULL || site->level < 4 || site->variables == NULL || site->variables == Py_False)
        return 0;
    Py_INCREF(s);
    wanted = event_wanted(s, site);
    if (wanted > 0 && show != NULL) {
        u64 before = ticks();
        PyObject *given = PyTuple_New(count + 1), *answer = NULL;
        for (Py_ssize_t i = 0; given != NULL && i <= count; i++) {
            PyObject *one = i == 0 ? (PyObject *)s : args[i - 1];
            Py_INCREF(one);
            PyTuple_SET_ITEM(given, i, one);
        }
        if (given != NULL)
            answer = PyObject_Call(show, given, NULL);
        Py_XDECREF(given);
        Py_XDECREF(answer);
        wanted = answer == NULL ? -1 : 0;
        governor_measured(&site->governed, ticks() - before);
    }
    Py_DECREF(s);
    if (wanted < 0) {
        if (fault_passes())
            return -1;
        note_fault();
    }
    return 0;
}

/* VA(site, value) -> value: it is about to become an attribute or the like */
static PyObject *probe_assigned(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return show_in_python(py.assigned, args, count) < 0 ? NULL : returned(args[1]);
}

/* VP(site, *held): attributes and items have changed */
static PyObject *probe_changed(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (show_in_python(py.changed, args, count) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* V(site, *values) */
static PyObject *probe_values(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Function *site = (Function *)args[0];
    Span *s = current_span(thread_state());
    u8 own[512];
    Bytes b = {own, 0, sizeof own, own};
    Reading r;
    int failed = 0, pairs = 0, depth, chosen;
    u64 before, charged;
    PyObject *names = site->names, *wanted = site->variables;
    if (is_off(site) || s == NULL || site->level < 4 || wanted == NULL || wanted == Py_False || names == NULL || !PyTuple_Check(names))
        Py_RETURN_NONE;
    Py_INCREF(s);
    failed = event_wanted(s, site);
    if (failed <= 0) { /* it will not be written: no need to look at the values */
        if (failed < 0)
            note_fault();
        Py_DECREF(s);
        Py_RETURN_NONE;
    }
    failed = 0;
    before = governor_begins(&site->governed, s->events);
    chosen = detail_choose(&site->detail);
    depth = detail_depth(&r, chosen);
    charged = detail_begins(chosen);
    b.length = 6; /* V and the widest head of a map */
    for (Py_ssize_t i = 1; i < count && i <= PyTuple_GET_SIZE(names) && !failed; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i - 1);
        if (wanted != Py_True) {
            int in = PySet_Contains(wanted, name);
            failed = in < 0;
            if (in <= 0)
                continue;
        }
        failed = put_text(&b, name, PyUnicode_GET_LENGTH(name)) < 0 || encode_named(&b, name, args[i], (Py_ssize_t)site->room, depth, &r) < 0;
        if (r.cut)
            s->flags |= FLAG_LEFT_OUT;
        pairs++;
    }
    detail_ends(&site->detail, charged, b.length);
    if (!failed && pairs) {
        u8 head[8] = {'V'};
        Bytes h = {head, 1, sizeof head, head};
        failed = put_head(&h, 0x80, 0xDE, (size_t)pairs) < 0;
        memcpy(b.data + 6 - h.length, head, h.length);
        failed = failed || event_write(s, site, b.data + 6 - h.length, b.length - 6 + h.length) < 0;
    }
    if (failed)
        note_fault();
    if (unlikely(before))
        governor_measured(&site->governed, ticks() - before);
    bytes_free(&b);
    Py_DECREF(s);
    Py_RETURN_NONE;
}

/* L(site) */
static PyObject *probe_line(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Function *site = (Function *)args[0];
    Span *s = current_span(thread_state());
    if (!is_off(site) && s != NULL && site->level >= 5) {
        int wanted = event_wanted(s, site);
        u64 before = wanted > 0 ? governor_begins(&site->governed, s->events) : 0;
        if (wanted < 0 || (wanted > 0 && event_write(s, site, (const u8 *)"", 0) < 0))
            note_fault();
        if (unlikely(before))
            governor_measured(&site->governed, ticks() - before);
    }
    Py_RETURN_NONE;
}
