//! What invocations cost, as tenants and operators read it, and what they may take.

use super::fixture::{acme, claim, send};
use agent_factory::control::Failure;
use agent_factory::domain::{
    Digest, Invocation, LimitExceeded, LimitName, ModelTokens, ModelUsage, Receipt, ReceiptLine,
    ReceiptOutcome,
};
use agent_factory_tests::api::{Client, Served, tenant};
use agent_factory_tests::factory_cases;
use serde_json::{Value, json};

const RECEIPTS: &str = "/v1/tenants/acme/receipts";
const USAGE: &str = "/v1/tenants/acme/usage";

fn engine() -> Receipt {
    Receipt {
        invocation: Invocation::Engine,
        component: Digest::of(b"engine"),
        outcome: ReceiptOutcome::Ok,
        ended_by: None,
        limits_met: Vec::new(),
        duration_us: 2_000_000,
        cpu_us: 500,
        memory_peak_bytes: 1 << 20,
        host_calls: 3,
        log: vec![ReceiptLine {
            level: "info".to_owned(),
            text: "said by the engine".to_owned(),
        }],
        log_dropped: 0,
        http: agent_factory::domain::HttpUsage::default(),
        usage: None,
    }
}

fn tool(skill: &str, outcome: ReceiptOutcome) -> Receipt {
    let over = LimitExceeded {
        limit: LimitName::ToolMs,
        value: 200,
    };
    Receipt {
        invocation: Invocation::Tool {
            skill: skill.parse().unwrap(),
            tool: "roll".parse().unwrap(),
        },
        outcome,
        ended_by: (outcome == ReceiptOutcome::Exhausted).then_some(over),
        log: Vec::new(),
        ..engine()
    }
}

fn model() -> Receipt {
    Receipt {
        invocation: Invocation::Model {
            api: "openai-chat".parse().unwrap(),
            model: "gpt".parse().unwrap(),
        },
        cpu_us: 0,
        memory_peak_bytes: 0,
        host_calls: 0,
        log: Vec::new(),
        usage: Some(ModelUsage {
            status: Some(200),
            request_bytes: 10,
            answer_bytes: 20,
            tokens: Some(ModelTokens {
                input: 7,
                cached_input: 2,
                output: 5,
                reasoning: 1,
            }),
        }),
        ..engine()
    }
}

/// A turn that did not succeed, and what it cost.
async fn spend(worker: &Client, lease: &Value, receipts: Vec<Receipt>) {
    let failure = Failure::Permanent {
        reason: "no use".to_owned(),
        receipts,
    };
    let body = json!({ "lease": lease, "failure": failure });
    worker.post("/v1/worker/fail", &body).await.expect(200);
}

async fn read(client: &Client, path: &str) -> Vec<Value> {
    let page = client.get(path).await.expect(200);
    page["receipts"].as_array().unwrap().clone()
}

factory_cases! {
    async fn receipts_are_listed_latest_first_and_by_what_they_are_of(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let id = send(&operator, "c").await;
        let lease = claim(&worker, 1).await.remove(0);
        let spent = vec![engine(), tool("dice", ReceiptOutcome::Exhausted), tool("notes", ReceiptOutcome::Ok), model()];
        spend(&worker, &lease, spent).await;

        let all = read(&operator, RECEIPTS).await;
        let kinds: Vec<_> = all.iter().map(|it| it["invocation"]["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["model", "tool", "tool", "engine"]);
        assert!(all.iter().all(|it| it["messageId"] == id && it["agentKey"] == "default"));
        assert_eq!(all[2]["endedBy"], json!({ "limit": "tool_ms", "value": 200 }));
        assert_eq!((&all[3]["logLines"], all[3].get("log")), (&json!(1), None));
        for (filter, expected) in [
            ("?outcome=exhausted", 1), ("?outcome=trap", 0), ("?skill=notes", 1), ("?skill=none", 0),
            ("?agentKey=default", 4), ("?agentKey=other", 0), ("?outcome=ok&skill=dice", 0),
        ] {
            let found = read(&operator, &format!("{RECEIPTS}{filter}")).await;
            assert_eq!(found.len(), expected, "{filter}");
        }
        let of_message = read(&operator, &format!("{RECEIPTS}?messageId={id}")).await;
        assert_eq!(of_message.len(), 4);
        assert_eq!(of_message[3]["log"][0]["text"], "said by the engine");
        for wrong in ["?outcome=bad", "?limit=0", "?cursor=x", "?unknown=1"] {
            assert_eq!(operator.get(&format!("{RECEIPTS}{wrong}")).await.status, 400, "{wrong}");
        }
        tenant(factory.app(), "other").await;
        assert_eq!(read(&operator, "/v1/tenants/other/receipts").await, Vec::<Value>::new());
        let total = operator.get("/v1/tenants/other/usage").await.expect(200);
        assert_eq!(total["total"]["turns"], 0);
    }

    async fn pages_of_receipts_have_each_once(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        for conversation in ["a", "b"] {
            send(&operator, conversation).await;
            let lease = claim(&worker, 1).await.remove(0);
            spend(&worker, &lease, vec![engine(), model(), tool("dice", ReceiptOutcome::Ok)]).await;
        }
        let whole = read(&operator, RECEIPTS).await;
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = operator.get(&format!("{RECEIPTS}?limit=2{cursor}")).await.expect(200);
            paged.extend(page["receipts"].as_array().unwrap().clone());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((whole.len(), &paged), (6, &whole));
    }

    async fn what_a_day_came_to_is_summed_once_and_outlives_its_receipts(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        send(&operator, "c").await;
        let lease = claim(&worker, 1).await.remove(0);
        spend(&worker, &lease, vec![engine(), tool("dice", ReceiptOutcome::Ok), model()]).await;
        let body = json!({ "lease": lease, "failure": Failure::Permanent { reason: "again".to_owned(), receipts: vec![engine()] } });
        assert_eq!(worker.post("/v1/worker/fail", &body).await.status, 409, "a lease that is gone adds nothing");
        let expected = json!({
            "turns": 1, "toolCalls": 1, "modelCalls": 1, "wallUs": 6_000_000, "cpuUs": 1_000,
            "memoryByteSeconds": 2 * 2 * (1 << 20), "hostCalls": 6, "inputTokens": 7, "cachedInputTokens": 2,
            "outputTokens": 5, "reasoningTokens": 1, "modelRequestBytes": 10, "modelAnswerBytes": 20,
            "httpCalls": 0, "httpSentBytes": 0, "httpReceivedBytes": 0,
        });
        let usage = operator.get(USAGE).await.expect(200);
        assert_eq!(usage["total"], expected);
        let (day, today) = (&usage["days"][0]["day"], &usage["to"]);
        assert_eq!(day, today);
        // Given back, it counts, too.
        send(&operator, "d").await;
        let lease = claim(&worker, 1).await.remove(0);
        let body = json!({ "lease": lease, "receipts": [engine()] });
        worker.post("/v1/worker/give-back", &body).await.expect(204);
        let usage = operator.get(USAGE).await.expect(200);
        assert_eq!(usage["total"]["turns"], 2);
        assert_eq!(factory.receipts().await.len(), 4);
        let forgotten: Result<_, agent_factory::store::StoreError> = factory.db().write(|tx| {
            Box::pin(async move {
                agent_factory::state::receipts::forget(tx, std::time::Duration::ZERO, "", 3).await
            })
        }).await;
        assert_eq!(forgotten.unwrap().map(|(_, count)| count), Some(3), "as many as a step may");
        assert_eq!(factory.receipts().await.len(), 1);
        assert_eq!(operator.get(USAGE).await.expect(200)["total"]["turns"], 2);
    }

    async fn days_are_named_and_what_is_no_day_is_refused(factory) {
        let served = Served::start(&factory).await;
        let (operator, _) = acme(&factory, &served).await;
        for (query, status) in [
            ("?from=2026-01-01&to=2027-01-01", 200), ("?from=2026-01-01&to=2027-01-02", 400),
            ("?from=2026-02-30", 400), ("?to=soon", 400), ("?from=2026-01-02&to=2026-01-01", 400),
            ("?from=2026-01-01&to=2026-01-01", 200), ("?day=1", 400),
        ] {
            assert_eq!(operator.get(&format!("{USAGE}{query}")).await.status, status, "{query}");
        }
    }

    async fn limits_are_set_read_and_refused_by_name_and_bound(factory) {
        let served = Served::start(&factory).await;
        let (operator, _) = acme(&factory, &served).await;
        let (agent, caps) = ("/v1/tenants/acme/agents/default", "/v1/tenants/acme/component-limits");
        let set = json!({ "limits": { "tool_ms": 5_000, "turn_cpu_ms": 100 } });
        let configured = operator.put(agent, &set).await.expect(200);
        assert_eq!(configured["agent"]["limits"], set["limits"]);
        assert_eq!(operator.put(agent, &set).await.expect(200)["changed"], false);
        for (wrong, said) in [
            (json!({ "tool_ms": 0 }), "tool_ms must be 1 to 3600000 milliseconds, not 0"),
            (json!({ "handles": 5 }), "no limit that can be set here; those are memory_bytes"),
            (json!({ "fuel": 5 }), "\"fuel\" is no limit"),
        ] {
            let body = json!({ "limits": wrong });
            for answer in [operator.put(agent, &body).await, operator.put(caps, &body).await] {
                assert_eq!(answer.status, 400, "{}", answer.text);
                assert!(answer.text.contains(&said.replace('"', "\\\"")), "{}", answer.text);
            }
        }
        assert_eq!(operator.get(agent).await.expect(200)["limits"], set["limits"], "nothing was stored");
        operator.put(caps, &json!({ "limits": { "memory_bytes": 1_048_576 } })).await.expect(204);
        let tenants = operator.get("/v1/tenants").await.expect(200);
        assert_eq!(tenants["tenants"][0]["componentLimits"], json!({ "memory_bytes": 1_048_576 }));
        let cleared = operator.put(agent, &json!({ "limits": {} })).await.expect(200);
        assert_eq!(cleared["agent"]["limits"], json!({}));
        assert_eq!(operator.put("/v1/tenants/nobody/component-limits", &json!({ "limits": {} })).await.status, 404);
    }
}
