-- Version 1 of the state database.
--
-- Tables begin with ktb_ and belong to the program; the views are for people. It reads with sqlite3 3.34.
-- Sizes decide here: a done task is one row of ktb_tasks of some 24 bytes. Its key is the run's base + the task's
-- number, times are whole microseconds, the worker is a number, and what can be computed is not kept.

CREATE TABLE ktb_runs(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL UNIQUE,     -- cubes-1
    name TEXT NOT NULL,           -- cubes
    name_key TEXT NOT NULL,       -- in small letters, - as _: names with one key are one name
    number INTEGER NOT NULL,      -- the 1 of cubes-1
    base INTEGER NOT NULL UNIQUE, -- ktb_tasks.id of task 0
    tasks INTEGER NOT NULL,
    positional INTEGER NOT NULL,  -- arguments are a list
    seeded INTEGER NOT NULL,      -- the job uses ${seed}
    -- what a runner changes
    state TEXT NOT NULL,
    backend TEXT NOT NULL,
    running INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    rest INTEGER NOT NULL DEFAULT 1, -- state of the tasks that have no row: 1 queued, 4 cancelled
    watermark INTEGER NOT NULL DEFAULT 0,      -- every task below it is settled
    results_length INTEGER NOT NULL DEFAULT 0, -- bytes of results.jsonl that count
    started INTEGER NOT NULL,  -- microseconds since 1970
    resumed INTEGER NOT NULL,  -- when its latest runner began
    updated INTEGER NOT NULL,  -- the latest commit
    finished INTEGER,
    spent INTEGER NOT NULL DEFAULT 0 -- microseconds of earlier runners
);
CREATE INDEX ktb_runs_name ON ktb_runs(name_key, number);

-- Apart from ktb_runs, which every commit writes, because a job file can be long.
CREATE TABLE ktb_jobs(
    run_id INTEGER PRIMARY KEY,
    job TEXT NOT NULL,      -- the file as applied
    sets TEXT NOT NULL,     -- JSON array of KEY=VALUE
    folder TEXT NOT NULL,
    identity TEXT NOT NULL,
    digest TEXT NOT NULL,
    results TEXT NOT NULL   -- folder; below the database's: the way from there
);

-- The last number used for a name: a run's id is never used twice.
CREATE TABLE ktb_names(name_key TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;

-- Arguments. Value k of one is number k = task / stride % count; with n = first + step * k, it is
-- n / unit (form 0, unit = 10^scale) or the value of row n in ktb_values (form 1).
CREATE TABLE ktb_args(
    run_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    label TEXT NOT NULL,       -- what stands before the value in JSON: "x": or nothing
    column_name TEXT NOT NULL, -- in the run's view
    form INTEGER NOT NULL,
    first INTEGER NOT NULL,
    step INTEGER NOT NULL,
    scale INTEGER NOT NULL,
    unit INTEGER NOT NULL,
    count INTEGER NOT NULL,
    stride INTEGER NOT NULL,
    PRIMARY KEY(run_id, position)
) WITHOUT ROWID;
-- json is NULL where the value says it: an integer, or a text that needs only quotes.
CREATE TABLE ktb_values(id INTEGER PRIMARY KEY, value, json TEXT);

-- state: NULL done, and 0 done with a result that is JSON text, -1 done with a result in a file; 1 queued, 2 running,
-- 3 failed, 4 cancelled. started counts from the run's start.
CREATE TABLE ktb_tasks(id INTEGER PRIMARY KEY, state, result, started, us, worker);
CREATE INDEX ktb_tasks_odd ON ktb_tasks(state) WHERE state >= 2;

-- Every attempt but the one that is in the task's row. void: no longer counts, since a retry.
CREATE TABLE ktb_attempts(
    id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker INTEGER,
    started INTEGER,
    us INTEGER,
    class TEXT, -- NULL: succeeded, and was put back later
    status INTEGER,
    message TEXT,
    pattern INTEGER,
    void INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(id, attempt)
) WITHOUT ROWID;
CREATE TABLE ktb_patterns(id INTEGER PRIMARY KEY, pattern TEXT NOT NULL UNIQUE);
CREATE TABLE ktb_outputs(
    id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    stdout,
    stderr,
    stdout_bytes INTEGER NOT NULL,
    stderr_bytes INTEGER NOT NULL,
    PRIMARY KEY(id, attempt)
) WITHOUT ROWID;
CREATE TABLE ktb_workers(
    run_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY(run_id, number)
) WITHOUT ROWID;
CREATE TABLE ktb_seeds(id INTEGER PRIMARY KEY, seed INTEGER NOT NULL);

-- Result columns of a run, and their values by task.
CREATE TABLE ktb_columns(
    run_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    column_name TEXT NOT NULL,
    PRIMARY KEY(run_id, position)
) WITHOUT ROWID;
CREATE TABLE ktb_cells(id INTEGER NOT NULL, position INTEGER NOT NULL, value, PRIMARY KEY(id, position)) WITHOUT ROWID;

CREATE VIEW runs AS
SELECT run, name, state, tasks, tasks - running - done - failed - cancelled AS queued, running, done, failed, cancelled,
    backend,
    strftime('%Y-%m-%dT%H:%M:%fZ', started / 1e6, 'unixepoch') AS started,
    strftime('%Y-%m-%dT%H:%M:%fZ', updated / 1e6, 'unixepoch') AS updated,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished / 1e6, 'unixepoch') AS finished,
    (spent + CASE state WHEN 'running' THEN updated - resumed ELSE 0 END) / 1e6 AS seconds
FROM ktb_runs ORDER BY id;

-- args is spelled as everywhere else, which json() would not do.
CREATE VIEW tasks AS
SELECT r.run AS run, t.id - r.base AS task,
    CASE r.positional WHEN 0 THEN '{' ELSE '[' END ||
    coalesce((
        SELECT group_concat(v.label ||
            CASE WHEN v.form = 1 THEN
                (SELECT coalesce(l.json, CASE typeof(l.value) WHEN 'text' THEN '"' || l.value || '"' ELSE l.value END)
                 FROM ktb_values l WHERE l.id = v.n)
            WHEN v.scale = 0 THEN v.n
            ELSE CASE WHEN v.n < 0 THEN '-' ELSE '' END || (abs(v.n) / v.unit) ||
                rtrim('.' || rtrim(substr('000000000000000000' || (abs(v.n) % v.unit), -v.scale), '0'), '.')
            END, ',')
        FROM (SELECT a.label, a.form, a.scale, a.unit, a.first + a.step * ((t.id - r.base) / a.stride % a.count) AS n
              FROM ktb_args a WHERE a.run_id = r.id ORDER BY a.position) v), '') ||
    CASE r.positional WHEN 0 THEN '}' ELSE ']' END AS args,
    CASE coalesce(t.state, 0) WHEN 1 THEN 'queued' WHEN 2 THEN 'running' WHEN 3 THEN 'failed'
        WHEN 4 THEN 'cancelled' ELSE 'done' END AS state,
    t.result AS result,
    CASE WHEN t.state = 3 THEN
        (SELECT a.message FROM ktb_attempts a WHERE a.id = t.id ORDER BY a.attempt DESC LIMIT 1) END AS error,
    CASE WHEN t.state = 3 THEN
        (SELECT a.class FROM ktb_attempts a WHERE a.id = t.id ORDER BY a.attempt DESC LIMIT 1) END AS class,
    (SELECT count(*) FROM ktb_attempts a WHERE a.id = t.id) + (coalesce(t.state, 0) IN (-1, 0, 2)) AS attempts,
    strftime('%Y-%m-%dT%H:%M:%fZ', (r.started + t.started) / 1e6, 'unixepoch') AS started,
    t.us / 1e6 AS seconds,
    (SELECT w.name FROM ktb_workers w WHERE w.run_id = r.id AND w.number = t.worker) AS worker
FROM ktb_runs r CROSS JOIN ktb_tasks t WHERE t.id >= r.base AND t.id < r.base + r.tasks;

CREATE VIEW attempts AS
SELECT r.run AS run, a.id - r.base AS task, a.attempt AS attempt,
    (SELECT w.name FROM ktb_workers w WHERE w.run_id = r.id AND w.number = a.worker) AS worker,
    strftime('%Y-%m-%dT%H:%M:%fZ', (r.started + a.started) / 1e6, 'unixepoch') AS started,
    a.us / 1e6 AS seconds, a.class AS class, a.status AS status, a.message AS message
FROM ktb_runs r CROSS JOIN ktb_attempts a WHERE a.id >= r.base AND a.id < r.base + r.tasks
UNION ALL
SELECT r.run, t.id - r.base, (SELECT count(*) FROM ktb_attempts a WHERE a.id = t.id) + 1,
    (SELECT w.name FROM ktb_workers w WHERE w.run_id = r.id AND w.number = t.worker),
    strftime('%Y-%m-%dT%H:%M:%fZ', (r.started + t.started) / 1e6, 'unixepoch'),
    t.us / 1e6, NULL, NULL, NULL
FROM ktb_runs r CROSS JOIN ktb_tasks t WHERE t.id >= r.base AND t.id < r.base + r.tasks AND coalesce(t.state, 0) <= 0;

CREATE VIEW failures AS
SELECT r.run AS run, a.class AS class, p.pattern AS message, count(*) AS tasks, min(t.id) - r.base AS example
FROM ktb_tasks t
CROSS JOIN ktb_attempts a ON a.id = t.id AND a.attempt = (SELECT max(b.attempt) FROM ktb_attempts b WHERE b.id = t.id)
CROSS JOIN ktb_runs r ON r.base = (SELECT max(b.base) FROM ktb_runs b WHERE b.base <= t.id)
LEFT JOIN ktb_patterns p ON p.id = a.pattern
WHERE t.state >= 2 AND t.state = 3
GROUP BY r.id, a.class, p.pattern
ORDER BY r.id, count(*) DESC, min(t.id);

-- The inner LIMIT keeps the sort apart from the arguments, so that only the rows that are read cost them.
CREATE VIEW slowest AS
SELECT r.run AS run, t.id - r.base AS task,
    CASE r.positional WHEN 0 THEN '{' ELSE '[' END ||
    coalesce((
        SELECT group_concat(v.label ||
            CASE WHEN v.form = 1 THEN
                (SELECT coalesce(l.json, CASE typeof(l.value) WHEN 'text' THEN '"' || l.value || '"' ELSE l.value END)
                 FROM ktb_values l WHERE l.id = v.n)
            WHEN v.scale = 0 THEN v.n
            ELSE CASE WHEN v.n < 0 THEN '-' ELSE '' END || (abs(v.n) / v.unit) ||
                rtrim('.' || rtrim(substr('000000000000000000' || (abs(v.n) % v.unit), -v.scale), '0'), '.')
            END, ',')
        FROM (SELECT a.label, a.form, a.scale, a.unit, a.first + a.step * ((t.id - r.base) / a.stride % a.count) AS n
              FROM ktb_args a WHERE a.run_id = r.id ORDER BY a.position) v), '') ||
    CASE r.positional WHEN 0 THEN '}' ELSE ']' END AS args,
    t.us / 1e6 AS seconds
FROM (SELECT id, us FROM ktb_tasks WHERE us IS NOT NULL ORDER BY us DESC, id LIMIT -1) t
CROSS JOIN ktb_runs r ON r.base = (SELECT max(b.base) FROM ktb_runs b WHERE b.base <= t.id);
