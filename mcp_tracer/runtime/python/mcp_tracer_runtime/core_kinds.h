/* How instances of a class are read: told once a class by kinds.told. */
enum { OBJECT, SCALAR, ENUM, SEQUENCE, MAPPING, SUBDICT, NAMEDTUPLE, DESCRIBED, MOMENT };
enum { IN_DICT = -1, IN_VALUE = -2, IN_ARGS = -3 }; /* instead of an offset */
typedef struct { PyObject *name; Py_ssize_t offset; } Field;
typedef struct {
    PyTypeObject *type;   /* borrowed; `tag` is what tells it from a later class in the same place */
    unsigned int tag;
    int kind, by_python;  /* by_python: a field that is not read here */
    u32 name_bytes, name_characters;
    u8 *name;             /* its msgpack */
    int fields;
    Field *field;
    PyTypeObject *base;   /* of a SEQUENCE: what holds the items */
} Plan;
enum { PLANS = 2048 };
static Plan plans[PLANS];

/* What gave way to another class: freed once nobody reads an instance by it. */
static Plan *retired;
static int retired_count, retired_room, plans_in_use;

static void plan_free(Plan *plan)
{
    for (int i = 0; i < plan->fields; i++)
        Py_XDECREF(plan->field[i].name);
    PyMem_Free(plan->field);
    PyMem_Free(plan->name);
    memset(plan, 0, sizeof *plan);
}

static int plan_retire(Plan *plan)
{
    if (plans_in_use == 0) {
        while (retired_count > 0)
            plan_free(&retired[--retired_count]);
        plan_free(plan);
        return 0;
    }
    if (retired_count == retired_room) {
        Plan *more = PyMem_Realloc(retired, (size_t)(retired_room + 64) * sizeof(Plan));
        if (more == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        retired = more;
        retired_room += 64;
    }
    retired[retired_count++] = *plan;
    memset(plan, 0, sizeof *plan);
    return 0;
}

static void take_field(Plan *plan, int i, PyObject *told)
{
    Field *field = &plan->field[i];
    PyMemberDescrObject *member = (PyMemberDescrObject *)told;
    if (told == Py_None)
        field->offset = IN_DICT;
    else if (PyUnicode_Check(told)) { /* a pseudo-field, or a name of a namedtuple */
        field->offset = plan->kind == NAMEDTUPLE ? i : PyUnicode_READ_CHAR(told, 0) == 'v' ? IN_VALUE : IN_ARGS;
        field->name = told;
        Py_INCREF(told);
    }
    else if (Py_TYPE(told) == &PyMemberDescr_Type && member->d_member->type == T_OBJECT_EX) {
        field->offset = member->d_member->offset;
        field->name = PyDescr_NAME(member);
        Py_INCREF(field->name);
    }
    else
        plan->by_python = 1;
}

static int plan_take(Plan *plan, PyObject *told)
{
    const char *name;
    Py_ssize_t bytes, characters;
    PyObject *fields;
    if (!PyArg_ParseTuple(told, "iy#nO!", &plan->kind, &name, &bytes, &characters, &PyTuple_Type, &fields))
        return -1;
    plan->name_bytes = (u32)bytes;
    plan->name_characters = (u32)characters;
    plan->name = PyMem_Malloc((size_t)bytes + 1);
    plan->field = PyMem_Calloc((size_t)PyTuple_GET_SIZE(fields) + 1, sizeof(Field));
    if (plan->name == NULL || plan->field == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(plan->name, name, (size_t)bytes);
    plan->fields = (int)PyTuple_GET_SIZE(fields);
    for (int i = 0; i < plan->fields; i++) {
        PyObject *field = PyTuple_GET_ITEM(fields, i);
        if (plan->kind == SEQUENCE)
            plan->base = (PyTypeObject *)field; /* built in: it stays */
        else if (!PyType_Check(field))
            take_field(plan, i, field);
    }
    return 0;
}

/* Classes made by `class` statements can go, and another can come to lie in their place: their version tells. */
static inline int plan_fits(const Plan *plan, const PyTypeObject *type)
{
    return plan->type == type && (plan->tag == type->tp_version_tag || !PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_HEAPTYPE));
}

static NEVER_INLINE Plan *plan_make(Plan *plan, PyTypeObject *type)
{
    static PyObject *any_name;
    Plan fresh = {0};
    PyObject *told;
    int failed;
    if (any_name == NULL && (any_name = PyUnicode_InternFromString("__dict__")) == NULL)
        return NULL;
    _PyType_Lookup(type, any_name); /* gives the class its version */
    fresh.type = type;
    fresh.tag = type->tp_version_tag;
    python_ran++;
    told = PyObject_CallFunctionObjArgs(py.plan, (PyObject *)type, NULL);
    if (told == NULL)
        return NULL;
    failed = plan_take(&fresh, told) < 0 || plan_retire(plan) < 0;
    Py_DECREF(told);
    if (failed) {
        plan_free(&fresh);
        return NULL;
    }
    if (fresh.tag == 0 && PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE))
        fresh.type = NULL; /* it will not be found again: a class without a version is rare */
    *plan = fresh;
    return plan;
}

/* The plan of a class, or NULL with an exception set. Good until Python runs. */
static inline Plan *plan_of(PyTypeObject *type)
{
    size_t place = ((uintptr_t)type >> 4 ^ (uintptr_t)type >> 13) & (PLANS - 1);
    if (likely(plan_fits(&plans[place], type)))
        return &plans[place];
    if (likely(plan_fits(&plans[place ^ 1], type)))
        return &plans[place ^ 1];
    return plan_make(&plans[plans[place].type == NULL ? place : place ^ 1], type);
}

/* The instance's dictionary (a new reference) or NULL where there is none: it is not made, as exceptions and `partial` behave otherwise with one. */
static PyObject *instance_dict(PyObject *value)
{
    PyObject **place = _PyObject_GetDictPtr(value), *dict = place != NULL ? *place : NULL;
    Py_XINCREF(dict);
    return dict;
}
