//! A turn made by hand, and what the engine did with it.

use crate::Skill;
use crate::tool::Context;
use crate::turn::{Message, Mode, Part, Reply, Section, ToolRequest, Turn};
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
///     turn.reply_text(turn.input().to_text())?;
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
    pub(super) script: Rc<RefCell<Script>>,
}

pub(super) struct Script {
    pub(super) mode: Mode,
    pub(super) prompt: Vec<Section>,
    pub(super) history: Vec<Message>,
    pub(super) input: Message,
    pub(super) tools: Vec<ScriptedTool>,
    pub(super) tool_rounds_left: u32,
    pub(super) called: Vec<ToolRequest>,
    pub(super) appended: Vec<Message>,
    pub(super) reply: Option<Reply>,
    pub(super) progress: Vec<String>,
    pub(super) refusal: Option<String>,
}

/// What a tool says to arguments in JSON text.
pub(super) type Answer = Rc<dyn Fn(&str) -> Result<Output, ToolError>>;

pub(super) struct ScriptedTool {
    pub(super) tool: Tool,
    pub(super) answer: Answer,
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
            refusal: None,
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

    /// Refuses the next message or reply, as the host does over a limit.
    #[must_use]
    pub fn with_refusal(self, why: &str) -> Self {
        self.script.borrow_mut().refusal = Some(why.to_owned());
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

impl fmt::Debug for FakeTurn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FakeTurn").finish_non_exhaustive()
    }
}
