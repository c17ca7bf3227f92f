-- a history as version 1 kept it: `.dump` of the file, and the two numbers of its header
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
        );
INSERT INTO "runs" VALUES(1,'old-1','bench','2026-01-01T00:00:00+00:00',1767225600.0,'eat','desk','pcupid',1822,'8ce0b12a68395628b44706b3ef6d701e2e5979de70200d1f0678f6539844fb67','{"id":"old-1","kind":"bench","created":"2026-01-01T00:00:00+00:00","model":"eat","board":{"name":"desk","address":"root@10.0.0.1:22","machine":null,"chip":"pcupid","kernel":null,"temperature_c":null},"labels":["dog","rooster"],"targets":{"1-1-A-0.wav":0,"1-2-A-1.wav":1},"sha256":{"models/eat.img":"abababababababababababababababababababababababababababababababab"},"settings":{"runs":2},"samples":[{"clip":"1-1-A-0.wav","run":1,"invoke_ms":10.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":1,"invoke_ms":20.0,"post_process_ms":0.5,"class_id":1,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-1-A-0.wav","run":2,"invoke_ms":30.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":2,"invoke_ms":40.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null}],"failures":[{"clip":"1-2-A-1.wav","run":3,"reason":"keine Antwort ☃","exit_status":null,"board_answers":null,"board_rebooted":null,"kernel":null,"left":[],"warm_up":false,"variant":"","started_s":null,"timed_out":false,"said":""}],"clip_seconds":{},"tool_version":"0","command":[],"environment":{},"measured":{},"version":1}');
INSERT INTO "runs" VALUES(2,'old-2','bench','2026-02-01T00:00:00+00:00',1769904000.0,'eat','desk','pcupid',1822,'2b4586208e94bed1fb7f8ed95061ed440d3a5e296707af1fe6a332cbfc4897f9','{"id":"old-2","kind":"bench","created":"2026-02-01T00:00:00+00:00","model":"eat","board":{"name":"desk","address":"root@10.0.0.1:22","machine":null,"chip":"pcupid","kernel":null,"temperature_c":null},"labels":["dog","rooster"],"targets":{"1-1-A-0.wav":0,"1-2-A-1.wav":1},"sha256":{"models/eat.img":"abababababababababababababababababababababababababababababababab"},"settings":{"runs":2},"samples":[{"clip":"1-1-A-0.wav","run":1,"invoke_ms":10.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":1,"invoke_ms":20.0,"post_process_ms":0.5,"class_id":1,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-1-A-0.wav","run":2,"invoke_ms":30.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null},{"clip":"1-2-A-1.wav","run":2,"invoke_ms":40.0,"post_process_ms":0.5,"class_id":0,"wall_ms":null,"start_load_io_ms":null,"first_in_process":true,"warm_up":false,"variant":"","started_s":null,"temperature_c":null,"frequency_khz":null,"load":null,"memory_available_kib":null}],"failures":[{"clip":"1-2-A-1.wav","run":3,"reason":"keine Antwort ☃","exit_status":null,"board_answers":null,"board_rebooted":null,"kernel":null,"left":[],"warm_up":false,"variant":"","started_s":null,"timed_out":false,"said":""}],"clip_seconds":{},"tool_version":"0","command":[],"environment":{},"measured":{},"version":2}');
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
PRAGMA application_id = 1397183304;
PRAGMA user_version = 1;
