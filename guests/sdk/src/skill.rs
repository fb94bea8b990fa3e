//! Several tools under one name.

use crate::tool::{Context, ToolFunction};
use crate::types::{Output, Tool, ToolError};

/// The tools of a skill, in the order [`skill!`](crate::skill!) lists them.
#[derive(Clone, Copy, Debug)]
pub struct Skill {
    entries: &'static [Entry],
}

/// One tool in the list of a skill.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    name: &'static str,
    describe: fn() -> Tool,
    call: fn(&Context, &str) -> Result<Output, ToolError>,
}

impl Entry {
    /// The entry of one tool.
    #[must_use]
    pub const fn of<T: ToolFunction>() -> Self {
        Self {
            name: T::NAME,
            describe: T::describe,
            call: T::call,
        }
    }
}

impl Skill {
    /// A skill of these tools.
    ///
    /// # Panics
    /// At compile time, where two of them have one name.
    #[must_use]
    pub const fn new(entries: &'static [Entry]) -> Self {
        let mut left = entries;
        while let [entry, rest @ ..] = left {
            let mut others = rest;
            while let [other, more @ ..] = others {
                assert!(
                    !same(entry.name.as_bytes(), other.name.as_bytes()),
                    "two tools of this skill have the same name: give one `#[tool(name = \"...\")]`"
                );
                others = more;
            }
            left = rest;
        }
        Self { entries }
    }

    /// What the skill offers.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        self.entries
            .iter()
            .map(|entry| (entry.describe)())
            .collect()
    }

    /// One of its tools.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<Tool> {
        self.entry(name).map(|entry| (entry.describe)())
    }

    /// Runs one of its tools on arguments in JSON text.
    ///
    /// # Errors
    /// [`ToolError::InvalidArguments`] where there is no such tool or the arguments do not fit it,
    /// else the tool's own.
    pub fn call(
        &self,
        context: &Context,
        tool: &str,
        arguments: &str,
    ) -> Result<Output, ToolError> {
        let entry = self
            .entry(tool)
            .ok_or_else(|| ToolError::invalid_arguments(format!("there is no tool `{tool}`")))?;
        (entry.call)(context, arguments)
    }

    fn entry(&self, name: &str) -> Option<&'static Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// `a == b`, which a `const fn` cannot write for slices.
const fn same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, rest_of_a @ ..], [y, rest_of_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        a = rest_of_a;
        b = rest_of_b;
    }
    a.is_empty() && b.is_empty()
}

/// Makes a component of some tools: `skill!(add, list, remove);`, once in a crate, in its root.
///
/// Defines `SKILL`, the [`Skill`](crate::Skill) that tests call, and on WebAssembly the exports.
///
/// A function without the attribute is refused:
/// ```compile_fail
/// fn forgotten() -> String { String::new() }
/// agent_factory_sdk::skill!(forgotten);
/// # fn main() {}
/// ```
/// and so are two tools of one name:
/// ```compile_fail
/// # use agent_factory_sdk::prelude::*;
/// /// First.
/// #[tool]
/// fn one() -> String { String::new() }
/// /// Second.
/// #[tool(name = "one")]
/// fn two() -> String { String::new() }
/// agent_factory_sdk::skill!(one, two);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! skill {
    () => {
        ::core::compile_error!("a skill needs at least one tool: `skill!(my_tool);`");
    };
    ($($tool:ty),+ $(,)?) => {
        /// The tools of this skill.
        pub const SKILL: $crate::Skill = $crate::Skill::new(&[$($crate::Entry::of::<$tool>()),+]);

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exports of a component are raw functions")]
        mod component_exports {
            struct Component;

            impl $crate::export::ExportSkill for Component {
                const SKILL: $crate::Skill = super::SKILL;
            }

            $crate::bindings::skill::export!(Component with_types_in $crate::bindings::skill);
        }
    };
}
