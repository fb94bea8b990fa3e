//! Write Agent Factory skills and engine adapters in Rust.
//!
//! A **skill** is a set of tools, and a tool is a function with an attribute. Its doc comment is
//! what the model reads to decide when to call it, and the JSON Schema of its arguments comes from
//! its argument type.
//!
//! ```
//! //! Dice for agents.
//! use agent_factory_sdk::prelude::*;
//!
//! /// What to compare.
//! #[derive(Deserialize, JsonSchema)]
//! struct Compare {
//!     /// The eyes of the first die, 1 to 6.
//!     first: u8,
//!     /// The eyes of the second die, 1 to 6.
//!     second: u8,
//! }
//!
//! /// Say which of two dice shows more. Use it to settle who begins.
//! #[tool(read_only, idempotent, title = "Compare dice")]
//! fn compare(args: Compare) -> Result<String, ToolError> {
//!     for eyes in [args.first, args.second] {
//!         if !(1..=6).contains(&eyes) {
//!             return Err(ToolError::invalid_arguments(format!("no die shows {eyes}")));
//!         }
//!     }
//!     Ok(match args.first.cmp(&args.second) {
//!         std::cmp::Ordering::Less => "the second".to_owned(),
//!         std::cmp::Ordering::Equal => "neither".to_owned(),
//!         std::cmp::Ordering::Greater => "the first".to_owned(),
//!     })
//! }
//!
//! agent_factory_sdk::skill!(compare);
//!
//! // A test is an ordinary test: no WebAssembly, no running host.
//! use agent_factory_sdk::testing::Host;
//! use serde_json::json;
//!
//! # fn main() {
//! let host = Host::new();
//! let output = host.call(SKILL, "compare", json!({ "first": 5, "second": 2 }));
//! assert_eq!(output, Ok(Output::text("the first")));
//!
//! let refused = host.call(SKILL, "compare", json!({ "first": 7, "second": 2 }));
//! assert_eq!(refused, Err(ToolError::invalid_arguments("no die shows 7")));
//! # }
//! ```
//!
//! The crate is a `cdylib` with `serde` beside this SDK in its dependencies. Build it with
//! `cargo build --target wasm32-wasip2 --release`, and put the component into the skill's folder as
//! `scripts/<name>.wasm`.
//!
//! # What a tool can reach
//!
//! Only what these modules offer, and of that only what the skill asks for in
//! `config/capabilities.toml` and is granted: [`key_value`] for small durable state, [`memory`] for
//! the agent's notes, [`http`] for requests to the network, [`config`] for the tenant's settings, [`log`] for lines in
//! the receipt.
//! Every call of a tool runs in a fresh instance: nothing kept in a `static` survives it.
//!
//! # Engines
//!
//! An **engine adapter** is one function over a turn, see [`engine`](macro@engine) and [`Turn`]. It
//! reaches the agent's models by [`model`].
//!
//! # Tests
//!
//! Outside of WebAssembly the capabilities are fakes in memory, one set a thread, see [`testing`].

extern crate self as agent_factory_sdk;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod blob;
pub mod config;
mod host;
pub mod http;
pub mod key_value;
pub mod log;
pub mod memory;
pub mod model;
mod output;
pub mod prelude;
mod schema;
mod skill;
mod tool;
pub mod turn;
pub mod types;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod export;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

///
/// # Examples
/// ```
/// use agent_factory_sdk::turn::{Turn, TurnError};
///
/// #[agent_factory_sdk::engine]
/// fn run(turn: &Turn) -> Result<(), TurnError> {
///     turn.reply_text("I have no opinion.")?;
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// Any other signature is a compile error:
/// ```compile_fail
/// use agent_factory_sdk::turn::Turn;
/// #[agent_factory_sdk::engine]
/// fn run(turn: &Turn) {}
/// # fn main() {}
/// ```
pub use agent_factory_sdk_macros::engine;
///
/// # Examples
/// ```
/// # use agent_factory_sdk::prelude::*;
/// /// Say hello.
/// #[tool(read_only, title = "Greeting")]
/// fn hello() -> &'static str {
///     "hello"
/// }
/// agent_factory_sdk::skill!(hello);
/// # fn main() {}
/// ```
///
/// What does not fit is a compile error that says what would. A description is missing:
/// ```compile_fail
/// # use agent_factory_sdk::prelude::*;
/// #[tool]
/// fn hello() -> &'static str { "hello" }
/// # fn main() {}
/// ```
/// The word is unknown:
/// ```compile_fail
/// # use agent_factory_sdk::prelude::*;
/// /// Say hello.
/// #[tool(readonly)]
/// fn hello() -> &'static str { "hello" }
/// # fn main() {}
/// ```
/// The name is none:
/// ```compile_fail
/// # use agent_factory_sdk::prelude::*;
/// /// Say hello.
/// #[tool(name = "Say-Hello")]
/// fn hello() -> &'static str { "hello" }
/// # fn main() {}
/// ```
/// The arguments have no schema:
/// ```compile_fail
/// # use agent_factory_sdk::prelude::*;
/// #[derive(Deserialize)]
/// struct Person { name: String }
/// /// Say hello.
/// #[tool]
/// fn hello(person: Person) -> String { format!("hello {}", person.name) }
/// # fn main() {}
/// ```
/// The model cannot be shown the answer:
/// ```compile_fail
/// # use agent_factory_sdk::prelude::*;
/// struct Greeting;
/// /// Say hello.
/// #[tool]
/// fn hello() -> Greeting { Greeting }
/// # fn main() {}
/// ```
pub use agent_factory_sdk_macros::tool;
pub use output::{IntoOutput, Json};
pub use skill::{Entry, Skill};
pub use tool::{Context, ToolFunction};
pub use turn::{Turn, TurnError};
pub use types::{Blob, Output, ToolError};

/// What the attributes expand to.
#[doc(hidden)]
pub mod expansion {
    pub use crate::schema::{describe, describe_without_arguments};
    pub use crate::tool::{Description, check_no_arguments, parse_arguments};
    pub use wit_bindgen::rt;
}
