/* Commands of a session, one at a time, in order. See session_inside.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "process.h"
#include "session_inside.h"

#define READ_SIZE (64u << 10)
#define LAST_WORDS_MAX 2048        /* of stderr, kept for the message */
#define MESSAGE_WORDS_MAX 200      /* of them, in the message */
#define LEFT_GRACE (100 * CLOCK_MS) /* descendants have so long to go by themselves */
#define LEFT_LOOK (10 * CLOCK_MS)

/* Descendants of a command that has ended. */
struct left {
    int count;
    char name[32];
    char mark[160];
    pid_t group;
    bool kill;
};

static void keep_last_words(struct buf *b, struct slice more)
{
    buf_add_slice(b, more);
    if (b->len > 2 * LAST_WORDS_MAX)
        buf_consume(b, b->len - LAST_WORDS_MAX);
}

/* Reads what is there; false when there is nothing more for now. */
static bool read_stream(struct session *s, int stream)
{
    char bytes[READ_SIZE];
    ssize_t n = read(s->run.command->streams[stream].fd, bytes, sizeof bytes);
    if (n <= 0)
        return false;
    session_output(s, stream + 1, (struct slice){bytes, (size_t)n});
    if (stream == 1)
        keep_last_words(&s->run.last_words, (struct slice){bytes, (size_t)n});
    return (size_t)n == sizeof bytes;
}

static void stream_ready(struct command *c, int stream)
{
    struct session *s = c->owner;
    if (!s)
        return;
    if (session_clogged(s))
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
    if (s->run.command && !s->run.ended)
        for (int i = 0; i < 2; i++)
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
    if (children_known(pid))
        return;
    if (getpgid(pid) != left->group && !process_has_mark(pid, left->mark))
        return;
    char name[32];
    process_name(pid, name);
    if (left->count++ == 0)
        memcpy(left->name, name, sizeof name);
    if (left->kill)
        kill(pid, SIGKILL);
}

/* Descendants that are still there: in the command's group, or anywhere with its mark and come to us as orphans. */
static struct left find_left(struct session *s, bool with_kill)
{
    struct left left = {.group = s->run.command->child.pid, .kill = with_kill, .name = "?"};
    command_mark(left.mark, s->setup.run.p, s->run.task, s->run.attempt);
    process_each_child(count_left, &left);
    if (left.count == 0 && process_group_alive(left.group))
        left.count = 1;
    if (with_kill)
        kill(-left.group, SIGKILL);
    return left;
}

static void answer(struct session *s, const struct left *left)
{
    struct running_command *run = &s->run;
    int64_t us = run->ended_at - run->started;
    char text[MESSAGE_WORDS_MAX + 64], name[32];
    if (run->timed_out) {
        char span[CLOCK_TEXT_SIZE];
        snprintf(text, sizeof text, "ran longer than %s and was killed", clock_span(s->setup.timeout_us, span));
        session_failed(s, run->started, us, OUTCOME_TIMEOUT, 0, text);
    } else if (WIFSIGNALED(run->status)) {
        process_signal_name(WTERMSIG(run->status), name);
        snprintf(text, sizeof text, "%s%s", name, WCOREDUMP(run->status) ? " (core dumped)" : "");
        session_failed(s, run->started, us, OUTCOME_SIGNAL, WTERMSIG(run->status), text);
    } else if (WEXITSTATUS(run->status)) {
        struct slice words = last_line(&run->last_words);
        snprintf(text, sizeof text, "exit %d%s%.*s", WEXITSTATUS(run->status), words.len ? ": " : "", (int)words.len, words.p);
        session_failed(s, run->started, us, OUTCOME_EXIT, WEXITSTATUS(run->status), text);
    } else if (left->count) {
        CLEANUP_BUF struct buf message = {0};
        process_left_text(&message, left->count, left->name);
        session_failed(s, run->started, us, OUTCOME_ERROR, 0, buf_cstr(&message));
    } else {
        session_result(s, run->started, us, (struct slice){"null", 4});
    }
}

static void finish(struct session *s, const struct left *left)
{
    for (int i = 0; i < 2; i++)
        while (read_stream(s, i))
            ;
    answer(s, left);
    command_put(s->run.command, left->count > 0);
    s->run.command = NULL;
    buf_clear(&s->run.last_words);
    loop_unset(&s->work);
    session_slot_free(s);
    if (!s->ending && s->setup.tasks != 1)
        command_start_next(s);
}

void command_look(struct session *s, int64_t now)
{
    struct running_command *run = &s->run;
    if (!run->command)
        return;
    if (!run->ended) {
        /* Only its time limit sets the timer while it runs. */
        run->timed_out = true;
        find_left(s, true);
        kill(run->command->child.pid, SIGKILL);
        return;
    }
    struct left left = find_left(s, now - run->ended_at >= LEFT_GRACE || run->timed_out);
    if (left.count == 0 || left.kill)
        finish(s, &left);
    else
        loop_set(&s->work, now + LEFT_LOOK);
}

static void on_ended(struct child *child, int status)
{
    struct command *c = (struct command *)(void *)child;
    struct session *s = c->owner;
    if (!s) {
        kill(-child->pid, SIGKILL);
        command_put(c, true);
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

void command_start_next(struct session *s)
{
    struct batch *b;
    while (!s->ending && !s->run.command && next_item(s, &b)) {
        struct command *c = command_get();
        struct err err = ERR_INIT;
        if (!c) {
            session_break(s);
            return;
        }
        c->owner = s;
        c->child.exited = on_ended;
        c->streams[0].ready = out_ready;
        c->streams[1].ready = err_ready;
        struct running_command *run = &s->run;
        struct buf words = run->last_words;
        *run = (struct running_command){.task = b->first + b->done, .attempt = b->attempt, .started = clock_mono_us(),
                                        .last_words = words};
        const struct command_setup setup = {json_get(b->items.value, "argv"), json_get(b->items.value, "env"), s->setup.env,
                                            s->setup.cwd.len ? s->setup.cwd.p : "", s->setup.run.p, run->task, run->attempt};
        if (command_start(c, &setup, &err)) {
            c->owner = NULL;
            command_put(c, false);
            session_failed(s, run->started, 0, OUTCOME_REFUSED, 0, err.text);
            continue;
        }
        run->command = c;
        for (int i = 0; i < 2; i++)
            loop_watch(&c->streams[i], EPOLLIN);
        if (s->setup.timeout_us)
            loop_set(&s->work, run->started + s->setup.timeout_us);
    }
    if (!s->run.command)
        session_slot_free(s);
}

void command_end(struct session *s)
{
    struct command *c = s->run.command;
    if (!c)
        return;
    find_left(s, true);
    s->run.command = NULL;
    c->owner = NULL;
    if (s->run.ended)
        command_put(c, true);
    else
        kill(c->child.pid, SIGKILL);
}
