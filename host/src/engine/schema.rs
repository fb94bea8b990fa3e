//! JSON Schemas of tools: which are accepted, and checking arguments against them.
//!
//! A schema comes from a tenant and is run by the host, so it must be cheap to run whatever is in
//! it. What a schema may do is bounded before it is compiled: references lead to its own `$defs`
//! only and never in a circle (a circle could recur for ever on one value), and with every reference
//! written out it is still small (a chain of doubled references would double with each link).
//! Patterns run on the linear engine, without backtracking.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// JSON text of one schema, bytes.
pub(super) const SCHEMA_BYTES: usize = 64 << 10;
/// Values in a schema whose references are all written out.
const WRITTEN_OUT: u64 = 4_096;
/// Memory of one compiled pattern, bytes.
const PATTERN_BYTES: usize = 256 << 10;
/// Errors shown to the model at once.
const ERRORS: usize = 5;
/// Bytes of one such error: it quotes the arguments.
const ERROR_BYTES: usize = 300;
/// Arguments up to this many bytes are checked where they are; others on a thread for blocking work.
const CHECKED_IN_PLACE: usize = 16 << 10;

/// A schema that is not accepted; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct SchemaError(String);

/// Compile a schema of arguments: an object schema within the bounds above.
pub(super) fn compile_input(text: &str) -> Result<Validator, SchemaError> {
    let schema = parse(text)?;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        let text = "a schema of arguments must have \"type\": \"object\"";
        return Err(SchemaError(text.to_owned()));
    }
    compile(&schema)
}

/// Compile a schema of structured output.
pub(super) fn compile_output(text: &str) -> Result<Validator, SchemaError> {
    compile(&parse(text)?)
}

fn parse(text: &str) -> Result<Value, SchemaError> {
    if text.len() > SCHEMA_BYTES {
        return Err(SchemaError(format!(
            "a schema has at most {SCHEMA_BYTES} bytes, not {}",
            text.len()
        )));
    }
    serde_json::from_str(text)
        .map_err(|error| SchemaError(format!("a schema must be JSON: {error}")))
}

fn compile(schema: &Value) -> Result<Validator, SchemaError> {
    let size = WrittenOut::new(schema).size(schema, true)?;
    if size > WRITTEN_OUT {
        return Err(SchemaError(format!(
            "with its references written out, a schema has at most {WRITTEN_OUT} values"
        )));
    }
    let patterns = PatternOptions::regex()
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES);
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(patterns)
        .offline()
        .build(schema)
        .map_err(|error| SchemaError(format!("not a JSON Schema (2020-12): {error}")))
}

/// How large a schema is with every reference written out.
struct WrittenOut<'a> {
    root: &'a Value,
    /// By name; none while it is being measured.
    known: HashMap<&'a str, Option<u64>>,
}

impl<'a> WrittenOut<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            root,
            known: HashMap::new(),
        }
    }

    fn size(&mut self, value: &'a Value, root: bool) -> Result<u64, SchemaError> {
        let mut total: u64 = 1;
        match value {
            Value::Array(items) => {
                for item in items {
                    total = total.saturating_add(self.size(item, false)?);
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    let named = matches!(key.as_str(), "$id" | "$anchor" | "$dynamicAnchor");
                    let other = matches!(key.as_str(), "$dynamicRef" | "$recursiveRef");
                    if member.is_string() && (other || named && !root) {
                        let text = format!("a schema must not use {key}");
                        return Err(SchemaError(text));
                    }
                    let more = match member.as_str() {
                        Some(target) if key == "$ref" => self.reference(target)?,
                        // Definitions count where they are used.
                        _ if root && (key == "$defs" || key == "definitions") => 0,
                        _ => self.size(member, false)?,
                    };
                    total = total.saturating_add(more);
                }
            }
            _ => {}
        }
        Ok(total)
    }

    fn reference(&mut self, target: &'a str) -> Result<u64, SchemaError> {
        if let Some(known) = self.known.get(target) {
            return known.ok_or_else(|| {
                SchemaError(format!(
                    "the schema's {target:?} refers to itself; a tool's arguments must have a \
                     bounded depth"
                ))
            });
        }
        let definition = ["$defs", "definitions"].into_iter().find_map(|place| {
            let name = target
                .strip_prefix("#/")?
                .strip_prefix(place)?
                .strip_prefix('/')?;
            self.root.get(place)?.get(name)
        });
        let Some(definition) = definition else {
            return Err(SchemaError(format!(
                "a $ref must lead to the schema's own #/$defs, not to {target:?}"
            )));
        };
        self.known.insert(target, None);
        let size = self.size(definition, false)?;
        self.known.insert(target, Some(size));
        Ok(size)
    }
}

/// Check arguments; what is wrong, in words for the model.
pub(super) async fn check(schema: Arc<Validator>, arguments: &str) -> Result<(), String> {
    if arguments.len() <= CHECKED_IN_PLACE {
        return check_now(&schema, arguments);
    }
    let arguments = arguments.to_owned();
    tokio::task::spawn_blocking(move || check_now(&schema, &arguments))
        .await
        .unwrap_or_else(|_| Err("the arguments could not be checked".to_owned()))
}

fn check_now(schema: &Validator, arguments: &str) -> Result<(), String> {
    let arguments: Value = serde_json::from_str(arguments)
        .map_err(|error| format!("the arguments are not JSON: {error}"))?;
    let mut errors = schema
        .iter_errors(&arguments)
        .map(|error| {
            let text = error.to_string();
            let path = error.instance_path().to_string();
            let text = super::log::cut(&text, ERROR_BYTES);
            if path.is_empty() {
                text.to_owned()
            } else {
                format!("at {}: {text}", super::log::cut(&path, ERROR_BYTES))
            }
        })
        .peekable();
    if errors.peek().is_none() {
        return Ok(());
    }
    let shown: Vec<String> = errors.take(ERRORS).collect();
    Err(shown.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(schema: &str) -> String {
        compile_input(schema).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn arguments_are_checked_and_the_model_is_told_what_is_wrong() {
        let schema = r##"{"type":"object","properties":{"n":{"$ref":"#/$defs/count"}},
            "required":["n"],"$defs":{"count":{"type":"integer","minimum":1}}}"##;
        let schema = compile_input(schema).unwrap();
        check_now(&schema, r#"{"n":1}"#).unwrap();
        let error = check_now(&schema, r#"{"n":0}"#).unwrap_err();
        assert!(error.starts_with("at /n: 0 is less than"), "{error}");
        let error = check_now(&schema, "{}").unwrap_err();
        assert!(error.contains("\"n\" is a required property"), "{error}");
        let error = check_now(&schema, "{").unwrap_err();
        assert!(error.starts_with("the arguments are not JSON"), "{error}");
    }

    #[test]
    fn a_schema_must_be_an_object_schema_of_its_own() {
        assert!(refusal("{").starts_with("a schema must be JSON"));
        assert!(refusal(r#"{"type":"string"}"#).contains("\"type\": \"object\""));
        assert!(refusal("true").contains("\"type\": \"object\""));
        let elsewhere = r#"{"type":"object","$ref":"https://example.com/schema.json"}"#;
        assert!(refusal(elsewhere).contains("own #/$defs"));
        let invalid = r#"{"type":"object","properties":{"n":{"minimum":"one"}}}"#;
        assert!(refusal(invalid).starts_with("not a JSON Schema"));
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_refused() {
        assert!(refusal(r##"{"type":"object","$ref":"#"}"##).contains("own #/$defs"));
        let circle = r##"{"type":"object","$ref":"#/$defs/a",
            "$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}}}"##;
        assert!(
            refusal(circle).contains("refers to itself"),
            "{}",
            refusal(circle)
        );
        let dynamic = r##"{"type":"object","allOf":[{"$dynamicRef":"#x"}]}"##;
        assert!(refusal(dynamic).contains("$dynamicRef"));
        let renamed = r##"{"type":"object","properties":{"a":{"$id":"https://x/y"}}}"##;
        assert!(refusal(renamed).contains("$id"));
    }

    #[test]
    fn references_that_double_are_refused_before_they_are_run() {
        let links: Vec<String> = (0..40)
            .map(|n| {
                let next = format!("{{\"$ref\":\"#/$defs/d{}\"}}", n + 1);
                format!("\"d{n}\":{{\"allOf\":[{next},{next}]}}")
            })
            .collect();
        let schema = format!(
            "{{\"type\":\"object\",\"$ref\":\"#/$defs/d0\",\"$defs\":{{{},\"d40\":{{}}}}}}",
            links.join(",")
        );
        assert!(refusal(&schema).contains("written out"));
    }

    #[test]
    fn patterns_are_linear_and_small() {
        let pattern = |pattern: &str| {
            format!(
                r#"{{"type":"object","properties":{{"s":{{"type":"string","pattern":"{pattern}"}}}}}}"#
            )
        };
        let schema = compile_input(&pattern("^(a+)+$")).unwrap();
        let hostile = format!(r#"{{"s":"{}b"}}"#, "a".repeat(10_000));
        assert!(check_now(&schema, &hostile).is_err());
        assert!(refusal(&pattern("(?=a)b")).starts_with("not a JSON Schema"));
        assert!(refusal(&pattern("(a{1000}){1000}")).starts_with("not a JSON Schema"));
    }

    #[test]
    fn a_schema_is_accepted_at_its_largest_and_refused_one_byte_beyond() {
        let schema = |bytes: usize| {
            let frame = r#"{"type":"object","title":""}"#.len();
            format!(
                r#"{{"type":"object","title":"{}"}}"#,
                "t".repeat(bytes - frame)
            )
        };
        assert!(compile_input(&schema(SCHEMA_BYTES)).is_ok());
        assert!(refusal(&schema(SCHEMA_BYTES + 1)).contains("65536 bytes, not 65537"));
    }
}
