/* The governor for the Python side: governor.py and phases.py decide. */
/* govern(first calls): how many calls of each function each trace records at least; 0: the governor is off and nothing is counted */
static PyObject *governor_switch(PyObject *self, PyObject *first_calls)
{
    unsigned long number = PyLong_AsUnsignedLongMask(first_calls);
    if (PyErr_Occurred())
        return NULL;
    governor.first_calls = (u32)number;
    governor.on = number != 0;
    governor.aside = (u32)(PROBES_NS / ns_per_tick);
    if (!governor.on) {
        governor.quota = UNLIMITED;
        governor.others = 0;
        governor.tight = 0;
        governor.look_at = ~(u64)0;
    }
    Py_RETURN_NONE;
}

/* window(number, quota, ticks, tight, stride): the next window of so many ticks begins, in which each function records so many calls; UNLIMITED:
 * all. `stride`, a power of two: one in so many functions does, which are others in the next window. */
static PyObject *governor_window(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    governor.window = (u32)PyLong_AsUnsignedLongMask(args[0]);
    governor.quota = (u32)PyLong_AsUnsignedLongMask(args[1]);
    governor.look_at = ticks() + PyLong_AsUnsignedLongMask(args[2]);
    governor.tight = args[3] == Py_True;
    governor.others = (u32)PyLong_AsUnsignedLongMask(args[4]) - 1;
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* noted() -> events that were only counted, since loading */
static PyObject *governor_noted(PyObject *self, PyObject *unused)
{
    return PyLong_FromUnsignedLongLong(governor.noted);
}

static inline u64 governor_since(Governed *g)
{
    u64 now = g->written + g->counted, since = now - g->before;
    g->before = now;
    return since;
}

/* counting() -> ticks that counting a call took lately; 0: not known */
static PyObject *governor_counting(PyObject *self, PyObject *unused)
{
    return PyFloat_FromDouble(governor.counting);
}

/* Of site `fn`, nothing but the number is kept, or all counts again: its function's spans say that something is left out. */
static int governor_mute(Function *fn, char muted)
{
    PyObject *owner = PyObject_GetAttrString((PyObject *)fn, "owner");
    fn->governed.off = muted;
    if (owner == NULL)
        return -1;
    if (PyObject_TypeCheck(owner, &Function_Type))
        ((Function *)owner)->governed.muted = muted;
    Py_DECREF(owner);
    return 0;
}

/* hush(events): of the sites of events that counted more in this window than their part of so many, nothing but the number is kept from now
 * on. -1: all count again. */
static PyObject *governor_hush(PyObject *self, PyObject *events)
{
    long long limit = PyLong_AsLongLong(events);
    Py_ssize_t active = 0;
    if (limit == -1 && PyErr_Occurred())
        return NULL;
    for (int pass = 0; pass < 2; pass++)
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ever_counted); i++) {
            Function *fn = (Function *)PyList_GET_ITEM(ever_counted, i);
            Governed *g = &fn->governed;
            if (!g->event)
                continue;
            if (limit < 0) {
                if (g->off && governor_mute(fn, 0) < 0)
                    return NULL;
                g->before = g->written + g->counted;
            }
            else if (pass == 0)
                active += g->written + g->counted != g->before;
            else if (governor_since(g) > (u64)(limit / (active + 1)) && !g->off && governor_mute(fn, 1) < 0)
                return NULL;
        }
    Py_RETURN_NONE;
}

/* mark_counted(): what is counted from now on is what `counted_since` tells */
static PyObject *governor_mark(PyObject *self, PyObject *unused)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ever_counted); i++) {
        Governed *g = &((Function *)PyList_GET_ITEM(ever_counted, i))->governed;
        g->mark = g->written + g->counted;
    }
    Py_RETURN_NONE;
}

/* counted_since(least) -> (calls counted since the mark, but for events; [(function, its calls), …] of those with so many at least) */
static PyObject *governor_counted_since(PyObject *self, PyObject *least)
{
    u64 limit = PyLong_AsUnsignedLongLong(least), all = 0;
    PyObject *list = PyErr_Occurred() ? NULL : PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(ever_counted); i++) {
        Function *fn = (Function *)PyList_GET_ITEM(ever_counted, i);
        u64 calls = fn->governed.written + fn->governed.counted - fn->governed.mark;
        if (fn->governed.event)
            continue;
        all += calls;
        if (calls >= limit) {
            PyObject *pair = Py_BuildValue("OK", (PyObject *)fn, (unsigned long long)calls);
            if (pair == NULL || PyList_Append(list, pair) < 0)
                Py_CLEAR(list);
            Py_XDECREF(pair);
        }
    }
    return list != NULL ? Py_BuildValue("KN", (unsigned long long)all, list) : NULL;
}

/* usage() -> (ticks spent on recording, calls only counted), since loading */
static PyObject *governor_usage(PyObject *self, PyObject *unused)
{
    return Py_BuildValue("KK", (unsigned long long)(governor.spent + spool_took), (unsigned long long)governor_counted());
}

/* write_counted(): a record for each function with counted calls */
static PyObject *governor_flush(PyObject *self, PyObject *unused)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ever_counted); i++) {
        Function *fn = (Function *)PyList_GET_ITEM(ever_counted, i);
        governor_fold(&fn->governed);
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
        if (g->event)
            g->missed = 0;
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

/* Spans that could not be written, and calls that were counted and could not. */
static u64 governor_missing(void)
{
    u64 missing = spool.dropped;
    for (Py_ssize_t i = 0; spool.stopped && i < PyList_GET_SIZE(ever_counted); i++) {
        Governed *g = &((Function *)PyList_GET_ITEM(ever_counted, i))->governed;
        missing += g->event ? 0 : g->counted;
    }
    return missing;
}

/* facts() -> what this core found out about its surroundings; for tests and reports */
static PyObject *core_facts(PyObject *self, PyObject *unused)
{
    return Py_BuildValue("{s:O,s:O,s:d,s:K}", "context_in_place", layout_known ? Py_True : Py_False, "counter", use_counter ? Py_True : Py_False,
                         "ns_per_tick", ns_per_tick, "dropped", (unsigned long long)governor_missing());
}
