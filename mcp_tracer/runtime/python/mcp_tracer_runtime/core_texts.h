/* Texts and bytes: cut where they are long, withheld where a secret's shape stands in them. */
static NEVER_INLINE int put_redacted(Bytes *b, PyObject *shape)
{
    u32 at = b->length;
    Py_ssize_t n = 0;
    const char *text = shape != NULL ? PyUnicode_AsUTF8AndSize(shape, &n) : NULL;
    int answer = text == NULL || put_raw(b, text, (size_t)n) < 0 ? -1 : wrap_ext(b, at, 5);
    Py_XDECREF(shape);
    return answer;
}

static NEVER_INLINE int encode_bytes(Bytes *b, const u8 *data, Py_ssize_t n, Py_ssize_t room, Reading *r)
{
    Py_ssize_t head = n < VALUE_TEXT ? n : VALUE_TEXT, limit = r->text < room ? r->text : room > 0 ? room : 0, shown = n < limit ? n : limit;
    PyObject *shape = n >= 12 ? bytes_shape(data, head) : Py_None;
    u32 at = b->length;
    if (unlikely(shape != Py_None))
        return put_redacted(b, shape != NULL ? PyUnicode_FromString((Py_DECREF(shape), "bytes")) : NULL);
    NEED(b, 20 + shown);
    if (n > limit) {
        r->cut |= r->brief;
        put1(b, 0x92);
        if (put_unsigned(b, (u64)n) < 0)
            return -1;
    }
    if (shown < 256)
        put_big(b, 0xC4, (u64)shown, 1);
    else
        put_big(b, 0xC5, (u64)shown, 2);
    if (put_raw(b, data, (size_t)shown) < 0)
        return -1;
    return n > limit ? wrap_ext(b, at, 11) : 0;
}

static inline int encode_text(Bytes *b, PyObject *value, Py_ssize_t room, Reading *r)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(value), limit = room >= r->text ? r->text : room > 0 ? room : 0;
    if (n >= 12) {
        PyObject *shape = text_shape(value, r->shape);
        if (unlikely(shape != Py_None))
            return put_redacted(b, shape);
    }
    if (n > limit) {
        u32 at = b->length;
        r->cut |= r->brief;
        NEED(b, 1);
        put1(b, 0x92);
        return put_unsigned(b, (u64)n) < 0 || put_text(b, value, limit) < 0 ? -1 : wrap_ext(b, at, 1);
    }
    return put_text(b, value, n);
}

