//! What a tool may return.

use crate::schema;
use crate::types::{Output, ToolError};
use schemars::JsonSchema;
use serde::Serialize;

/// A return type of a tool: words, JSON, both, an [`Output`], or a `Result` of one of these.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`",
    label = "not something the model can be shown",
    note = "return `String`, `Output`, `Json<T>` (`T: Serialize + JsonSchema`), `(String, Json<T>)`, \
            or a `Result` of one of these with `ToolError`"
)]
pub trait IntoOutput {
    /// JSON Schema of the structured output, where its type says it.
    #[must_use]
    fn output_schema() -> Option<String> {
        None
    }

    /// The answer, or why there is none.
    ///
    /// # Errors
    /// The tool's own error, or that its value cannot be written as JSON.
    fn into_output(self) -> Result<Output, ToolError>;
}

/// A value the model reads as JSON; its schema becomes the tool's output schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Json<T>(pub T);

impl IntoOutput for Output {
    fn into_output(self) -> Result<Output, ToolError> {
        Ok(self)
    }
}

impl IntoOutput for String {
    fn into_output(self) -> Result<Output, ToolError> {
        Ok(Output::text(self))
    }
}

impl IntoOutput for &str {
    fn into_output(self) -> Result<Output, ToolError> {
        Ok(Output::text(self))
    }
}

impl IntoOutput for serde_json::Value {
    fn into_output(self) -> Result<Output, ToolError> {
        let text = self.to_string();
        Ok(Output {
            structured: Some(text.clone()),
            ..Output::text(text)
        })
    }
}

impl<T: Serialize + JsonSchema> IntoOutput for Json<T> {
    fn output_schema() -> Option<String> {
        Some(schema::of_output::<T>().to_string())
    }

    fn into_output(self) -> Result<Output, ToolError> {
        let text = to_json(&self.0)?;
        Ok(Output {
            structured: Some(text.clone()),
            ..Output::text(text)
        })
    }
}

/// The words to read, and the same answer as JSON.
impl<S: Into<String>, T: Serialize + JsonSchema> IntoOutput for (S, Json<T>) {
    fn output_schema() -> Option<String> {
        Json::<T>::output_schema()
    }

    fn into_output(self) -> Result<Output, ToolError> {
        let (text, Json(value)) = self;
        Ok(Output {
            structured: Some(to_json(&value)?),
            ..Output::text(text)
        })
    }
}

impl<T: IntoOutput, E: Into<ToolError>> IntoOutput for Result<T, E> {
    fn output_schema() -> Option<String> {
        T::output_schema()
    }

    fn into_output(self) -> Result<Output, ToolError> {
        self.map_err(Into::into)?.into_output()
    }
}

fn to_json(value: &impl Serialize) -> Result<String, ToolError> {
    serde_json::to_string(value)
        .map_err(|error| ToolError::failed(format!("cannot write the answer as JSON: {error}")))
}
