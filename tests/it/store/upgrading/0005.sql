-- Messages in every state, as version 5 of the schema keeps them: one that is done stays in `message_queue`, and one in
-- a worker's hands is `processing` there.

INSERT INTO conversations (tenant_id, conversation_id, agent_key, pool, state, next_seq, last_available_at, priority, due_at,
    suspect, fence, message_id, worker_id, lease_token, lease_until, lease_deadline, created_at) VALUES
    ('acme', 'queued', 'support', 'default', 'ready', 3, 1699999900000, 50, 1699999900000, 0, 0, NULL, NULL, NULL, NULL, NULL, 0),
    ('acme', 'later', 'support', 'default', 'waiting', 2, 0, 50, 1700000060000, 0, 0, NULL, NULL, NULL, NULL, NULL, 0),
    ('acme', 'retried', 'support', 'default', 'waiting', 2, 1699999900000, 50, 1700000030000, 1, 1, NULL, NULL, NULL, NULL, NULL, 0),
    ('acme', 'claimed', 'support', 'default', 'leased', 3, 1699999900000, 50, NULL, 0, 4, 'msg_claimed', 'worker', '{claimed}', 1700000050000, 1700000300000, 0),
    ('acme', 'done', 'support', 'default', 'idle', 2, 1699999900000, 50, NULL, 0, 2, NULL, NULL, NULL, NULL, NULL, 0),
    ('acme', 'dead', 'support', 'default', 'ready', 3, 1699999900000, 50, 1699999900000, 0, 3, NULL, NULL, NULL, NULL, NULL, 0),
    ('acme', 'held', 'held', 'default', 'held', 2, 1699999900000, 50, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 0);

INSERT INTO message_queue (tenant_id, message_id, conversation_id, seq, status, payload, priority, source, source_id, trace_id,
    available_at, not_before, attempts, crashes, max_attempts, started_at, last_error, settled_token, enqueued_at, finished_at) VALUES
    ('acme', 'msg_queued_1', 'queued', 1, 'queued', '{payload}', 50, 'test', 'update-1', '{trace}', 1699999900000, NULL, 0, 0, 3, NULL, NULL, NULL, 1699999900000, NULL),
    ('acme', 'msg_queued_2', 'queued', 2, 'queued', '{payload}', 50, 'test', NULL, '{trace}', 1699999900000, NULL, 0, 0, 3, NULL, NULL, NULL, 1699999900000, NULL),
    ('acme', 'msg_later', 'later', 1, 'queued', '{payload}', 50, 'test', NULL, '{trace}', 1700000060000, 1700000060000, 0, 0, 3, NULL, NULL, NULL, 1699999900000, NULL),
    ('acme', 'msg_retried', 'retried', 1, 'queued', '{payload}', 50, 'test', NULL, '{trace}', 1699999900000, 1700000030000, 1, 1, 3, NULL, 'lost', NULL, 1699999900000, NULL),
    ('acme', 'msg_claimed', 'claimed', 1, 'processing', '{payload}', 50, 'test', NULL, '{trace}', 1699999900000, NULL, 1, 0, 3, 1699999990000, 'broke', NULL, 1699999900000, NULL),
    ('acme', 'msg_behind_claimed', 'claimed', 2, 'queued', '{payload}', 50, 'test', NULL, '{trace}', 1699999900000, NULL, 0, 0, 3, NULL, NULL, NULL, 1699999900000, NULL),
    ('acme', 'msg_done', 'done', 1, 'done', '{payload}', 50, 'test', 'update-done', '{trace}', 1699999900000, NULL, 0, 0, 3, 1699999910000, NULL, '{done}', 1699999900000, 1699999920000),
    ('acme', 'msg_dead', 'dead', 1, 'dead_letter', '{payload}', 50, 'test', 'update-dead', '{trace}', 1699999900000, NULL, 3, 1, 3, NULL, 'broke', NULL, 1699999900000, 1699999930000),
    ('acme', 'msg_behind_dead', 'dead', 2, 'queued', '{payload}', 50, 'test', NULL, '{trace}', 1699999900000, NULL, 0, 0, 3, NULL, NULL, NULL, 1699999900000, NULL),
    ('acme', 'msg_held', 'held', 1, 'queued', '{payload}', 50, 'test', NULL, '{trace}', 1699999900000, NULL, 0, 0, 3, NULL, NULL, NULL, 1699999900000, NULL);

INSERT INTO outbox_lanes (tenant_id, conversation_id, pool, state, next_seq, due_at, fence) VALUES
    ('acme', 'done', 'default', 'ready', 3, 1699999920000, 1);

INSERT INTO outbox (tenant_id, outbox_id, conversation_id, seq, message_id, channel, body, status, attempts, created_at, settled_at) VALUES
    ('acme', 'out_sent', 'done', 1, 'msg_done', '{chat}', 'sent', 'delivered', 1, 1699999920000, 1699999921000),
    ('acme', 'out_pending', 'done', 2, 'msg_done', '{chat}', 'pending', 'pending', 1, 1699999920000, NULL);
