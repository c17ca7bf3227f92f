-- a history as version 2 kept it: `.dump` of the file, and the two numbers of its header
BEGIN TRANSACTION;
CREATE TABLE runs (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            created TEXT NOT NULL,
            created_s REAL NOT NULL,
            model TEXT NOT NULL,
            board TEXT,
            chip TEXT,
            bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            record TEXT NOT NULL
        , runs INTEGER, failed INTEGER, median_ms REAL, metric TEXT, value REAL);
INSERT INTO "runs" VALUES(1,'old-1','bench','2026-01-01T00:00:00+00:00',1767225600.0,'eat','desk','pcupid',1870,'8ba01e8734a4671737c4454903fe66c9bfbfe9650c61868c4da7764290b5da28','{"id":"old-1","kind":"bench","created":"2026-01-01T00:00:00+00:00","model":"eat","board":{"name":"desk","address":"root@10.0.0.1:22","machine":null,"chip":"pcupid","kernel":null,"temperature_c":null},"labels":["dog","rooster"],"targets":{"1-1-A-0.wav":0,"1-2-A-1.wav":1},"sha256":{"models/eat.img":"abababababababababababababababababababababababababababababababab"},"settings":{"runs":2},"samples":[{"clip":"1-1-A-0.wav","run":1,"invoke_ms":10.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":1,"invoke_ms":20.0,"post_process_ms":0.5,"class_id":1,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-1-A-0.wav","run":2,"invoke_ms":30.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":2,"invoke_ms":40.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null}],"failures":[{"clip":"1-2-A-1.wav","run":3,"reason":"keine Antwort ☃","exit_status":null,"board_answers":null,"board_rebooted":null,"kernel":null,"left":[],"warm_up":false,"variant":"","started_s":null,"timed_out":false,"said":""}],"clip_seconds":{},"tool_version":"0.7","command":[],"environment":{},"measured":{"steady":true,"invoke_interval_ms":[20.0,30.0]},"version":2}',4,1,25.0,'accuracy',0.5);
INSERT INTO "runs" VALUES(2,'old-2','bench','2026-01-02T00:00:00+00:00',1767312000.0,'eat','desk','pcupid',1822,'6db590b911e9a9276f95d1ea5d5cd5c740a598d345bf594cb56e84471d246467','{"id":"old-2","kind":"bench","created":"2026-01-02T00:00:00+00:00","model":"eat","board":{"name":"desk","address":"root@10.0.0.1:22","machine":null,"chip":"pcupid","kernel":null,"temperature_c":null},"labels":["dog","rooster"],"targets":{"1-1-A-0.wav":0,"1-2-A-1.wav":1},"sha256":{"models/eat.img":"abababababababababababababababababababababababababababababababab"},"settings":{"runs":2},"samples":[{"clip":"1-1-A-0.wav","run":1,"invoke_ms":10.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":1,"invoke_ms":20.0,"post_process_ms":0.5,"class_id":1,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-1-A-0.wav","run":2,"invoke_ms":30.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":2,"invoke_ms":40.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null}],"failures":[{"clip":"1-2-A-1.wav","run":3,"reason":"keine Antwort ☃","exit_status":null,"board_answers":null,"board_rebooted":null,"kernel":null,"left":[],"warm_up":false,"variant":"","started_s":null,"timed_out":false,"said":""}],"clip_seconds":{},"tool_version":"0","command":[],"environment":{},"measured":{},"version":2}',4,1,25.0,'accuracy',0.5);
CREATE TABLE tags (
            tag TEXT NOT NULL,
            run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
            PRIMARY KEY (tag, run)
        ) WITHOUT ROWID;
INSERT INTO "tags" VALUES('golden',2);
CREATE INDEX tags_run ON tags (run);
CREATE INDEX runs_kind ON runs (kind, created_s);
CREATE INDEX runs_model ON runs (model, created_s);
CREATE INDEX runs_board ON runs (board, created_s);
CREATE INDEX runs_chip ON runs (chip, created_s);
CREATE INDEX runs_created ON runs (created_s);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',2);
COMMIT;
PRAGMA user_version = 2;
PRAGMA application_id = 1397183304;
