/* What hooks and definitions write: spans of calls into libraries, their attributes, and our own values. */
static int put_plain(Bytes *b, PyObject *value);

static int put_plain_int(Bytes *b, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    unsigned long long large;
    if (likely(!overflow))
        return number == -1 && PyErr_Occurred() ? -1 : put_signed(b, number);
    large = PyLong_AsUnsignedLongLong(value);
    return PyErr_Occurred() ? -1 : put_unsigned(b, large);
}

static int put_plain_bytes(Bytes *b, PyObject *value)
{
    size_t length = (size_t)PyBytes_GET_SIZE(value);
    int width = length < 256 ? 1 : length < 65536 ? 2 : 4;
    NEED(b, 5);
    put_big(b, width == 1 ? 0xC4 : width == 2 ? 0xC5 : 0xC6, length, width);
    return put_raw(b, PyBytes_AS_STRING(value), length);
}

static int put_plain_map(Bytes *b, PyObject *map)
{
    PyObject *key, *item;
    Py_ssize_t position = 0;
    int answer = put_head(b, 0x80, 0xDE, (size_t)PyDict_GET_SIZE(map));
    while (answer == 0 && PyDict_Next(map, &position, &key, &item)) /* nothing below runs Python code for exact types */
        answer = put_plain(b, key) < 0 ? -1 : put_plain(b, item);
    return answer;
}

static int put_plain_items(Bytes *b, PyObject *value)
{
    PyObject *items = PySequence_Fast(value, "no value of ours");
    int answer = items == NULL ? -1 : put_head(b, 0x90, 0xDC, (size_t)PySequence_Fast_GET_SIZE(items));
    for (Py_ssize_t i = 0; answer == 0 && i < PySequence_Fast_GET_SIZE(items); i++)
        answer = put_plain(b, PySequence_Fast_GET_ITEM(items, i));
    Py_XDECREF(items);
    return answer;
}

/* As msgpack.plain. */
static int put_plain(Bytes *b, PyObject *value)
{
    if (PyUnicode_Check(value))
        return put_str(b, value);
    if (value == Py_None || PyBool_Check(value)) {
        NEED(b, 1);
        put1(b, value == Py_None ? 0xC0 : value == Py_True ? 0xC3 : 0xC2);
        return 0;
    }
    if (PyLong_Check(value))
        return put_plain_int(b, value);
    if (PyFloat_Check(value)) {
        double number = PyFloat_AS_DOUBLE(value);
        u64 bits;
        memcpy(&bits, &number, 8);
        NEED(b, 9);
        put_big(b, 0xCB, bits, 8);
        return 0;
    }
    if (PyBytes_Check(value))
        return put_plain_bytes(b, value);
    return PyDict_Check(value) ? put_plain_map(b, value) : put_plain_items(b, value);
}

/* plain(value) -> bytes */
static PyObject *library_plain(PyObject *self, PyObject *value)
{
    u8 own[512];
    Bytes b = {own, 0, sizeof own, own};
    PyObject *result = put_plain(&b, value) < 0 ? NULL : PyBytes_FromStringAndSize((char *)b.data, b.length);
    bytes_free(&b);
    return result;
}

enum { ATTRIBUTE_ROOM = 4000 };

/* Section T: names to values of the program. `cut`: something was left out. */
static int put_attributes(Bytes *b, PyObject *values, char *cut)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;
    int answer = put_raw(b, "T", 1) < 0 ? -1 : put_head(b, 0x80, 0xDE, (size_t)PyDict_GET_SIZE(values));
    while (answer == 0 && PyDict_Next(values, &position, &name, &value)) { /* the hook's own dictionary: nobody changes it meanwhile */
        Reading r;
        reading_begin(&r, 0);
        answer = put_str(b, name) < 0 ? -1 : encode_value(b, value, ATTRIBUTE_ROOM, VALUE_DEPTH, &r);
        *cut |= r.cut;
    }
    return answer;
}

/* attributes(values) -> section T as bytes; `left_out` is told as by encode. */
static PyObject *library_attributes(PyObject *self, PyObject *values)
{
    u8 own[512];
    Bytes b = {own, 0, sizeof own, own};
    char cut = 0;
    PyObject *result = NULL;
    if (!PyDict_CheckExact(values))
        return PyErr_Format(PyExc_TypeError, "a dict expected");
    if (put_attributes(&b, values, &cut) == 0)
        result = PyBytes_FromStringAndSize((char *)b.data, b.length);
    bytes_free(&b);
    if (result != NULL && cut && py.left_out != NULL && PyList_Append(py.left_out, Py_True) < 0)
        Py_CLEAR(result);
    return result;
}

/* begin_call(fn, up) -> the span of a call into a library, or None where it is neither recorded nor counted. It is never current. */
static PyObject *library_begin(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Span *s;
    if (count != 2 || !PyObject_TypeCheck(args[0], &Function_Type) || !IS_SPAN(args[1]))
        return PyErr_Format(PyExc_TypeError, "begin_call(function, span)");
    s = span_new(&Span_Type);
    if (s == NULL)
        return NULL;
    if (span_prepare(s, (Function *)args[0], (Span *)args[1], PyThreadState_Get()) < 0) {
        span_unlink(s);
        Py_DECREF(s);
        return NULL;
    }
    if (!s->record && s->counted != 1) {
        Py_DECREF(s);
        Py_RETURN_NONE;
    }
    s->start = ticks();
    open_show(s);
    return (PyObject *)s;
}

/* end_call(span, attributes): it is over. */
static PyObject *library_end(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 now = ticks();
    Span *s;
    u32 before;
    char cut = 0;
    int failed;
    if (count != 2 || !IS_SPAN(args[0]) || !PyDict_CheckExact(args[1]))
        return PyErr_Format(PyExc_TypeError, "end_call(span, attributes)");
    s = (Span *)args[0];
    keep_if_slow(s, now);
    before = s->payload.length;
    failed = s->record && PyDict_GET_SIZE(args[1]) > 0 && put_attributes(&s->payload, args[1], &cut) < 0;
    if (failed) {
        s->payload.length = before;
        note_fault();
    }
    s->shown = s->payload.length;
    if (cut)
        s->flags |= FLAG_LEFT_OUT;
    if ((s->up != NULL && cover(s->up, s->start, now) < 0) || finish(s, now) < 0)
        return NULL;
    Py_RETURN_NONE;
}
