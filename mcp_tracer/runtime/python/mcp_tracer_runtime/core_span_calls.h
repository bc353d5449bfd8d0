/* Spans for the Python side: what spans.py and detail.py would do. */
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

/* event(span, site, bytes): write an event that is wanted */
static PyObject *span_event(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (!IS_SPAN(args[0]) || !PyObject_TypeCheck(args[1], &Function_Type) || !PyBytes_Check(args[2]))
        return PyErr_Format(PyExc_TypeError, "event(span, site, bytes)");
    if (event_write((Span *)args[0], (Function *)args[1], (u8 *)PyBytes_AS_STRING(args[2]), (size_t)PyBytes_GET_SIZE(args[2])) < 0)
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
