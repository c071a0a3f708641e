/* What a task library's call sees: ktbatch_task.h from the inside. */
#ifndef KT_WORKER_TASK_API_H
#define KT_WORKER_TASK_API_H

#include "base/json.h"
#include "ktbatch_task.h"

#define CALL_ARGS_MAX 200
#define CALL_MESSAGE_MAX 1024

/* One call. The buffers are reused from call to call. */
struct ktbatch_call {
    int64_t task;
    int attempt;
    struct json names; /* of the arguments; JSON_NULL if positional */
    struct json object_json;
    void *object;
    struct buf result;  /* JSON text */
    bool returned, failed;
    void (*progress)(struct ktbatch_call *call, double fraction, const char *text);
    size_t n_args;
    struct json args[CALL_ARGS_MAX];
    char message[CALL_MESSAGE_MAX];
};

extern const struct ktbatch_api task_api;

/* Makes `call` ready for the task whose argument values are the JSON array `values`. False if it is none; then
 * the call has failed. */
bool task_call_begin(struct ktbatch_call *call, int64_t task, int attempt, struct json values);
/* After the function: false if it failed or returned nothing, with the reason in `message`. */
bool task_call_end(struct ktbatch_call *call);

#endif
