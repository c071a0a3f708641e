/* Random jobs, each expanded by plain nested counting, against what the plan says of every task. */
#include "unit/plan/plan_fixture.h"

#define JOBS 400
#define ARGS 5
#define VALUES 6
#define TASKS_MAX 20000

/* Pseudo-random, the same every time (Numerical Recipes' 64-bit step). */
static uint64_t seed = 1;
static int draw(int below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)below);
}

struct naive_arg {
    char values[VALUES][32];
    int count;
    int group; /* -1: none */
};
struct naive {
    struct naive_arg args[ARGS];
    int n;
    bool positional;
    int groups;
    struct buf yaml;
};

static void naive_range(struct naive_arg *arg, struct buf *yaml)
{
    int from = draw(40) - 20, step = draw(9) + 1;
    step = draw(2) ? step : -step;
    for (int k = 0; k < arg->count; k++)
        snprintf(arg->values[k], sizeof arg->values[k], "%d", from + step * k);
    buf_printf(yaml, "{range: [%d, %d, %d]}", from, from + step * (arg->count - 1), step);
}

/* Quarters, written by hand so that no digits are shared with the plan's printing. */
static void naive_decimals(struct naive_arg *arg, struct buf *yaml)
{
    static const char *const fraction[] = {"", ".25", ".5", ".75"};
    int from = draw(20);
    for (int k = 0; k < arg->count; k++)
        snprintf(arg->values[k], sizeof arg->values[k], "%d%s", (from + k) / 4, fraction[(from + k) % 4]);
    buf_printf(yaml, "{range: [%s, %s, 0.25]}", arg->values[0], arg->values[arg->count - 1]);
}

static void naive_list(struct naive_arg *arg, struct buf *yaml)
{
    for (int k = 0; k < arg->count; k++) {
        snprintf(arg->values[k], sizeof arg->values[k], draw(2) ? "\"v%d\"" : "%d", draw(1000));
        buf_printf(yaml, "%s%s", k ? ", " : "[", arg->values[k]);
    }
    buf_add_char(yaml, ']');
}

static void naive_repeat(struct naive_arg *arg, struct buf *yaml)
{
    for (int k = 0; k < arg->count; k++)
        snprintf(arg->values[k], sizeof arg->values[k], "%d", k);
    buf_printf(yaml, "{repeat: %d}", arg->count);
}

static void naive_make(struct naive *job)
{
    static void (*const forms[])(struct naive_arg *, struct buf *) = {naive_range, naive_decimals, naive_list, naive_repeat};
    int zipped[2] = {0}, group_count[2] = {draw(VALUES) + 1, draw(VALUES) + 1};
    job->n = draw(ARGS) + 1;
    job->positional = draw(2);
    buf_add_str(&job->yaml, "task: {command: [echo]}\nargs:\n");
    for (int i = 0; i < job->n; i++) {
        struct naive_arg *arg = &job->args[i];
        arg->group = draw(4) - 2;
        arg->count = arg->group >= 0 ? group_count[arg->group] : draw(VALUES) + 1;
        zipped[arg->group >= 0 ? arg->group : 0] += arg->group >= 0;
        if (job->positional)
            buf_add_str(&job->yaml, "  - ");
        else
            buf_printf(&job->yaml, "  a%d: ", i);
        forms[draw(ARRAY_LEN(forms))](arg, &job->yaml);
        buf_add_char(&job->yaml, '\n');
    }
    const char *before = "zip: [";
    for (int g = 0; g < 2; g++) {
        if (zipped[g] < 2) {
            for (int i = 0; i < job->n; i++)
                job->args[i].group = job->args[i].group == g ? -1 : job->args[i].group;
            continue;
        }
        const char *comma = "[";
        buf_add_str(&job->yaml, before);
        for (int i = 0; i < job->n; i++) {
            if (job->args[i].group != g)
                continue;
            buf_printf(&job->yaml, job->positional ? "%s%d" : "%sa%d", comma, i + job->positional);
            comma = ", ";
        }
        buf_add_char(&job->yaml, ']');
        before = ", ";
    }
    if (*before == ',')
        buf_add_str(&job->yaml, "]\n");
}

/* Adds one to the number whose digits are `at`, the last argument fastest; a group's members follow its first,
 * where its digit stands. False after the last. */
static bool naive_next(const struct naive *job, int at[ARGS])
{
    for (int i = job->n - 1; i >= 0; i--) {
        bool follows = false;
        for (int j = 0; j < i; j++)
            follows = follows || (job->args[i].group >= 0 && job->args[j].group == job->args[i].group);
        if (follows)
            continue;
        bool carry = at[i] + 1 == job->args[i].count;
        int digit = carry ? 0 : at[i] + 1;
        for (int j = 0; j < job->n; j++)
            if (j == i || (job->args[i].group >= 0 && job->args[j].group == job->args[i].group))
                at[j] = digit;
        if (!carry)
            return true;
    }
    return false;
}

static void naive_text(const struct naive *job, const int at[ARGS], struct buf *values, struct buf *args)
{
    buf_clear(values);
    buf_clear(args);
    for (int i = 0; i < job->n; i++) {
        const char *value = job->args[i].values[at[i]];
        buf_printf(values, "%s%s", i ? "," : "[", value);
        if (job->positional)
            buf_printf(args, "%s%s", i ? "," : "[", value);
        else
            buf_printf(args, "%s\"a%d\":%s", i ? "," : "{", i, value);
    }
    buf_add_char(values, ']');
    buf_add_char(args, job->positional ? ']' : '}');
}

static void compare(const struct naive *job, struct fixture *f)
{
    CLEANUP_BUF struct buf values = {0}, args = {0};
    int at[ARGS] = {0};
    int64_t task = 0;
    do {
        naive_text(job, at, &values, &args);
        assert_true(task < plan_tasks(f->plan));
        assert_string_equal(values_of(f, task), buf_cstr(&values));
        assert_string_equal(args_of(f, task), buf_cstr(&args));
        task++;
    } while (naive_next(job, at));
    assert_int_equal(task, plan_tasks(f->plan));
}

static void test_random_jobs(void **state)
{
    (void)state;
    for (int i = 0; i < JOBS; i++) {
        struct naive job = {0};
        struct fixture f;
        naive_make(&job);
        fixture_make(&f, buf_cstr(&job.yaml));
        assert_true(plan_tasks(f.plan) <= TASKS_MAX);
        compare(&job, &f);
        fixture_done(&f);
        buf_done(&job.yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_jobs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
