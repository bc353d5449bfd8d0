/* Probes of plain functions that an exception leaves. What is rare stays in exceptions.record. */
static PyObject *handled_exception(void)
{
#if PY_VERSION_HEX >= 0x030b0000
    return PyErr_GetHandledException();
#else
    PyObject *type, *value, *traceback;
    PyErr_GetExcInfo(&type, &value, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

static int put_failure(Span *s, PyObject *error)
{
    u32 before = s->payload.length;
    if (!s->fn->raises)
        return 0;
    NEED(&s->payload, 1);
    put1(&s->payload, 'E');
    if (put_error(&s->payload, error, ERROR_CAUSES) < 0) {
        s->payload.length = before;
        return -1;
    }
    s->shown = s->payload.length;
    return 0;
}

static int record_in_python(Span *s, PyObject *error)
{
    PyObject *answer = PyObject_CallFunctionObjArgs(py.record, (PyObject *)s, error, NULL);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* Capture the parameters anew where they were captured in brief: what a call held that fails is worth more. */
static NEVER_INLINE int revisit(Span *s, PyObject *error)
{
    int chosen = detail_choose_failed(&s->fn->detail);
    u64 before = detail_begins(chosen);
    u32 length = s->payload.length;
    PyObject *answer;
    if (chosen == BRIEF)
        return 0;
    answer = PyObject_CallFunctionObjArgs(py.revisit, (PyObject *)s, error, NULL);
    Py_XDECREF(answer);
    detail_ends(&s->fn->detail, before, s->payload.length - length);
    return answer == NULL ? -1 : 0;
}

static int record_error(Span *s, PyObject *error)
{
    u64 before = ticks();
    int failed;
    s->flags |= FLAG_ERROR;
    failed = error_id(Py_TYPE(error), &s->err) < 0 || put_failure(s, error) < 0
             || (unlikely(s->detail == BRIEF && s->flags & FLAG_LEFT_OUT && s->fn->params) && revisit(s, error) < 0);
    governor.spent += ticks() - before;
    return failed ? -1 : 0;
}

/* As exceptions.record, of the exception that is being handled. */
static int record_failure(Span *s)
{
    PyObject *error = handled_exception();
    int failed = 0;
    if (error == NULL || !PyExceptionInstance_Check(error) || !(s->record || s->counted))
        s->flags |= FLAG_ERROR;
    if (error != NULL && PyExceptionInstance_Check(error)) {
        if (unlikely((!s->record && s->counted) || PyObject_TypeCheck(error, (PyTypeObject *)PyExc_SystemExit)))
            failed = record_in_python(s, error);
        else if (s->record)
            failed = record_error(s, error);
    }
    Py_XDECREF(error);
    return failed;
}

/* Z(fn) */
static PyObject *probe_fail(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 now = ticks();
    Function *fn = (Function *)args[0];
    PyThreadState *ts = thread_state();
    int failed;
    Span *s = own_span(ts, fn, now, &failed);
    if (likely(s != NULL)) {
        Py_INCREF(s); /* recording may run Python */
        if (record_failure(s) < 0)
            note_fault();
        failed = end_span(ts, s, now) < 0;
        Py_DECREF(s);
    }
    if (unlikely(failed))
        abandon(ts, fn);
    Py_RETURN_NONE;
}

/* M(fn): F follows */
static PyObject *probe_mark(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    int failed;
    Span *s = own_span(thread_state(), (Function *)args[0], ticks(), &failed);
    if (likely(s != NULL)) {
        Py_INCREF(s);
        failed = record_failure(s) < 0;
        Py_DECREF(s);
    }
    if (unlikely(failed))
        note_fault();
    Py_RETURN_NONE;
}
