//! Batches of tool calls, for the engine of a turn.

use super::call::{self, Budget, CallFailure, CallTool, Ended};
use super::capabilities::ToolCall;
use super::dispatcher::Scope;
use super::host::ComponentHost;
use super::log::cut;
use super::offers::NAME_BYTES;
use super::redacted;
use super::running::{Here, Running};
use super::session::Session;
use super::size;
use super::stop::Stop;
use crate::config::Limits;
use crate::domain::{
    Digest, Invocation, KvOwner, LimitExceeded, LimitName, MessageId, ReceiptOutcome, ToolError,
    ToolName, ToolOutput, ToolRequest, ToolResult,
};
use std::collections::HashSet;
use std::sync::Arc;
use tracing::Instrument as _;

/// The id of a request, bytes; model vendors use some 40.
const ID_BYTES: usize = 256;

pub(super) type Outcome = Result<ToolOutput, ToolError>;

/// Run a batch in parallel, as far as there are slots; outcomes in the order of the requests.
///
/// What is wrong with one request is its own outcome, shown to the model: no round left for it and no
/// place in the largest batch, too. So an engine can let the model conclude with what it has. Only the
/// end of the turn ends the call.
pub(super) async fn run_batch(
    scope: &Scope,
    requests: Vec<ToolRequest>,
) -> Result<Vec<ToolResult>, Stop> {
    let session = &scope.session;
    let round = next_round(scope);
    let most = usize::try_from(session.limits.tool_batch).unwrap_or(usize::MAX);
    let Some(host) = &session.host else {
        return Err(Stop::Misuse("no tool can be called here".to_owned()));
    };
    let mut ids = HashSet::new();
    let alone = requests.len() == 1;
    let mut running = Vec::with_capacity(requests.len());
    for (place, request) in requests.into_iter().enumerate() {
        let prepared = match &round {
            Err(none_left) => Err(none_left.clone()),
            Ok(_) if place >= most => {
                let over = scope.refuse(LimitName::ToolBatch);
                Err(ToolError::Exhausted(format!(
                    "{over}; ask again in the next one"
                )))
            }
            Ok(_) if request.id.len() > ID_BYTES => Err(ToolError::InvalidArguments(format!(
                "the id of a request has at most {ID_BYTES} bytes, not {}",
                request.id.len()
            ))),
            Ok(_) if !ids.insert(request.id.clone()) => {
                let text = format!("the id {:?} is used twice in one batch", request.id);
                Err(ToolError::InvalidArguments(text))
            }
            Ok(round) => {
                let key = idempotency_key(&session.turn_id, *round, &request.id);
                prepare(host, scope, &request, key).await
            }
        };
        let call = prepared.map(|call| {
            let span = call::span!("tool", tool = %call.tool);
            let run = run_tool(host.clone(), Arc::clone(session), call).instrument(span);
            if alone {
                Running::Here(Here::new(run, session.tools.clone()))
            } else {
                Running::Task(session.tools.spawn(run))
            }
        });
        running.push((request.id, call));
    }
    let mut results = Vec::with_capacity(running.len());
    for (id, call) in running {
        let outcome = match call {
            Ok(call) => call.end(scope.cpu.as_ref()).await,
            Err(error) => Err(error),
        };
        results.push(ToolResult { id, outcome });
    }
    if session.lost_lease() {
        return Err(Stop::LeaseLost);
    }
    Ok(results)
}

/// The number of this batch, while there are rounds left.
fn next_round(scope: &Scope) -> Result<u32, ToolError> {
    let mut changes = scope.session.changes();
    if changes.tool_rounds >= scope.limits().tool_rounds {
        let over = scope.refuse(LimitName::ToolRounds);
        return Err(ToolError::Exhausted(format!(
            "{over}; answer with what is there"
        )));
    }
    changes.tool_rounds = changes.tool_rounds.saturating_add(1);
    Ok(changes.tool_rounds)
}

/// The same for every attempt of the same call of the same turn.
fn idempotency_key(turn: &MessageId, round: u32, request: &str) -> String {
    Digest::of_texts([turn.as_str(), &round.to_string(), request]).to_string()
}

/// A call that may run.
struct PreparedCall {
    skill: usize,
    tool: ToolName,
    arguments: String,
    key: String,
}

async fn prepare(
    host: &ComponentHost,
    scope: &Scope,
    request: &ToolRequest,
    key: String,
) -> Result<PreparedCall, ToolError> {
    let session = &scope.session;
    let Some(offer) = session.offers.get(&request.name) else {
        let names: Vec<&str> = session
            .offers
            .iter()
            .map(|offer| offer.name.as_str())
            .collect();
        return Err(ToolError::InvalidArguments(format!(
            "there is no tool {:?}; the tools are: {}",
            cut(&request.name, NAME_BYTES),
            names.join(", ")
        )));
    };
    let limit = session.limits.tool_argument_bytes;
    let size = u64::try_from(request.arguments.len()).unwrap_or(u64::MAX);
    if size > limit {
        scope.refuse(LimitName::ToolArgumentBytes);
        return Err(ToolError::InvalidArguments(format!(
            "the arguments have {size} bytes, more than {limit} (tool_argument_bytes)"
        )));
    }
    host.check_arguments(offer, &request.arguments).await?;
    Ok(PreparedCall {
        skill: offer.skill,
        tool: offer.tool.name.clone(),
        arguments: request.arguments.clone(),
        key,
    })
}

async fn run_tool(host: ComponentHost, session: Arc<Session>, call: PreparedCall) -> Outcome {
    let cancelled = || ToolError::Failed("the turn ended first".to_owned());
    let Some(skill) = session.skills.get(call.skill) else {
        return Err(ToolError::Failed("the skill is gone".to_owned()));
    };
    let _slot = tokio::select! {
        biased;
        () = session.cancel.cancelled() => return Err(cancelled()),
        slot = host.tool_slot(&session.share) => slot,
    };
    let limits = Arc::new(host.limits_within(&skill.limits));
    let scope = Scope::new(
        Arc::clone(&session),
        Arc::clone(&limits),
        call.key.clone(),
        KvOwner(Some(skill.name.clone())),
        skill.grants.clone(),
        skill.config.clone(),
    )
    .of_skill(skill.secrets.clone(), skill.withheld);
    let work = CallTool {
        skill: skill.component.pre(),
        call: ToolCall {
            tool: call.tool.clone(),
            arguments: call.arguments,
            idempotency_key: call.key,
            deadline: session.deadline_of_tool(&limits),
        },
    };
    let budget = Budget::tool(&limits);
    let end = call::run(host.engine(), budget, scope, &session.cancel, work).await;
    let (outcome, ended) = match end.answer {
        Ok(Ok(output)) => accept(&limits, output),
        Ok(Err(error)) => refuse(&limits, error),
        Err(failure) => {
            let ended = failure.ended();
            let error = match failure {
                CallFailure::Stopped(Stop::Exhausted(limit)) => {
                    ToolError::Exhausted(limit.to_string())
                }
                CallFailure::Stopped(Stop::Cancelled | Stop::LeaseLost) => cancelled(),
                CallFailure::Stopped(Stop::Misuse(text)) => ToolError::Failed(text),
                CallFailure::Trapped(text) => {
                    ToolError::Failed(format!("the tool trapped: {text}"))
                }
            };
            (Err(error), ended)
        }
    };
    let invocation = Invocation::Tool {
        skill: skill.name.clone(),
        tool: call.tool,
    };
    let receipt = end
        .cost
        .receipt(invocation, skill.component.digest(), ended);
    call::record(&tracing::Span::current(), &receipt);
    session.changes().receipts.push(receipt);
    redacted::outcome(&session.redactor, outcome)
}

/// A tool's output, where it is within its bounds and its JSON is JSON.
fn accept(limits: &Limits, output: ToolOutput) -> (Outcome, Ended) {
    if let Some(refused) = too_large(limits, size::of_output(&output)) {
        return refused;
    }
    let files = size::files_of_output(&output);
    if files > size::FILES {
        let text = format!(
            "the tool's output has {files} files, more than {}",
            size::FILES
        );
        let ended = Ended::with(ReceiptOutcome::Exhausted);
        return (Err(ToolError::Exhausted(text)), ended);
    }
    let json = output
        .structured
        .as_deref()
        .map(serde_json::from_str::<serde::de::IgnoredAny>);
    if json.is_some_and(|json| json.is_err()) {
        let text = "the tool's structured output is not JSON";
        return (Err(ToolError::Failed(text.to_owned())), Ended::GUEST_ERROR);
    }
    (Ok(output), Ended::OK)
}

fn refuse(limits: &Limits, error: ToolError) -> (Outcome, Ended) {
    too_large(limits, size::of_error(&error)).unwrap_or((Err(error), Ended::GUEST_ERROR))
}

fn too_large(limits: &Limits, size: u64) -> Option<(Outcome, Ended)> {
    let value = limits.tool_output_bytes;
    (size > value).then(|| {
        let text =
            format!("the tool's output has {size} bytes, more than {value} (tool_output_bytes)");
        let limit = LimitName::ToolOutputBytes;
        let ended = Ended::at(LimitExceeded { limit, value });
        (Err(ToolError::Exhausted(text)), ended)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Content;

    #[test]
    fn a_key_depends_on_turn_round_and_request_and_on_nothing_else() {
        let turn: MessageId = "msg_1".parse().unwrap();
        let key = idempotency_key(&turn, 1, "call_1");
        assert_eq!(key, idempotency_key(&turn, 1, "call_1"));
        assert_ne!(key, idempotency_key(&turn, 2, "call_1"));
        assert_ne!(key, idempotency_key(&turn, 1, "call_2"));
        assert_ne!(key, idempotency_key(&"msg_2".parse().unwrap(), 1, "call_1"));
    }

    #[test]
    fn an_output_is_accepted_at_the_bound_and_refused_one_byte_beyond() {
        let limits = Limits {
            tool_output_bytes: size::ELEMENT + 4,
            ..Limits::default()
        };
        let output = |text: &str| ToolOutput {
            content: vec![Content::Text(text.to_owned())],
            structured: None,
        };
        assert!(accept(&limits, output("four")).0.is_ok());
        let (error, ended) = accept(&limits, output("five!"));
        assert!(matches!(error, Err(ToolError::Exhausted(_))));
        let by = LimitExceeded {
            limit: LimitName::ToolOutputBytes,
            value: limits.tool_output_bytes,
        };
        assert_eq!(ended, Ended::at(by));
        let json = |json: &str| ToolOutput {
            content: Vec::new(),
            structured: Some(json.to_owned()),
        };
        assert!(accept(&limits, json("{}")).0.is_ok());
        assert!(matches!(
            accept(&limits, json("{")).0,
            Err(ToolError::Failed(_))
        ));
    }
}
