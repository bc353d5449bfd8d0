/* Section E, as exceptions.encoded writes it: a program may fail thousands of times a second and catch it all. */
enum { STACK_ENTRIES = 32, ERROR_ROOM = 4000, ERROR_CAUSES = 3 };

/* Whether `str` of such an exception is the library's own: C, and not a slot that looks for the program's `__str__`. */
static int says_itself(PyTypeObject *type)
{
    static PyObject *name;
    PyObject *found;
    if (name == NULL && (name = PyUnicode_InternFromString("__str__")) == NULL)
        return -1;
    found = _PyType_Lookup(type, name);
    return found != NULL && Py_TYPE(found) == &PyWrapperDescr_Type && !PyType_HasFeature(PyDescr_TYPE(found), Py_TPFLAGS_HEAPTYPE);
}

static int arguments_are_plain(PyObject *arguments)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); i++) {
        PyTypeObject *type = Py_TYPE(PyTuple_GET_ITEM(arguments, i));
        if (type != &PyUnicode_Type && type != &PyLong_Type && type != &PyFloat_Type && type != &PyBool_Type && type != &PyBytes_Type
            && type != Py_TYPE(Py_None))
            return 0;
    }
    return 1;
}

/* exceptions.message(error): a new reference. */
static PyObject *error_message(PyObject *error)
{
    PyObject *arguments = ((PyBaseExceptionObject *)error)->args;
    int own = says_itself(Py_TYPE(error));
    if (own < 0)
        return NULL;
    if (own && arguments != NULL && PyTuple_CheckExact(arguments) && arguments_are_plain(arguments))
        return PyObject_Str(error);
    python_ran++;
    return PyObject_CallFunctionObjArgs(py.message, error, NULL);
}

/* The name of a code object, without `.<locals>`. */
static int put_code_name(Bytes *b, PyObject *name)
{
    static const char locals[] = ".<locals>";
    PyObject *clean;
    int answer;
    if (likely(PyUnicode_IS_ASCII(name) && memmem(PyUnicode_DATA(name), (size_t)PyUnicode_GET_LENGTH(name), locals, sizeof locals - 1) == NULL))
        return put_str(b, name);
    clean = PyObject_CallMethod(name, "replace", "ss", locals, "");
    answer = clean == NULL ? -1 : put_str(b, clean);
    Py_XDECREF(clean);
    return answer;
}

/* How the file of a code object is shown (borrowed), Py_None for our own; NULL with an exception. */
static PyObject *shown_path(PyObject *file)
{
    PyObject *shown = PyDict_GetItemWithError(py.paths, file), *answer;
    if (likely(shown != NULL) || PyErr_Occurred())
        return shown;
    python_ran++;
    answer = PyObject_CallFunctionObjArgs(py.shown, file, NULL);
    Py_XDECREF(answer);
    return answer == NULL ? NULL : PyDict_GetItemWithError(py.paths, file);
}

/* One entry of a stack. 1: written; 0: it is ours; -1. */
static int put_entry(Bytes *b, PyTracebackObject *entry)
{
    PyCodeObject *code = PyFrame_GetCode(entry->tb_frame);
    PyObject *file = shown_path(code->co_filename), *name;
    int line = entry->tb_lineno, answer = -1;
#if PY_VERSION_HEX >= 0x030b0000
    name = code->co_qualname;
#else
    name = code->co_name;
#endif
    if (file == Py_None)
        answer = 0;
    else if (file != NULL && PyUnicode_Check(file)) {
        if (line < 0)
            line = PyCode_Addr2Line(code, entry->tb_lasti);
        answer = put_raw(b, "\x93", 1) < 0 || put_str(b, file) < 0 || put_signed(b, line < 0 ? 0 : line) < 0 || put_code_name(b, name) < 0 ? -1 : 1;
    }
    Py_DECREF(code);
    return answer;
}

/* The last `most` entries from `entry` on, or fewer: found by pointers alone, as each level of a deep recursion that fails looks for them. */
static PyTracebackObject *last_entries(PyTracebackObject *entry, int most)
{
    PyTracebackObject *ahead = entry;
    while (ahead != NULL && most-- > 0)
        ahead = ahead->tb_next;
    for (; ahead != NULL; ahead = ahead->tb_next)
        entry = entry->tb_next;
    return entry;
}

/* How many of the entries from `entry` on are not ours; -1. */
static int count_entries(PyTracebackObject *entry)
{
    int entries = 0;
    for (; entry != NULL; entry = entry->tb_next) {
        PyCodeObject *code = PyFrame_GetCode(entry->tb_frame);
        PyObject *file = shown_path(code->co_filename);
        Py_DECREF(code);
        if (file == NULL)
            return -1;
        entries += file != Py_None;
    }
    return entries;
}

/* The innermost entries; the innermost last. */
static int put_stack(Bytes *b, PyObject *traceback)
{
    PyTracebackObject *entry = last_entries((PyTracebackObject *)traceback, STACK_ENTRIES);
    u32 at = b->length, skipped = 0;
    int entries = count_entries(entry);
    u8 own[8];
    Bytes head = {own, 0, sizeof own, own};
    NEED(b, 1);
    b->length++;
    if (unlikely(entries >= 0 && entries < STACK_ENTRIES) && entry != (PyTracebackObject *)traceback) /* some are ours */
        entries = count_entries(entry = (PyTracebackObject *)traceback);
    if (entries < 0)
        return -1;
    skipped = entries > STACK_ENTRIES ? (u32)entries - STACK_ENTRIES : 0;
    entries -= (int)skipped;
    for (; entry != NULL; entry = entry->tb_next) {
        u32 before = b->length;
        int written = put_entry(b, entry);
        if (written < 0)
            return -1;
        if (written && skipped > 0) {
            skipped--;
            b->length = before;
        }
    }
    return put_head(&head, 0x90, 0xDC, (size_t)entries) < 0 ? -1 : finish_head(b, at, 1, &head);
}

static PyObject *cause_of(PyObject *error)
{
    PyBaseExceptionObject *e = (PyBaseExceptionObject *)error;
    PyObject *cause = e->cause != NULL && e->cause != Py_None ? e->cause : e->suppress_context ? NULL : e->context;
    return cause != NULL && cause != error && PyExceptionInstance_Check(cause) ? cause : NULL;
}

static int put_error(Bytes *b, PyObject *error, int causes)
{
    PyObject *cause = causes ? cause_of(error) : NULL, *stack = ((PyBaseExceptionObject *)error)->traceback, *message;
    Plan *plan;
    Reading r;
    int answer = -1;
    Py_XINCREF(cause);
    Py_XINCREF(stack);
    message = error_message(error);
    plan = message != NULL ? plan_of(Py_TYPE(error)) : NULL;
    reading_begin(&r, 0);
    if (plan != NULL && put_raw(b, cause != NULL ? "\x84\xA4type" : "\x83\xA4type", 6) == 0 && put_raw(b, plan->name, plan->name_bytes) == 0
        && put_raw(b, "\xA7message", 8) == 0 && encode_value(b, message, ERROR_ROOM, 0, &r) == 0 && put_raw(b, "\xA5stack", 6) == 0
        && put_stack(b, stack) == 0)
        answer = cause == NULL ? 0 : put_raw(b, "\xA5" "cause", 6) < 0 ? -1 : put_error(b, cause, causes - 1);
    Py_XDECREF(message);
    Py_XDECREF(stack);
    Py_XDECREF(cause);
    return answer;
}

/* Ids of the error types that were met lately; spans.Errors knows all. A class is told from a later one in its place by its version. */
static struct { PyTypeObject *type; unsigned int tag; u32 id; } error_ids[64];

static void forget_error_ids(void)
{
    memset(error_ids, 0, sizeof error_ids);
}

static int error_id(PyTypeObject *type, u32 *id)
{
    size_t place = ((uintptr_t)type >> 4 ^ (uintptr_t)type >> 12) & 63;
    PyObject *answer;
    if (likely(error_ids[place].type == type && error_ids[place].tag == type->tp_version_tag && type->tp_version_tag)) {
        *id = error_ids[place].id;
        return 0;
    }
    python_ran++;
    answer = PyObject_CallFunctionObjArgs(py.error_id, (PyObject *)type, NULL);
    if (answer == NULL)
        return -1;
    *id = (u32)PyLong_AsUnsignedLongMask(answer);
    Py_DECREF(answer);
    error_ids[place].type = type;
    error_ids[place].tag = type->tp_version_tag;
    error_ids[place].id = *id;
    return 0;
}

/* encode_error(error) -> section E without its tag */
static PyObject *errors_encode(PyObject *self, PyObject *error)
{
    u8 own[1024];
    Bytes b = {own, 0, sizeof own, own};
    PyObject *result = NULL;
    if (!PyExceptionInstance_Check(error))
        return PyErr_Format(PyExc_TypeError, "an exception expected");
    if (put_error(&b, error, ERROR_CAUSES) == 0)
        result = PyBytes_FromStringAndSize((char *)b.data, b.length);
    bytes_free(&b);
    return result;
}
