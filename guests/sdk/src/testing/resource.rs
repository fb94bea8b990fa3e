//! A hand-made turn with the methods of the generated `turn` resource.

use super::FakeTurn;
use super::turn::{Answer, Script};
use crate::turn::{HistoryPage, Message, Mode, Part, Reply, Section, ToolRequest, ToolResult};
use crate::types::{Tool, ToolError};
use std::rc::Rc;

impl FakeTurn {
    pub(crate) fn id(&self) -> String {
        "turn-1".to_owned()
    }

    pub(crate) fn attempt(&self) -> u32 {
        1
    }

    pub(crate) fn mode(&self) -> Mode {
        self.script.borrow().mode
    }

    pub(crate) fn prompt(&self) -> Vec<Section> {
        self.script.borrow().prompt.clone()
    }

    pub(crate) fn history(&self, cursor: Option<&str>, limit: u32) -> HistoryPage {
        let script = self.script.borrow();
        let end = cursor
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(script.history.len());
        let before = script.history.get(..end).unwrap_or_default();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        let mut start = before.len().saturating_sub(limit);
        // A result stays with its request.
        while before.get(start).is_some_and(answers_tools) && start + 1 < before.len() {
            start += 1;
        }
        HistoryPage {
            messages: before.get(start..).unwrap_or_default().to_vec(),
            cursor: (start > 0).then(|| start.to_string()),
        }
    }

    pub(crate) fn input(&self) -> Message {
        self.script.borrow().input.clone()
    }

    pub(crate) fn tools(&self) -> Vec<Tool> {
        self.script
            .borrow()
            .tools
            .iter()
            .map(|scripted| scripted.tool.clone())
            .collect()
    }

    pub(crate) fn tool_rounds_left(&self) -> u32 {
        self.script.borrow().tool_rounds_left
    }

    pub(crate) fn output_tokens_max(&self) -> u32 {
        4096
    }

    pub(crate) fn milliseconds_left(&self) -> u32 {
        60_000
    }

    pub(crate) fn append(&self, message: Message) -> Result<(), String> {
        let mut script = self.script.borrow_mut();
        script.refused()?;
        script.appended.push(message);
        Ok(())
    }

    pub(crate) fn reply(&self, reply: Reply) -> Result<(), String> {
        let mut script = self.script.borrow_mut();
        script.refused()?;
        script.reply = Some(reply);
        Ok(())
    }

    pub(crate) fn call_tools(&self, requests: &[ToolRequest]) -> Vec<ToolResult> {
        let mut script = self.script.borrow_mut();
        script.called.extend_from_slice(requests);
        let rounds = script.tool_rounds_left;
        script.tool_rounds_left = rounds.saturating_sub(1);
        let answers: Vec<_> = requests
            .iter()
            .map(|request| script.answer_to(request))
            .collect();
        // A tool may look at the turn it is part of.
        drop(script);
        let outcomes = requests.iter().zip(answers).map(|(request, answer)| {
            let outcome = match answer {
                _ if rounds == 0 => Err(ToolError::Exhausted("no tool rounds are left".to_owned())),
                Some(answer) => answer(&request.arguments),
                None => Err(ToolError::invalid_arguments(format!(
                    "there is no tool `{}`",
                    request.name
                ))),
            };
            ToolResult::new(request.id.clone(), outcome)
        });
        outcomes.collect()
    }

    pub(crate) fn progress(&self, partial: &str) {
        self.script.borrow_mut().progress.push(partial.to_owned());
    }
}

impl Script {
    fn refused(&mut self) -> Result<(), String> {
        self.refusal.take().map_or(Ok(()), Err)
    }

    fn answer_to(&self, request: &ToolRequest) -> Option<Answer> {
        let scripted = self
            .tools
            .iter()
            .find(|scripted| scripted.tool.name == request.name)?;
        Some(Rc::clone(&scripted.answer))
    }
}

fn answers_tools(message: &Message) -> bool {
    message
        .parts
        .iter()
        .any(|part| matches!(part, Part::ToolResult(_)))
}
