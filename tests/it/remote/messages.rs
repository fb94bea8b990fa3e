//! What crosses the seam comes out as it went in, whatever it is.

use agent_factory::control::{
    Beat, ClaimRequest, ClaimedTurn, Claims, Completion, Delivery, DeliveryBatch, Failure,
    FollowUp, LaneLease, Sent, Settled,
};
use agent_factory::domain::{
    Channel, ClaimId, ClaimTry, Content, Digest, Fence, File, HistoryMessage, Invocation, KvEntry,
    KvError, KvOwner, KvWrite, Lease, LeaseToken, LimitExceeded, LimitName, Part, Receipt,
    ReceiptLine, ReceiptOutcome, Reply, Role, SecretValue, Timestamp, ToolError, ToolOutput,
    ToolRequest, ToolResult, TraceId,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;

/// Through JSON and back; once more with a field that nobody knows, as from a newer version.
fn through<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("JSON");
    assert_eq!(
        &serde_json::from_str::<T>(&text).expect("its own JSON"),
        value
    );
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    if let Some(object) = json.as_object_mut() {
        // One name alone may be a variant's.
        if object.len() > 1 {
            for name in object.keys() {
                let fits = name.chars().all(|c| c.is_ascii_alphanumeric());
                assert!(fits, "{name} is not in camelCase");
            }
            object.insert(
                "ofANewerVersion".to_owned(),
                serde_json::json!({ "more": 1 }),
            );
        }
    }
    assert_eq!(
        &serde_json::from_value::<T>(json).expect("more JSON"),
        value
    );
}

fn duration() -> impl Strategy<Value = Duration> {
    any::<u32>().prop_map(|millis| Duration::from_millis(millis.into()))
}

fn id<T: std::str::FromStr<Err: Debug> + Debug>() -> impl Strategy<Value = T> {
    "[a-z][a-z0-9-]{0,20}".prop_map(|text| text.parse().expect("an id"))
}

prop_compose! {
    fn lease()(
        (pool, tenant_id, conversation_id) in (id(), id(), id()),
        (agent_key, message_id) in (id(), id()),
        token in any::<[u8; 16]>(),
        fence in any::<i64>(),
        trace in any::<[u8; 16]>(),
    ) -> Lease {
        let token = LeaseToken::from_random(token);
        let trace_id = TraceId::from_random(trace);
        Lease { pool, tenant_id, conversation_id, agent_key, message_id, token, fence: Fence(fence), trace_id }
    }
}

fn lane() -> impl Strategy<Value = LaneLease> {
    lease().prop_map(|lease| LaneLease {
        pool: lease.pool,
        tenant_id: lease.tenant_id,
        conversation_id: lease.conversation_id,
        token: lease.token,
        fence: lease.fence,
    })
}

fn file() -> impl Strategy<Value = File> {
    (any::<Option<String>>(), any::<String>(), any::<Vec<u8>>()).prop_map(
        |(name, media_type, bytes)| File {
            name,
            media_type,
            bytes: bytes.into(),
        },
    )
}

fn tool_error() -> impl Strategy<Value = ToolError> {
    prop_oneof![
        any::<String>().prop_map(ToolError::InvalidArguments),
        any::<String>().prop_map(ToolError::Failed),
        (duration(), any::<String>())
            .prop_map(|(after, reason)| ToolError::RetryAfter { after, reason }),
    ]
}

fn outcome() -> impl Strategy<Value = Result<ToolOutput, ToolError>> {
    let output =
        (file(), any::<String>(), any::<Option<String>>()).prop_map(|(file, text, structured)| {
            ToolOutput {
                content: vec![Content::Text(text), Content::File(file)],
                structured,
            }
        });
    prop_oneof![output.prop_map(Ok), tool_error().prop_map(Err)]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        any::<String>().prop_map(Part::Text),
        file().prop_map(Part::File),
        any::<(String, String, String)>().prop_map(|(id, name, arguments)| {
            Part::ToolRequest(ToolRequest {
                id,
                name,
                arguments,
            })
        }),
        (any::<String>(), outcome())
            .prop_map(|(id, outcome)| Part::ToolResult(ToolResult { id, outcome })),
        any::<String>().prop_map(Part::Opaque),
    ]
}

fn message() -> impl Strategy<Value = HistoryMessage> {
    let at = any::<Option<i64>>().prop_map(|at| at.map(Timestamp::from_millis));
    (prop::collection::vec(part(), 0..4), at).prop_map(|(parts, at)| HistoryMessage {
        role: Role::Assistant,
        parts,
        at,
    })
}

fn receipt() -> impl Strategy<Value = Receipt> {
    (
        any::<[u8; 4]>(),
        any::<u64>(),
        any::<u32>(),
        any::<String>(),
        id(),
        any::<bool>(),
    )
        .prop_map(|(digest, number, calls, text, skill, of_tool)| Receipt {
            invocation: if of_tool {
                let tool = "tool".parse().expect("a name");
                Invocation::Tool { skill, tool }
            } else {
                Invocation::Engine
            },
            component: Digest::of(&digest),
            outcome: ReceiptOutcome::GuestError,
            ended_by: of_tool.then_some(LimitExceeded {
                limit: LimitName::ToolMs,
                value: number,
            }),
            limits_met: Vec::new(),
            duration_us: number,
            cpu_us: number,
            memory_peak_bytes: number,
            host_calls: calls,
            log: vec![ReceiptLine {
                level: "info".to_owned(),
                text,
            }],
            log_dropped: calls,
            usage: None,
        })
}

fn write() -> impl Strategy<Value = KvWrite> {
    let entry = (any::<Vec<u8>>(), any::<u64>());
    let entry = prop::option::of(entry.prop_map(|(value, version)| KvEntry { value, version }));
    (prop::option::of(id()), any::<String>(), entry).prop_map(|(owner, key, entry)| KvWrite {
        owner: KvOwner(owner),
        key,
        entry,
    })
}

prop_compose! {
    fn completion()(
        history in prop::collection::vec(message(), 0..3),
        reply in prop::option::of((any::<String>(), prop::collection::vec(file(), 0..2))),
        memory in any::<Vec<String>>(),
        note in any::<bool>(),
        kv in prop::collection::vec(write(), 0..3),
        receipts in prop::collection::vec(receipt(), 0..3),
        late in prop::collection::vec((any::<String>(), prop::option::of(duration())), 0..2),
    ) -> Completion {
        let memory_note = note.then(|| "memory/2026-01-01.md".parse().expect("a path"));
        let reply = reply.map(|(text, files)| Reply { text, files });
        let follow_ups = late.into_iter().map(|(text, after)| {
            let priority = after.map(|_| 7);
            FollowUp { text, after, priority }
        }).collect();
        Completion { history, reply, memory, memory_note, kv, receipts, follow_ups }
    }
}

fn failure() -> impl Strategy<Value = Failure> {
    let receipts = prop::collection::vec(receipt(), 0..2);
    prop_oneof![
        (any::<String>(), prop::option::of(duration()), receipts).prop_map(
            |(reason, after, receipts)| Failure::Retry {
                reason,
                after,
                receipts
            }
        ),
        any::<String>().prop_map(|reason| Failure::Permanent {
            reason,
            receipts: Vec::new()
        }),
        any::<String>().prop_map(|reason| Failure::Hold {
            reason,
            receipts: Vec::new()
        }),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        any::<Option<String>>().prop_map(|provider_message_id| Sent::Delivered {
            provider_message_id
        }),
        (any::<String>(), prop::option::of(duration()))
            .prop_map(|(reason, after)| Sent::Retry { reason, after }),
        any::<String>().prop_map(|reason| Sent::Refused { reason }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn claims_and_leases_survive_the_way(lease in lease(), lease_for in duration(), alone: bool, id: [u8; 16]) {
        through(&lease);
        let turns = vec![ClaimedTurn { lease, lease_for, alone }];
        through(&Claims { turns, suspects_waiting: alone, drain: alone, crowded: false });
        through(&Beat::Extended(lease_for));
        through(&Beat::Lost);
        through(&ClaimRequest {
            worker_id: "worker".parse().expect("an id"),
            pool: agent_factory::domain::Pool::default(),
            max: 1,
            in_flight: 2,
            wait: lease_for,
            claim: Some(ClaimTry { id: ClaimId::from_random(id), repeated: alone }),
        });
    }

    #[test]
    fn completions_survive_the_way(completion in completion()) {
        through(&completion);
    }

    #[test]
    fn failures_and_their_outcomes_survive_the_way(failure in failure(), after in duration()) {
        through(&failure);
        through(&Settled::Requeued(after));
        through(&Settled::DeadLettered);
    }

    #[test]
    fn deliveries_survive_the_way(lane in lane(), lease_for in duration(), sent in sent(), chat_id: i64, body: String) {
        through(&sent);
        let channel = Channel::Telegram { bot_id: "1".parse().expect("an id"), chat_id, topic_id: None };
        let trace_id = TraceId::from_random([7; 16]);
        let delivery = Delivery { outbox_id: "out_1".parse().expect("an id"), trace_id, channel, body, attempt: 1 };
        through(&delivery);
        let bot_token = Some(SecretValue::from("5ec12e7".to_owned()));
        let batch = DeliveryBatch { lane, lease_for, deliveries: vec![delivery], bot_token };
        assert!(!format!("{batch:?}").contains("5ec12e7"));
        through(&batch);
    }

    #[test]
    fn what_a_lookup_answers_survives_the_way(value: Vec<u8>, version: u64, reason: String) {
        through(&KvEntry { value, version });
        through(&KvError::Conflict(version));
        through(&KvError::TooLarge(reason));
    }
}
