/* Integers. */
/* More than 64 bits: decimal text, hexadecimal of the first bits where it is very long. */
static NEVER_INLINE int encode_long(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    u32 at = b->length;
    PyObject *text;
    int answer = -1;
    text = PyObject_CallMethod(value, "bit_length", NULL);
    if (text == NULL || PyLong_AsLong(text) >= 2000) {
        Py_XDECREF(text);
        return encode_in_python(b, value, room, depth, r);
    }
    Py_SETREF(text, PyLong_Type.tp_repr(value));
    if (text != NULL && put_raw(b, PyUnicode_DATA(text), (size_t)PyUnicode_GET_LENGTH(text)) == 0)
        answer = wrap_ext(b, at, 6);
    Py_XDECREF(text);
    return answer;
}

static inline int encode_int(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    int overflow;
    long long number;
#if PY_VERSION_HEX >= 0x030c0000
    if (likely(PyUnstable_Long_IsCompact((PyLongObject *)value)))
        return put_signed(b, PyUnstable_Long_CompactValue((PyLongObject *)value));
#endif
    number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (likely(!overflow))
        return put_signed(b, number);
    if (overflow > 0) {
        unsigned long long wide = PyLong_AsUnsignedLongLong(value);
        if (wide != (unsigned long long)-1 || !PyErr_Occurred())
            return put_unsigned(b, wide);
        PyErr_Clear();
    }
    return encode_long(b, value, room, depth, r);
}

