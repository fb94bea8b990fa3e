//! What holds of the queue's tables in every state that a transaction leaves, and no CHECK can say: each is one statement, so
//! that it sees one state also while others work.

use agent_factory_tests::database::TestDatabase;

/// Counts of what there must be none of.
const NONE: [(&str, &str); 4] = [
    (
        "conversations that have something to do and are with a worker",
        "SELECT count(*) FROM heads h
        JOIN leases l ON l.tenant_id = h.tenant_id AND l.conversation_id = h.conversation_id",
    ),
    (
        "conversations that nobody will claim though a message waits, or will though none does",
        "SELECT count(*) FROM conversations c
        WHERE EXISTS (
            SELECT 1 FROM message_queue m
            WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id AND m.status = 'queued'
        ) <> (EXISTS (
            SELECT 1 FROM heads h WHERE h.tenant_id = c.tenant_id AND h.conversation_id = c.conversation_id
        ) OR EXISTS (
            SELECT 1 FROM leases l WHERE l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id))",
    ),
    (
        // One that is held is computed afresh when that ends.
        "heads that are not the first message of their conversation, as it is",
        "SELECT count(*) FROM heads h
        LEFT JOIN message_queue m ON m.tenant_id = h.tenant_id AND m.message_id = (
            SELECT q.message_id FROM message_queue q
            WHERE q.tenant_id = h.tenant_id AND q.conversation_id = h.conversation_id AND q.status = 'queued'
            ORDER BY q.available_at, q.seq LIMIT 1)
        WHERE h.state <> 'held' AND (m.message_id IS NULL OR m.message_id <> h.message_id OR m.trace_id <> h.trace_id
            OR m.attempts <> h.attempts OR m.crashes <> h.crashes OR m.max_attempts <> h.max_attempts
            OR m.priority <> h.priority OR m.available_at <> h.available_at
            OR COALESCE(m.not_before, -1) <> COALESCE(h.not_before, -1))",
    ),
    (
        "leases of something else than a message that waits, as it is",
        "SELECT count(*) FROM leases l
        LEFT JOIN message_queue m ON m.tenant_id = l.tenant_id AND m.message_id = l.message_id AND m.status = 'queued'
        WHERE m.message_id IS NULL OR m.conversation_id <> l.conversation_id OR m.attempts <> l.attempts
            OR m.crashes <> l.crashes OR m.max_attempts <> l.max_attempts",
    ),
];

pub(super) async fn assert_whole(test: &TestDatabase) {
    for (what, count) in NONE {
        assert_eq!(test.number(count).await, 0, "{what}");
    }
}
