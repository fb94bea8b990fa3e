//! The attributes of `agent-factory-sdk`, which re-exports and documents them for their users.
//!
//! Each attribute is a plain function from tokens to tokens in a file of its own, so that its
//! errors can be tested without a compiler around it.

mod engine;
mod hints;
mod signature;
mod tool;

use proc_macro::TokenStream;

/// Makes a tool of a function.
///
/// The doc comment becomes the description for the model, and is required. The function takes its
/// arguments as one value (`Deserialize + JsonSchema`, a struct with named fields), or nothing, and
/// beside that a `&Context` where it wants one. It returns anything that is
/// `IntoOutput`: `String`, `Output`, `Json<T>`, or a `Result` of these with `ToolError`.
///
/// In the brackets, separated by commas:
///
/// | word | meaning |
/// |---|---|
/// | `read_only` | the tool changes nothing |
/// | `destructive` | what the tool changes may be lost for good |
/// | `idempotent` | a second call with the same arguments changes nothing more |
/// | `open_world` | the tool reaches things outside the agent's own state, such as a web site |
/// | `title = "..."` | for people: a short name to show beside an approval or a log line |
/// | `name = "..."` | the tool's name, where it is not the function's: 1 to 32 of `a-z`, `0-9`, `_` |
///
/// What does not fit is a compile error that says what would. The examples are those of `agent_factory_sdk::tool`:
/// they need the SDK, and a dependency on it here would compile much of the workspace twice.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    tool::expand(attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes an engine adapter of a function `fn(&Turn) -> Result<(), TurnError>`, once in a crate.
///
/// The examples are those of `agent_factory_sdk::engine`.
#[proc_macro_attribute]
pub fn engine(attribute: TokenStream, item: TokenStream) -> TokenStream {
    engine::expand(&attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
