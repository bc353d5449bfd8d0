/* Functions, classes and modules: what they are and their name. */
static inline int put_str(Bytes *b, PyObject *text)
{
    return put_text(b, text, PyUnicode_GET_LENGTH(text));
}

static int put_ascii(Bytes *b, const char *text)
{
    size_t n = strlen(text);
    return text_head(b, n) < 0 ? -1 : put_raw(b, text, n);
}

/* The text of `one`, a dot, and that of `two`; `one` may be NULL. */
static int put_dotted(Bytes *b, PyObject *one, PyObject *two)
{
    size_t n = one != NULL ? (size_t)PyUnicode_GET_LENGTH(one) : 0, m = (size_t)PyUnicode_GET_LENGTH(two);
    PyObject *whole;
    int answer;
    if (one == NULL)
        return put_str(b, two);
    if (likely(PyUnicode_IS_ASCII(one) && PyUnicode_IS_ASCII(two))) {
        if (text_head(b, n + 1 + m) < 0)
            return -1;
        memcpy(b->data + b->length, PyUnicode_DATA(one), n);
        b->data[b->length + n] = '.';
        memcpy(b->data + b->length + n + 1, PyUnicode_DATA(two), m);
        b->length += (u32)(n + 1 + m);
        return 0;
    }
    whole = PyUnicode_FromFormat("%U.%U", one, two);
    answer = whole == NULL ? -1 : put_str(b, whole);
    Py_XDECREF(whole);
    return answer;
}

/* ext `code` of [first, the dotted text] */
static int put_described(Bytes *b, u8 code, const char *first, PyObject *one, PyObject *two)
{
    u32 at = b->length;
    return ext_begin(b) < 0 || put_raw(b, "\x92", 1) < 0 || put_ascii(b, first) < 0 || put_dotted(b, one, two) < 0 ? -1 : ext_end(b, at, code);
}

static NEVER_INLINE int encode_function(Bytes *b, PyFunctionObject *function)
{
    PyObject *module = function->func_module;
    return put_described(b, 9, "function", module != NULL && PyUnicode_CheckExact(module) ? module : NULL, function->func_qualname);
}

/* The name of a class as values.type_name gives it (a new reference), or NULL. */
static PyObject *name_of_class(PyTypeObject *type)
{
    Plan *plan = plan_of(type);
    const u8 *name;
    int head;
    if (plan == NULL)
        return NULL;
    name = plan->name;
    head = name[0] == 0xD9 ? 2 : name[0] == 0xDA ? 3 : name[0] == 0xDB ? 5 : 1;
    return PyUnicode_DecodeUTF8((const char *)name + head, plan->name_bytes - head, "replace");
}

static NEVER_INLINE int encode_builtin(Bytes *b, PyObject *value)
{
    PyObject *owner = PyCFunction_GET_SELF(value), *name, *of = NULL;
    int answer;
    if (owner != NULL && owner != Py_None && Py_TYPE(owner) != &PyModule_Type) {
        of = name_of_class(PyType_Check(owner) ? (PyTypeObject *)owner : Py_TYPE(owner));
        if (of == NULL)
            return -1;
    }
    name = PyUnicode_FromString(((PyCFunctionObject *)value)->m_ml->ml_name);
    answer = name == NULL ? -1 : put_described(b, 9, "function", of, name);
    Py_XDECREF(name);
    Py_XDECREF(of);
    return answer;
}

static NEVER_INLINE int encode_method(Bytes *b, PyObject *value)
{
    PyObject *function = PyMethod_GET_FUNCTION(value), *name;
    int answer;
    if (PyFunction_Check(function))
        return put_described(b, 9, "method", NULL, ((PyFunctionObject *)function)->func_qualname);
    name = name_of_class(Py_TYPE(function));
    answer = name == NULL ? -1 : put_described(b, 9, "method", NULL, name);
    Py_XDECREF(name);
    return answer;
}

static NEVER_INLINE int encode_module(Bytes *b, PyObject *value)
{
    PyObject *dict = PyModule_GetDict(value), *name = dict != NULL ? PyDict_GetItemString(dict, "__name__") : NULL, *unknown;
    int answer;
    if (name != NULL && PyUnicode_CheckExact(name))
        return put_described(b, 4, "module", NULL, name);
    unknown = PyUnicode_FromString("?");
    answer = unknown == NULL ? -1 : put_described(b, 4, "module", NULL, unknown);
    Py_XDECREF(unknown);
    return answer;
}

static NEVER_INLINE int encode_class(Bytes *b, PyTypeObject *type)
{
    u32 at = b->length;
    Plan *plan = plan_of(type);
    if (plan == NULL || ext_begin(b) < 0 || put_raw(b, "\x92\xA5" "class", 7) < 0 || put_raw(b, plan->name, plan->name_bytes) < 0)
        return -1;
    return ext_end(b, at, 9);
}

