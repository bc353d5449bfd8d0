/* The C core: the probes and what they call often, for CPython 3.9 and later with the GIL. It writes the records that the modules beside it
 * would write; what happens rarely stays in those modules, which see spans and functions of either core alike.
 *
 * The rule that makes it safe under threads, signals and finalizers: between reading shared state and writing it back no Python code runs.
 * Whatever may run Python code (the callbacks in `py`, a decref of a value of the program) stands before or after, never between.
 *
 * One process, one interpreter, one copy: types and state are static. A second copy or another interpreter is refused and takes the
 * pure-Python path.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef Py_GIL_DISABLED
#error "not for free-threaded builds: the runtime stays in Python there"
#endif

#define CORE_INTERFACE 11 /* native.py asks for the same number: a core left over from another version is not used */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

#if defined(__GNUC__) || defined(__clang__)
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define NEVER_INLINE __attribute__((noinline))
#else
#define likely(x) (x)
#define unlikely(x) (x)
#define NEVER_INLINE
#endif

/* What the Python side lends: set once by connect(). */
static struct {
    PyObject *note;          /* faults.note(error) */
    PyObject *prepare;       /* spans.prepare(span, fn, up) */
    PyObject *own;           /* plain.own(fn, now) */
    PyObject *wake;          /* flow.wake(span, now) */
    PyObject *thread_id;     /* ident -> id of the thread */
    PyObject *covered_by;    /* intervals -> their joined length */
    PyObject *merged;        /* intervals -> intervals joined */
    PyObject *undecided;     /* spans.UNDECIDED */
    PyObject *counted;       /* spans.COUNTED */
    PyObject *review;        /* governor.review(fn) */
    PyObject *look;          /* governor.end_window() */
    PyObject *close;         /* phases.close() */
    PyObject *assigned;      /* sites.show_assigned(span, site, value) */
    PyObject *delegates;     /* flow's dict of frames under `yield from` */
    PyObject *encode;        /* values.encode(value, room, depth, brief) -> bytes */
    PyObject *plan;          /* kinds.told(cls) -> how instances are read */
    PyObject *shape;         /* rules.shape(text, wanted) -> name of the secret shape in it, or None */
    PyObject *left_out;      /* values.left_out: a list */
    PyObject *record;        /* exceptions.record(span, error) */
    PyObject *keep;          /* promotion.keep(span, now) */
    PyObject *complete;      /* promotion.complete(span) */
    PyObject *changed;       /* sites.show_changed(span, site, *held) */
    PyObject *passes;        /* faults.passes(error) */
    PyObject *revisit;       /* exceptions.revisit(span, error): its parameters anew */
    PyObject *error_id;      /* cls -> id of the error type */
    PyObject *message;       /* exceptions.message(error) -> text */
    PyObject *shown;         /* exceptions.shown(file): puts into `paths` how a file is shown */
    PyObject *paths;         /* exceptions.paths: {file: text, None for our own} */
    PyObject *stopped;       /* called with the reason when the spool can take no more */
} py;

static void note_fault(void);
static int fault_passes(void);

#include "core_clock.h"
#include "core_spool.h"
#include "core_current.h"
#include "core_bytes.h"
#include "core_redact.h"
#include "core_kinds.h"
#include "core_reading.h"
#include "core_texts.h"
#include "core_containers.h"
#include "core_callables.h"
#include "core_instances.h"
#include "core_numbers.h"
#include "core_values.h"
#include "core_errors.h"
#include "core_governor.h"
#include "core_detail.h"
#include "core_function.h"
#include "core_span.h"
#include "core_span_type.h"
#include "core_counting.h"
#include "core_prepare.h"
#include "core_ending.h"
#include "core_span_calls.h"
#include "core_governor_calls.h"
#include "core_probes.h"
#include "core_failing.h"
#include "core_flow.h"
#include "core_library.h"

typedef struct {
    PyObject *type, *value, *traceback;
} Fault;

/* The current exception, cleared, with its traceback in it. */
static Fault fault_taken(void)
{
    Fault fault;
    PyErr_Fetch(&fault.type, &fault.value, &fault.traceback);
    PyErr_NormalizeException(&fault.type, &fault.value, &fault.traceback);
    if (fault.value != NULL && fault.traceback != NULL)
        PyException_SetTraceback(fault.value, fault.traceback);
    return fault;
}

/* What a function of faults.py says of an exception; NULL without one being set where it fails: the stack is full, or the interpreter is
 * going away. */
static PyObject *fault_told(PyObject *function, PyObject *value)
{
    PyObject *answer = function != NULL ? PyObject_CallFunctionObjArgs(function, value != NULL ? value : Py_None, NULL) : NULL;
    if (answer == NULL)
        PyErr_Clear();
    return answer;
}

/* Count the fault that is set as the current exception, and clear it. */
static NEVER_INLINE void note_fault(void)
{
    Fault fault = fault_taken();
    Py_XDECREF(fault_told(py.note, fault.value));
    Py_XDECREF(fault.type);
    Py_XDECREF(fault.value);
    Py_XDECREF(fault.traceback);
}

/* Whether the pending exception is the program's own, of a signal handler that ran while a probe did: it stays pending then. */
static NEVER_INLINE int fault_passes(void)
{
    Fault fault = fault_taken();
    PyObject *answer = fault_told(py.passes, fault.value);
    int passes = answer == Py_True;
    Py_XDECREF(answer);
    PyErr_Restore(fault.type, fault.value, fault.traceback);
    return passes;
}

/* connect(**callbacks): lend functions and objects of the Python side; may be called again with more. */
static PyObject *connect(PyObject *self, PyObject *args, PyObject *named)
{
    static const struct { const char *name; PyObject **place; } slots[] = {
        {"note", &py.note}, {"prepare", &py.prepare}, {"own", &py.own}, {"wake", &py.wake}, {"thread_id", &py.thread_id},
        {"covered_by", &py.covered_by}, {"merged", &py.merged}, {"undecided", &py.undecided}, {"counted", &py.counted}, {"review", &py.review}, {"look", &py.look}, {"close", &py.close}, {"assigned", &py.assigned}, {"delegates", &py.delegates},
        {"encode", &py.encode}, {"plan", &py.plan}, {"shape", &py.shape}, {"left_out", &py.left_out}, {"message", &py.message}, {"record", &py.record}, {"keep", &py.keep}, {"complete", &py.complete}, {"changed", &py.changed}, {"passes", &py.passes}, {"revisit", &py.revisit}, {"error_id", &py.error_id}, {"shown", &py.shown}, {"paths", &py.paths}, {"stopped", &py.stopped}, {"current", &current_var}, {NULL, NULL},
    };
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (named != NULL && PyDict_Next(named, &position, &key, &value)) {
        int found = 0;
        for (int i = 0; slots[i].name != NULL; i++)
            if (PyUnicode_CompareWithASCIIString(key, slots[i].name) == 0) {
                Py_INCREF(value);
                Py_XSETREF(*slots[i].place, value);
                found = 1;
            }
        if (!found) {
            PyErr_Format(PyExc_TypeError, "connect: unknown name %R", key);
            return NULL;
        }
    }
    if (current_var != NULL)
        learn_layout();
    Py_RETURN_NONE;
}

static PyObject *bound(PyObject *self, PyObject *args);

#define FAST(name, function) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, NULL}
static PyMethodDef methods[] = {
    {"connect", (PyCFunction)(void (*)(void))connect, METH_VARARGS | METH_KEYWORDS, NULL},
    {"bound", bound, METH_VARARGS, NULL},
    {"tick", clock_tick, METH_NOARGS, NULL},
    {"origin", clock_origin, METH_NOARGS, NULL},
    FAST("spool_open", spool_open),
    {"spool_close", spool_close, METH_NOARGS, NULL},
    {"spool_forget", spool_forget, METH_NOARGS, NULL},
    FAST("put", spool_put),
    {"crc32", spool_crc, METH_O, NULL},
    FAST("encode", values_encode),
    FAST("named", values_named),
    FAST("redaction", values_redaction),
    {"encode_error", errors_encode, METH_O, NULL},
    FAST("detail_rule", detail_rule),
    {"plain", library_plain, METH_O, NULL},
    {"attributes", library_attributes, METH_O, NULL},
    FAST("begin_call", library_begin),
    FAST("end_call", library_end),
    {"choose", span_choose, METH_O, NULL},
    FAST("charge", span_charge),
    FAST("opened", span_opened),
    FAST("finish", span_finish),
    FAST("cover", span_cover),
    FAST("event", span_event),
    FAST("light", span_light),
    {"open_spans", span_open_list, METH_NOARGS, NULL},
    {"forget_all", span_forget_all, METH_NOARGS, NULL},
    {"forget", span_forget, METH_O, NULL},
    {"forget_threads", span_forget_threads, METH_NOARGS, NULL},
    FAST("window", governor_window),
    {"govern", governor_switch, METH_O, NULL},
    {"usage", governor_usage, METH_NOARGS, NULL},
    {"noted", governor_noted, METH_NOARGS, NULL},
    {"counting", governor_counting, METH_NOARGS, NULL},
    {"hush", governor_hush, METH_O, NULL},
    {"mark_counted", governor_mark, METH_NOARGS, NULL},
    {"counted_since", governor_counted_since, METH_O, NULL},
    {"write_counted", governor_flush, METH_NOARGS, NULL},
    {"counted_functions", governor_functions, METH_NOARGS, NULL},
    {"forget_counted", governor_forget, METH_O, NULL},
    {"phase", governor_phase, METH_O, NULL},
    {"lenders", governor_lenders, METH_NOARGS, NULL},
    {"begin_dark", span_begin_dark, METH_O, NULL},
    {"facts", core_facts, METH_NOARGS, NULL},
    FAST("E", probe_enter),
    FAST("R", probe_leave),
    FAST("Z", probe_fail),
    FAST("RV", probe_returning),
    FAST("M", probe_mark),
    FAST("F", probe_end),
    FAST("U", probe_unwind),
    FAST("P", probe_open_call),
    FAST("A", probe_close_call),
    FAST("V", probe_values),
    FAST("VA", probe_assigned),
    FAST("VP", probe_changed),
    FAST("L", probe_line),
    FAST("EC", probe_enter_coroutine),
    FAST("EG", probe_enter_generator),
    FAST("BW", probe_await_begins),
    FAST("W", probe_await_ended),
    FAST("GY", probe_yielding),
    FAST("GR", probe_resumed),
    FAST("CU", probe_flow_unwind),
    FAST("CRV", probe_flow_returning),
    FAST("CF", probe_flow_end),
    {NULL, NULL, 0, NULL},
};

/* bound(name, home): the function of this module called `name`, of which pickles say that it is an attribute of `home`. */
static PyObject *bound(PyObject *self, PyObject *args)
{
    PyObject *name, *home;
    if (!PyArg_ParseTuple(args, "UO", &name, &home))
        return NULL;
    for (PyMethodDef *method = methods; method->ml_name != NULL; method++)
        if (PyUnicode_CompareWithASCIIString(name, method->ml_name) == 0)
            return PyCFunction_NewEx(method, home, NULL);
    PyErr_SetObject(PyExc_KeyError, name);
    return NULL;
}

static int execute(PyObject *module)
{
    static int taken;
    if (taken || PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "the C core serves one copy in the main interpreter");
        return -1;
    }
    if (PyType_Ready(&Function_Type) < 0 || PyType_Ready(&Span_Type) < 0)
        return -1;
    FlowSpan_Type.tp_base = &Span_Type;
    if (PyType_Ready(&FlowSpan_Type) < 0)
        return -1;
    Py_INCREF(&Function_Type);
    Py_INCREF(&Span_Type);
    Py_INCREF(&FlowSpan_Type);
    if (PyModule_AddObject(module, "Function", (PyObject *)&Function_Type) < 0 || PyModule_AddObject(module, "Span", (PyObject *)&Span_Type) < 0
        || PyModule_AddObject(module, "FlowSpan", (PyObject *)&FlowSpan_Type) < 0 || PyModule_AddIntConstant(module, "INTERFACE", CORE_INTERFACE) < 0)
        return -1;
    ever_counted = PyList_New(0);
    lenders = PyList_New(0);
    if (ever_counted == NULL || lenders == NULL)
        return -1;
    if (clock_begin() < 0 || spool_begin() < 0)
        return -1;
    taken = 1;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_core", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
