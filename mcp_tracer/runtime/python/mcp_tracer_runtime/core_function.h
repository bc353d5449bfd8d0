/* Functions and spans as both sides see them: the attributes that definitions.py and spans.py use are members of these structs. */
enum { FLAG_ERROR = 1, FLAG_SUSPENDED = 2, FLAG_LEFT_OUT = 4, FLAG_OPEN = 8 };
#define WIDE 0xFFFFFFFFu
#define MAX_EVENTS 10000u
#define MAX_FREE 512

/* --- Function: what the hot probes ask of a function or call site. definitions.Function derives from it. --- */
typedef struct {
    PyObject_HEAD
    unsigned int id;
    int level;
    long long max_depth, room;
    unsigned long long min_ticks;
    char defined, params, returns, raises, waits;
    PyObject *head;      /* bytes: the tag of section P and the array's head */
    PyObject *secret;    /* tuple of bool, () where no parameter is secret */
    PyObject *names;     /* tuple: of parameters or variables */
    PyObject *variables; /* True, False or a frozenset */
    char receiver;       /* the first parameter is `self` or `cls` */
    Detail detail;
    char inner;          /* a site: not recorded below a call that is only counted */
    Governed governed;
} Function;

static PyMemberDef function_members[] = {
    {"id", T_UINT, offsetof(Function, id), 0, NULL},
    {"level", T_INT, offsetof(Function, level), 0, NULL},
    {"max_depth", T_LONGLONG, offsetof(Function, max_depth), 0, NULL},
    {"room", T_LONGLONG, offsetof(Function, room), 0, NULL},
    {"min_ticks", T_ULONGLONG, offsetof(Function, min_ticks), 0, NULL},
    {"defined", T_BOOL, offsetof(Function, defined), 0, NULL},
    {"params", T_BOOL, offsetof(Function, params), 0, NULL},
    {"returns", T_BOOL, offsetof(Function, returns), 0, NULL},
    {"raises", T_BOOL, offsetof(Function, raises), 0, NULL},
    {"waits", T_BOOL, offsetof(Function, waits), 0, NULL},
    {"head", T_OBJECT_EX, offsetof(Function, head), 0, NULL},
    {"secret", T_OBJECT_EX, offsetof(Function, secret), 0, NULL},
    {"names", T_OBJECT_EX, offsetof(Function, names), 0, NULL},
    {"variables", T_OBJECT_EX, offsetof(Function, variables), 0, NULL},
    {"receiver", T_BOOL, offsetof(Function, receiver), 0, NULL},
    {"eager", T_INT, offsetof(Function, detail.eager), 0, NULL},
    {"fails", T_INT, offsetof(Function, detail.fails), 0, NULL},
    {"due", T_ULONGLONG, offsetof(Function, detail.due), 0, NULL},
    {"inner", T_BOOL, offsetof(Function, inner), 0, NULL},
    {"period", T_UINT, offsetof(Function, governed.period), 0, NULL},
    {"early", T_UINT, offsetof(Function, governed.early), 0, NULL},
    {"always", T_BOOL, offsetof(Function, governed.always), 0, NULL},
    {"event", T_BOOL, offsetof(Function, governed.event), 0, NULL},
    {"roots", T_BOOL, offsetof(Function, governed.roots), 0, NULL},
    {"left", T_INT, offsetof(Function, governed.left), 0, NULL},
    {"listed", T_BOOL, offsetof(Function, governed.listed), 0, NULL},
    {"since", T_UINT, offsetof(Function, governed.since), 0, NULL},
    {"cost", T_UINT, offsetof(Function, governed.cost), 0, NULL},
    {"slow", T_ULONGLONG, offsetof(Function, governed.slow), 0, NULL},
    {"dark", T_BOOL, offsetof(Function, governed.dark), 0, NULL},
    {"off", T_BOOL, offsetof(Function, governed.off), 0, NULL},
    {"missed", T_ULONGLONG, offsetof(Function, governed.missed), 0, NULL},
    {"counted", T_UINT, offsetof(Function, governed.counted), READONLY, NULL},
    {"counted_total", T_ULONGLONG, offsetof(Function, governed.total), READONLY, NULL},
    {"written", T_ULONGLONG, offsetof(Function, governed.written), READONLY, NULL},
    {"seen", T_ULONGLONG, offsetof(Function, governed.seen), READONLY, NULL},
    {"seen_total", T_ULONGLONG, offsetof(Function, governed.seen_total), READONLY, NULL},
    {"seen_self", T_ULONGLONG, offsetof(Function, governed.seen_self), READONLY, NULL},
    {"seen_counted", T_ULONGLONG, offsetof(Function, governed.seen_counted), READONLY, NULL},
    {"seen_spent", T_ULONGLONG, offsetof(Function, governed.seen_spent), READONLY, NULL},
    {"seen_below", T_ULONGLONG, offsetof(Function, governed.seen_below), READONLY, NULL},
    {"lent", T_ULONGLONG, offsetof(Function, governed.lent), READONLY, NULL},
    {"crossed", T_LONGLONG, offsetof(Function, governed.crossed), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static void function_dealloc(PyObject *self)
{
    Function *fn = (Function *)self;
    Py_XDECREF(fn->head);
    Py_XDECREF(fn->secret);
    Py_XDECREF(fn->names);
    Py_XDECREF(fn->variables);
    Py_TYPE(self)->tp_free(self);
}

/* -fn: code that has two bodies asks so which of them runs; where it is the one without probes, the call is numbered. */
static PyObject *function_asked(PyObject *self)
{
    Governed *g = &((Function *)self)->governed;
    PyObject *answer = unlikely(g->off) ? Py_False : Py_True;
    g->missed += (u64)g->off;
    Py_INCREF(answer);
    return answer;
}

static PyNumberMethods function_numbers = {.nb_negative = function_asked};

static PyTypeObject Function_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_as_number = &function_numbers,
    .tp_name = "mcp_tracer_runtime._core.Function",
    .tp_basicsize = sizeof(Function),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = PyType_GenericNew,
    .tp_dealloc = function_dealloc,
    .tp_members = function_members,
};
