//! A turn made by hand, and what the engine did with it.

use crate::Skill;
use crate::tool::Context;
use crate::turn::{
    HistoryPage, Message, Mode, Part, Reply, Section, ToolRequest, ToolResult, Turn,
};
use crate::types::{Output, Tool, ToolError};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// A turn to drive an engine with.
///
/// ```
/// use agent_factory_sdk::testing::FakeTurn;
/// use agent_factory_sdk::turn::{Turn, TurnError};
///
/// #[agent_factory_sdk::engine]
/// fn echo(turn: &Turn) -> Result<(), TurnError> {
///     turn.reply_text(turn.input().to_text());
///     Ok(())
/// }
///
/// # fn main() {
/// let fake = FakeTurn::new("Hello");
/// assert_eq!(echo(&fake.turn()), Ok(()));
/// assert_eq!(fake.reply_text().as_deref(), Some("Hello"));
/// # }
/// ```
#[derive(Clone)]
pub struct FakeTurn {
    script: Rc<RefCell<Script>>,
}

struct Script {
    mode: Mode,
    prompt: Vec<Section>,
    history: Vec<Message>,
    input: Message,
    tools: Vec<ScriptedTool>,
    tool_rounds_left: u32,
    called: Vec<ToolRequest>,
    appended: Vec<Message>,
    reply: Option<Reply>,
    progress: Vec<String>,
}

/// What a tool says to arguments in JSON text.
type Answer = Rc<dyn Fn(&str) -> Result<Output, ToolError>>;

struct ScriptedTool {
    tool: Tool,
    answer: Answer,
}

/// Making the turn.
impl FakeTurn {
    /// A turn of a private conversation, with these words to answer, no history and no tools.
    pub fn new(input: impl Into<String>) -> Self {
        let script = Script {
            mode: Mode::Main,
            prompt: Vec::new(),
            history: Vec::new(),
            input: Message::user(vec![Part::text(input)]),
            tools: Vec::new(),
            tool_rounds_left: 8,
            called: Vec::new(),
            appended: Vec::new(),
            reply: None,
            progress: Vec::new(),
        };
        Self {
            script: Rc::new(RefCell::new(script)),
        }
    }

    /// What the turn is for.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        self.script.borrow_mut().mode = mode;
        self
    }

    /// The message to answer, where words are not enough.
    #[must_use]
    pub fn with_input(self, input: Message) -> Self {
        self.script.borrow_mut().input = input;
        self
    }

    /// One more stable section of the prompt.
    #[must_use]
    pub fn with_section(self, title: &str, body: &str) -> Self {
        let section = Section {
            title: title.to_owned(),
            body: body.to_owned(),
            stable: true,
        };
        self.script.borrow_mut().prompt.push(section);
        self
    }

    /// More messages before this turn, oldest first.
    #[must_use]
    pub fn with_history(self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.script.borrow_mut().history.extend(messages);
        self
    }

    /// One more tool, under its full name, that answers arguments in JSON text like this.
    #[must_use]
    pub fn with_tool(
        self,
        tool: Tool,
        answer: impl Fn(&str) -> Result<Output, ToolError> + 'static,
    ) -> Self {
        let answer = Rc::new(answer);
        self.script
            .borrow_mut()
            .tools
            .push(ScriptedTool { tool, answer });
        self
    }

    /// All tools of a real skill, under the names an engine sees.
    #[must_use]
    pub fn with_skill(self, name: &str, skill: Skill) -> Self {
        skill.tools().into_iter().fold(self, |turn, mut tool| {
            let bare = tool.name.clone();
            tool.name = format!("{}__{bare}", name.replace('-', "_"));
            let context = Context::new(format!("call-of-{}", tool.name));
            turn.with_tool(tool, move |arguments| {
                skill.call(&context, &bare, arguments)
            })
        })
    }

    /// How many batches of tools may run; 8 without this.
    #[must_use]
    pub fn with_tool_rounds(self, rounds: u32) -> Self {
        self.script.borrow_mut().tool_rounds_left = rounds;
        self
    }

    /// The turn itself.
    #[must_use]
    pub fn turn(&self) -> Turn {
        Turn::new(self.clone())
    }
}

/// What the engine did.
impl FakeTurn {
    /// The text of the reply; none where the turn is silent.
    #[must_use]
    pub fn reply_text(&self) -> Option<String> {
        self.sent().map(|reply| reply.text)
    }

    /// The whole reply.
    #[must_use]
    pub fn sent(&self) -> Option<Reply> {
        self.script.borrow().reply.clone()
    }

    /// What was added to the history.
    #[must_use]
    pub fn appended(&self) -> Vec<Message> {
        self.script.borrow().appended.clone()
    }

    /// The tool calls asked for.
    #[must_use]
    pub fn called(&self) -> Vec<ToolRequest> {
        self.script.borrow().called.clone()
    }

    /// What the person saw meanwhile.
    #[must_use]
    pub fn progress_shown(&self) -> Vec<String> {
        self.script.borrow().progress.clone()
    }
}

/// The methods of the generated `turn` resource.
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

    pub(crate) fn append(&self, message: &Message) {
        self.script.borrow_mut().appended.push(message.clone());
    }

    pub(crate) fn reply(&self, reply: &Reply) {
        self.script.borrow_mut().reply = Some(reply.clone());
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

impl fmt::Debug for FakeTurn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FakeTurn").finish_non_exhaustive()
    }
}
