/* Commands of a session, one at a time, in order. See session_inside.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "process.h"
#include "session_inside.h"

#define READ_SIZE (64u << 10)
#define READS_MAX 64               /* in a row of one stream: somebody may write faster than we read */
#define LAST_WORDS_MAX 2048        /* of stderr, kept for the message */
#define MESSAGE_WORDS_MAX 200      /* of them, in the message */
#define LEFT_GRACE (1 * CLOCK_S)    /* descendants have so long to go by themselves, also on a busy machine */
#define LEFT_LOOK (10 * CLOCK_MS)
#define LEFT_LIMIT (3 * CLOCK_S)    /* what cannot be killed in this time cannot be killed */

/* Descendants of a command that has ended. */
struct left {
    int count;
    int unclear; /* orphans that may be its own: they are just being started */
    char name[32];
    const struct command *command;
    bool kill;
};

static void keep_last_words(struct buf *b, struct slice more)
{
    buf_add_slice(b, more);
    if (b->len > 2 * LAST_WORDS_MAX)
        buf_consume(b, b->len - LAST_WORDS_MAX);
}

/* Reads some of what is there; false when there is nothing more for now. */
static bool read_stream(struct session *s, int stream)
{
    static char *bytes; /* not an array: what a fork write-protects is kept on few pages */
    struct command *c = s->run.command;
    if (c->streams[stream].fd < 0)
        return false;
    if (!bytes)
        bytes = mem_alloc(READ_SIZE);
    ssize_t n = read(c->streams[stream].fd, bytes, READ_SIZE);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        command_close_stream(c, stream);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    session_output(s, stream + 1, (struct slice){bytes, (size_t)n});
    if (stream == 1)
        keep_last_words(&s->run.last_words, (struct slice){bytes, (size_t)n});
    return true;
}

static void read_streams(struct session *s)
{
    for (int i = 0; i < 2; i++)
        for (int n = 0; n < READS_MAX && read_stream(s, i); n++)
            ;
}

static void stream_ready(struct command *c, int stream)
{
    struct session *s = c->owner;
    if (!s || session_clogged(s))
        loop_unwatch(&c->streams[stream]);
    else
        read_stream(s, stream);
}

static void out_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    stream_ready((struct command *)(void *)((char *)source - offsetof(struct command, streams)), 0);
}

static void err_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    stream_ready((struct command *)(void *)((char *)(source - 1) - offsetof(struct command, streams)), 1);
}

void command_resume_reading(struct session *s)
{
    for (int i = 0; i < 2; i++)
        if (s->run.command && s->run.command->streams[i].fd >= 0)
            loop_watch(&s->run.command->streams[i], EPOLLIN);
}

/* The last line that is not empty. */
static struct slice last_line(const struct buf *b)
{
    size_t end = b->len, begin;
    if (end == 0)
        return (struct slice){"", 0};
    while (end && (b->data[end - 1] == '\n' || b->data[end - 1] == '\r' || b->data[end - 1] == ' '))
        end--;
    for (begin = end; begin && b->data[begin - 1] != '\n'; begin--)
        ;
    if (end - begin > MESSAGE_WORDS_MAX)
        end = begin + MESSAGE_WORDS_MAX;
    return (struct slice){b->data + begin, end - begin};
}

static void count_left(void *ctx, pid_t pid)
{
    struct left *left = ctx;
    CLEANUP_BUF struct buf mark = {0};
    if (children_known(pid))
        return;
    if (getpgid(pid) != left->command->child.pid) {
        int has_mark = process_variable(pid, CHILD_MARK, &mark);
        left->unclear += has_mark < 0;
        if (has_mark <= 0 || strcmp(buf_cstr(&mark), left->command->mark) != 0)
            return;
    }
    if (left->count++ == 0)
        process_name(pid, left->name);
    if (left->kill)
        kill(pid, SIGKILL);
}

/* Descendants that are still there: in the command's group, or anywhere with its mark and come to us as orphans. */
static struct left find_left(const struct command *c, bool with_kill)
{
    struct left left = {.command = c, .kill = with_kill, .name = "?"};
    process_each_child(count_left, &left);
    if (left.count == 0 && process_group_alive(c->child.pid))
        left.count = 1;
    if (with_kill)
        kill(-c->child.pid, SIGKILL);
    return left;
}

static void answer(struct session *s)
{
    struct running_command *run = &s->run;
    int64_t us = run->ended_at - run->started;
    char text[MESSAGE_WORDS_MAX + 64];
    if (run->timed_out) {
        char span[CLOCK_TEXT_SIZE];
        snprintf(text, sizeof text, "ran longer than %s and was killed", clock_span(s->setup->timeout_us, span));
        session_failed(s, run->started, us, OUTCOME_TIMEOUT, 0, text);
    } else if (WIFSIGNALED(run->status)) {
        enum outcome outcome = process_signalled(run->status, text);
        session_failed(s, run->started, us, outcome, WTERMSIG(run->status), text);
    } else if (WEXITSTATUS(run->status)) {
        struct slice words = last_line(&run->last_words);
        snprintf(text, sizeof text, "exit %d%s%.*s", WEXITSTATUS(run->status), words.len ? ": " : "", (int)words.len, words.p);
        session_failed(s, run->started, us, OUTCOME_EXIT, WEXITSTATUS(run->status), text);
    } else if (run->left) {
        CLEANUP_BUF struct buf message = {0};
        process_left_text(&message, run->left, run->left_name);
        session_failed(s, run->started, us, OUTCOME_ERROR, 0, buf_cstr(&message));
    } else {
        session_result(s, run->started, us, (struct slice){"null", 4});
    }
}

static void finish(struct session *s)
{
    struct command *c = s->run.command;
    read_streams(s);
    answer(s);
    s->run.command = NULL;
    command_free(c);
    buf_clear(&s->run.last_words);
    loop_unset(&s->work);
    session_slot_free(s);
    if (!s->ending && s->setup->tasks != 1)
        command_start_next(s);
}

/* After its end: what it has left behind has a moment to go, then is killed. Somebody who holds its output open, and is not
 * to be found, has left it too. */
static void look_for_left(struct session *s, int64_t now)
{
    struct running_command *run = &s->run;
    bool late = now - run->ended_at >= LEFT_GRACE || run->timed_out;
    if (!session_clogged(s))
        read_streams(s);
    bool held = run->command->streams[0].fd >= 0 || run->command->streams[1].fd >= 0;
    struct left left = find_left(run->command, late);
    if (left.count == 0 && ((!held && left.unclear == 0) || late)) {
        if (held && run->left == 0)
            run->left = 1;
        finish(s);
        return;
    }
    if (late && run->left == 0) {
        run->left = left.count;
        memcpy(run->left_name, left.name, sizeof run->left_name);
    }
    if (now - run->ended_at >= LEFT_LIMIT)
        finish(s);
    else
        loop_set(&s->work, now + LEFT_LOOK);
}

void command_look(struct session *s, int64_t now)
{
    struct running_command *run = &s->run;
    if (!run->command)
        return;
    if (run->ended) {
        look_for_left(s, now);
        return;
    }
    /* Only its time limit sets the timer while it runs. */
    run->timed_out = true;
    find_left(run->command, true);
    kill(run->command->child.pid, SIGKILL);
}

static void on_ended(struct child *child, int status)
{
    struct command *c = (struct command *)(void *)child;
    struct session *s = c->owner;
    if (!s) {
        kill(-child->pid, SIGKILL);
        command_free(c);
        children_end_orphans();
        return;
    }
    s->run.status = status;
    s->run.ended = true;
    s->run.ended_at = clock_mono_us();
    command_look(s, s->run.ended_at);
}

static bool next_item(struct session *s, struct batch **ret)
{
    for (struct batch *b = s->first; b; b = b->next)
        if (b->done < b->count && json_next(&b->items)) {
            *ret = b;
            return true;
        }
    return false;
}

/* False: it could not be started, and has been answered for. */
static bool start(struct session *s, const struct batch *b)
{
    struct command *c = command_new();
    struct running_command *run = &s->run;
    struct err err = ERR_INIT;
    struct buf words = run->last_words;
    c->owner = s;
    c->child.exited = on_ended;
    c->streams[0].ready = out_ready;
    c->streams[1].ready = err_ready;
    *run = (struct running_command){.started = clock_mono_us(), .last_words = words, .left_name = "?"};
    const struct command_setup setup = {json_get(b->items.value, "argv"), json_get(b->items.value, "env"), s->setup->env,
                                        s->setup->cwd.len ? s->setup->cwd.p : "", s->setup->run.p, b->first + b->done,
                                        b->attempt};
    if (command_start(c, &setup, &err)) {
        command_free(c);
        session_failed(s, run->started, 0, err.class == ERR_SYSTEM ? OUTCOME_LOST : OUTCOME_REFUSED, 0, err.text);
        return false;
    }
    run->command = c;
    command_resume_reading(s);
    if (s->setup->timeout_us)
        loop_set(&s->work, run->started + s->setup->timeout_us);
    return true;
}

void command_start_next(struct session *s)
{
    struct batch *b;
    while (!s->ending && !s->run.command && next_item(s, &b) && !start(s, b))
        ;
    if (!s->run.command)
        session_slot_free(s);
}

void command_end(struct session *s)
{
    struct command *c = s->run.command;
    if (!c)
        return;
    s->run.command = NULL;
    c->owner = NULL;
    find_left(c, true);
    if (s->run.ended) {
        command_free(c);
        children_end_orphans();
    } else {
        kill(c->child.pid, SIGKILL);
    }
}
