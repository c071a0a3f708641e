/* ktbatch_task.h: how a C library offers functions to ktbatch.
 *
 * A task library is a shared object that includes this header and nothing else of ktbatch: no main, no socket,
 * no JSON library. It exports one descriptor, KTBATCH_LIBRARY(...), that lists its functions:
 *
 *     #include <ktbatch_task.h>
 *
 *     static int cube(ktbatch_call *call)
 *     {
 *         int64_t x = ktbatch_arg_int(call, "x"), y;
 *         if (__builtin_mul_overflow(x, x, &y) || __builtin_mul_overflow(y, x, &y))
 *             return ktbatch_fail(call, "x^3 does not fit 64 bits");
 *         return ktbatch_return_int(call, y);
 *     }
 *     KTBATCH_LIBRARY(KTBATCH_FUNCTION("cube", cube));
 *
 *     cc -shared -fPIC -o cubes.so cubes.c          # job file: function: cubes.cube
 *
 * A function returns what ktbatch_return_*() or ktbatch_fail() returned. An argument that is missing or of another
 * type fails the task with a message; the getter then returns 0, and whatever the function returns is ignored.
 * Nothing that a call gives out needs freeing, and nothing of it may be kept after the function has returned.
 * A function runs in a process of its own (the executor), one call at a time.
 */
#ifndef KTBATCH_TASK_H
#define KTBATCH_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KTBATCH_TASK_ABI 1

typedef struct ktbatch_call ktbatch_call;

/* A JSON value in somebody else's memory; type KTBATCH_NONE if there is none. */
typedef struct ktbatch_value {
    const char *text; /* its JSON text, not terminated */
    size_t len;
} ktbatch_value;

typedef enum ktbatch_type {
    KTBATCH_NONE,
    KTBATCH_NULL,
    KTBATCH_BOOL,
    KTBATCH_NUMBER,
    KTBATCH_STRING,
    KTBATCH_ARRAY,
    KTBATCH_OBJECT
} ktbatch_type;

/* What the runtime gives a library. Called through the wrappers below; only grows at its end. */
struct ktbatch_api {
    int abi;
    ktbatch_value (*arg)(ktbatch_call *, const char *name);
    ktbatch_value (*arg_at)(ktbatch_call *, size_t index);
    ktbatch_value (*object_field)(ktbatch_call *, const char *name);
    void *(*object)(ktbatch_call *);
    int64_t (*task)(ktbatch_call *);
    int (*attempt)(ktbatch_call *);
    ktbatch_type (*type)(ktbatch_value);
    bool (*get_int)(ktbatch_value, int64_t *);
    bool (*get_uint)(ktbatch_value, uint64_t *);
    bool (*get_double)(ktbatch_value, double *);
    bool (*get_bool)(ktbatch_value, bool *);
    const char *(*get_string)(ktbatch_call *, ktbatch_value);
    size_t (*count)(ktbatch_value);
    ktbatch_value (*element)(ktbatch_value, size_t index);
    ktbatch_value (*member)(ktbatch_value, const char *name);
    int64_t (*arg_int)(ktbatch_call *, const char *name);
    double (*arg_double)(ktbatch_call *, const char *name);
    bool (*arg_bool)(ktbatch_call *, const char *name);
    const char *(*arg_string)(ktbatch_call *, const char *name);
    int (*return_int)(ktbatch_call *, int64_t);
    int (*return_uint)(ktbatch_call *, uint64_t);
    int (*return_double)(ktbatch_call *, double);
    int (*return_bool)(ktbatch_call *, bool);
    int (*return_string)(ktbatch_call *, const char *);
    int (*return_null)(ktbatch_call *);
    int (*return_json)(ktbatch_call *, const char *text, size_t len);
    int (*fail)(ktbatch_call *, const char *message);
    void (*progress)(ktbatch_call *, double fraction, const char *text);
};

/* One function of a library. */
struct ktbatch_function {
    const char *name;
    int (*call)(ktbatch_call *call);
    /* Optional: builds what the function is called on from the job file's `object:`, once a session. Returns it, or
     * NULL after ktbatch_fail(). ktbatch_object_field() reads the fields. */
    void *(*object_new)(ktbatch_call *call);
    void (*object_free)(void *object);
};

struct ktbatch_library {
    int abi;
    const struct ktbatch_function *functions;
    size_t n_functions;
    const struct ktbatch_api **api; /* filled in by the runtime before anything is called */
};

/* One function for KTBATCH_LIBRARY(): a plain one, or one that is called on an object. */
#define KTBATCH_FUNCTION(name, call) {name, call, NULL, NULL}
#define KTBATCH_METHOD(name, call, object_new, object_free) {name, call, object_new, object_free}
/* Exports the library's functions. */
#define KTBATCH_LIBRARY(...)                                                                                  \
    static const struct ktbatch_function ktbatch_functions_[] = {__VA_ARGS__};                               \
    __attribute__((visibility("default"))) extern const struct ktbatch_library ktbatch_library;              \
    const struct ktbatch_library ktbatch_library = {KTBATCH_TASK_ABI, ktbatch_functions_,                    \
                                                    sizeof ktbatch_functions_ / sizeof ktbatch_functions_[0], \
                                                    &ktbatch_api_}

/* One pointer a library; in a library of several sources only the one with KTBATCH_LIBRARY may make calls below. */
static const struct ktbatch_api *ktbatch_api_ __attribute__((unused));

/* Arguments, by name or (positional ones) by index from 0; a missing one has type KTBATCH_NONE. */
static inline ktbatch_value ktbatch_arg(ktbatch_call *c, const char *name) { return ktbatch_api_->arg(c, name); }
static inline ktbatch_value ktbatch_arg_at(ktbatch_call *c, size_t i) { return ktbatch_api_->arg_at(c, i); }
/* A field of the job file's `object:`. */
static inline ktbatch_value ktbatch_object_field(ktbatch_call *c, const char *name) { return ktbatch_api_->object_field(c, name); }
/* What object_new returned; NULL without one. */
static inline void *ktbatch_object(ktbatch_call *c) { return ktbatch_api_->object(c); }
/* The task's number (from 0) and the attempt's (from 1). */
static inline int64_t ktbatch_task(ktbatch_call *c) { return ktbatch_api_->task(c); }
static inline int ktbatch_attempt(ktbatch_call *c) { return ktbatch_api_->attempt(c); }

/* Values. The get functions are false, and leave `*out` alone, if the value is of another type or does not fit:
 * an integer is never rounded. A string may not hold a NUL character (false, NULL). */
static inline ktbatch_type ktbatch_type_of(ktbatch_value v) { return ktbatch_api_->type(v); }
static inline bool ktbatch_get_int(ktbatch_value v, int64_t *out) { return ktbatch_api_->get_int(v, out); }
static inline bool ktbatch_get_uint(ktbatch_value v, uint64_t *out) { return ktbatch_api_->get_uint(v, out); }
static inline bool ktbatch_get_double(ktbatch_value v, double *out) { return ktbatch_api_->get_double(v, out); }
static inline bool ktbatch_get_bool(ktbatch_value v, bool *out) { return ktbatch_api_->get_bool(v, out); }
static inline const char *ktbatch_get_string(ktbatch_call *c, ktbatch_value v) { return ktbatch_api_->get_string(c, v); }
static inline size_t ktbatch_count(ktbatch_value v) { return ktbatch_api_->count(v); }
static inline ktbatch_value ktbatch_element(ktbatch_value v, size_t i) { return ktbatch_api_->element(v, i); }
static inline ktbatch_value ktbatch_member(ktbatch_value v, const char *name) { return ktbatch_api_->member(v, name); }

/* An argument of a known type; the task fails by itself if it is missing or is another. */
static inline int64_t ktbatch_arg_int(ktbatch_call *c, const char *name) { return ktbatch_api_->arg_int(c, name); }
static inline double ktbatch_arg_double(ktbatch_call *c, const char *name) { return ktbatch_api_->arg_double(c, name); }
static inline bool ktbatch_arg_bool(ktbatch_call *c, const char *name) { return ktbatch_api_->arg_bool(c, name); }
static inline const char *ktbatch_arg_string(ktbatch_call *c, const char *name) { return ktbatch_api_->arg_string(c, name); }

/* The result. NaN and infinities are kept as text. return_json takes any JSON text and fails the task if it is none. */
static inline int ktbatch_return_int(ktbatch_call *c, int64_t v) { return ktbatch_api_->return_int(c, v); }
static inline int ktbatch_return_uint(ktbatch_call *c, uint64_t v) { return ktbatch_api_->return_uint(c, v); }
static inline int ktbatch_return_double(ktbatch_call *c, double v) { return ktbatch_api_->return_double(c, v); }
static inline int ktbatch_return_bool(ktbatch_call *c, bool v) { return ktbatch_api_->return_bool(c, v); }
static inline int ktbatch_return_string(ktbatch_call *c, const char *v) { return ktbatch_api_->return_string(c, v); }
static inline int ktbatch_return_null(ktbatch_call *c) { return ktbatch_api_->return_null(c); }
static inline int ktbatch_return_json(ktbatch_call *c, const char *text, size_t len) { return ktbatch_api_->return_json(c, text, len); }
/* The task failed, and why (one line). */
static inline int ktbatch_fail(ktbatch_call *c, const char *message) { return ktbatch_api_->fail(c, message); }
/* How far the task is: a fraction from 0 to 1 and a word, or NULL. Cheap; the runner hears it a few times a second. */
static inline void ktbatch_progress(ktbatch_call *c, double fraction, const char *text) { ktbatch_api_->progress(c, fraction, text); }

#ifdef __cplusplus
}
#endif

#endif
