//! Guests that take and do not give back.

use super::{assert_unhurt, engine_ends_at, tool_ends_at};
use crate::engine::fixture::{Fixture, admitted};
use agent_factory::config::Limits;
use agent_factory::domain::{LimitExceeded, LimitName};
use agent_factory::engine::{CompileError, ComponentKind, TurnFailure, compile_component};

fn memory() -> Limits {
    Limits {
        memory_bytes: 8 << 20,
        ..Limits::default()
    }
}

#[tokio::test]
async fn an_engine_that_takes_all_memory() {
    let receipt = engine_ends_at(memory(), "hoard", LimitName::MemoryBytes, 8 << 20).await;
    assert!(receipt.memory_peak_bytes <= 8 << 20);
}

#[tokio::test]
async fn a_tool_that_takes_all_memory() {
    let receipt = tool_ends_at(memory(), "hoard {}", LimitName::MemoryBytes, 8 << 20).await;
    assert!(receipt.memory_peak_bytes <= 8 << 20);
}

#[tokio::test]
async fn a_tool_that_leaks_handles() {
    let limits = Limits {
        handles: 100,
        ..Limits::default()
    };
    let call = r#"many_handles {"n":100000}"#;
    tool_ends_at(limits, call, LimitName::Handles, 100).await;
}

#[tokio::test]
async fn a_tool_that_leaks_pollables() {
    let limits = Limits {
        handles: 1_000,
        ..Limits::default()
    };
    let call = r#"pollables {"n":100000}"#;
    tool_ends_at(limits, call, LimitName::Handles, 1_000).await;
}

#[tokio::test]
async fn a_tool_that_makes_blobs_for_ever() {
    let limits = Limits {
        blob_bytes: 3_000_000,
        ..Limits::default()
    };
    let call = r#"blobs {"n":1000}"#;
    tool_ends_at(limits, call, LimitName::BlobBytes, 3_000_000).await;
}

#[tokio::test]
async fn an_engine_that_makes_blobs_for_ever() {
    let limits = Limits {
        blob_bytes: 3_000_000,
        ..Limits::default()
    };
    engine_ends_at(limits, "blobs 1000", LimitName::BlobBytes, 3_000_000).await;
}

/// An engine whose `run` does this, and whose start function does that.
fn engine(run: &str, start: &str) -> String {
    let error = r#"(variant (case "retry-after" $retry) (case "context-overflow") (case "hold" string) (case "permanent" string))"#;
    format!(
        r#"(component
  (import "agent-factory:guest/types@0.1.0" (instance $types
    (type $r (record (field "milliseconds" u32) (field "reason" string)))
    (export "retry" (type (eq $r)))))
  (import "agent-factory:guest/turns@0.1.0" (instance $turns (export "turn" (type (sub resource)))))
  (alias export $types "retry" (type $retry))
  (alias export $turns "turn" (type $turn))
  (core module $m
    (table $t 1 funcref)
    (memory (export "memory") 1)
    (func $start {start})
    (start $start)
    (func (export "run") (param i32) (result i32) {run} (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  (type $error {error})
  (type $run (func (param "turn" (own $turn)) (result (result (error $error)))))
  (func $lifted (type $run)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (component $shim
    (import "import-type-turn" (type $turn (sub resource)))
    (type $r (record (field "milliseconds" u32) (field "reason" string)))
    (import "import-type-retry" (type $retry (eq $r)))
    (type $variant {error})
    (import "import-type-turn-error" (type $error (eq $variant)))
    (type $run (func (param "turn" (own $turn)) (result (result (error $error)))))
    (import "import-func-run" (func $run (type $run)))
    (export "turn" (type $turn))
    (export "retry" (type $retry))
    (export $exported "turn-error" (type $variant))
    (type $exported-run (func (param "turn" (own $turn)) (result (result (error $exported)))))
    (export "run" (func $run) (func (type $exported-run))))
  (instance $adapter (instantiate $shim
    (with "import-type-turn" (type $turn))
    (with "import-type-retry" (type $retry))
    (with "import-type-turn-error" (type $error))
    (with "import-func-run" (func $lifted))))
  (export "agent-factory:guest/adapter@0.1.0" (instance $adapter)))"#
    )
}

#[tokio::test]
async fn an_engine_that_grows_its_table_for_ever() {
    let limits = Limits {
        table_elements: 5_000,
        ..Limits::default()
    };
    let grow = "(loop $again
        (if (i32.eq (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1)) (then unreachable))
        (br $again))";
    let bomb = wat::parse_str(engine(grow, "")).unwrap();
    let bomb = admitted(bomb, ComponentKind::Engine);
    let fixture = Fixture::new(limits).await;
    let bomb = fixture.host.load_engine(&bomb.artifact).await.unwrap();
    let end = fixture.host.run_turn(&bomb, fixture.input("go")).await;
    let over = LimitExceeded {
        limit: LimitName::TableElements,
        value: 5_000,
    };
    assert_eq!(end.outcome, Err(TurnFailure::Exhausted(over)));
    assert_eq!(end.receipts[0].ended_by, Some(over));
    assert_unhurt(&fixture).await;
}

#[test]
fn a_start_function_that_spins_is_refused_at_upload() {
    let limits = Limits {
        tool_cpu_ms: 100,
        ..Limits::default()
    };
    let fine = wat::parse_str(engine("", "")).unwrap();
    assert!(compile_component(ComponentKind::Engine, &fine, &limits).is_ok());
    let spins = wat::parse_str(engine("", "(loop $again (br $again))")).unwrap();
    let error = compile_component(ComponentKind::Engine, &spins, &limits).unwrap_err();
    assert!(
        matches!(&error, CompileError::DoesNotFit(why) if why.contains("100 ms of processor time (tool_cpu_ms)")),
        "{error}"
    );
}

#[test]
fn a_component_with_too_many_instances_is_refused_at_upload() {
    let with = |instances: usize| {
        let more = "(core instance (instantiate $empty))".repeat(instances);
        let text = engine("", "").replace(
            "(core instance $i (instantiate $m))",
            &format!("(core module $empty) {more} (core instance $i (instantiate $m))"),
        );
        wat::parse_str(text).unwrap()
    };
    let limits = Limits {
        core_instances: 10,
        ..Limits::default()
    };
    assert!(compile_component(ComponentKind::Engine, &with(9), &limits).is_ok());
    let error = compile_component(ComponentKind::Engine, &with(10), &limits).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("more than 10 core instances (core_instances)"),
        "{error}"
    );
}
