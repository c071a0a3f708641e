/* The task library of cubes.yaml: PowerOp(y).power(x) is x to the power of y, exact over 64 bits or a failure. */
#include <stdlib.h>

#include <ktbatch_task.h>

static void *power_op_new(ktbatch_call *call)
{
    int64_t *y = malloc(sizeof *y);
    if (!y || !ktbatch_get_int(ktbatch_object_field(call, "y"), y) || *y < 0) {
        free(y);
        ktbatch_fail(call, "object: y must be an integer, 0 or more");
        return NULL;
    }
    return y;
}

static int power(ktbatch_call *call)
{
    int64_t x = ktbatch_arg_int(call, "x"), y = *(int64_t *)ktbatch_object(call), result = 1;
    for (int64_t i = 0; i < y && result != 0; i++)
        if (__builtin_mul_overflow(result, x, &result))
            return ktbatch_fail(call, "the power does not fit 64 bits");
    return ktbatch_return_int(call, result);
}

KTBATCH_LIBRARY(KTBATCH_METHOD("power", power, power_op_new, free));
