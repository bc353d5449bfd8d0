/* Spans as the Python side sees them: the attributes that spans.py uses. */
static PyObject *span_make(PyTypeObject *type, PyObject *args, PyObject *named)
{
    return (PyObject *)span_new(type);
}

static PyObject *get_up(PyObject *self, void *unused)
{
    Span *up = ((Span *)self)->up;
    PyObject *answer = up != NULL ? (PyObject *)up : Py_None;
    Py_INCREF(answer);
    return answer;
}

static int set_up(PyObject *self, PyObject *value, void *unused)
{
    Span *old = ((Span *)self)->up;
    if (value == NULL || (value != Py_None && !IS_SPAN(value))) {
        PyErr_SetString(PyExc_TypeError, "a span or None");
        return -1;
    }
    if (value == Py_None)
        value = NULL;
    Py_XINCREF(value);
    ((Span *)self)->up = (Span *)value;
    Py_XDECREF(old);
    return 0;
}

static PyObject *get_trace(PyObject *self, void *unused)
{
    PyObject *trace = ((Span *)self)->trace;
    if (trace == NULL) {
        PyErr_SetString(PyExc_AttributeError, "trace");
        return NULL;
    }
    Py_INCREF(trace);
    return trace;
}

static int set_trace(PyObject *self, PyObject *value, void *unused)
{
    Span *s = (Span *)self;
    PyObject *id = value != NULL ? PyObject_GetAttrString(value, "id") : NULL;
    unsigned long number;
    if (id == NULL)
        return -1;
    number = PyLong_AsUnsignedLong(id);
    Py_DECREF(id);
    if (number == (unsigned long)-1 && PyErr_Occurred())
        return -1;
    s->trace_id = (u32)number;
    Py_INCREF(value);
    Py_XSETREF(s->trace, value);
    return 0;
}

static PyObject *get_payload(PyObject *self, void *unused)
{
    Span *s = (Span *)self;
    return PyBytes_FromStringAndSize((char *)s->payload.data, s->shown);
}

static int set_payload(PyObject *self, PyObject *value, void *unused)
{
    Span *s = (Span *)self;
    if (value == NULL || !PyBytes_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return -1;
    }
    s->payload.length = s->shown = 0;
    if (put_raw(&s->payload, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)) < 0)
        return -1;
    s->shown = s->payload.length;
    return 0;
}

static PyObject *get_intervals(PyObject *self, void *unused)
{
    PyObject *intervals = ((Span *)self)->intervals;
    if (intervals == NULL)
        intervals = Py_None;
    Py_INCREF(intervals);
    return intervals;
}

static int set_intervals(PyObject *self, PyObject *value, void *unused)
{
    if (value == Py_None)
        value = NULL;
    else if (value == NULL || !PyList_CheckExact(value)) {
        PyErr_SetString(PyExc_TypeError, "a list or None");
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(((Span *)self)->intervals, value);
    return 0;
}

static PyObject *get_result(PyObject *self, void *unused)
{
    PyObject *result = ((Span *)self)->result;
    if (result == NULL)
        return PyBytes_FromStringAndSize("", 0);
    Py_INCREF(result);
    return result;
}

static int set_result(PyObject *self, PyObject *value, void *unused)
{
    if (value == NULL || !PyBytes_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return -1;
    }
    Py_INCREF(value);
    Py_XSETREF(((Span *)self)->result, value);
    return 0;
}

static PyObject *get_held(PyObject *self, void *unused)
{
    return PyBool_FromLong(Py_TYPE(self) == &FlowSpan_Type);
}

static PyObject *get_start(PyObject *self, void *unused)
{
    return PyLong_FromUnsignedLongLong(((Span *)self)->start);
}

static int set_start(PyObject *self, PyObject *value, void *unused)
{
    u64 start = value != NULL ? PyLong_AsUnsignedLongLong(value) : 0;
    if (value == NULL || PyErr_Occurred())
        return -1;
    ((Span *)self)->start = start;
    open_show((Span *)self);
    return 0;
}

static PyGetSetDef span_getset[] = {
    {"start", get_start, set_start, NULL, NULL},
    {"up", get_up, set_up, NULL, NULL},
    {"trace", get_trace, set_trace, NULL, NULL},
    {"payload", get_payload, set_payload, NULL, NULL},
    {"intervals", get_intervals, set_intervals, NULL, NULL},
    {"result", get_result, set_result, NULL, NULL},
    {"held", get_held, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMemberDef span_members[] = {
    {"fn", T_OBJECT_EX, offsetof(Span, fn), 0, NULL},
    {"seq", T_UINT, offsetof(Span, seq), 0, NULL},
    {"parent", T_UINT, offsetof(Span, parent), 0, NULL},
    {"covered", T_LONGLONG, offsetof(Span, covered), 0, NULL},
    {"thread", T_ULONG, offsetof(Span, thread), 0, NULL},
    {"depth", T_UINT, offsetof(Span, depth), 0, NULL},
    {"err", T_UINT, offsetof(Span, err), 0, NULL},
    {"events", T_UINT, offsetof(Span, events), 0, NULL},
    {"others", T_UINT, offsetof(Span, others), 0, NULL},
    {"flags", T_UBYTE, offsetof(Span, flags), 0, NULL},
    {"detail", T_BYTE, offsetof(Span, detail), 0, NULL},
    {"record", T_BOOL, offsetof(Span, record), 0, NULL},
    {"counted", T_BYTE, offsetof(Span, counted), 0, NULL},
    {"announced", T_BOOL, offsetof(Span, announced), 0, NULL},
    {"awaiting", T_BOOL, offsetof(Span, awaiting), 0, NULL},
    {"closed", T_BOOL, offsetof(Span, closed), 0, NULL},
    {"generator", T_BOOL, offsetof(Span, generator), 0, NULL},
    {"resumed", T_ULONGLONG, offsetof(Span, resumed), 0, NULL},
    {"suspended", T_ULONGLONG, offsetof(Span, suspended), 0, NULL},
    {"waited_since", T_ULONGLONG, offsetof(Span, waited_since), 0, NULL},
    {"resumes", T_UINT, offsetof(Span, resumes), 0, NULL},
    {"delegate", T_OBJECT, offsetof(Span, delegate), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyTypeObject Span_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "mcp_tracer_runtime._core.Span",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = span_make,
    .tp_dealloc = span_dealloc,
    .tp_members = span_members,
    .tp_getset = span_getset,
};
static PyTypeObject FlowSpan_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "mcp_tracer_runtime._core.FlowSpan",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = span_make,
    .tp_dealloc = span_dealloc,
};
