/* One value, by its type; and what the Python side calls. */
/* A range or a complex number, as `repr` shows it: C, but for what a range's ends are. */
static NEVER_INLINE int encode_shown(Bytes *b, PyObject *value, PyTypeObject *type)
{
    PyObject *text = type->tp_repr(value);
    int answer = text == NULL ? -1 : put_described(b, 4, type == &PyRange_Type ? "range" : "complex", NULL, text);
    Py_XDECREF(text);
    return answer;
}

/* A value whose class is not among the exact built-in ones. */
static NEVER_INLINE int encode_other(Bytes *b, PyObject *value, PyTypeObject *type, Py_ssize_t room, int depth, Reading *r)
{
    Plan *plan;
    if (py.plan == NULL || r->count >= 15)
        return encode_in_python(b, value, room, depth, r);
    plan = plan_of(type);
    if (plan == NULL)
        return -1;
    switch (plan->kind) {
    case SEQUENCE: {
        const u8 *name = plan->name;
        return encode_sequence(b, value, name, plan->name_bytes, plan->base, room, depth, r);
    }
    case MAPPING:
        return encode_dict(b, value, room, depth, r);
    case MOMENT:
        return encode_moment(b, value, room, depth, r);
    case DESCRIBED:
        return encode_described(b, value, type);
    default:
        if (is_above(r, value))
            return put_seen(b);
        if (plan->kind == ENUM)
            return encode_member(b, value, plan);
        return plan->by_python ? encode_in_python(b, value, room, depth, r) : encode_instance(b, value, plan, room, depth, r);
    }
}

/* What is neither a number nor a text. */
static NEVER_INLINE int encode_rarer(Bytes *b, PyObject *value, PyTypeObject *type, Py_ssize_t room, int depth, Reading *r)
{
    static const u8 set[] = "\xA3set", frozenset[] = "\xA9" "frozenset";
    if (type == &PyFunction_Type)
        return encode_function(b, (PyFunctionObject *)value);
    if (PyType_Check(value))
        return encode_class(b, (PyTypeObject *)value);
    if (type == &PyMethod_Type)
        return encode_method(b, value);
    if (type == &PyCFunction_Type)
        return encode_builtin(b, value);
    if (type == &PySet_Type)
        return encode_sequence(b, value, set, 4, &PySet_Type, room, depth, r);
    if (type == &PyFrozenSet_Type)
        return encode_sequence(b, value, frozenset, 10, &PyFrozenSet_Type, room, depth, r);
    if (type == &PyModule_Type)
        return encode_module(b, value);
    if (type == &PyByteArray_Type)
        return encode_bytes(b, (const u8 *)PyByteArray_AS_STRING(value), PyByteArray_GET_SIZE(value), room, r);
    if (type == &PyComplex_Type || type == &PyRange_Type)
        return encode_shown(b, value, type);
    return encode_other(b, value, type, room, depth, r);
}

/* msgpack of `value` in about `room` bytes. 0, or -1 with an exception set. */
static int encode_value(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    static const u8 tuple[] = "\xA5tuple";
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type)
        return encode_int(b, value, room, depth, r);
    if (value == Py_None || type == &PyBool_Type) {
        NEED(b, 1);
        put1(b, value == Py_None ? 0xC0 : value == Py_True ? 0xC3 : 0xC2);
        return 0;
    }
    if (type == &PyUnicode_Type)
        return encode_text(b, value, room, r);
    if (type == &PyFloat_Type) {
        double number = PyFloat_AS_DOUBLE(value);
        u64 bits;
        memcpy(&bits, &number, 8);
        NEED(b, 9);
        put_big(b, 0xCB, bits, 8);
        return 0;
    }
    if (type == &PyDict_Type)
        return encode_dict(b, value, room, depth, r);
    if (type == &PyList_Type)
        return encode_list(b, value, room, depth, r);
    if (type == &PyTuple_Type)
        return encode_sequence(b, value, tuple, 6, &PyTuple_Type, room, depth, r);
    if (type == &PyBytes_Type)
        return encode_bytes(b, (const u8 *)PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), room, r);
    return encode_rarer(b, value, type, room, depth, r);
}

static PyObject *encoded(PyObject *name, PyObject *const *args, Py_ssize_t count)
{
    u8 own[512];
    Bytes b = {own, 0, sizeof own, own};
    Reading r;
    Py_ssize_t room = count > 1 ? PyLong_AsSsize_t(args[1]) : 10000;
    long depth = count > 2 ? PyLong_AsLong(args[2]) : VALUE_DEPTH;
    int brief = count > 3 && args[3] == Py_True;
    PyObject *result = NULL;
    if (PyErr_Occurred())
        return NULL;
    reading_begin(&r, brief);
    if (brief && depth > BRIEF_DEPTH)
        depth = BRIEF_DEPTH;
    if ((name != NULL ? encode_named(&b, name, args[0], room, (int)depth, &r) : encode_value(&b, args[0], room, (int)depth, &r)) == 0)
        result = PyBytes_FromStringAndSize((char *)b.data, b.length);
    bytes_free(&b);
    if (result != NULL && r.cut && py.left_out != NULL && PyList_Append(py.left_out, Py_True) < 0)
        Py_CLEAR(result);
    return result;
}

/* encode(value, room, depth, brief) and named(name, value, room, depth, brief): as in values.py */
static PyObject *values_encode(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return encoded(NULL, args, count);
}

static PyObject *values_named(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return encoded(args[0], args + 1, count - 1);
}
