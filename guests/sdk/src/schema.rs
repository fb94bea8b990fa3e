//! From Rust types to the JSON Schemas a model reads.

use crate::output::IntoOutput;
use crate::tool::Description;
use crate::types::Tool;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Value, json};

/// The schema of what a tool reads into a type.
fn of_input<T: JsonSchema>() -> Value {
    of::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of what a tool writes from a type.
pub(crate) fn of_output<T: JsonSchema>() -> Value {
    of::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// The schema of a type, complete in itself: some vendors refuse `$ref`.
fn of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let settings = settings.with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    // The name of the Rust type tells a model nothing.
    schema.remove("title");
    schema.into()
}

/// A tool as its attribute and its types describe it.
///
/// # Panics
/// Where the argument type is no object: found when the skill is tested or uploaded.
#[must_use]
pub fn describe<Arguments: JsonSchema, Answer: IntoOutput>(description: &Description) -> Tool {
    let mut schema = of_input::<Arguments>();
    let Some(object) = schema.as_object_mut() else {
        no_object(description.name);
    };
    // An enum with a tag is a choice between objects, and its schema says so in each of them only.
    let kind = object.entry("type").or_insert_with(|| json!("object"));
    if kind != "object" {
        no_object(description.name);
    }
    tool::<Answer>(description, &schema)
}

/// A tool that takes no arguments.
#[must_use]
pub fn describe_without_arguments<Answer: IntoOutput>(description: &Description) -> Tool {
    let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    tool::<Answer>(description, &schema)
}

fn tool<Answer: IntoOutput>(description: &Description, input_schema: &Value) -> Tool {
    Tool {
        name: description.name.to_owned(),
        title: description.title.map(str::to_owned),
        description: description.text.to_owned(),
        input_schema: input_schema.to_string(),
        output_schema: Answer::output_schema(),
        hints: description.hints,
    }
}

#[expect(
    clippy::panic,
    reason = "the author has to see it, and the contract has no error here"
)]
fn no_object(name: &str) -> ! {
    panic!(
        "the arguments of the tool `{name}` must be a struct with named fields (or an enum of such)"
    )
}
